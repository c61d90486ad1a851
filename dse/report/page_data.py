"""What a study's page shows, and the names under which its charts find it: none of them is a user's own."""

from __future__ import annotations

import itertools
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas

from dse.report.plot import Drawing, Scale

GROUPS = (
    ("array", "array of PEs"),
    ("logic", "logic around the array"),
    ("memory", "memories on the chip"),
    ("dram", "DRAM"),
)
"""Groups of components that share a design's energy, by the fields that hold theirs, in µJ."""

DIGITS = 6
"""To which figures are rounded in the page."""

MOST_MARKS = 9
"""Values of an axis that are all written beside it."""


class Place(NamedTuple):
    """An axis of parallel coordinates: the field that has a design's place on it, 0 to 1; what is written where."""

    field: str
    label: str
    marks: dict[float, str]


class Roof(NamedTuple):
    """A design's layers under its roofs. title: of the design. layers: rows of `Run.roofline`."""

    title: str
    operations_per_cycle: int
    bytes_per_cycle: float
    layers: pandas.DataFrame


@dataclass(frozen=True)
class PageData:
    """A study as its page shows it.

    drawing: its designs, front and knee. folder: as commands name it. axes: the values of each that has several, in
    their order. importance: share of the variance of each (axis, figure). growth: share of the final hypervolume by
    numbers of trials; None of a sweep. points: trial and design of those that have names. facts, hashes: where it comes
    from, and the SHA-256 of each file that it depends on.
    """

    drawing: Drawing
    folder: str
    axes: Mapping[str, Sequence[Any]]
    importance: Mapping[tuple[str, str], float]
    growth: Mapping[int, float] | None
    points: Mapping[str, tuple[int, str]]
    roofs: Sequence[Roof]
    facts: Mapping[str, str]
    hashes: Mapping[str, str]

    @cached_property
    def designs(self) -> pandas.DataFrame:
        """Rows of the front, then those of the other feasible designs drawn; no design twice."""
        both = pandas.concat([self.drawing.front, self.drawing.feasible], ignore_index=True)
        return both.drop_duplicates("trial").reset_index(drop=True)

    @property
    def scales(self) -> Mapping[str, Scale]:
        return self.drawing.scales

    @property
    def knee(self) -> int:
        return self.drawing.knee

    @cached_property
    def ops(self) -> list[str]:
        """Ops of the designs, the one of the picture's first colour first."""
        return sorted(set(self.designs["op"]), reverse=True)

    @cached_property
    def pairs(self) -> list[tuple[str, str]]:
        """Figures drawn against each other: objectives, the one objective against cycles."""
        objectives = list(self.drawing.objectives)
        return [*itertools.combinations(objectives, 2)] or [(objectives[0], "cycles")]

    @cached_property
    def spans(self) -> dict[str, tuple[float, float]]:
        """The least and the largest value of each figure."""
        return {name: (float(self.designs[name].min()), float(self.designs[name].max())) for name in self.scales}

    def field(self, figure: str) -> str:
        """Return the field of a figure."""
        return f"f{list(self.scales).index(figure)}"

    @property
    def tooltip(self) -> list[tuple[str, str, str]]:
        """Field, kind and title of what a design says of itself."""
        figures = [(self.field(name), "Q", scale.label) for name, scale in self.scales.items()]
        return [("design", "N", "design"), ("trial", "Q", "trial"), *figures, ("export", "N", "export it")]

    @property
    def steps(self) -> dict[tuple[str, str], list[dict[str, float]]]:
        """For each pair of objectives the designs that none beats in the two, from the best of the first on."""
        steps: dict[tuple[str, str], list[dict[str, float]]] = {}
        for x, y in self.pairs:
            both = {x, y} <= set(self.drawing.objectives)
            rows = self.drawing.staircase(x, y)[[x, y]].to_numpy(dtype=np.float64) if both else np.empty((0, 2))
            steps[x, y] = [
                {self.field(x): float(of_x), self.field(y): float(of_y), "step": step}
                for step, (of_x, of_y) in enumerate(rows)
            ]
        return steps

    @property
    def export_parts(self) -> tuple[str, str, str]:
        """The command that writes a trial's design as Verilog: before, between and behind the trial's two places."""
        folder = shlex.quote(self.folder)
        return f"limen study export {folder} --point ", f" --out {folder}-", ""

    def export_command(self, trial: int) -> str:
        """Return the command that writes a trial's design as Verilog."""
        return str(trial).join(self.export_parts)

    @property
    def export_expression(self) -> str:
        """The command of the design at hand as an expression of Vega."""
        return " + datum.trial + ".join(map(literal, self.export_parts))

    @cached_property
    def places(self) -> list[Place]:
        """The axes of the space that have several values, then the objectives."""
        places = []
        for index, (name, values) in enumerate(self.axes.items()):
            step = 1 / (len(values) - 1)
            shown = range(len(values)) if len(values) <= MOST_MARKS else (0, len(values) // 2, len(values) - 1)
            marks = {at * step: str(values[at]) for at in shown}
            places.append(Place(f"p{index}", name, marks))
        for index, name in enumerate(self.drawing.objectives, start=len(places)):
            low, high = self.spans[name]
            places.append(Place(f"p{index}", self.scales[name].label, {0.0: f"{low:.3g}", 1.0: f"{high:.3g}"}))
        return places

    def _places_of(self) -> dict[str, list[float]]:
        """Return the place of every design on each of `places`."""
        columns: dict[str, list[float]] = {}
        for place, (name, values) in zip(self.places, self.axes.items(), strict=False):
            step = 1 / (len(values) - 1)
            columns[place.field] = [round(values.index(value) * step, 3) for value in self.designs[name]]
        for place, name in zip(self.places[len(self.axes) :], self.drawing.objectives, strict=True):
            low, high = self.spans[name]
            figures = self.designs[name].to_numpy(dtype=np.float64)
            if self.scales[name].is_logarithmic and low > 0:
                low, high, figures = np.log(low), np.log(high), np.log(figures)
            columns[place.field] = np.round((figures - low) / ((high - low) or 1.0), 3).tolist()
        return columns

    def table(self) -> dict[str, Any]:
        """Return all designs as fields and rows, as the page holds them."""
        designs, front = self.designs, set(self.drawing.front["trial"])
        columns: dict[str, list[Any]] = {
            "trial": designs["trial"].tolist(),
            "design": designs["design"].tolist(),
            "op": designs["op"].tolist(),
            "front": [int(trial in front) for trial in designs["trial"]],
        }
        for name in self.scales:
            columns[self.field(name)] = [_rounded(value) for value in designs[name].tolist()]
        for name, energies in self._energies().items():
            columns[name] = [_rounded(value) for value in energies]
        columns |= self._places_of()
        return {"fields": [*columns], "rows": [list(row) for row in zip(*columns.values(), strict=True)]}

    def _energies(self) -> dict[str, list[float]]:
        """Return the energy of each of `GROUPS`, µJ."""
        energy = self.designs["energy_uj"]
        shares = {name: self.designs[f"{name}_share"] for name in ("array", "memory", "dram")}
        shares["logic"] = 1 - sum(shares.values())
        return {name: (energy * shares[name]).tolist() for name, _ in GROUPS}


def literal(text: str) -> str:
    """Return a text as Vega's expressions have it: JSON's form."""
    return json.dumps(text)


def _rounded(value: Any) -> Any:
    """Return a number to `DIGITS` digits, nothing where it is missing."""
    if isinstance(value, int):
        return value
    return None if pandas.isna(value) else float(f"{value:.{DIGITS}g}")
