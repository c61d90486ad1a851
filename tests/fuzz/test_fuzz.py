"""Five hundred inputs of the fuzzer (`make fuzz` has twenty thousand), and that it sees what is wrong."""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import judge
from tests.fuzz.examples import example_folder
from tests.fuzz.kinds import KINDS, Kind
from tests.fuzz.mutations import CHANGES, change
from workloads.errors import LimenError

COUNT = 500


@pytest.mark.parametrize("part", range(5))
def test_no_faults(part: int) -> None:
    size = COUNT // 5
    faults = judge.run_chunk((0, part * size, (part + 1) * size))
    assert not faults, "\n".join(["python -m tests.fuzz", *map(str, faults)])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_examples_are_valid(kind: Kind) -> None:
    """What is changed is right as it is; else every change would be refused for the same reason."""
    folder = example_folder(kind.example)
    kind.use(folder)
    assert judge._judged(kind, folder, kind.command is not None) == (None, "")


def raise_key(folder: Path) -> None:
    raise KeyError("x")


def say(folder: Path) -> None:
    print("note", file=sys.stderr)


def warn(folder: Path) -> None:
    warnings.warn("careful", RuntimeWarning, stacklevel=1)


def write_beside(folder: Path) -> None:
    (folder / "chip.yaml-journal").write_text("x")


def leave(folder: Path) -> None:
    tempfile.mkdtemp()


def long_line(folder: Path) -> None:
    error = LimenError("x")
    error.args = ("y" * 501,)
    raise error


def two_lines(folder: Path) -> None:
    error = LimenError("x")
    error.args = ("y\nz",)
    raise error


@pytest.mark.parametrize(
    ("use", "what"),
    [
        (raise_key, "KeyError: \"'x'\""),
        (say, "printed 'note\\n'"),
        (warn, "printed 'RuntimeWarning: careful"),
        (write_beside, "changed its input"),
        (leave, "left tmp"),
        (long_line, "a line of 501 characters"),
        (two_lines, "a line that is not plain: 'y\\nz'"),
    ],
)
def test_faults_are_seen(use: Callable[[Path], object], what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind("design", 1, "network", {"chip.yaml": "yaml"}, use)
    monkeypatch.setattr(judge, "KINDS", [kind])
    fault = judge.run_case(0, 0)
    assert fault is not None and fault.what.startswith(what), fault
    assert "--seed 0 --case 0: design: chip.yaml: " in str(fault)


def test_slow_cases_are_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "MOST_SECONDS", -1.0)
    fault = judge.run_case(0, 0)
    assert fault is not None and fault.what.startswith("took ")


@pytest.mark.parametrize("form", CHANGES)
def test_changes_are_of_the_seed_alone(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same seed gives the same bytes, an hour later too: a fault can be run again."""
    kind, target = next((kind, name) for kind in KINDS for name, its in kind.targets.items() if its == form)
    content = (example_folder(kind.example) / target).read_bytes()
    changed = [change(form, content, Random(seed)) for seed in range(30)]
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert changed == [change(form, content, Random(seed)) for seed in range(30)]
    assert len(set(changed)) > 20
