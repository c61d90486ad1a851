"""Axes as Optuna sees them: values in `study.db`, places of values for samplers, in order wherever there is one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dse.space.main_memory import parse_memory
from dse.space.space import APPLYING_AXES, FORMAT_AXES, Space, Value


def size_of(value: Value) -> float | None:
    """Return what orders a value of an axis: a number itself, bits in words, KiB of a main memory; None of others.

    DRAM comes after any memory on the chip: it is without end.
    """
    if isinstance(value, bool):
        return None
    if not isinstance(value, str):
        return float(value)
    if value.isdecimal():
        return float(value)
    try:
        return parse_memory(value).kib or math.inf
    except ValueError:
        return None


def is_ordered(values: Sequence[Value]) -> bool:
    """Return whether an axis has an order: all its values have sizes."""
    return all(size_of(value) is not None for value in values)


def in_order(values: Sequence[Value]) -> list[Value]:
    """Return an axis's values, from the least on where they have an order."""
    return sorted(values, key=lambda value: size_of(value) or 0) if is_ordered(values) else [*values]


def stored_distribution(values: Sequence[Value]) -> BaseDistribution:
    """Return what an axis is in study.db, and so in Optuna's plots.

    Numbers at equal distances are a range with a step, other numbers a logarithmic one, in which values between those
    of the axis don't occur. Words, of sizes, too, and what is on or off, are choices.
    """
    if not is_ordered(values) or any(isinstance(value, str) for value in values):
        return CategoricalDistribution([*values])
    numbers: list[Any] = in_order(values)
    exact = [Decimal(str(number)) for number in numbers]
    distances = {after - before for before, after in itertools.pairwise(exact)}
    whole = all(isinstance(number, int) for number in numbers)
    make: Any = IntDistribution if whole else FloatDistribution
    if len(distances) != 1:
        return make(numbers[0], numbers[-1], log=True)
    step = distances.pop()
    return make(numbers[0], numbers[-1], step=int(step) if whole else float(step))


def stored_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return what the free axes of a space are in study.db, by their names."""
    return {name: stored_distribution(values) for name, values in space.free.items()}


class Places:
    """The free axes of a space as samplers draw them: places of values, in order where there is one.

    Ranges of values would have others between them, and their ends would be drawn half as often.
    distributions: by the names of axes, in their order. ordered: whether each has an order.
    """

    def __init__(self, space: Space) -> None:
        self._values = {name: in_order(values) for name, values in sorted(space.free.items())}
        self.ordered = [is_ordered(values) for values in self._values.values()]
        self.distributions: dict[str, BaseDistribution] = {
            name: IntDistribution(0, len(values) - 1) if ordered else CategoricalDistribution(range(len(values)))
            for (name, values), ordered in zip(self._values.items(), self.ordered, strict=True)
        }

    @property
    def sizes(self) -> list[int]:
        """Values of each axis."""
        return [len(values) for values in self._values.values()]

    @property
    def coordinates(self) -> list[np.ndarray | None]:
        """Where an axis has its values, None without an order: logarithms of sizes; places if one is 0 or endless."""
        found: list[np.ndarray | None] = []
        for values, ordered in zip(self._values.values(), self.ordered, strict=True):
            sizes = np.array([size_of(value) for value in values]) if ordered else np.zeros(1)
            by_factor = bool(np.isfinite(sizes).all() and (sizes > 0).all())
            found.append(None if not ordered else np.log(sizes) if by_factor else np.arange(len(values)) * 1.0)
        return found

    def drawn(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters as samplers draw them."""
        return {name: values.index(parameters[name]) for name, values in self._values.items()}

    def parameters(self, drawn: Mapping[str, Any]) -> dict[str, Value]:
        """Return what was drawn as values of the axes."""
        return {name: self._values[name][place] for name, place in drawn.items()}


class Canonical:
    """The designs that places of values on free axes stand for, as arrays: axes that don't apply have one place."""

    def __init__(self, space: Space, places: Places) -> None:
        self._space = space
        self._places = places
        self._names = [*places.distributions]
        formats, points = self._combined(FORMAT_AXES)
        self._formats = formats
        self._valid = np.array([space.valid(space.at(point)) for point in points], bool).reshape(self._shape(formats))
        self._applying, points = self._combined(APPLYING_AXES)
        names = [self._names[axis] for axis in self._applying]
        drawn = [places.drawn(space.parameters(space.at(point))) for point in points]
        applied = np.array([[one[name] for name in names] for one in drawn], np.int64)
        self._applied = applied.reshape(*self._shape(self._applying), len(names))

    def _combined(self, names: Sequence[str]) -> tuple[list[int], list[dict[str, Value]]]:
        """Return which free axes have these names, and parameters for each combination of their values."""
        axes = [axis for axis, name in enumerate(self._names) if name in names]
        parts = itertools.product(*(range(self._places.sizes[axis]) for axis in axes))
        first = dict.fromkeys(self._names, 0)
        drawn = (first | {self._names[axis]: place for axis, place in zip(axes, part, strict=True)} for part in parts)
        return axes, [*map(self._places.parameters, drawn)]

    def _shape(self, axes: Sequence[int]) -> list[int]:
        return [self._places.sizes[axis] for axis in axes]

    def __call__(self, places: np.ndarray) -> np.ndarray:
        """Return of places [designs, axes] those of designs that the space has."""
        if self._formats:
            places = places[self._valid[tuple(places[:, self._formats].T)]]
        places = places.copy()
        places[:, self._applying] = self._applied[tuple(places[:, self._applying].T)]
        return places


class Ranges:
    """The free axes of a space as in study.db, for samplers of the user's own: what is drawn moves to the next value.

    distributions: by the names of axes.
    """

    def __init__(self, space: Space) -> None:
        self._values = space.free
        self.distributions = stored_distributions(space)

    def drawn(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return parameters as they are."""
        return dict(parameters)

    def parameters(self, drawn: Mapping[str, Any]) -> dict[str, Value]:
        """Return the nearest values of the axes, of logarithmic ones the nearest in proportion."""
        return {name: self._nearest(name, value) for name, value in drawn.items()}

    def _nearest(self, name: str, drawn: Any) -> Value:
        values = self._values[name]
        if drawn in values:
            return values[values.index(drawn)]
        return min(values, key=lambda value: abs(math.log(float(value) / drawn)))
