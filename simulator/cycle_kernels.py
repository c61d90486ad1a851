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
ALL_OF_A_TILE = 60  # its descriptor, filter, ifmap and residual, by bit
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
_FOUR = int64[:, :, :, ::1]


@njit(void(_ONE, _ONE, _ONE, _ONE), cache=True)
def apply_op(config, x, synapse, result):
    """limen_op: write the value of one op for each pair of patterns of an activation and a synapse."""
    x_bits, w_bits = config[X_BITS], config[W_BITS]
    if config[OP] == THRESHOLD:
        aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
        for i in range(result.shape[0]):
            w = signed(synapse[i] & w_mask, w_bits)
            above = max((signed(x[i], x_bits) << (aligned - x_bits)) - (w << (aligned - w_bits)), 0)
            result[i] = -above if synapse[i] >> w_bits else above
    elif config[X_SIGNED]:
        for i in range(result.shape[0]):
            result[i] = signed(x[i], x_bits) * signed(synapse[i], w_bits)
    else:
        for i in range(result.shape[0]):
            result[i] = x[i] * signed(synapse[i], w_bits)


@njit(int64(int64, int64, int64, int64, int64, int64), cache=True)
def requantise(acc, acc_bits, shift, raw, y_low, y_high):
    """Return the pattern the requantiser writes for an accumulator pattern."""
    if raw:
        return acc
    value = signed(acc, acc_bits)
    if shift > 0:
        value = ((value >> (shift - 1)) + 1) >> 1
    return min(max(value, y_low), y_high) & ((int64(1) << acc_bits) - 1)


@njit(int64(int64), cache=True)
def population(pattern):
    """Return the number of ones of a non-negative pattern. LLVM knows this loop as one instruction."""
    count = int64(0)
    while pattern:
        pattern &= pattern - 1
        count += 1
    return count


@njit(int64(_ONE, _ONE), cache=True)
def load_registers(registers, fresh):
    """Take a clock edge and return how many bits changed."""
    changed = int64(0)
    for i in range(registers.shape[0]):
        changed += population(registers[i] ^ fresh[i])
        registers[i] = fresh[i]
    return changed


@njit(int64(_ONE, _TWO, _TWO, _ONE, _ONE, int64, _ONE), cache=True)
def step_array(config, pe, fresh, left, top, shift, toggles):
    """limen_array and its PEs, pe [3, R * C]: operands from the left and from the top.

    fresh: like pe, what the registers load. Adds the bits that change to toggles [3] and returns how many.
    """
    rows, cols, dataflow = config[ROWS], config[COLS], config[DATAFLOW]
    mask = (int64(1) << config[PSUM_BITS]) - 1
    moving, still, value = pe[MOVING], pe[STILL], pe[VALUE]
    from_left, from_top, result = fresh[MOVING], fresh[STILL], fresh[VALUE]
    for i in range(rows * cols - 1):
        from_left[i + 1] = moving[i]
    for r in range(rows):
        from_left[r * cols] = left[r]
    for c in range(cols):
        from_top[c] = top[c]
    for i in range(rows * cols - cols):
        from_top[i + cols] = still[i]
    if dataflow != OS or not shift:
        x, synapse = (still, from_left) if dataflow == IS else (from_left, from_top if dataflow == OS else still)
        apply_op(config, x, synapse, result)
    if dataflow == OS and shift:
        result[:cols] = 0
        for i in range(rows * cols - cols):
            result[i + cols] = value[i]
    elif dataflow == OS:
        for i in range(rows * cols):
            result[i] = (value[i] + result[i]) & mask
    else:
        for c in range(cols):
            result[c] &= mask
        for i in range(rows * cols - cols):
            result[i + cols] = (value[i] + result[i + cols]) & mask
    changed = load_registers(moving, from_left)
    toggles[MOVING] += changed
    if dataflow == OS or shift:
        stills = load_registers(still, from_top)
        toggles[STILL] += stills
        changed += stills
    values = load_registers(value, result)
    toggles[VALUE] += values
    return changed + values


@njit(void(_ONE, _TWO, _TWO, _THREE, _TWO, _ONE, _ONE, _ONE, int64, _ONE), cache=True)
def step_edges(config, edge, channel, ofmap, answer, bottom, wires, layer, half, row):
    """limen_tag and limen_edge of every column, on ofmap [2, C, depth]; counts accesses in `row` of counters.

    channel [C, 2]: bias and shift as column c sees them. answer [2, C]: what the banks read last.
    """
    cols, acc_bits, y_bits = config[COLS], config[ACC_BITS], config[X_BITS] + 1
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
            total = signed(bottom[c], config[PSUM_BITS])
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


