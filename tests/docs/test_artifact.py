"""`make artifact` has a script for every table and figure of docs, and what they compare is equal."""

from __future__ import annotations

from pathlib import Path

import pytest

from dse.artifact.compare import compare
from tests.docs.artifact import COMPUTED, DOCS, ITEMS, main, make, pixels_csv
from tests.support.manifests import results

LONG = {name for name in ITEMS if name.startswith("table-")} | {"front-figure"}
"""Of pages that tests/docs/test_tables.py compares, and what takes seconds."""


def test_every_table_and_figure_of_docs_has_a_script() -> None:
    covered = [path for shown in ITEMS.values() for path in shown.covers]
    pages = {path for path in results(DOCS) if path.suffix == ".md" and path.parent.name != "tables"}
    assert sorted(covered) == sorted({*results(DOCS)} - pages - {DOCS / "tables" / "README.md"})
    assert {*COMPUTED} > LONG and all("." not in name for name in ITEMS)


@pytest.mark.parametrize("name", sorted({*ITEMS} - LONG))
def test_what_is_stored_comes_out_again(name: str) -> None:
    assert ITEMS[name].stored() == ITEMS[name].again()


def test_an_artifact_of_docs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What one of its scripts computes is equal, and differs where what must come out is changed."""
    assert make(tmp_path / "art", run=False) == 0
    assert {path.stem for path in (tmp_path / "art" / "scripts").iterdir()} == {*ITEMS}
    expected, now = (tmp_path / "art" / name / "samplers-digits.csv" for name in ("expected", "results"))
    capsys.readouterr()
    assert main(["--again", "samplers-digits"]) == 0  # what the script runs
    now.parent.mkdir()
    now.write_text(capsys.readouterr().out)
    assert compare("samplers-digits", str(expected), str(now))[0]
    expected.write_text(expected.read_text().replace("surrogate", "tpe", 1))
    equal, line = compare("samplers-digits", str(expected), str(now))
    assert not equal and line.startswith("differs: samplers-digits: row 3, line: '| surrogate")
    assert main([str(tmp_path)]) == 2 and "exists and is not an earlier" in capsys.readouterr().err
    assert main(["--again", "nosuch"]) == 2


def test_pixels() -> None:
    """A picture of other pixels has another sum, whatever else is in the file."""
    first, second = (pixels_csv((DOCS / "polarity" / f"{name}.png").read_bytes()) for name in ("digits", "mnist"))
    assert first != second and first.startswith("width,height,sha256_of_pixels\n")
