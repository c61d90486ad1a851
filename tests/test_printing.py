"""Names that come from files are harmless where they are printed: terminals, spreadsheets, LaTeX, Markdown."""

from __future__ import annotations

import csv
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import limen
from dse.text_tables import latex_table, markdown_table
from workloads.files import csv_text

ROOT = Path(__file__).parent.parent
TITLE = "\x1b]0;owned\x07"
"""Sets the title of a terminal's window."""


def call(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "limen.py"), *arguments], cwd=cwd, capture_output=True, text=True, timeout=60
    )


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
        outcome = call(*arguments, cwd=tmp_path)
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
        [f"'{own}" for own in formulas],
        numbers,
        plain,
        [repr(own)[1:-1] for own in control],
        ["-1.5", "-2", ""],
    ]


@pytest.mark.parametrize("make", [markdown_table, lambda head, rows: latex_table("none", "ll", head, [rows])])
def test_cells_stay_cells(make) -> None:  # type: ignore[no-untyped-def]
    lines = make(["name", "value"], [["a|b & c\n\\input{x}", "1"], [f"{TITLE}", "2"]]).splitlines()
    assert all(line.isprintable() for line in lines)
    assert len(make(["name", "value"], [["a", "1"], ["b", "2"]]).splitlines()) == len(lines)


def test_latex_signs() -> None:
    """Each of LaTeX's own ten signs, and three that its usual encoding draws as others."""
    table = latex_table(r"{}", "l", [r"# $ % & _ { } ~ ^ \ < > |"], [])
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