@njit(int64(_ONE, _ONE), cache=True)
def kinds_wanted(dma, next_tile):
    """Return the kinds still to be served, by bit: what a tile wants counts once its descriptor has come."""
    return dma[WANTED] & ((next_tile[0] & 7) << KIND_FILTER | 7)


@njit(void(_ONE, _ONE, _ONE, int64, int64, int64, int64, int64), cache=True)
def step_dma(dma, next_tile, stored_tile, job, accepted, moved, layer_beats, tile_beats):
    """limen_dma. job: the kinds wanted of a job that starts now, by bit; 0: none starts."""
    state, kind = dma[DMA_STATE], dma[KIND]
    if state == PICK:
        wanted = kinds_wanted(dma, next_tile)
        kind = KIND_STORE
        while kind < KIND_RESIDUAL and not (wanted >> kind) & 1:
            kind += 1
        dma[DMA_STATE] = REQUEST if wanted else DMA_IDLE
        dma[WANTED] = wanted and dma[WANTED] & ~(1 << kind)
        dma[KIND], dma[BASE] = kind, 0
        # Words of the descriptor that say what to move: the address, runs and beats of a run, the stride.
        if kind == KIND_STORE:
            dma[RUN_ADDR], dma[STRIDE] = stored_tile[12], stored_tile[11]
            dma[RUNS_LEFT], dma[RUN_BEATS] = stored_tile[13] & 0xFFFF, stored_tile[13] >> 16
        elif kind == KIND_IFMAP:
            dma[RUN_ADDR], dma[STRIDE] = next_tile[5], next_tile[8]
            dma[RUNS_LEFT], dma[RUN_BEATS] = next_tile[6] & 0xFFFF, next_tile[6] >> 16
        elif kind == KIND_RESIDUAL:
            dma[RUN_ADDR], dma[STRIDE] = next_tile[9], next_tile[11]
            dma[RUNS_LEFT], dma[RUN_BEATS] = next_tile[10] & 0xFFFF, next_tile[10] >> 16
        elif kind == KIND_FILTER:
            dma[RUN_ADDR], dma[RUNS_LEFT] = next_tile[1], 1
            dma[RUN_BEATS] = (next_tile[2] & 0xFFFF) + (next_tile[3] & 0xFFFF) + (next_tile[4] & 0xFFFF)
        else:
            dma[RUN_ADDR], dma[RUNS_LEFT] = dma[NEXT_DESCRIPTOR], 1
            dma[RUN_BEATS] = layer_beats if kind == KIND_LAYER else tile_beats
            dma[NEXT_DESCRIPTOR] += dma[RUN_BEATS]
    elif state == REQUEST and accepted:
        dma[DMA_STATE], dma[BEATS_LEFT], dma[FIRST] = DATA, dma[RUN_BEATS], 1
        dma[PLANE], dma[PLANE_LEFT] = 0, next_tile[2] & 0xFFFF
    elif state == DATA and moved:
        dma[FIRST] = 0
        dma[BEATS_LEFT] -= 1
        dma[PLANE_LEFT] -= 1
        if kind == KIND_FILTER and dma[PLANE_LEFT] == 0:
            dma[FIRST] = 1
            dma[PLANE] = 1 if dma[PLANE] == 0 and next_tile[3] & 0xFFFF else 2
            dma[PLANE_LEFT] = next_tile[2 + dma[PLANE]] & 0xFFFF
        if dma[BEATS_LEFT] == 0:
            dma[DMA_STATE] = PICK if dma[RUNS_LEFT] == 1 else REQUEST
            dma[RUNS_LEFT] -= 1
            dma[RUN_ADDR] += dma[STRIDE]
            dma[BASE] += next_tile[7] >> 16
    elif state == DMA_IDLE and job:
        dma[DMA_STATE], dma[WANTED] = PICK, job


@njit(void(_TWO, int64, _ONE), cache=True)
def read_row(half, row, answer):
    """Let a scratchpad answer with one of its rows."""
    if row < half.shape[0]:
        for lane in range(answer.shape[0]):
            answer[lane] = half[row, lane]


