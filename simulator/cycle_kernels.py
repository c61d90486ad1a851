"""The cycle model's kernel: steps every register of the Verilog, clock edge by clock edge.

It sees only arrays and integers. State, phases and names are those of simulator/verilog; operands are bit
patterns, partial sums and accumulators are patterns of their own width. Every module's function reads what the
registers hold before the clock edge and leaves what they hold after it; `run_program` calls them so that no
module sees another's next cycle. The memory side is in cycle_memory.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, void

from simulator import cycle_memory as memory
from simulator.cycle_memory import IS, OS, WS, signed

THRESHOLD, MAC = 0, 1

# Entries of `config`.
ROWS, COLS, DATAFLOW, OP, X_BITS, W_BITS, X_SIGNED, ACC_BITS, PSUM_BITS, POLARITY, FEEDER, PORT_BITS = range(12)
IFMAP_DEPTH, FILTER_DEPTH, POLARITY_DEPTH, CHANNEL_DEPTH, OFMAP_DEPTH, OPERAND_DEPTH = range(12, 18)
MEMORY_LATENCY, MEMORY_INTERVAL, CONFIG = range(18, 21)

# Columns of `counters`: cycles by phase 1..10, then folds, tiles and busy PE-cycles, beats, memory accesses.
PRELOAD, STREAM, DRAIN, PIPELINE, POOL, STALL_FEEDER, STALL_IFMAP, STALL_FILTER, STALL_OFMAP = range(9)
STALL_CONTROL, FOLDS, TILES, BUSY = range(9, 13)
BEATS_STORE, BEATS_DESCRIPTOR, BEATS_FILTER, BEATS_IFMAP, BEATS_RESIDUAL = range(13, 18)
IFMAP_READS, IFMAP_WRITES, WEIGHT_READS, WEIGHT_WRITES, POLARITY_READS, POLARITY_WRITES = range(18, 24)
CHANNEL_READS, CHANNEL_WRITES, OPERAND_READS, OPERAND_WRITES, OFMAP_READS, OFMAP_WRITES = range(24, 30)
PACK_READS, SCATTER_WRITES, COUNTERS = range(30, 33)

# Columns of `ports`: signals before the clock edge of the cycle.
PORT_NAMES = (
    *("phase", "mem_request", "mem_write", "mem_kind", "mem_read_valid", "mem_write_valid", "compute_busy", "dma_busy"),
    *("folds.state_reg", "folds.count_reg", "issue", "x_read", "filter_read", "filter_row", "edge_valid", "edge_addr"),
)
NPORTS = 16

# Rows of the PE register file `pe` [3, R, C], and of toggles.
MOVING, STILL, VALUE = 0, 1, 2  # os: x, synapse, accumulator; ws, is: moving, stationary, psum

# Rows of the edge register file [10, C]; the tag is that of stage A.
TAG_VALID, TAG_ADDR, B_VALID, B_FIRST, B_LAST, B_ADDR, C_VALID, C_ADDR, C_ACC, C_SHIFT = range(10)

# DMA.
DMA_IDLE, PICK, REQUEST, DATA = 0, 1, 2, 3
KIND_STORE, KIND_LAYER, KIND_TILE, KIND_FILTER, KIND_IFMAP, KIND_RESIDUAL = range(6)
DMA_STATE, KIND, WANTED, NEXT_DESCRIPTOR, RUN_ADDR, STRIDE, RUNS_LEFT, RUN_BEATS = range(8)
BEATS_LEFT, FIRST, PLANE, PLANE_LEFT, BASE, DMA_REGISTERS = range(8, 14)

# Folds controller; a limen_rows is a row and the base it goes back to.
IDLE, IN_PRELOAD, IN_STREAM, IN_DRAIN, IN_FLUSH, IN_POOL, IN_WAIT = range(7)
STATE, ARRAY_STATE, COUNT, GROUPS_LEFT, OUTER_LEFT, INNER_LEFT, OUTER_OFFSET, HALF, FILL_HALF, READY = range(10)
INNER_FIRST, OUTER_FIRST, X_WORD, X_ELEMENT, X_PIECE, EDGE_VALID, EDGE_TIME, EDGE_ADDR = range(11, 19)
EDGE_FIRST, EDGE_LAST, EDGE_COLS_LEFT, CHANNEL_ROW, CHANNEL_READ, IS_OUT_ROW, IS_GROUP_ROW = range(19, 26)
FILTER_ROWS, POLARITY_ROWS, OUT_ROWS, CHANNEL_ROWS, FOLDS_REGISTERS = 26, 28, 30, 32, 34

# Sequencer.
SEQUENCER_IDLE, FETCH, STEP = 0, 1, 2
LAYER_WORDS, TILE_WORDS = 8, 19

_ONE = int64[::1]
_TWO = int64[:, ::1]
_THREE = int64[:, :, ::1]


@njit(int64(int64), cache=True, inline="always")
def population(pattern):
    """Return the number of ones of a non-negative pattern."""
    pattern -= (pattern >> 1) & 0x5555555555555555
    pattern = (pattern & 0x3333333333333333) + ((pattern >> 2) & 0x3333333333333333)
    pattern = (pattern + (pattern >> 4)) & 0x0F0F0F0F0F0F0F0F
    pattern += pattern >> 8
    pattern += pattern >> 16
    return (pattern + (pattern >> 32)) & 0x7F


@njit(int64(int64, int64, int64, int64, int64, int64), cache=True, inline="always")
def op_result(op, x, synapse, x_bits, w_bits, x_signed):
    """Return the value of one op from the patterns of an activation and a synapse."""
    w = signed(synapse & ((1 << w_bits) - 1), w_bits)
    if op == THRESHOLD:
        aligned = max(x_bits, w_bits)
        difference = (signed(x, x_bits) << (aligned - x_bits)) - (w << (aligned - w_bits))
        above = max(difference, 0)
        return -above if (synapse >> w_bits) & 1 else above
    return (signed(x, x_bits) if x_signed else x) * w


@njit(int64(int64, int64, int64, int64, int64, int64), cache=True)
def requantise(acc, acc_bits, shift, raw, y_low, y_high):
    """Return the pattern the requantiser writes for an accumulator pattern."""
    if raw:
        return acc
    value = signed(acc, acc_bits)
    if shift > 0:
        value = ((value >> (shift - 1)) + 1) >> 1
    return min(max(value, y_low), y_high) & ((int64(1) << acc_bits) - 1)


@njit(int64(_ONE, _ONE), cache=True)
def copy_row(source, target):
    """Let a row of registers take another's place and return the bits that changed."""
    changed = int64(0)
    for c in range(target.shape[0]):
        changed += population(source[c] ^ target[c])
        target[c] = source[c]
    return changed


