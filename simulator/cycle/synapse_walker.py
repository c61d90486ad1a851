"""limen_synapse_walker: which lanes of which row of the scratchpad of weights a tensor's words fill under ws and is."""

from __future__ import annotations

from numba import from_dtype, int64, void

from simulator.cycle.records import record_type
from simulator.cycle.walker import STEP_RECORD
from workloads.host.jit import njit_in_place

SYNAPSE_WALKER = record_type(
    *("active_reg", "lane_reg", "pixel_reg", "k_place_reg", "k_row_reg", "k_left_reg"),
    *("n_place_reg", "n_row_reg", "n_rest_reg", "left_reg"),
    *("word_place_reg", "word_row_reg", "word_rest_reg", "word_left_reg"),
    *("transposed", "outputs", "fan_in", "range_rows", "rest", "height"),
)
"""The step's place along K, along N and in its word, where the present words began, and ports that stay as they are
during a tensor; height: positions of the step's range of K. word_rest_reg: of words along K, its k_left_reg."""

SYNAPSE_WALKER_RECORD = from_dtype(SYNAPSE_WALKER)


@njit_in_place(void(SYNAPSE_WALKER_RECORD))
def start_synapse_walker(walker):
    """Begin at the first word of the tensor that the ports describe."""
    walker.active_reg, walker.lane_reg, walker.pixel_reg = 1, 0, 0
    walker.k_place_reg, walker.k_row_reg, walker.k_left_reg = 0, 0, walker.fan_in
    walker.n_place_reg, walker.n_row_reg, walker.n_rest_reg = 0, 0, 0
    walker.left_reg = walker.word_left_reg = walker.fan_in if walker.transposed else walker.outputs
    walker.word_place_reg, walker.word_row_reg = 0, 0
    walker.word_rest_reg = walker.fan_in if walker.transposed else 0


@njit_in_place(void(SYNAPSE_WALKER_RECORD, int64))
def _go_along_k(walker, step):
    walker.k_place_reg += step
    if walker.k_place_reg == walker.height:
        walker.k_place_reg = 0
        walker.k_row_reg += walker.range_rows
        walker.k_left_reg -= walker.height


@njit_in_place(void(SYNAPSE_WALKER_RECORD, int64, int64, int64))
def _go_along_n(walker, step, rows, fold):
    """fold: outputs of a fold; 0 where all outputs are one."""
    walker.n_place_reg += step
    if fold > 0 and walker.n_place_reg == fold:
        walker.n_place_reg = 0
        walker.n_row_reg += rows
        walker.n_rest_reg += walker.rest


@njit_in_place(void(SYNAPSE_WALKER_RECORD))
def _go_back(walker):
    """Go back to where the present words began."""
    if walker.transposed:
        walker.k_place_reg, walker.k_row_reg = walker.word_place_reg, walker.word_row_reg
        walker.k_left_reg = walker.word_rest_reg
    else:
        walker.n_place_reg, walker.n_row_reg = walker.word_place_reg, walker.word_row_reg
        walker.n_rest_reg = walker.word_rest_reg
    walker.left_reg = walker.word_left_reg


@njit_in_place(void(SYNAPSE_WALKER_RECORD))
def _keep(walker):
    """Keep where the words of the next plane begin; the other axis begins anew."""
    if walker.transposed:
        walker.word_place_reg, walker.word_row_reg = walker.k_place_reg, walker.k_row_reg
        walker.word_rest_reg = walker.k_left_reg
        walker.n_place_reg, walker.n_row_reg, walker.n_rest_reg = 0, 0, 0
    else:
        walker.word_place_reg, walker.word_row_reg = walker.n_place_reg, walker.n_row_reg
        walker.word_rest_reg = walker.n_rest_reg
        walker.k_place_reg, walker.k_row_reg, walker.k_left_reg = 0, 0, walker.fan_in
    walker.word_left_reg = walker.left_reg
    walker.active_reg = walker.left_reg != 0


@njit_in_place(int64(SYNAPSE_WALKER_RECORD, STEP_RECORD, int64, int64, int64, int64))
def take_synapse_step(walker, step, rows, cols, feeder, turned):
    """Write what this step says, and advance; return the positions of its range of K. turned: whether under is."""
    last_range = walker.k_left_reg <= rows
    height = walker.k_left_reg if last_range else rows
    walker.height = height
    from_end = height - walker.k_place_reg - 1
    room = feeder - walker.lane_reg
    if walker.transposed == turned:
        edge = rows - walker.k_place_reg if turned else cols - walker.n_place_reg
        count = min(room, edge, walker.left_reg)
    else:
        count = int64(1)
    last_pixel = walker.pixel_reg == (walker.outputs if walker.transposed else walker.fan_in) - 1
    left = walker.left_reg - count
    step.lane, step.moved = walker.lane_reg, count
    if turned:
        step.addr, step.col = walker.k_row_reg + walker.n_place_reg, from_end
    else:
        before = walker.n_rest_reg if last_range else walker.n_row_reg
        step.addr, step.col = walker.k_row_reg + before + from_end, walker.n_place_reg
    step.word_ends = count == room or left == 0
    step.plane_ends = step.word_ends and last_pixel
    walker.lane_reg = 0 if step.word_ends else walker.lane_reg + count
    walker.left_reg = left
    along_k = count if walker.transposed else int64(step.word_ends)
    along_n = int64(step.word_ends) if walker.transposed else count
    _go_along_k(walker, along_k)
    _go_along_n(walker, along_n, rows, 0 if turned else cols)
    if step.plane_ends:
        walker.pixel_reg = 0
        _keep(walker)
    elif step.word_ends:
        walker.pixel_reg += 1
        _go_back(walker)
    return height
