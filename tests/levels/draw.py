"""`Draw`: chance, from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np


class Draw:
    """The few shapes of chance that the generators need."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def beside(self) -> Draw:
        """Return chance of its own, which takes nothing from this one's."""
        other = Draw(0)
        other.rng = self.rng.spawn(1)[0]
        return other

    def pick(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one_of(self, *values: Any) -> Any:
        return values[self.pick(0, len(values) - 1)]

    def about(self, low: float, high: float) -> float:
        """Log-uniform."""
        return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