@njit(void(_ONE, _THREE, _ONE, _ONE, _ONE, int64, _ONE), cache=True)
def step_array(config, pe, left, top, result, shift, toggles):
    """limen_array: operands from the left and from the top; adds the bits that change to toggles."""
    rows, cols, dataflow, op = config[ROWS], config[COLS], config[DATAFLOW], config[OP]
    x_bits, w_bits, x_signed = config[X_BITS], config[W_BITS], config[X_SIGNED]
    mask = (int64(1) << (config[ACC_BITS] if dataflow == OS else config[PSUM_BITS])) - 1
    # The last row first, so that the row above still holds its old values.
    for r in range(rows - 1, -1, -1):
        moving, still, value = pe[MOVING, r], pe[STILL, r], pe[VALUE, r]
        changed = int64(0)
        for c in range(cols - 1, 0, -1):
            changed += population(moving[c] ^ moving[c - 1])
            moving[c] = moving[c - 1]
        toggles[MOVING] += changed + population(moving[0] ^ left[r])
        moving[0] = left[r]  # from here on `moving` is what the PEs of this row get from their left
        if dataflow == OS:
            toggles[STILL] += copy_row(pe[STILL, r - 1] if r > 0 else top, still)
        x, synapse = (still, moving) if dataflow == IS else (moving, still)
        for c in range(cols):
            result[c] = op_result(op, x[c], synapse[c], x_bits, w_bits, x_signed)
        if dataflow == OS and not shift:
            for c in range(cols):
                result[c] = (value[c] + result[c]) & mask
        elif dataflow == OS:
            for c in range(cols):
                result[c] = pe[VALUE, r - 1, c] if r > 0 else int64(0)
        elif r > 0:
            for c in range(cols):
                result[c] = (pe[VALUE, r - 1, c] + result[c]) & mask
        else:
            for c in range(cols):
                result[c] &= mask
        toggles[VALUE] += copy_row(result, value)
        if dataflow != OS and shift:
            toggles[STILL] += copy_row(pe[STILL, r - 1] if r > 0 else top, still)


