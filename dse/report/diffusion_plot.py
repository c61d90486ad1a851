"""The diffusion study's pictures: training curves, errors by step, samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dse.report.palette import COLOURS
from workloads.host.pictures import Figure, picture_bytes
from workloads.host.ticks import logarithmic
from workloads.studies import diffusion
from workloads.studies.diffusion import SIDE, ink, real_digits
from workloads.studies.diffusion_judge import Verdict, nearest_training
from workloads.training.loop import EpochRow

SHOWN = 64
"""Images of a picture's panel."""


class Judged(NamedTuple):
    """A predictor, its line but for errors and verdict, and what was measured: errors [STEPS] and images of ink."""

    row: dict[str, Any]
    validation: np.ndarray
    test: np.ndarray
    images: np.ndarray
    verdict: Verdict


def noise_deviation() -> np.ndarray:
    """Return the deviation of the noise in x_t, √(1 − ā), [STEPS]."""
    return np.sqrt(1 - diffusion.kept_variance())


def label(judged: Judged) -> str:
    """Return what a predictor is called in tables and pictures."""
    return f"{judged.row['op']}, {judged.row['arithmetic']}"


def curve_picture(curve: Sequence[EpochRow], op: str, linear: float) -> bytes:
    """Return a PNG of the errors against epochs; linear: validation error of the best linear predictor."""
    figure = Figure(figsize=(6, 3.8), layout="constrained")
    axes = figure.subplots()
    epochs = [row.epoch for row in curve]
    axes.plot(epochs, [row.loss for row in curve], color=COLOURS[1], label="training digits")
    axes.plot(epochs, [row.validation_accuracy for row in curve], color=COLOURS[0], label="validation digits")
    axes.axhline(linear, color="black", linestyle=":", label="best linear predictor, validation")
    logarithmic(axes.yaxis)
    axes.set(xlabel="epoch", ylabel="mean squared error of the noise", title=f"diffusion, {op}")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return picture_bytes(figure)


def steps_picture(predictors: Sequence[Judged]) -> bytes:
    """Return a PNG of the errors on test digits against the noise's deviation."""
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    colours = {"linear": "black", "threshold": COLOURS[0], "mac": COLOURS[1]}
    for predictor in predictors:
        style = "-" if predictor.row["arithmetic"] == "float" else "--"
        axes.plot(noise_deviation(), predictor.test, style, color=colours[predictor.row["op"]], label=label(predictor))
    logarithmic(axes.yaxis)
    axes.set(xlabel="deviation of the noise, √(1 − ā)", ylabel="mean squared error of the noise", title="test digits")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    return picture_bytes(figure)


def samples_picture(judged: Judged) -> bytes:
    """Return a PNG of the first samples, of the training digits nearest to them, and of test digits."""
    figure = Figure(figsize=(10.5, 4.2), layout="constrained")
    shown = judged.images[:SHOWN]
    panels = (
        (f"the first {len(shown)} samples", shown),
        ("the training digits nearest to them", nearest_training(shown)),
        ("test digits", ink(real_digits("test")[: len(shown)])),
    )
    for axes, (title, images) in zip(figure.subplots(1, len(panels)), panels, strict=True):
        axes.imshow(mosaic(images), cmap="gray_r", vmin=0, vmax=2 * diffusion.MID)
        axes.set(title=title, xticks=[], yticks=[])
    verdict = judged.verdict
    figure.suptitle(
        f"{label(judged)}, seed {judged.row['seed']}: of {verdict.images} samples {100 * verdict.accepted:.0f} % "
        f"accepted as digits, {100 * verdict.both:.0f} % and near real ones; noise error {judged.test.mean():.3f}"
    )
    return picture_bytes(figure)


def mosaic(images: np.ndarray) -> np.ndarray:
    """Return images [images, 64] as one picture, row by row in a square with a blank pixel between."""
    side = int(np.ceil(np.sqrt(len(images))))
    tiles = np.zeros((side * side, SIDE + 1, SIDE + 1), dtype=np.int64)
    tiles[: len(images), :SIDE, :SIDE] = images.reshape(-1, SIDE, SIDE)
    return tiles.reshape(side, side, SIDE + 1, SIDE + 1).swapaxes(1, 2).reshape(side * (SIDE + 1), -1)
