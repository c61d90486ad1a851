"""Names that come from files are harmless where they are printed: terminals, spreadsheets, LaTeX, Markdown."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pandas
import pytest
from click.testing import CliRunner

import limen
from dse.cli.commands import commands
from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.report.unit_plot import plot_units
from dse.report.unit_table import Choice, UnitTable, unit_table
from dse.study.study import Study, table_csv
from tests.dse.study_files import NETWORK, SPEC
from tests.support.command import run_command
from tests.support.paths import ROOT
from workloads.host.text_tables import csv_text, markdown_table

TITLE = "\x1b]0;owned\x07"
"""Sets the title of a terminal's window."""


def test_errors_hold_no_control_characters() -> None:
    """C0, delete, C1, bidirectional overrides and bytes that are no text; what is printable stays."""
    error = limen.LimenError("a\x1b[31m\tb\x7f\x9b \u202e\udc80 µ × … \U0001d6fc")
    assert str(error) == "a\\x1b[31m b\\x7f\\x9b \\u202e\\udc80 µ × … \U0001d6fc"
    assert str(limen.LimenError(str(error))) == str(error)


def test_terminal(tmp_path: Path) -> None:
    """A cost table whose texts steer a terminal, a file of such a name, and one that holds such a value."""
    header, row = (ROOT / "cost_models" / "data" / "ihp130.csv").read_text().splitlines()[:2]
    fields = dict(zip(header.split(","), next(csv.reader([row])), strict=True))
    fields |= {"component": f"pe{TITLE}", "source": f"mine{TITLE}\r\nfaked: 1 measured"}
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([fields, fields.values()])
    (tmp_path / "table.csv").write_text(text.getvalue(), newline="")
    shutil.copyfile(tmp_path / "table.csv", tmp_path / f"{TITLE}.csv")
    (tmp_path / "bad.yaml").write_text('version: 1\nrows: "\\e]0;owned\\a"\n')
    for arguments in (
        ("costs", "show", "table.csv"), ("costs", "show", "table.csv", "--json"), ("describe", "table.csv"),
        ("describe", f"{TITLE}.csv"), ("describe", "bad.yaml"), ("describe", f"{TITLE}.yaml"), (TITLE,),
    ):  # fmt: skip
        outcome = run_command(*arguments, cwd=tmp_path)
        shown = outcome.stdout + outcome.stderr
        assert "owned" in shown and shown.replace("\n", "").isprintable(), (arguments, shown)
        assert "Traceback" not in shown and "\nfaked" not in shown


def test_spreadsheets() -> None:
    """A text that would be a formula gets an apostrophe, a number never."""
    formulas = ["=1+1", "+x", "-x", "@sum", "-1+cmd|' /C calc'!A0", "-0x1", "--1", "+"]
    numbers = ["-1.5", "+3e-4", "-.5", "-7.", "-inf", "nan", "0"]
    plain = ["a=1", "", "x-y", "'=1"]
    control = ["\t=1", "\r=1", "\n=1", "a\r\n=1,=1"]
    head, *rows = csv.reader(
        io.StringIO(csv_text(["=head", "name"], [formulas, numbers, plain, control, [-1.5, -2, None]]))
    )
    assert head == ["'=head", "name"]
    assert rows == [
        [f"'{cell}" for cell in formulas],
        numbers,
        plain,
        [repr(cell)[1:-1] for cell in control],
        ["-1.5", "-2", ""],
    ]


def latex_table(head: list[str], rows: list[list[str]], caption: str = "none") -> str:
    return latex([PaperTable("some", caption, [Column(name) for name in head], [Group(rows)])], 2)


@pytest.mark.parametrize("make", [markdown_table, latex_table])
def test_cells_stay_cells(make) -> None:  # type: ignore[no-untyped-def]
    lines = make(["name", "value"], [["a|b & c\n\\input{x}", "1"], [f"{TITLE}", "2"]]).splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(make(["name", "value"], [["a", "1"], ["b", "2"]]).splitlines()) == len(lines)