@njit(void(_ONE, _TWO, _TWO, _THREE, _TWO, _ONE, _ONE, _ONE, int64, _ONE), cache=True)
def step_edges(config, edge, channel, ofmap, answer, bottom, wires, layer, half, row):
    """limen_tag and limen_edge of every column, on ofmap [2, C, depth]; counts accesses in `row` of counters.

    channel [C, 2]: bias and shift as column c sees them. answer [2, C]: what the banks read last.
    """
    cols, acc_bits, y_bits = config[COLS], config[ACC_BITS], config[X_BITS] + 1
    value_bits = acc_bits if config[DATAFLOW] == OS else config[PSUM_BITS]
    acc_mask, y_mask = (int64(1) << acc_bits) - 1, (int64(1) << y_bits) - 1
    raw, residual = (layer[0] >> 1) & 1, (layer[0] >> 3) & 1
    y_low, y_high = signed(layer[1] & y_mask, y_bits), signed(layer[2] & y_mask, y_bits)
    first, last = wires[memory.EDGE_FIRST], wires[memory.EDGE_LAST]
    depth = ofmap.shape[2]
    for c in range(cols if config[DATAFLOW] == OS else 1):
        edge[TAG_VALID, c], edge[TAG_ADDR, c] = wires[memory.EDGE_VALID], wires[memory.EDGE_ADDR]
    for c in range(cols - 1, -1, -1):
        total = int64(0)
        if edge[B_VALID, c]:
            total = signed(bottom[c], value_bits)
            if edge[B_FIRST, c]:
                total += channel[c, 0]
            if residual or not edge[B_FIRST, c]:
                total += answer[half, c]
            total &= acc_mask
        valid = edge[TAG_VALID, c] and c < wires[memory.EDGE_COLS_LEFT]
        address = edge[TAG_ADDR, c]
        if valid and (residual or not first):
            row[OFMAP_READS] += 1
            if address < depth:
                answer[half, c] = ofmap[half, c, address]
        if edge[C_VALID, c]:
            row[OFMAP_WRITES] += 1
            y = requantise(edge[C_ACC, c], acc_bits, edge[C_SHIFT, c], raw, y_low, y_high)
            if edge[C_ADDR, c] < depth:
                ofmap[half, c, edge[C_ADDR, c]] = y
        elif edge[B_VALID, c] and not edge[B_LAST, c]:
            row[OFMAP_WRITES] += 1
            if edge[B_ADDR, c] < depth:
                ofmap[half, c, edge[B_ADDR, c]] = total
        edge[C_VALID, c] = edge[B_VALID, c] and edge[B_LAST, c]
        edge[C_ADDR, c], edge[C_ACC, c], edge[C_SHIFT, c] = edge[B_ADDR, c], total, channel[c, 1]
        edge[B_VALID, c], edge[B_FIRST, c], edge[B_LAST, c], edge[B_ADDR, c] = valid, first, last, address
        if c > 0:
            edge[TAG_VALID, c], edge[TAG_ADDR, c] = edge[TAG_VALID, c - 1], edge[TAG_ADDR, c - 1]


@njit(void(_ONE, int64, int64, int64, int64, int64, int64, int64), cache=True)
def step_rows(folds, rows, moves, back_fold, back_block, fold_ends, block_ends, group_ends):
    """limen_rows: `moves` rows on; back to the base after a fold or block as told, onward after a group."""
    folds[rows] += moves
    if group_ends or (block_ends and not back_block):
        folds[rows + 1] = folds[rows]
    elif fold_ends and (back_fold or (block_ends and back_block)):
        folds[rows] = folds[rows + 1]


