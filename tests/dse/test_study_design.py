"""A point of a study as a design's page: what commands say of it is what the study has."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from click.testing import CliRunner

from dse.cli.commands import commands
from dse.study.study import Study
from tests.support.command import refused, run_command


def test_a_page_is_priced_as_the_study_has_it(small: Path, tmp_path: Path) -> None:
    page = tmp_path / "chip.yaml"
    study = Study.open(small / "out")
    for name in ("knee", "threshold"):
        page.unlink(missing_ok=True)
        outcome = CliRunner().invoke(commands, ["study", "design", str(small / "out"), "-p", name, "-o", str(page)])
        assert outcome.exit_code == 0, outcome.output
        point = study.point(name)
        said, command = outcome.stdout.strip().split("; price it: limen ")
        assert said == f"{page}: {name}: {point}" and f"# {point}, of " in page.read_text()
        priced = json.loads(CliRunner().invoke(commands, [*shlex.split(command), "--json"]).stdout)
        for figure in ("cycles", "energy_uj", "latency_us", "area_mm2", "clock_ns"):
            assert priced[figure] == point.figures[figure]
        assert priced["network"] == point.network.name
    assert (tmp_path / "chip.yaml.manifest.json").is_file()
    again = ["study", "design", str(small / "out"), "-o"]
    refused(run_command(*again, "chip.yaml", cwd=tmp_path), "chip.yaml: exists; name a new file")
    refused(run_command(*again, "chip.json", cwd=tmp_path), "chip.json: not allowed: a name that ends in .yaml")
