"""No file or function is long, and no function of the simulator takes many arguments: there are no exceptions."""

from __future__ import annotations

from tests.support.paths import ROOT
from tests.support.sizes import functions, python_files

MOST_LINES_OF_A_FILE = 400
MOST_LINES = 80
MOST_ARGUMENTS = 6
"""Of a function in simulator/."""

FILES = python_files()
FUNCTIONS = [function for path in FILES for function in functions(path)]


def test_files_are_short() -> None:
    lines = {str(path): (ROOT / path).read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {path for path, count in lines.items() if count > MOST_LINES_OF_A_FILE} == set()


def test_functions_fit_on_a_screen() -> None:
    assert {function.name for function in FUNCTIONS if function.lines > MOST_LINES} == set()


def test_the_simulator_takes_few_arguments() -> None:
    simulator = [function for function in FUNCTIONS if function.name.startswith("simulator/")]
    assert len(simulator) > 100
    assert {function.name for function in simulator if function.arguments > MOST_ARGUMENTS} == set()
