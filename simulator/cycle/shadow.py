"""limen_shadow of every PE, with limen_waves: what PEs turn to, or turned from, where folds overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64

from simulator.cycle.bits import ROW
from simulator.cycle.reference import Reference
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place


class Shadows(NamedTuple):
    """value [R * C]. load_in, shift_in [R * C]: of this cycle. load_rows, reached [R]: of column 0, see limen_waves."""

    value: np.ndarray
    load_in: np.ndarray
    shift_in: np.ndarray
    load_rows: np.ndarray
    reached: np.ndarray


SHADOWS_TYPE = Reference(Shadows, [ROW] * 5)


@njit_in_place(int64(SHADOWS_TYPE, int64, int64, int64))
def step_waves(shadows, drains, load, shift):
    """Go on to the next cycle's loads and shifts; return whether there are any, or will be."""
    load_rows, reached, rows = shadows.load_rows, shadows.reached, shadows.reached.shape[0]
    cols, any_left = shadows.value.shape[0] // rows, int64(0)
    for row in range(rows - 1, 0, -1):
        load_rows[row], reached[row] = load_rows[row - 1], reached[row - 1] and shift
    load_rows[0], reached[0] = load, shift
    for row in range(rows):
        any_left |= load_rows[row] | reached[row]
    for i in range(shadows.value.shape[0] - 1, -1, -1):
        if i % cols > 0:
            shadows.load_in[i], shadows.shift_in[i] = shadows.load_in[i - 1], shadows.shift_in[i - 1]
        else:
            row = i // cols
            shadows.load_in[i] = load_rows[row]
            shadows.shift_in[i] = shift and not reached[row] if drains else reached[row]
        any_left |= shadows.load_in[i] | shadows.shift_in[i]
    return any_left


@njit_in_place(int64(SHADOWS_TYPE, int64, ROW, ROW))
def step_shadows(shadows, dataflow, own, top):
    """Take the clock edge; return whether anything changed. own [R * C]: accumulators; top [C]: what enters."""
    value, cols, changed = shadows.value, top.shape[0], int64(0)
    drains = dataflow == Dataflow.OS
    for i in range(value.shape[0] - 1, -1, -1):
        before = value[i]
        if drains and shadows.load_in[i]:
            value[i] = own[i]
        elif shadows.shift_in[i]:
            above = int64(0) if drains else top[i % cols]
            value[i] = value[i - cols] if i >= cols else above
        changed |= before ^ value[i]
    return changed