@njit(void(_ONE, _ONE, _ONE, _ONE, _ONE, _ONE, _ONE, int64, int64, int64, int64), cache=True)
def step_folds(config, folds, group, last_row, wires, layer, tile, cycle, start, block_filled, pool_busy):
    """limen_folds. last_row [R]: whether the last R cycles streamed, by cycle modulo R."""
    rows, cols, dataflow, polarity = config[ROWS], config[COLS], config[DATAFLOW], config[POLARITY]
    pixels, k_size = tile[15] & 0xFFFF, tile[15] >> 16
    group_outputs, tile_outputs = tile[16] & 0xFFFF, tile[16] >> 16
    outer_size = k_size if dataflow == WS else pixels
    inner_size = k_size if dataflow == IS else group_outputs
    time_size = k_size if dataflow == OS else pixels if dataflow == WS else group_outputs
    outer_step, inner_step = (cols, rows) if dataflow == IS else (rows, cols)
    fold_begin = IN_STREAM if dataflow == OS else IN_PRELOAD
    fold_end = IN_DRAIN if dataflow == OS else IN_STREAM
    first_k, last_k = (tile[0] >> 4) & 1, (tile[0] >> 5) & 1

    state, count, half = folds[STATE], folds[COUNT], folds[HALF]
    outer_left, inner_left = folds[OUTER_LEFT], folds[INNER_LEFT]
    phase_last = rows - 1
    if state == IN_STREAM:
        phase_last = time_size + rows + cols - 3
    elif state == IN_FLUSH:
        phase_last = 1 if dataflow == OS else 2
    phase_ends = count == phase_last
    last_inner, last_outer = inner_left <= inner_step, outer_left <= outer_step
    fold_ends = phase_ends and state == fold_end
    block_ends = fold_ends and last_inner
    group_ends = block_ends and last_outer
    rows_left, cols_left = (inner_left, outer_left) if dataflow == IS else (outer_left, inner_left)
    shift_row = rows - 1 - count  # preload and drain go through the rows from the last to the first
    shift_row_used = 0 <= shift_row < rows_left
    streaming = state == IN_STREAM and count < time_size
    preloading = state == IN_PRELOAD and shift_row_used
    filter_read = preloading if dataflow == WS else streaming
    x_read = preloading if dataflow == IS else streaming
    last_row[cycle % rows] = streaming
    last_row_valid = last_row[(cycle + 1) % rows]

    # Outputs.
    wires[memory.ARRAY_SHIFT] = folds[ARRAY_STATE] == IN_PRELOAD or folds[ARRAY_STATE] == IN_DRAIN
    wires[memory.RELEASE_BLOCK], wires[memory.FOLD_ENDS] = block_ends, fold_ends
    wires[memory.PAIRS] = min(rows, rows_left) * min(cols, cols_left) if streaming else int64(0)
    wires[memory.FILTER_READ], wires[memory.FILTER_ROW] = filter_read, folds[FILTER_ROWS]
    wires[memory.POLARITY_ROW] = folds[FILTER_ROWS if polarity == 0 else POLARITY_ROWS]
    piece_lane = group[memory.GROUP_LANE] if folds[X_PIECE] == 0 else int64(0)
    wires[memory.X_READ], wires[memory.X_HALF] = x_read, half
    wires[memory.X_ADDR] = count & 0xFFFF if dataflow == WS else folds[X_WORD]
    wires[memory.X_ELEMENT] = 0 if dataflow == WS else piece_lane + folds[X_ELEMENT]
    wires[memory.X_LANES_LEFT] = cols_left if dataflow == IS else rows_left
    if dataflow == OS:
        wires[memory.EDGE_VALID] = state == IN_DRAIN and shift_row_used
        wires[memory.EDGE_ADDR] = (folds[OUT_ROWS] + folds[OUTER_OFFSET] + shift_row) & 0xFFFF
        wires[memory.EDGE_FIRST], wires[memory.EDGE_LAST] = first_k, last_k
        wires[memory.EDGE_COLS_LEFT] = cols_left
        wires[memory.CHANNEL_READ] = state == IN_DRAIN and count == 0
        wires[memory.CHANNEL_ROW] = folds[CHANNEL_ROWS]
    else:
        wires[memory.EDGE_VALID], wires[memory.EDGE_ADDR] = folds[EDGE_VALID], folds[EDGE_ADDR]
        wires[memory.EDGE_FIRST], wires[memory.EDGE_LAST] = folds[EDGE_FIRST], folds[EDGE_LAST]
        wires[memory.EDGE_COLS_LEFT] = folds[EDGE_COLS_LEFT]
        wires[memory.CHANNEL_READ], wires[memory.CHANNEL_ROW] = folds[CHANNEL_READ], folds[CHANNEL_ROW]
        out_row = folds[IS_OUT_ROW if dataflow == IS else OUT_ROWS]
        group_row = folds[IS_GROUP_ROW if dataflow == IS else CHANNEL_ROWS]
        folds[CHANNEL_READ] = last_row_valid and (dataflow == IS or folds[EDGE_TIME] == 0)
        folds[CHANNEL_ROW] = group_row + folds[EDGE_TIME] if dataflow == IS else group_row
        folds[EDGE_VALID], folds[EDGE_ADDR] = last_row_valid, (out_row + folds[EDGE_TIME]) & 0xFFFF
        folds[EDGE_TIME] = int64(0) if state == IN_PRELOAD else folds[EDGE_TIME] + last_row_valid
        folds[EDGE_FIRST] = first_k and folds[INNER_FIRST if dataflow == IS else OUTER_FIRST]
        folds[EDGE_LAST] = last_k and (last_inner if dataflow == IS else last_outer)
        folds[EDGE_COLS_LEFT] = cols_left

    # Rows and addresses.
    back = dataflow != WS
    step_rows(folds, FILTER_ROWS, filter_read, 0, back, fold_ends, block_ends, group_ends)
    if polarity == 1 and dataflow == IS:
        step_rows(folds, POLARITY_ROWS, fold_ends, 0, 1, fold_ends, block_ends, group_ends)
    elif polarity == 1:
        step_rows(folds, POLARITY_ROWS, filter_read, 1, back, fold_ends, block_ends, group_ends)
    elif dataflow == IS:
        step_rows(folds, POLARITY_ROWS, filter_read, 1, 1, fold_ends, block_ends, group_ends)
    else:
        step_rows(folds, POLARITY_ROWS, fold_ends, 0, 1, fold_ends, block_ends, group_ends)
    step_rows(folds, OUT_ROWS, pixels if fold_ends else 0, 0, 1, fold_ends, block_ends, group_ends)
    step_rows(folds, CHANNEL_ROWS, fold_ends, 0, 1, fold_ends, block_ends, group_ends)
    if group_ends:
        folds[IS_GROUP_ROW] += group_outputs
        folds[IS_OUT_ROW] = folds[IS_GROUP_ROW]
    elif block_ends:
        folds[IS_OUT_ROW] += tile_outputs
    if x_read and dataflow != WS:
        last = group[memory.GROUP_LANE] + (tile[17] >> 16) - 1
        last_piece = folds[X_PIECE] == last // config[FEEDER]
        if piece_lane + folds[X_ELEMENT] == (last % config[FEEDER] if last_piece else config[FEEDER] - 1):
            folds[X_ELEMENT] = 0
            folds[X_WORD] += 1
            folds[X_PIECE] = 0 if last_piece else folds[X_PIECE] + 1
        else:
            folds[X_ELEMENT] += 1
    if block_ends or (fold_ends and dataflow == OS):
        folds[X_WORD], folds[X_ELEMENT], folds[X_PIECE] = 0, 0, 0
    memory.step_group(group, start, group_ends, layer, tile, 0, 0, config[FEEDER])

    # State.
    other_ready = folds[READY + 1 - half]
    this_ready = folds[READY + half]
    folds[ARRAY_STATE] = state
    folds[COUNT] = 0 if phase_ends or state == IN_WAIT else (count + 1) & 0x1FFFF
    if block_filled:
        folds[READY + folds[FILL_HALF]] = 1
        folds[FILL_HALF] ^= 1
    if state == IN_WAIT and this_ready:
        folds[STATE] = fold_begin
    elif state == IN_PRELOAD and phase_ends:
        folds[STATE] = IN_STREAM
    elif state == IN_STREAM and phase_ends and dataflow == OS:
        folds[STATE] = IN_DRAIN
    elif (state == IN_FLUSH and phase_ends) or (state == IN_POOL and not pool_busy):
        folds[STATE] = IDLE
    if fold_ends:
        folds[STATE] = fold_begin
        folds[INNER_LEFT] -= inner_step
        folds[INNER_FIRST] = 0
    if block_ends:
        folds[INNER_LEFT], folds[INNER_FIRST] = inner_size, 1
        folds[OUTER_LEFT] -= outer_step
        folds[OUTER_OFFSET] += outer_step
        folds[OUTER_FIRST] = 0
        folds[READY + half] = 0
        folds[HALF] = 1 - half
        if not other_ready:
            folds[STATE] = IN_WAIT
    if group_ends:
        folds[OUTER_LEFT], folds[OUTER_OFFSET], folds[OUTER_FIRST] = outer_size, 0, 1
        folds[GROUPS_LEFT] -= 1
        if folds[GROUPS_LEFT] == 0:
            folds[STATE] = IN_FLUSH
    if start:
        folds[STATE] = IN_POOL if (layer[0] >> 2) & 1 else IN_WAIT
        folds[COUNT], folds[GROUPS_LEFT], folds[OUTER_OFFSET] = 0, tile[0] >> 16, 0
        folds[OUTER_LEFT], folds[INNER_LEFT] = outer_size, inner_size
        folds[HALF], folds[FILL_HALF], folds[READY], folds[READY + 1] = 0, 0, 0, 0
        folds[INNER_FIRST], folds[OUTER_FIRST] = 1, 1
        folds[X_WORD], folds[X_ELEMENT], folds[X_PIECE] = 0, 0, 0
        folds[IS_OUT_ROW], folds[IS_GROUP_ROW] = 0, 0
        folds[FILTER_ROWS:FOLDS_REGISTERS] = 0
