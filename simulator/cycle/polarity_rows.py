"""limen_polarity_rows: the row of the scratchpad of polarity beside each row of weights."""

from __future__ import annotations

from simulator.cycle.rows import step_rows
from simulator.encoding import Dataflow, Polarity
from workloads.host.jit import njit_in_place


@njit_in_place(inline="always")
def step_polarity_rows(rows, parameters, read, ends):
    """Step the row; read: a row of weights is; ends: FOLD_ENDS."""
    by_input = parameters.polarity == Polarity.INPUT
    if by_input == (parameters.dataflow == Dataflow.IS):
        step_rows(rows, ends.fold_ends, 0, 1, ends)
    else:
        step_rows(rows, read, 1, parameters.dataflow != Dataflow.WS if by_input else 1, ends)
