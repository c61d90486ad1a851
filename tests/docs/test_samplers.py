"""The table of compared samplers is that of the stored searches, and its space that of the stored file."""

from __future__ import annotations

import csv

import pytest

from dse.report.sampler_table import ShareRow, table_markdown
from dse.space.study_spec import SamplerSpec, load_study
from tests.support.paths import ROOT

FOLDER = ROOT / "docs" / "samplers"


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_table_of_samplers(name: str) -> None:
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            ShareRow(
                row["sampler"], int(row["seed"]), int(row["trials"]), float(row["share"]), float(row["suggestion_ms"])
            )
            for row in csv.DictReader(file)
        ]
    table = table_markdown(rows)
    assert table in (ROOT / "docs" / "studies.md").read_text(encoding="utf-8")
    best = table.splitlines()[2].split(" | ")[0].strip("| ")
    assert load_study(str(FOLDER / f"{name}.yaml")).sampler.name == best == SamplerSpec().name
