"""The cycle model's kernel: steps every register of the Verilog, edge by clock edge.

It sees only arrays and integers. State, phases and names are those of simulator/verilog; operands are
bit patterns, partial sums and accumulators are patterns of their own width. Each block below first
reads what the registers hold before the clock edge, then writes what they hold after it; blocks go
from the array's output back to the controller, so that no block sees a value of the next cycle.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit

OS, WS, IS = 0, 1, 2
THRESHOLD, MAC = 0, 1
IDLE, PRELOAD, STREAM, DRAIN, FLUSH = 0, 1, 2, 3, 4

# Rows of the PE register file `pe` [3, R, C], and of toggles.
MOVING, STILL, VALUE = 0, 1, 2  # os: x, synapse, accumulator; ws, is: moving, stationary, psum

# Rows of the edge register file `edge` [11, C].
(TAG_VALID, TAG_ADDR, WORD, B_VALID, B_FIRST, B_LAST, B_ADDR, C_VALID, C_ADDR, C_ACC, C_SHIFT) = range(11)

_ONE = int64[::1]
_TWO = int64[:, ::1]
_THREE = int64[:, :, ::1]
_FOUR = int64[:, :, :, ::1]


@njit(int64(int64, int64), cache=True, inline="always")
def signed(pattern, bits):
    """Return the two's complement value of a bit pattern."""
    return pattern - ((pattern >> (bits - 1)) << bits)


@njit(int64(int64), cache=True)
def population(pattern):
    """Return the number of ones of a non-negative pattern."""
    count = int64(0)
    while pattern:
        pattern &= pattern - 1
        count += 1
    return count


@njit(int64(int64, int64, int64, int64, int64, int64), cache=True, inline="always")
def op_result(op, x, synapse, x_bits, w_bits, x_signed):
    """Return the value of one op from the patterns of an activation and a synapse."""
    w = signed(synapse & ((1 << w_bits) - 1), w_bits)
    if op == THRESHOLD:
        aligned = max(x_bits, w_bits)
        difference = (signed(x, x_bits) << (aligned - x_bits)) - (w << (aligned - w_bits))
        if difference < 0:
            return int64(0)
        return -difference if (synapse >> w_bits) & 1 else difference
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


