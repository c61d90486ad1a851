"""`InputMap`: how a pixel becomes an activation."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import Field

from workloads.host.specfile import Spec
from workloads.ops.integers import MAX_SHIFT, operand_range


class InputMap(Spec):
    """How a pixel becomes an integer activation: sat((pixel − offset) · 2^shift), rounded half up."""

    offset: Annotated[int, Field(ge=-65535, le=65535)] = 0
    shift: Annotated[int, Field(ge=-MAX_SHIFT, le=MAX_SHIFT)] = 0

    def apply(self, pixels: np.ndarray, x_bits: int, x_signed: bool) -> np.ndarray:
        """Return int64 activations of the same shape, within the operand range."""
        if pixels.dtype == np.uint8:  # each of 256 pixels once
            return self.apply(np.arange(256), x_bits, x_signed)[pixels]
        centred = pixels.astype(np.int64) - self.offset
        rounding = 1 << (-self.shift - 1) if self.shift < 0 else 0
        scaled = (centred + rounding) >> -self.shift if self.shift < 0 else centred << self.shift
        return np.clip(scaled, *operand_range(x_bits, x_signed))
