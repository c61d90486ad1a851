"""limen_pool: the largest of a window's words, lane by lane."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW
from simulator.cycle.im2col import IM2COL_TYPE
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.cycle.wires import PARAMETERS_RECORD
from workloads.host.jit import njit_in_place

POOL = record_type("out_valid_reg", "pool_wait_reg")
"""The largest is known; a pixel's words are read, its result not yet written (a register of limen_refill)."""

POOL_RECORD = from_dtype(POOL)


class Pool(NamedTuple):
    """registers: POOL. best_reg [FEEDER]: the largest of a window so far."""

    registers: np.record
    best_reg: np.ndarray


POOL_TYPE = Reference(Pool, [POOL_RECORD, ROW])


@njit_in_place(void(POOL_TYPE, IM2COL_TYPE, int64, PARAMETERS_RECORD))
def step_pool(pool, im2col, lowest, parameters):
    """Compare a word with the largest so far; outside the ifmap there is nothing.

    lowest: pattern of the lowest value of the layer's own format, which may be narrower than x_bits.
    """
    flip = (int64(1) << (parameters.x_bits - 1)) if parameters.x_signed else int64(0)  # orders patterns as values
    word, best = im2col.ifmap_word, pool.best_reg
    for e in range(best.shape[0]):
        if im2col.registers.write_first_reg:
            best[e] = lowest
        if im2col.registers.write_inside_reg and (word[e] ^ flip) > (best[e] ^ flip):
            best[e] = word[e]
    pool.registers.out_valid_reg |= im2col.registers.write_last_reg
