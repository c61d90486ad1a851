"""Pictures of docs drawn again, from what is stored or by the commands that made them, and tables beside them."""

from __future__ import annotations

import csv
import shlex
import sys
from collections.abc import Callable, Sequence
from math import nan
from pathlib import Path
from typing import Any

import numpy as np

from dse.architectures.page import load_page
from dse.architectures.plot import front_picture
from dse.architectures.report import costs_of
from dse.architectures.tables import read_front, read_nets
from dse.report import depth_report, diffusion_report
from dse.report.diffusion_plot import Judged, curve_picture, steps_picture
from dse.report.seed_cells import cells_csv
from tests.docs.samples import ARCHITECTURES, searched_pages
from tests.docs.shown import DOCS, Shown, lines_csv, pixels_csv
from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.host.children import run_child
from workloads.host.manifest import MANIFEST, manifests_in
from workloads.host.scratch import scratch_folder
from workloads.studies import depth, diffusion
from workloads.studies.diffusion import DIFFUSION_OPS
from workloads.studies.diffusion_judge import baselines, make_judge
from workloads.training.loop import EpochRow

DIFFUSION = DOCS / "diffusion"
JUDGED = ("diffusion-baselines", "diffusion")


def depth_cells() -> list[depth_report.Cell]:
    return depth_report.summarise(depth.read_rows(DOCS / "depth" / "digits-runs.csv"))


def nets_picture(name: str) -> bytes:
    """Return the picture of a search over networks, of its stored fronts."""
    fronts, nets = read_front(ARCHITECTURES / f"{name}-front.csv"), read_nets(ARCHITECTURES / f"{name}-trials.csv")
    title = f"{name}: {len(nets)} nets trained, {len(fronts)} designs on their fronts"
    return front_picture(fronts, costs_of(load_page(name)), title)