def test_latex_signs() -> None:
    """Each of LaTeX's own ten signs, and three that its usual encoding draws as others."""
    table = latex_table(["all"], [[r"# $ % & _ { } ~ ^ \ < > |"]], r"{}")
    assert r"\caption{\{\}}" in table
    wanted = (
        r"\# \$ \% \& \_ \{ \} \textasciitilde{} \textasciicircum{} \textbackslash{} \textless{} \textgreater{} "
        r"\textbar{}"
    )
    assert wanted in table


@pytest.mark.parametrize(
    ("text", "words"), [("", "is empty"), ("# a comment\n", "is empty"), ("- 1\n", "holds a list"), ("7\n", "only 7")]
)
def test_what_a_file_holds(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(limen.LimenError, match=f"{words}; expected a mapping"):
        limen.load_design(str(tmp_path / "odd.yaml"))


@pytest.fixture(scope="module")
def unit_figures(tmp_path_factory: pytest.TempPathFactory) -> UnitTable:
    path = tmp_path_factory.mktemp("units") / "$\\frac$ 数.csv"
    shutil.copyfile(ROOT / "cost_models" / "data" / "asap7.csv", path)
    return unit_table([str(path)], ["threshold"], Choice(20.0, "uniform", False, (8,)))


@pytest.mark.parametrize(
    ("name", "start"),
    [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF-"), ("a.svg", b"<?xml")],
)
def test_a_picture_is_what_its_name_says(tmp_path: Path, unit_figures: UnitTable, name: str, start: bytes) -> None:
    """By the first bytes of each format, and the same bytes again; a cost table's name is no formula for matplotlib."""
    pictures = []
    for _ in range(2):
        plot_units(unit_figures, tmp_path / name)
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0].startswith(start) and pictures[0] == pictures[1]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.pgf", "a.jpeg", "a.svgz", ".png"])
def test_a_picture_of_no_format(tmp_path: Path, name: str) -> None:
    outcome = CliRunner().invoke(commands, ["study", "tables", "kernel", "--plot", str(tmp_path / name)])
    assert isinstance(outcome.exception, limen.LimenError) and outcome.stdout == ""
    assert str(outcome.exception).startswith(f"{tmp_path / name}: not allowed: a name that ends in one of ")
    assert all(f" {ending}" in str(outcome.exception) for ending in (".pdf", ".png", ".svg"))
    assert not list(tmp_path.iterdir())


def test_a_study_whose_names_mean_something_elsewhere(tmp_path: Path) -> None:
    """A cost table that is a formula to spreadsheets, of a network file that is one to matplotlib."""
    (tmp_path / "$x^$.yaml").write_text(NETWORK)
    shutil.copyfile(ROOT / "cost_models" / "data" / "asap7.csv", tmp_path / "=1+1.csv")
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in SPEC.splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("constraints")).replace("SEED", "0")
    text = (
        text.replace("[digits]", '["$x^$.yaml"]')
        .replace("ihp130", '"=1+1.csv"')
        .replace("4..5", "6")
        .replace("[threshold, mac]", "[threshold]")
    )
    (tmp_path / "s.yaml").write_text(text.replace("trials: 40", "trials: 2"))
    study = Study(tmp_path / "s.yaml", tmp_path / "out", quiet=True).run()
    assert len(study.points) == 2 and (tmp_path / "out" / "front.png").read_bytes().startswith(b"\x89PNG")


def test_refusals_are_no_formulas(tmp_path: Path) -> None:
    """A refusal begins with a path where a cost table lacks a row, here with one that a spreadsheet would compute."""
    table = pandas.DataFrame([{"refusal": "=1+1.csv: component", "energy_uj": -1.5, "trial": 3}])
    assert table_csv(table) == "refusal,energy_uj,trial\n'=1+1.csv: component,-1.5,3\n"
