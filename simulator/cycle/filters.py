"""The scratchpads of filters as the cycle model holds them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.cycle.bits import CUBE, ROW
from simulator.cycle.reference import Reference


class Filters(NamedTuple):
    """Halves first: weights [2, depth, lanes], polarities, channels (bias and shift).

    polarity_word: what that of polarity answered last.
    """

    weights: np.ndarray
    polarities: np.ndarray
    channels: np.ndarray
    polarity_word: np.ndarray


FILTERS_TYPE = Reference(Filters, [CUBE, CUBE, CUBE, ROW])