@njit(_ONE(_ONE, _TWO, _TWO, _TWO, _TWO, _TWO, _ONE, _FOUR), cache=True)
def run_layer(config, row_bank, col_bank, bias, shift, ofmap, flip, trace):
    """Run one layer from `start` to `done` and return counts, int64.

    config: [rows, cols, dataflow, op, x_bits, w_bits, x_signed, acc_bits, value_bits,
        row_size, col_size, time_size, raw, y_low, y_high].
    row_bank [R, depth], col_bank [C, depth]: operand patterns. bias (patterns), shift [lanes, depth].
    ofmap [C, depth]: output patterns of acc_bits, written here.
    flip: [cycle, register, row, col, bit]: inverts that PE register bit after that clock edge; cycle 0: never.
    trace [cycles, 3, R, C]: the PE registers after each clock edge; no rows: not kept.

    Returns [preload, stream, drain, pipeline, busy, folds, toggles of MOVING, STILL, VALUE].
    """
    rows, cols, dataflow, op = config[0], config[1], config[2], config[3]
    x_bits, w_bits, x_signed, acc_bits, value_bits = config[4], config[5], config[6], config[7], config[8]
    row_size, col_size, time_size = config[9], config[10], config[11]
    raw, y_low, y_high = config[12], config[13], config[14]
    acc_mask = (int64(1) << acc_bits) - 1
    value_mask = (int64(1) << value_bits) - 1
    neutral_x = (int64(1) << (x_bits - 1)) if op == THRESHOLD else int64(0)
    neutral_synapse = (int64(1) << (w_bits - 1)) - 1 if op == THRESHOLD else int64(0)
    neutral_left = neutral_synapse if dataflow == IS else neutral_x
    neutral_top = neutral_x if dataflow == IS else neutral_synapse
    fold_begin = STREAM if dataflow == OS else PRELOAD
    fold_end = DRAIN if dataflow == OS else STREAM
    last_flush = 1 if dataflow == OS else 2

    # Registers, as they stand after reset and some idle cycles: neutral operands have passed through.
    state, array_state, count = int64(fold_begin), int64(IDLE), int64(0)
    rows_left, cols_left, row_offset = row_size, col_size, int64(0)
    row_base, col_base, out_base, col_fold = int64(0), int64(0), int64(0), int64(0)
    edge_valid, edge_time, edge_addr, edge_first, edge_last = int64(0), int64(0), int64(0), int64(0), int64(0)
    edge_cols_left, channel_addr = col_size, int64(0)
    row_lane = np.zeros((4, rows), dtype=np.int64)  # valid, addr (issue time); valid, word (array time)
    col_lane = np.zeros((4, cols), dtype=np.int64)
    channel = np.zeros((2, cols), dtype=np.int64)  # bias, shift
    edge = np.zeros((11, cols), dtype=np.int64)
    pe = np.zeros((3, rows, cols), dtype=np.int64)
    pe[MOVING] = neutral_left
    if dataflow == OS:
        pe[STILL] = neutral_top
    counts = np.zeros(9, dtype=np.int64)
    cycle = int64(0)

    while state != IDLE:
        cycle += 1
        # Phase of this cycle, in array time.
        if array_state == PRELOAD:
            counts[0] += 1
        elif array_state == STREAM:
            counts[1] += 1
        elif array_state == DRAIN:
            counts[2] += 1
        else:
            counts[3] += 1
        array_shift = array_state == PRELOAD or array_state == DRAIN

        # Combinational: the controller's tags of this cycle.
        phase_last = rows - 1
        if state == STREAM:
            phase_last = time_size + rows + cols - 3
        elif state == FLUSH:
            phase_last = last_flush
        phase_ends = count == phase_last
        shift_row = rows - 1 - count
        row_lane[0, 0] = state == STREAM and count < time_size
        row_lane[1, 0] = row_base + count
        if dataflow == OS:
            col_lane[0, 0] = row_lane[0, 0]
            col_lane[1, 0] = col_base + count
            edge_valid = state == DRAIN and shift_row < rows_left
            edge_addr = out_base + row_offset + shift_row
            edge_first, edge_last = int64(1), int64(1)
            edge_cols_left, channel_addr = cols_left, col_fold
            for c in range(cols):
                edge[TAG_VALID, c], edge[TAG_ADDR, c] = edge_valid, edge_addr
        else:
            for c in range(cols):
                col_lane[0, c] = state == PRELOAD and shift_row < rows_left
                col_lane[1, c] = col_base + row_offset + shift_row
            edge[TAG_VALID, 0], edge[TAG_ADDR, 0] = edge_valid, edge_addr

        # Array edge: stage C requantises and writes, stage B accumulates, stage A reads.
        for c in range(cols):
            total = edge[WORD, c]
            if edge[B_FIRST, c]:
                total = channel[0, c]
            total = (total + signed(pe[VALUE, rows - 1, c], value_bits)) & acc_mask
            read = edge[TAG_ADDR, c]
            word = ofmap[c, read] if 0 <= read < ofmap.shape[1] else int64(0)  # outside a drain: not used
            if edge[C_VALID, c]:
                y = requantise(edge[C_ACC, c], acc_bits, edge[C_SHIFT, c], raw, y_low, y_high)
                ofmap[c, edge[C_ADDR, c]] = y
            elif edge[B_VALID, c] and not edge[B_LAST, c]:
                ofmap[c, edge[B_ADDR, c]] = total
            edge[C_VALID, c] = edge[B_VALID, c] and edge[B_LAST, c]
            edge[C_ADDR, c] = edge[B_ADDR, c]
            edge[C_ACC, c] = total
            edge[C_SHIFT, c] = channel[1, c]
            edge[B_VALID, c] = edge[TAG_VALID, c] and c < edge_cols_left
            edge[B_FIRST, c], edge[B_LAST, c] = edge_first, edge_last
            edge[B_ADDR, c] = edge[TAG_ADDR, c]
            edge[WORD, c] = word
        for c in range(cols - 1, -1, -1):
            if dataflow == IS and c > 0:
                channel[0, c], channel[1, c] = channel[0, c - 1], channel[1, c - 1]
            elif channel_addr < bias.shape[1]:
                channel[0, c], channel[1, c] = bias[c, channel_addr] & acc_mask, shift[c, channel_addr]
            if dataflow != OS and c > 0:
                edge[TAG_VALID, c], edge[TAG_ADDR, c] = edge[TAG_VALID, c - 1], edge[TAG_ADDR, c - 1]

        # Array: the last row and column first, so that neighbours still hold their old values.
        for r in range(rows - 1, -1, -1):
            for c in range(cols - 1, -1, -1):
                left = pe[MOVING, r, c - 1] if c > 0 else (row_lane[3, r] if row_lane[2, r] else neutral_left)
                top = pe[STILL, r - 1, c] if r > 0 else (col_lane[3, c] if col_lane[2, c] else neutral_top)
                above = pe[VALUE, r - 1, c] if r > 0 else int64(0)
                old_moving, old_still, old_value = pe[MOVING, r, c], pe[STILL, r, c], pe[VALUE, r, c]
                still = old_still
                if dataflow == OS:
                    still = top
                    if array_shift:
                        value = above
                    else:
                        value = (old_value + op_result(op, left, top, x_bits, w_bits, x_signed)) & value_mask
                else:
                    if array_shift:
                        still = top
                    if dataflow == IS:
                        result = op_result(op, old_still, left, x_bits, w_bits, x_signed)
                    else:
                        result = op_result(op, left, old_still, x_bits, w_bits, x_signed)
                    value = (above + result) & value_mask
                counts[6] += population(old_moving ^ left)
                counts[7] += population(old_still ^ still)
                counts[8] += population(old_value ^ value)
                pe[MOVING, r, c], pe[STILL, r, c], pe[VALUE, r, c] = left, still, value

        # Feeders: banks answer in the next cycle; tags walk on along the lanes.
        for r in range(rows - 1, -1, -1):
            row_lane[2, r] = row_lane[0, r] and r < rows_left
            if row_lane[2, r]:
                row_lane[3, r] = row_bank[r, row_lane[1, r]]
                counts[4] += min(cols, cols_left)  # every operand meets one partner in each used column
        for c in range(cols - 1, -1, -1):
            col_lane[2, c] = col_lane[0, c] and c < cols_left
            if col_lane[2, c]:
                col_lane[3, c] = col_bank[c, col_lane[1, c]]
        last_row_valid = row_lane[0, rows - 1]
        for r in range(rows - 1, 0, -1):
            row_lane[0, r], row_lane[1, r] = row_lane[0, r - 1], row_lane[1, r - 1]
        if dataflow == OS:
            for c in range(cols - 1, 0, -1):
                col_lane[0, c], col_lane[1, c] = col_lane[0, c - 1], col_lane[1, c - 1]

        # Controller: array-time copies for the edge, then the next phase and fold.
        last_row_fold = rows_left <= rows
        last_col_fold = cols_left <= cols
        if dataflow != OS:
            edge_valid = last_row_valid
            edge_addr = out_base + edge_time
            channel_addr = edge_time if dataflow == IS else col_fold
            edge_time = int64(0) if state == PRELOAD else edge_time + last_row_valid
            edge_first, edge_last = int64(row_offset == 0), int64(last_row_fold)
            edge_cols_left = cols_left
        array_state = state
        count = int64(0) if phase_ends else count + 1
        if phase_ends and state == fold_end:
            counts[5] += 1
            state = int64(fold_begin)
            if not last_row_fold:
                rows_left -= rows
                row_offset += rows
                row_base += time_size
            else:
                rows_left, row_offset, row_base = row_size, int64(0), int64(0)
                cols_left -= cols
                col_base += time_size if dataflow == OS else row_size
                out_base += row_size if dataflow == OS else time_size
                col_fold += 1
                if last_col_fold:
                    state = int64(FLUSH)
        elif phase_ends and state == PRELOAD:
            state = int64(STREAM)
        elif phase_ends and state == STREAM:
            state = int64(DRAIN)
        elif phase_ends and state == FLUSH:
            state = int64(IDLE)

        if cycle == flip[0]:
            pe[flip[1], flip[2], flip[3]] ^= int64(1) << flip[4]
        if cycle <= trace.shape[0]:
            trace[cycle - 1] = pe
    return counts
