"""Pictures of fronts: plain numbers at ticks, the line of steps, files by their names' ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
from matplotlib.figure import Figure

from dse.report.plot import Drawing
from dse.study.study import Study
from tests.support.command import refused, run_command
from workloads.host.ticks import FEWEST_TICKS, MOST_TICKS, PlainLocator, logarithmic


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (1.8, 7, ["2", "5"]),
        (0.3, 40, ["0.5", "1", "2", "5", "10", "20"]),
        (900, 61_000, ["1,000", "2,000", "5,000", "10,000", "20,000", "50,000"]),
        (22, 31_000, ["30", "100", "300", "1,000", "3,000", "10,000", "30,000"]),
        (1e-9, 1e9, ["1e-09", "1e-06", "0.001", "1", "1,000", "1,000,000", "1,000,000,000"]),
    ],
)
def test_ticks_are_plain_numbers(low: float, high: float, labels: list[str]) -> None:
    axes = Figure().add_subplot()
    logarithmic(axes.xaxis)
    axes.set_xlim(low, high)
    axes.figure.draw_without_rendering()
    drawn = [label.get_text() for label in axes.get_xticklabels()]
    assert not any(label.get_text() for label in axes.get_xticklabels(minor=True))
    assert set(labels) <= set(drawn) and axes.get_xscale() == "log"


def test_every_axis_has_some_ticks_and_not_too_many() -> None:
    random = np.random.default_rng(0)
    for start, span in zip(10 ** random.uniform(-6, 6, 500), 10 ** random.uniform(0.05, 12, 500), strict=True):
        ticks = PlainLocator().tick_values(start, start * span)
        assert FEWEST_TICKS - 1 <= len(ticks) <= MOST_TICKS
        assert (np.diff(ticks) > 0).all() and start <= ticks[0] and ticks[-1] <= start * span


def test_what_is_not_drawn_is_named() -> None:
    rows = pandas.DataFrame({"trial": range(5)})
    drawing = Drawing("<b>, $x^$", rows, rows[:1], 0, {}, {}, 4321, 1234, 5)
    assert drawing.heading().splitlines() == [
        "<b>, $x^$",
        "5 of 4,321 feasible designs drawn, and the front",
        "not drawn: 1,234 infeasible, 5 refused",
    ]


@pytest.mark.parametrize(("x", "y"), [("loss", "gain"), ("gain", "loss"), ("loss", "other")])
def test_steps_join_what_none_beats_in_two_objectives(x: str, y: str) -> None:
    random = np.random.default_rng(1)
    rows = pandas.DataFrame(random.integers(0, 9, (60, 3)), columns=["loss", "gain", "other"])
    objectives = {"loss": "min", "gain": "max", "other": "min"}
    drawing = Drawing("", rows, rows, 0, objectives, {}, len(rows), 0, 0)
    signs = {name: 1 if direction == "min" else -1 for name, direction in objectives.items()}
    points = {(row[x] * signs[x], row[y] * signs[y]) for _, row in rows.iterrows()}
    unbeaten = sorted(
        point
        for point in points
        if not any(other != point and other[0] <= point[0] and other[1] <= point[1] for other in points)
    )
    steps = drawing.staircase(x, y)
    assert [(row[x] * signs[x], row[y] * signs[y]) for _, row in steps.iterrows()] == unbeaten


def test_a_picture_is_drawn_by_command(small: Path, tmp_path: Path) -> None:
    for name, start in (("a.svg", b"<?xml"), ("a.PDF", b"%PDF-"), ("a.png", b"\x89PNG")):
        outcome = run_command("study", "plot", str(small / "out"), "--out", name, "-x", "area_mm2", cwd=tmp_path)
        assert (outcome.returncode, outcome.stdout) == (0, f"{name}: written\n"), outcome.stderr
        assert (tmp_path / name).read_bytes().startswith(start)
    svg = (tmp_path / "a.svg").read_bytes()
    assert Study.open(small / "out").save_front(tmp_path / "b.svg", x="area_mm2").read_bytes() == svg


def test_pictures_refused(small: Path, tmp_path: Path) -> None:
    for name, words in (("a.jpg", "a.jpg: not allowed: a name that ends in one of .pdf, .png, .svg"),):
        refused(run_command("study", "plot", str(small / "out"), "--out", name, cwd=tmp_path), words)
    for option in ("-x", "-y"):
        outcome = run_command("study", "plot", str(small / "out"), "--out", "a.png", option, "colour", cwd=tmp_path)
        refused(outcome, "plot: 'colour' is not allowed: energy_uj, ")
    assert not list(tmp_path.iterdir())
