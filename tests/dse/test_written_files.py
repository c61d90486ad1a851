"""Every result that a command writes says where it comes from: all commands are walked over, none is left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import pytest

from cost_models.derive import build
from cost_models.fpga import fpga, fpga_build
from cost_models.hardwired import rows
from dse.cli.commands import commands
from dse.cli.places import PLACE
from dse.report import diffusion_report
from tests.support.command import run_command
from tests.support.manifests import results, unnamed
from tests.support.paths import ROOT
from workloads import datasets
from workloads.host.manifest import MANIFEST
from workloads.studies import depth, polarity, seeds, speakers
from workloads.training import make_family

READ = {
    *("costs build liberty", "costs check liberty", "costs multipliers liberty", "costs whole folder"),
    *("costs whole liberty", "net import calibration", "net import file", "report folder", "study check folder"),
    *("study design folder", "study export folder", "study front folder", "study plot folder", "study report folder"),
    *("study run source", "study tables devices folder", "verify folders"),
}
"""Places, as COMMAND PARAMETER, of what a command reads."""

NO_RESULTS = {
    *("export out", "net import out", "net init file", "study design out", "study export out", "study init file"),
    "waves out",
    "hardwire out",
}
"""Places of what is no table, figure or report: pages to change, Verilog, the signals of a layer."""

ELSEWHERE = {
    "artifact out": "tests/dse/test_artifact.py",
    "study run out": "tests/dse/test_manifest.py",
    "study compare out": "tests/dse/test_comparison.py",
    "study tables system sweeps": "tests/dse/test_system_table.py",
    "study compare plot": "tests/dse/test_comparison.py",
    "report out": "tests/dse/test_page.py",
    "study report out": "tests/dse/test_page.py",
    "net stats out": "tests/workloads/test_statistics.py",
    "net search out": "tests/dse/test_architectures.py",
    "study tables devices out": "tests/dse/test_devices.py",
    "study tables devices plot": "tests/dse/test_devices.py",
}
"""Places of results that take long, and the tests that write them."""


def write(place: str | Path, *names: str) -> list[Path]:
    """Write something for what takes long."""
    Path(place).mkdir(exist_ok=True)
    paths = [Path(place) / name for name in names]
    for path in paths:
        path.write_text(path.name)
    return paths


def trained(patch: pytest.MonkeyPatch) -> None:
    def train_family(recipe: Any, out: Path, *rest: Any) -> Any:
        write(out, "mac-curve.csv", "mac-curve.png", "accuracy.csv", "mac.npz")
        return SimpleNamespace(ops=list)

    patch.setattr(make_family, "train_family", train_family)


def seeded(patch: pytest.MonkeyPatch) -> None:
    def run_study(recipe: Any, count: int, out: Path, *rest: Any) -> Any:
        write(out, "seeds.csv")
        return [seeds.SeedRow("mac", 0, 0.9, 0.9, 0.9, "")]

    patch.setattr(seeds, "run_study", run_study)


def polarised(patch: pytest.MonkeyPatch) -> None:
    def run_study(dataset: str, depths: Any, seeds: int, out: Path, *rest: Any) -> Any:
        out.mkdir()
        shutil.copyfile(ROOT / "docs" / "polarity" / "digits-runs.csv", out / "runs.csv")
        return polarity.read_rows(out / "runs.csv")

    patch.setattr(polarity, "run_study", run_study)


def deepened(patch: pytest.MonkeyPatch) -> None:
    def run_study(dataset: str, depths: Any, seeds: int, out: Path, *rest: Any) -> Any:
        write(out, "runs.csv")
        row = depth.DepthRow("digits", 2, "plain", "mac", "batch", 0, 400_000, 9000, 0.9, 0.9, 0, "")
        return [row, row._replace(op="threshold", norm="mean")]

    patch.setattr(depth, "run_study", run_study)


def heard(patch: pytest.MonkeyPatch) -> None:
    def run_study(seeds: int, out: Path, *rest: Any) -> Any:
        write(out, "runs.csv")
        return [speakers.SpeakerRow(name, "mac", 0, 70, 120, 0.9, 0.9, 0.9, "") for name in ("theo", "nobody")]

    patch.setattr(speakers, "run_study", run_study)
    patch.setattr(datasets, "content_hash", lambda *rest: "0" * 64)


def denoised(patch: pytest.MonkeyPatch) -> None:
    def run_diffusion(ops: Any, epochs: int, seed: int, samples: int, out: Path, *rest: Any) -> list[Path]:
        return write(out, "diffusion.csv", "diffusion.md", "mac-curve.png")

    patch.setattr(diffusion_report, "run_diffusion", run_diffusion)


def built(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(build, "build_table", lambda liberty, out, *rest, **named: write(".", out.name)[0])


def placed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(fpga, "tools", lambda target: None)
    patch.setattr(fpga_build, "build_fpga", lambda target, out, *rest: write(out, f"{target}_fabric.csv"))


def wired(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(rows, "build", lambda out, *rest: len(write(".", out.name)))


class Case(NamedTuple):
    """A command, how many results it writes, and some of what they are from; what is done in the place of long work."""

    command: str
    results: int
    inputs: str
    patch: Callable[[pytest.MonkeyPatch], None] | None = None


CASES = {
    "simulate csv_file, simulate timeline": Case(
        "simulate --csv layers.csv --timeline layers.json", 2, "workload digits: threshold.npz, design"
    ),
    "price roofline": Case("price --roofline roofs.svg", 1, "design"),
    "costs build out": Case("costs build --liberty a.lib --out new.csv", 1, "liberty a.lib", built),
    "costs fpga out_dir": Case("costs fpga --out-dir fpga", 2, "", placed),
    "net train out": Case("net train digits --out family", 3, "recipe, data digits", trained),
    "net train out (seeds)": Case("net train digits --seeds 2 --out family", 1, "recipe, data digits", seeded),
    "net polarity out": Case("net polarity digits --out polarity", 5, "data digits", polarised),
    "net depth out": Case("net depth digits --out depth", 5, "data digits", deepened),
    "net speakers out": Case("net speakers --out speakers", 3, "data spoken-digits", heard),
    "net diffusion out": Case("net diffusion --out diffusion", 3, "data digits", denoised),
    "net export out": Case("net export lenet --out lenet.csv", 1, "workload lenet: lenet.yaml"),
    "study tables kernel out, study tables kernel plot": Case(
        "study tables kernel --costs asap7 --bits 4 --format latex --out kernels.tex --plot kernels.png",
        2,
        "costs asap7",
    ),
    "costs hardwired out": Case("costs hardwired --layer conv1 --bits 4 --fpga xc7 --out own.csv", 1, "", wired),
    "study tables hardwired out": Case("study tables hardwired --format md --out hardwired.md", 1, "costs hardwired"),
    "study tables system out": Case("study tables system --format md --out system.md", 1, "stored evaluations"),
    "study tables fpga out": Case("study tables fpga --bits 8 --format md --out fpga.md", 1, "costs ecp5-dsp"),
    "study tables fpga-system out": Case(
        "study tables fpga-system --format csv --out systems.csv", 1, "costs ecp5-dsp, workload digits: mac.npz"
    ),
    "study plot out": Case("study plot study --out front.svg", 4, "study, workload digits: mac.npz, costs ihp130"),
}
"""By what they write."""


def places(group: click.Group = commands, *before: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from places(command, *before, name)
        else:
            yield from (" ".join((*before, name, str(each.name))) for each in command.params if each.type is PLACE)


def test_all_places_of_all_commands_are_here() -> None:
    written = {place.removesuffix(" (seeds)") for places_of_case in CASES for place in places_of_case.split(", ")}
    assert {*places()} == READ | NO_RESULTS | {*ELSEWHERE} | written
    assert all("unnamed(" in (ROOT / path).read_text(encoding="utf-8") for path in ELSEWHERE.values())


@pytest.mark.parametrize("name", CASES)
def test_results_have_a_manifest(name: str, tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what they come from; and their bytes are the same as ever."""
    case = CASES[name]
    if case.patch is not None:
        case.patch(monkeypatch)
    for folder in (tmp_path / "first", tmp_path / "again"):
        folder.mkdir()
        (folder / "a.lib").touch()
        if name == "study plot out":
            shutil.copytree(small / "out", folder / "study")
        outcome = run_command(*case.command.split(), cwd=folder)
        assert outcome.returncode == 0, outcome.stderr
        assert len(results(folder)) == case.results and unnamed(folder) == []
    for path in results(tmp_path / "first"):
        assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "first")).read_bytes()
        path.write_bytes(path.read_bytes() + b"\n")
    assert len(unnamed(tmp_path / "first")) == case.results, "of a file that was changed it says nothing"
    for manifest in (path for path in (tmp_path / "first").rglob(f"*{MANIFEST}") if path.parent.name != "study"):
        (run,) = json.loads(manifest.read_text(encoding="utf-8"))["runs"]
        assert {*filter(None, case.inputs.split(", "))} <= {*run["inputs"]}
        assert run["command"] == f"limen {case.command}"
