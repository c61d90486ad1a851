"""`Bound`: a constraint of a study, parsed."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from workloads.host.specfile import Spec

Value = TypeVar("Value", float, np.ndarray)


class Bound(Spec):
    """A constraint: figure `name` at most (or at least) `limit`."""

    name: str
    at_most: bool
    limit: float

    def violation(self, value: Value) -> Value:
        """Return how far a value, or each of many, is beyond the limit: zero or less where the constraint holds."""
        return value - self.limit if self.at_most else self.limit - value
