"""How many bytes designs lack that can't run a network for want of memory: what a search can learn to make smaller."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.cuts.block_refusals import hold
from simulator.cuts.demands import row_bits
from simulator.designs.design import BUFFERS, MOST_OPERANDS
from simulator.designs.memory import MOST_KIB
from simulator.designs.sizes import HALVES
from simulator.encoding import MOST_SIGNED
from simulator.timing.integers import machine_integers
from simulator.timing.timing import needs_of_all
from workloads.errors import LimenError

if TYPE_CHECKING:
    from simulator.designs.design_block import DesignBlock

BITS_PER_BYTE = 8


class DoesNotFit(LimenError):
    """A network that a design's memories don't hold.

    missing_bytes: by how much; 0 where no larger memory alone cures it, or where cuts are given.
    """

    def __init__(self, message: str, missing_bytes: int = 0) -> None:
        super().__init__(message)
        self.missing_bytes = missing_bytes


def missing_bytes(layers: np.ndarray, designs: DesignBlock) -> np.ndarray:
    """Return [designs] int64, the bytes that the buffers lack for the smallest tile of every layer.

    Each buffer lacks what the layer lacks that needs most of it, in both halves of it; operand banks lack it in every
    lane. 0 where nothing is missing, and where some layer doesn't fit the largest buffers either.

    layers: [layers] of LAYER_INTEGERS, of a pass of the designs.
    """
    machines = machine_integers(designs)
    largest = {name: np.full(len(designs), float(MOST_KIB)) for name in BUFFERS}
    roomy = machine_integers(replace(designs, **largest, operand_depth=np.full(len(designs), MOST_OPERANDS)))
    bits = {field.removesuffix("_kib"): wide for field, wide in row_bits(designs).items()}
    bits["operand"] = designs.x_lanes * designs.x_bits
    needs = needs_of_all(layers, machines)
    curable = hold(roomy, needs) & (layers["width"].max() <= MOST_SIGNED)
    lacking = {name: np.maximum(needs[name] - machines[f"{name}_depth"], 0) for name in bits}
    missing = sum(-(-rows * HALVES * bits[name] // BITS_PER_BYTE) for name, rows in lacking.items())
    return np.where(curable, missing, 0)