@njit(int64(_ONE, _TWO, _ONE, _ONE, _FOUR, _TWO, _TWO, _TWO), cache=True)
def run_program(config, dram, memory_mask, flip, trace, counters, toggles, ports):
    """Run the program at beat 0 of `dram` [beats, words] from `start` to `done` and return its cycles.

    config: ROWS .. MEMORY_INTERVAL. dram: 32-bit words, stored to in place. memory_mask [period]: in which cycles the
    memory accepts or moves anything. flip: [cycle, register, row, col, bit]: inverts that PE register bit after that
    clock edge; cycle 0: never. trace [cycles, 3, R, C]: the PE registers after each clock edge; no rows: not kept.
    counters [layers, COUNTERS], toggles [layers, 3] and ports [cycles, NPORTS] are written here.
    """
    rows, cols, dataflow, op, feeder = config[ROWS], config[COLS], config[DATAFLOW], config[OP], config[FEEDER]
    x_bits, w_bits, x_signed, acc_bits = config[X_BITS], config[W_BITS], config[X_SIGNED], config[ACC_BITS]
    beat_words = config[PORT_BITS] // 32
    neutral_x = (int64(1) << (x_bits - 1)) if op == THRESHOLD else int64(0)
    neutral_synapse = (int64(1) << (w_bits - 1)) - 1 if op == THRESHOLD else int64(0)
    x_lanes, synapse_lanes = (cols, rows) if dataflow == IS else (rows, cols)
    one_polarity = config[POLARITY] != 0 and (config[POLARITY] == 1) != (dataflow == IS)
    polarity_lanes = 1 if one_polarity else synapse_lanes
    channel_lanes = 1 if dataflow == IS else cols

    # Memories of two halves, and what they answered last. One fill serves all scratchpads: there is one DMA.
    ifmap = np.zeros((2, config[IFMAP_DEPTH], feeder), np.int64)
    weights = np.zeros((2, config[FILTER_DEPTH], synapse_lanes), np.int64)
    polarities = np.zeros((2, config[POLARITY_DEPTH], polarity_lanes), np.int64)
    channels = np.zeros((2, config[CHANNEL_DEPTH], channel_lanes), np.int64)
    operands = np.zeros((2, x_lanes, config[OPERAND_DEPTH]), np.int64)
    ofmap = np.zeros((2, cols, config[OFMAP_DEPTH]), np.int64)
    ifmap_word, ofmap_words = np.zeros(feeder, np.int64), np.zeros((2, cols), np.int64)
    polarity_word, channel_word = np.zeros(polarity_lanes, np.int64), np.zeros(channel_lanes, np.int64)
    pad = np.zeros(4, np.int64)
    widest = max(max(feeder * x_bits, synapse_lanes * w_bits), channel_lanes * (acc_bits + 5))
    pad_stream = np.zeros(widest // 32 + 3 + beat_words, np.int64)

    # Registers of the modules; skew lines by cycle modulo their length, filled with neutral operands.
    wires = np.zeros(memory.WIRES, np.int64)
    dma, folds = np.zeros(DMA_REGISTERS, np.int64), np.zeros(FOLDS_REGISTERS, np.int64)
    im2col, fill = np.zeros(memory.IM2COL_REGISTERS, np.int64), np.zeros(memory.FILL_REGISTERS, np.int64)
    groups, walkers = np.zeros((2, 2), np.int64), np.zeros((2, memory.WALKER_REGISTERS), np.int64)
    steps, streams = np.zeros((2, memory.STEP_OUTPUTS), np.int64), np.zeros((2, 2 * beat_words + 1), np.int64)
    packer, scatter = np.zeros(memory.PACKER_REGISTERS, np.int64), np.zeros(memory.SCATTER_REGISTERS, np.int64)
    turned, turned_raw = np.zeros((cols, feeder), np.int64), np.zeros(cols, np.int64)
    beat, store_beat = np.zeros(beat_words, np.int64), np.zeros(beat_words, np.int64)
    pooled, last_row = np.zeros(feeder, np.int64), np.zeros(rows, np.int64)
    x_out, synapse_out = np.full(x_lanes, neutral_x), np.full(synapse_lanes, neutral_synapse)
    left_out, top_out = (synapse_out, x_out) if dataflow == IS else (x_out, synapse_out)
    left_line = np.full((rows, rows), left_out[0])
    top_line = np.full((cols, cols), top_out[0])
    left, top = left_line[0].copy(), top_line[0].copy()
    channel_line, channel_seen = np.zeros(cols, np.int64), np.zeros((cols, 2), np.int64)
    edge = np.zeros((10, cols), np.int64)
    pe = np.zeros((3, rows, cols), np.int64)
    registers, fresh = pe.reshape(3, rows * cols), np.zeros((3, rows * cols), np.int64)
    pe[MOVING] = left_out[0]
    if dataflow == OS:
        pe[STILL] = top_out[0]
    output_config = np.array([0, dataflow, x_bits, acc_bits, x_signed])

    # Sequencer, in the cycle after `start`: the DMA begins to fetch the first layer's descriptor.
    layer_beats, tile_beats = -(-LAYER_WORDS // beat_words), -(-TILE_WORDS // beat_words)
    layer, next_tile = np.zeros(layer_beats * beat_words, np.int64), np.zeros(tile_beats * beat_words, np.int64)
    tile, stored_tile = np.zeros_like(next_tile), np.zeros_like(next_tile)
    state, next_valid, tile_valid, tiles_left = int64(FETCH), int64(0), int64(0), int64(0)
    filter_half, ifmap_half, ofmap_half = int64(0), int64(0), int64(0)
    dma[DMA_STATE], dma[WANTED] = PICK, 1 << KIND_LAYER
    pool_valid, pool_wait = int64(0), int64(0)
    memory_left, memory_next, memory_at = int64(0), int64(0), int64(0)
    quiet, last_shift, edge_cycles, x_held = False, int64(0), int64(0), int64(0)
    cycle, index = int64(0), int64(0)

    while state != SEQUENCER_IDLE:
        row = counters[index]
        pool = (layer[0] >> 2) & 1
        # Sequencer.
        dma_busy, compute_busy = dma[DMA_STATE] != DMA_IDLE, folds[STATE] != IDLE
        scatter_busy = scatter[memory.WAITING] >= feeder * x_bits
        still = not dma_busy and not scatter_busy and not compute_busy
        store, load = tile_valid and (tile[0] >> 3) & 1, tiles_left != 0
        more = store or load or next_valid
        stepping, layer_ends = state == STEP and still and more, state == STEP and still and not more
        compute_start = stepping and next_valid
        now = next_tile if compute_start else tile

        # Memory port.
        kind, dma_state = dma[KIND], dma[DMA_STATE]
        ready = memory_mask[cycle % memory_mask.shape[0]] != 0
        accepted = dma_state == REQUEST and memory_left == 0 and ready
        offered = memory_left > 0 and cycle >= memory_next and ready
        store_valid = packer[memory.BEAT_VALID]
        willing = store_valid if kind == KIND_STORE else not (kind == KIND_RESIDUAL and scatter_busy)
        moved = offered and willing
        beat_valid, beat_first = moved and kind != KIND_STORE, dma[FIRST]
        store_start = dma_state == PICK and dma[WANTED] & 1
        residual_start = dma_state == PICK and kinds_wanted(dma, next_tile) == 1 << KIND_RESIDUAL
        if moved:
            row[BEATS_STORE + (kind if kind < KIND_TILE else kind - 1)] += 1
            for i in range(beat_words):
                if kind == KIND_STORE:
                    dram[memory_at, i] = store_beat[i]
                else:
                    beat[i] = dram[memory_at, i]

        # Phase of this cycle.
        phase = folds[STATE]
        if not compute_busy:
            phase = int64(1 + STALL_CONTROL)
            if dma_busy and dma_state != PICK and kind == KIND_STORE:
                phase = int64(1 + STALL_OFMAP)
            elif dma_busy and dma_state != PICK and kind == KIND_FILTER:
                phase = int64(1 + STALL_FILTER)
            elif (dma_busy and dma_state != PICK and kind >= KIND_IFMAP) or (not dma_busy and scatter_busy):
                phase = int64(1 + STALL_IFMAP)
        row[phase - 1] += 1
        row[TILES] += compute_start
        fold_state, fold_count = folds[STATE], folds[COUNT]

        pool_busy = im2col[memory.ACTIVE] or pool_wait
        block_filled = fill[memory.BLOCK_FILLED]
        if compute_start or compute_busy or folds[ARRAY_STATE] != IDLE:
            step_folds(
                config, folds, groups[0], last_row, wires, layer, now, cycle, compute_start, block_filled, pool_busy
            )
        else:
            folds[COUNT] = 0 if fold_count == rows - 1 else (fold_count + 1) & 0x1FFFF
        row[FOLDS] += wires[memory.FOLD_ENDS]
        row[BUSY] += wires[memory.PAIRS]

        # Array edge, and the bias and shift each column sees: under is those of as many cycles ago as its number.
        slot = cycle % cols
        channel_line[slot] = channel_word[0]
        edge_cycles = cols + 3 if wires[memory.EDGE_VALID] else edge_cycles - 1
        if edge_cycles > 0:
            for c in range(cols):
                pattern = channel_line[slot - c + (cols if c > slot else 0)] if dataflow == IS else channel_word[c]
                channel_seen[c, 0], channel_seen[c, 1] = pattern & ((int64(1) << acc_bits) - 1), pattern >> acc_bits
            bottom = pe[VALUE, rows - 1]
            step_edges(config, edge, channel_seen, ofmap, ofmap_words, bottom, wires, layer, ofmap_half, row)

        # Array: lane i gets what it was given i cycles ago. Without a change in two cycles there will be none.
        same = last_shift == wires[memory.ARRAY_SHIFT]
        last_shift = wires[memory.ARRAY_SHIFT]
        row_slot = cycle % rows
        for r in range(rows):
            left_line[row_slot, r] = left_out[r]
            operand = left_line[row_slot - r + (rows if r > row_slot else 0), r]
            same = same and left[r] == operand
            left[r] = operand
        for c in range(cols):
            top_line[slot, c] = top_out[c]
            operand = top_line[slot - c + (cols if c > slot else 0), c] if dataflow == OS else top_out[c]
            same = same and top[c] == operand
            top[c] = operand
        if not (same and quiet):
            quiet = step_array(config, registers, fresh, left, top, last_shift, toggles[index]) == 0

        # Filters and operands answer in the next cycle.
        for lane in range(synapse_lanes):
            synapse_out[lane] = neutral_synapse
        if wires[memory.FILTER_READ]:
            row[WEIGHT_READS] += 1
            read_row(weights[filter_half], wires[memory.FILTER_ROW], synapse_out)
            if op == THRESHOLD:
                row[POLARITY_READS] += 1
                read_row(polarities[filter_half], wires[memory.POLARITY_ROW], polarity_word)
                for lane in range(synapse_lanes):
                    synapse_out[lane] |= polarity_word[0 if polarity_lanes == 1 else lane] << w_bits
        if wires[memory.CHANNEL_READ]:
            row[CHANNEL_READS] += 1
            read_row(channels[filter_half], wires[memory.CHANNEL_ROW], channel_word)
        if wires[memory.X_READ]:
            row[OPERAND_READS] += min(x_lanes, wires[memory.X_LANES_LEFT])
        if wires[memory.X_READ] or x_held or fill[memory.FILL_VALID]:
            row[OPERAND_WRITES] += memory.step_operands(
                operands, x_out, fill, ifmap_word, wires, dataflow, pool, neutral_x
            )
        x_held = wires[memory.X_READ]

        # Packer and scatter unit, pooling and im2col unit.
        output_config[0] = (layer[0] >> 1) & 1
        other = 1 - ofmap_half
        if store_start or (dma_busy and kind == KIND_STORE):
            row[PACK_READS] += memory.step_packer(
                packer, walkers[0], steps[0], turned, turned_raw, streams[0], store_beat, ofmap_words[other],
                ofmap[other], stored_tile, output_config, store_start, moved and kind == KIND_STORE,
            )  # fmt: skip
        spread_start, added = (compute_start, False) if pool else (residual_start, beat_valid and kind == KIND_RESIDUAL)
        wires[memory.SCATTERED], wires[memory.POOL_TAKEN] = 0, 0
        if spread_start or added or scatter_busy or pool_valid:
            memory.step_scatter(
                scatter, walkers[1], steps[1], streams[1], beat, pooled, ofmap[ofmap_half if pool else other],
                now if pool else next_tile, output_config, wires, spread_start, pool_valid,
                0 if pool else (layer[0] >> 8) & 15, added, beat_first,
            )  # fmt: skip
        row[SCATTER_WRITES] += wires[memory.SCATTERED]
        hold = pool_wait
        if wires[memory.POOL_TAKEN]:
            pool_valid, pool_wait = int64(0), int64(0)
        if pool and fill[memory.FILL_VALID]:
            memory.step_pool(pooled, fill, ifmap_word, x_bits, x_signed)
            pool_valid |= fill[memory.FILL_LAST]
        fill[memory.FILL_VALID], fill[memory.BLOCK_FILLED] = 0, 0
        wires[memory.ISSUE], wires[memory.PIXEL_ENDS], wires[memory.IFMAP_READ] = 0, 0, 0
        if compute_start or im2col[memory.ACTIVE]:
            memory.step_im2col(
                im2col, groups[1], fill, wires, layer, now, ifmap[ifmap_half], ifmap_word, x_lanes, dataflow,
                compute_start, hold,
            )  # fmt: skip
        pool_wait |= pool and wires[memory.ISSUE] and wires[memory.PIXEL_ENDS]
        row[IFMAP_READS] += wires[memory.IFMAP_READ]

        # Beats into the scratchpads' other halves.
        if beat_valid and kind == KIND_IFMAP:
            half, skip, count = ifmap[1 - ifmap_half], next_tile[7] & 0xFFFF, next_tile[7] >> 16
            row[IFMAP_WRITES] += memory.fill_scratchpad(
                pad, pad_stream, half, beat, beat_first, skip, dma[BASE], count, x_bits
            )
        elif beat_valid and kind == KIND_FILTER:
            plane = dma[PLANE]
            half = weights[1 - filter_half]
            if plane > 0:
                half = polarities[1 - filter_half] if plane == 1 else channels[1 - filter_half]
            bits = w_bits if plane == 0 else int64(1) if plane == 1 else acc_bits + 5
            row[WEIGHT_WRITES + (2 * plane)] += memory.fill_scratchpad(
                pad, pad_stream, half, beat, beat_first, 0, 0, next_tile[2 + plane] >> 16, bits
            )

        # DMA and memory.
        job = int64(0)
        if layer_ends and not layer[0] & 1:
            job = int64(1 << KIND_LAYER)
        elif stepping:
            job = (store << KIND_STORE) | (ALL_OF_A_TILE if load else 0)
        if accepted:
            memory_left, memory_at, memory_next = dma[RUN_BEATS], dma[RUN_ADDR], cycle + config[MEMORY_LATENCY]
        elif moved:
            memory_left, memory_at, memory_next = memory_left - 1, memory_at + 1, cycle + config[MEMORY_INTERVAL]
        if dma_busy or job:
            step_dma(dma, next_tile, stored_tile, job, accepted, moved, layer_beats, tile_beats)

        # Sequencer: descriptors come beat by beat, first word first.
        if beat_valid and kind <= KIND_TILE:
            words = layer if kind == KIND_LAYER else next_tile
            for i in range(words.shape[0] - beat_words):
                words[i] = words[i + beat_words]
            for i in range(beat_words):
                words[words.shape[0] - beat_words + i] = beat[i]
        if state == FETCH and not dma_busy and not scatter_busy:
            state, tiles_left, next_valid, tile_valid = int64(STEP), layer[0] >> 16, int64(0), int64(0)
        if stepping:
            stored_tile[:] = tile
            if next_valid:
                tile[:] = next_tile
                filter_half ^= tile[0] & 1
                ifmap_half ^= (tile[0] >> 1) & 1
            ofmap_half ^= (tile[0] >> 4) & 1 if next_valid else store
            tile_valid, next_valid = next_valid, int64(load)
            tiles_left -= load
        if layer_ends:
            state = int64(SEQUENCER_IDLE if layer[0] & 1 else FETCH)
            index += 1

        if cycle < ports.shape[0]:
            port = ports[cycle]
            port[0], port[1], port[2], port[3] = phase, dma_state == REQUEST, kind == KIND_STORE, kind
            port[4] = offered and kind != KIND_STORE
            port[5] = dma_state == DATA and kind == KIND_STORE and store_valid
            port[6], port[7], port[8], port[9] = compute_busy, dma_busy, fold_state, fold_count
            port[10], port[11], port[12] = wires[memory.ISSUE], wires[memory.X_READ], wires[memory.FILTER_READ]
            port[13], port[14], port[15] = wires[memory.FILTER_ROW], wires[memory.EDGE_VALID], wires[memory.EDGE_ADDR]
        cycle += 1
        if cycle == flip[0]:
            pe[flip[1], flip[2], flip[3]] ^= int64(1) << flip[4]
            quiet = False
        if cycle <= trace.shape[0]:
            trace[cycle - 1] = pe
    return cycle
