"""`make artifact` has a script for every table and figure of docs, and what they compare is equal."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dse.artifact.compare import compare
from tests.docs.artifact import COMPUTED, items, main, make
from tests.docs.shown import DOCS, pixels_csv
from tests.support.manifests import results
from tests.support.paths import ROOT

ITEMS = items()
SAMPLES = {name for name in ITEMS if name.startswith("sample-")}
COMMANDS = {"fronts-figures", "kernels-figures"}
LONG = {name for name in ITEMS if name.startswith("table-")} | COMMANDS | SAMPLES | {"diffusion-baselines"}
"""Of pages that tests/docs/test_tables.py compares, and what takes seconds."""


def test_every_table_and_figure_of_docs_has_a_script() -> None:
    covered = [path for shown in ITEMS.values() for path in shown.covers]
    pages = {path for path in results(DOCS) if path.suffix == ".md" and path.parent.name != "tables"}
    assert sorted(covered) == sorted({*results(DOCS)} - pages - {DOCS / "tables" / "README.md"})
    assert {*COMPUTED} > LONG - SAMPLES and all("." not in name for name in ITEMS)


@pytest.mark.parametrize("name", sorted({*ITEMS} - LONG))
def test_what_is_stored_comes_out_again(name: str) -> None:
    assert ITEMS[name].stored() == ITEMS[name].again()


def test_an_artifact_of_docs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What one of its scripts computes is equal, and differs where what must come out is changed."""
    assert make(tmp_path / "art", run=False) == 0
    assert {path.stem for path in (tmp_path / "art" / "scripts").iterdir()} == {*ITEMS}
    assert "    SOURCE=LIMEN PATH=" in (tmp_path / "art" / "README.md").read_text()
    assert "FULL=1 sh" not in (tmp_path / "art" / "README.md").read_text()
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
    for wrong in (["--again", "nosuch"], ["--again", "sample-samplers-digits", "--seed", "x"], ["--stored"], []):
        assert main(wrong) == 2


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_seed_draws_a_sample(name: str) -> None:
    """Of what is stored, another one by most other seeds, and the same one by the same."""
    drawn = [items(seed)[name].stored() for seed in (0, 0, 1, 2, 3, 4)]
    assert drawn[0] == drawn[1] == ITEMS[name].stored() and len({*drawn}) > 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_it_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Its folder under way, and the scripts that run, go with it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.docs.artifact", str(tmp_path / "art")],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        end = time.monotonic() + 300
        while not [*tmp_path.glob(".limen-*/*/results")] and not [*tmp_path.glob(".limen-*/results")]:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, errors) == (128 + number, "limen: stopped\n")
    assert not [*tmp_path.iterdir()]


def test_pixels() -> None:
    """A picture of other pixels has another sum, whatever else is in the file."""
    first, second = (pixels_csv((DOCS / "polarity" / f"{name}.png").read_bytes()) for name in ("digits", "mnist"))
    assert first != second and first.startswith("width,height,sha256_of_pixels\n")
