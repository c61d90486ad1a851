"""`Shelf`: what a table says of units of one kind, worked out once for each of them and kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cost_models.table.table import METHODS, Value
from workloads.errors import LimenError

ABSENT = -1
"""The place in `METHODS` of what there isn't; its value is 0."""

FIRST_ROOM = 64


class Values(NamedTuple):
    """A number for each of some designs, and the place of its method in `METHODS`."""

    value: Any
    method: Any


class Quantities:
    """Numbers of units by name, [designs] or [units, designs] each.

    places: of the names in the first axis of `values` and `methods`.
    """

    def __init__(self, places: Mapping[str, int], values: np.ndarray, methods: np.ndarray) -> None:
        self.places, self.values, self.methods = places, values, methods

    def __getitem__(self, name: str) -> Values:
        place = self.places[name]
        return Values(self.values[place], self.methods[place])

    def some(self, chosen: np.ndarray) -> Quantities:
        """Return those of some designs, by their places."""
        return Quantities(self.places, self.values[..., chosen], self.methods[..., chosen])

    def beside(self, others: Quantities) -> Quantities:
        """Return these and others of the same names, one after another."""
        values, methods = (
            np.concatenate(pair, axis=1) for pair in ((self.values, others.values), (self.methods, others.methods))
        )
        return Quantities(self.places, values, methods)

    def of_each(self, units: int) -> Quantities:
        """Return [units, designs] of what was looked up for one unit after another."""
        shape = len(self.places), units, -1
        return Quantities(self.places, self.values.reshape(shape), self.methods.reshape(shape))


class Shelf:
    """Units of one kind.

    names: of their numbers. work_out: gives those of a unit by its key; what it leaves out is absent.
    """

    def __init__(self, names: Sequence[str], work_out: Callable[..., Mapping[str, Value]]) -> None:
        self._names = {name: place for place, name in enumerate(names)}
        self._work_out = work_out
        self._places: dict[tuple[Any, ...], int] = {}
        self._refusals: dict[tuple[Any, ...], str] = {}  # an error kept would keep all that its frames had
        self._values = np.zeros((len(names), FIRST_ROOM))
        self._methods = np.full((len(names), FIRST_ROOM), ABSENT, np.int8)

    def refusals(self, *key: np.ndarray) -> dict[int, str]:
        """Return for each row of the columns of a key whose unit the table lacks the line that says so."""
        refused = np.flatnonzero(self._look_up(key) < 0).tolist()
        return {row: self._refusals[self._key(key, row)] for row in refused}

    def __call__(self, *key: np.ndarray) -> Quantities:
        """Return the numbers of the unit of each row of the columns of a key.

        Raises:
            LimenError: the table lacks one.
        """
        places = self._look_up(key)
        if places.min(initial=0) < 0:
            raise LimenError(self._refusals[self._key(key, int(np.argmax(places < 0)))])
        return Quantities(self._names, self._values.take(places, axis=1), self._methods.take(places, axis=1))

    @staticmethod
    def _key(key: Sequence[np.ndarray], row: int) -> tuple[Any, ...]:
        return tuple(column[row].item() for column in key)

    def _look_up(self, key: Sequence[np.ndarray]) -> np.ndarray:
        """Return the place of each row's unit, -1 where there is none."""
        rows = list(zip(*(column.tolist() for column in key), strict=True))
        places = self._places
        try:
            return np.fromiter(map(places.__getitem__, rows), np.int64, len(rows))
        except KeyError:
            for row in set(rows).difference(places):
                self._add(row)
        return np.fromiter(map(places.__getitem__, rows), np.int64, len(rows))

    def _add(self, row: tuple[Any, ...]) -> None:
        try:
            numbers = self._work_out(*row)
        except LimenError as error:
            self._refusals[row] = str(error)
            self._places[row] = -1
            return
        place = len(self._places) - len(self._refusals)
        if place == self._values.shape[1]:
            self._values = np.concatenate([self._values, np.zeros_like(self._values)], axis=1)
            self._methods = np.concatenate([self._methods, np.full_like(self._methods, ABSENT)], axis=1)
        for name, number in numbers.items():
            self._values[self._names[name], place] = number.value
            self._methods[self._names[name], place] = METHODS.index(number.method)
        self._places[row] = place