def numbers(name: str) -> list[dict[str, str]]:
    """Return the rows of a table of the study of diffusion."""
    with (DIFFUSION / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def curve(op: str) -> bytes:
    """Return the picture of a denoiser's training, of its stored curve."""
    rows = [
        EpochRow(int(row["epoch"]), float(row["training_noise_mse"]), nan, float(row["validation_noise_mse"]))
        for row in numbers(f"{op}-curve")
    ]
    return curve_picture(rows, op, float(numbers("diffusion")[0]["validation_noise_mse"]))


def errors_by_step() -> bytes:
    """Return the picture of denoisers' errors by step, of the stored ones but for the linear predictor's."""
    steps, none = numbers("diffusion-steps"), np.empty(0)
    names = [row["predictor"] for row in numbers("diffusion")]
    errors = {name: np.array([float(step[name]) for step in steps]) for name in names}
    # The least is nothing at six decimals, and the axis is logarithmic.
    errors["linear"] = diffusion.errors_by_step(
        diffusion.linear_predictor(diffusion.real_digits("train")), diffusion.real_digits("test")
    )
    return steps_picture(
        [Judged(dict(row), none, errors[row["predictor"]], none, None) for row in numbers("diffusion")]  # type: ignore[arg-type]
    )


def picture(path: Path, title: str, how: str, again: Callable[[], bytes]) -> Shown:
    """Return a picture that is drawn again from stored numbers."""
    return Shown(
        "figure", title, f"Drawn again from {how}; pixels are compared.", lambda: pixels_csv(path.read_bytes()),
        lambda: pixels_csv(again()), (path,),
    )  # fmt: skip


def by_commands(paths: Sequence[Path], title: str, how: str, before: str = "", minutes: float = 0.5) -> Shown:
    """Return pictures that the commands in their manifests draw again. before: a command that these need."""

    def again() -> str:
        with scratch_folder() as scratch:
            _run(before, scratch)
            return pixels_of([_drawn(path, scratch) for path in paths], paths)

    return Shown(
        "figure", title, f"{how}; pixels are compared.",
        lambda: pixels_of([path.read_bytes() for path in paths], paths), again, tuple(paths), minutes,
    )  # fmt: skip


def _drawn(path: Path, folder: Path) -> bytes:
    (command,) = {run["command"] for run in manifests_in(path.parent)[path.with_name(f"{path.name}.{MANIFEST}")].runs}
    target = folder / next(word for word in command.split() if word.endswith(path.suffix))
    target.parent.mkdir(exist_ok=True)
    _run(command, folder)
    return target.read_bytes()


def _run(command: str, folder: Path) -> None:
    """Run a `limen` command of this checkout. Raises LimenError with its line where it fails."""
    if command:
        said = run_child([sys.executable, str(ROOT / "limen.py"), *shlex.split(command)[1:]], folder)
        if said.returncode:
            raise LimenError(f"{command}: {said.stderr.strip()}")


def pixels_of(contents: Sequence[bytes], paths: Sequence[Path]) -> str:
    """Return `pixels_csv` of several pictures, a row each."""
    tables = [pixels_csv(content).splitlines() for content in contents]
    lines = [f"{path.name},{row}" for path, (_, row) in zip(paths, tables, strict=True)]
    return "\n".join([f"file,{tables[0][0]}", *lines, ""])


def judged_stored() -> str:
    """Return what is stored of images made without a network, and of the linear predictor."""
    others, predictors = ((DIFFUSION / f"{name}.csv").read_text(encoding="utf-8").splitlines() for name in JUDGED)
    return lines_csv("\n".join([*others, *predictors[:2]]))


def judged_again() -> str:
    """Make and judge the images of all that needs no network."""
    linear = numbers("diffusion")[0]
    judge, count = make_judge(), int(linear["images"])
    others = [diffusion_report.BaselineRow(name, judge.verdict(images)) for name, images in baselines(count).items()]
    row: dict[str, Any] = {name: linear[name] for name in ("predictor", "op", "arithmetic")}
    row |= {name: int(linear[name]) for name in ("synapses", "operations", "epochs", "seed")} | {"learning_rate": 0.0}
    predict = diffusion.linear_predictor(diffusion.real_digits("train"))
    judged = diffusion_report.judge_predictor(row, predict, count, judge)
    texts = [diffusion_report.verdicts_csv(rows) for rows in (others, [diffusion_report.predictor_row(judged, judged)])]
    return lines_csv(b"".join(texts).decode())


REDRAWN: dict[str, Shown] = {
    "fronts-figures": by_commands(
        [DOCS / "front.png", *(DOCS / "findings" / f"{name}.png" for name in ("areas", "clocks"))],
        "The built-in study digits: its front, areas, clocks", "The study is run and drawn again",
        "limen study run digits --out runs/digits --jobs 1", 2.0,
    ),
    "kernels-figures": by_commands(
        [DOCS / "findings" / f"{name}.png" for name in ("kernels", "kernels-asap7", "kernels-fpga", "operands")],
        "Kernels and operands, of three cost tables", "Drawn again from the cost tables", minutes=1.0,
    ),
    "depth-digits": Shown(
        "table", "Depth on digits, mean and deviation of each cell", "From the stored runs, all of them.",
        lambda: (DOCS / "depth" / "digits.csv").read_text(encoding="utf-8"),
        lambda: cells_csv(depth_report.Cell, depth_cells()), (DOCS / "depth" / "digits.csv",),
    ),
    "depth-digits-figure": picture(
        DOCS / "depth" / "digits.png", "Depth on digits", "the stored runs",
        lambda: depth_report.picture(depth_cells()),
    ),
    **{
        f"architectures-{name}-figure": picture(
            ARCHITECTURES / f"{name}.png", f"Searches over networks on {name}", "the stored fronts",
            lambda name=name: nets_picture(name),  # type: ignore[misc]
        )
        for name in searched_pages()
    },
    **{
        f"diffusion-{op}-curve-figure": picture(
            DIFFUSION / f"{op}-curve.png", f"Training of a denoiser, {op}", "the stored curve",
            lambda op=op: curve(op),  # type: ignore[misc]
        )
        for op in DIFFUSION_OPS
    },
    "diffusion-baselines": Shown(
        "table", "Diffusion: images made without a network, and by the linear predictor", "Made and judged again.",
        judged_stored, judged_again, (DIFFUSION / "diffusion-baselines.csv",),
    ),
    "diffusion-steps-figure": picture(
        DIFFUSION / "diffusion-steps.png", "Errors of denoisers by step", "the stored errors", errors_by_step
    ),
}  # fmt: skip
"""By the name of their script."""
