"""The cycle model's array: folds controller, PEs, and the edge below every column. See cycle_kernels."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle import cycle_feed as feed
from simulator.cycle.cycle_feed import LAYER_VALUES, TILE_VALUES, flag, signed
from simulator.encoding import FIRST_K, LAST_K, POOL, RAW, RESIDUAL, Dataflow, Op, Polarity
from workloads.host.jit import njit

WIDEST_SHIFT_WEIGHT = 5

# Entries of `config`.
ROWS, COLS, DATAFLOW, OP, X_BITS, W_BITS, X_SIGNED, ACC_BITS, PSUM_BITS, POLARITY, FEEDER, PORT_BITS = range(12)
IFMAP_DEPTH, FILTER_DEPTH, POLARITY_DEPTH, CHANNEL_DEPTH, OFMAP_DEPTH, OPERAND_DEPTH = range(12, 18)
MEMORY_LATENCY, MEMORY_INTERVAL, CONFIG = range(18, 21)

# Rows of the PE register file `pe` [3, R, C], and of toggles.
MOVING, STILL, VALUE = 0, 1, 2  # os: x, synapse, accumulator; ws, is: moving, stationary, psum

# Rows of the edge register file [10, C]; the tag is that of stage A.
TAG_VALID, TAG_ADDR, B_VALID, B_FIRST, B_LAST, B_ADDR, C_VALID, C_ADDR, C_ACC, C_SHIFT = range(10)

# Folds controller; a limen_rows is a row and the base it goes back to.
IDLE, IN_PRELOAD, IN_STREAM, IN_DRAIN, IN_FLUSH, IN_POOL, IN_WAIT = range(7)
STATE, ARRAY_STATE, COUNT, GROUPS_LEFT, OUTER_LEFT, INNER_LEFT, OUTER_OFFSET, HALF, FILL_HALF, READY = range(10)
INNER_FIRST, OUTER_FIRST, X_WORD, X_ELEMENT, X_PIECE, EDGE_VALID, EDGE_TIME, EDGE_ADDR = range(11, 19)
EDGE_FIRST, EDGE_LAST, EDGE_COLS_LEFT, CHANNEL_ROW, CHANNEL_READ, IS_OUT_ROW, IS_GROUP_ROW = range(19, 26)
FILTER_ROWS, POLARITY_ROWS, OUT_ROWS, CHANNEL_ROWS, FOLDS_REGISTERS = 26, 28, 30, 32, 34

_ONE = int64[::1]
_TWO = int64[:, ::1]
_THREE = int64[:, :, ::1]


@njit(void(_ONE, int64, _ONE, _ONE, _ONE))
def apply_op(config, op, x, synapse, result):
    """limen_op: write the value of `op` for each pair of patterns of an activation and a synapse."""
    x_bits, w_bits = config[X_BITS], config[W_BITS]
    aligned, w_mask = max(x_bits, w_bits), (int64(1) << w_bits) - 1
    if op == Op.THRESHOLD:
        for i in range(result.shape[0]):
            w = signed(synapse[i] & w_mask, w_bits)
            above = max((signed(x[i], x_bits) << (aligned - x_bits)) - (w << (aligned - w_bits)), 0)
            result[i] = -above if synapse[i] >> w_bits else above
    elif op == Op.ADDER:
        for i in range(result.shape[0]):
            w = signed(synapse[i] & w_mask, w_bits) << (aligned - w_bits)
            result[i] = -abs((signed(x[i], x_bits) << (aligned - x_bits)) - w)
    elif op == Op.SHIFT:
        sign = min(w_bits, WIDEST_SHIFT_WEIGHT) - 1
        zero = (int64(1) << sign) - 1
        for i in range(result.shape[0]):
            exponent = synapse[i] & zero
            shifted = (signed(x[i], x_bits) if config[X_SIGNED] else x[i]) << exponent
            value = int64(0) if exponent == zero else shifted
            result[i] = -value if (synapse[i] >> sign) & 1 else value
    elif config[X_SIGNED]:
        for i in range(result.shape[0]):
            result[i] = signed(x[i], x_bits) * signed(synapse[i] & w_mask, w_bits)
    else:
        for i in range(result.shape[0]):
            result[i] = x[i] * signed(synapse[i] & w_mask, w_bits)


@njit(int64(int64, int64, int64, int64, int64, int64))
def requantise(acc, acc_bits, shift, raw, y_low, y_high):
    """Return the pattern the requantiser writes for an accumulator pattern."""
    if raw:
        return acc
    value = signed(acc, acc_bits)
    if shift > 0:
        value = ((value >> (shift - 1)) + 1) >> 1
    return min(max(value, y_low), y_high) & ((int64(1) << acc_bits) - 1)


@njit(int64(int64))
def population(pattern):
    """Return the number of ones of a non-negative pattern. LLVM knows this loop as one instruction."""
    count = int64(0)
    while pattern:
        pattern &= pattern - 1
        count += 1
    return count


@njit(int64(_ONE, _ONE))
def load_registers(registers, fresh):
    """Take a clock edge and return how many bits changed."""
    changed = int64(0)
    for i in range(registers.shape[0]):
        changed += population(registers[i] ^ fresh[i])
        registers[i] = fresh[i]
    return changed


@njit(int64(_ONE, _TWO, _TWO, _ONE, _ONE, int64, int64, _ONE))
def step_array(config, pe, fresh, left, top, op, shift, toggles):
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
    if dataflow != Dataflow.OS or not shift:
        weights = from_top if dataflow == Dataflow.OS else still
        x, synapse = (still, from_left) if dataflow == Dataflow.IS else (from_left, weights)
        apply_op(config, op, x, synapse, result)
    if dataflow == Dataflow.OS and shift:
        result[:cols] = 0
        for i in range(rows * cols - cols):
            result[i + cols] = value[i]
    elif dataflow == Dataflow.OS:
        for i in range(rows * cols):
            result[i] = (value[i] + result[i]) & mask
    else:
        for c in range(cols):
            result[c] &= mask
        for i in range(rows * cols - cols):
            result[i + cols] = (value[i] + result[i + cols]) & mask
    changed = load_registers(moving, from_left)
    toggles[MOVING] += changed
    if dataflow == Dataflow.OS or shift:
        stills = load_registers(still, from_top)
        toggles[STILL] += stills
        changed += stills
    values = load_registers(value, result)
    toggles[VALUE] += values
    return changed + values


@njit(void(_ONE, _TWO, _TWO, _THREE, _TWO, _ONE, _ONE, LAYER_VALUES, int64))
def step_edges(config, edge, channel, ofmap, answer, bottom, wires, layer, half):
    """limen_tag and limen_edge of every column, on ofmap [2, C, depth]; counts their accesses on the wires.

    channel [C, 2]: bias and shift as column c sees them. answer [2, C]: what the banks read last.
    """
    cols, acc_bits, y_bits = config[COLS], config[ACC_BITS], config[X_BITS] + 1
    acc_mask, y_mask = (int64(1) << acc_bits) - 1, (int64(1) << y_bits) - 1
    raw, residual = flag(layer.flag_bits, RAW), flag(layer.flag_bits, RESIDUAL)
    y_low, y_high = signed(layer.y_low & y_mask, y_bits), signed(layer.y_high & y_mask, y_bits)
    first, last = wires[feed.EDGE_FIRST], wires[feed.EDGE_LAST]
    depth = ofmap.shape[2]
    wires[feed.EDGE_READS], wires[feed.EDGE_WRITES] = 0, 0
    for c in range(cols if config[DATAFLOW] == Dataflow.OS else 1):
        edge[TAG_VALID, c], edge[TAG_ADDR, c] = wires[feed.EDGE_VALID], wires[feed.EDGE_ADDR]
    for c in range(cols - 1, -1, -1):
        total = int64(0)
        if edge[B_VALID, c]:
            total = signed(bottom[c], config[PSUM_BITS])
            if edge[B_FIRST, c]:
                total += channel[c, 0]
            if residual or not edge[B_FIRST, c]:
                total += answer[half, c]
            total &= acc_mask
        valid = edge[TAG_VALID, c] and c < wires[feed.EDGE_COLS_LEFT]
        address = edge[TAG_ADDR, c]
        if valid and (residual or not first):
            wires[feed.EDGE_READS] += 1
            if address < depth:
                answer[half, c] = ofmap[half, c, address]
        if edge[C_VALID, c]:
            wires[feed.EDGE_WRITES] += 1
            y = requantise(edge[C_ACC, c], acc_bits, edge[C_SHIFT, c], raw, y_low, y_high)
            if edge[C_ADDR, c] < depth:
                ofmap[half, c, edge[C_ADDR, c]] = y
        elif edge[B_VALID, c] and not edge[B_LAST, c]:
            wires[feed.EDGE_WRITES] += 1
            if edge[B_ADDR, c] < depth:
                ofmap[half, c, edge[B_ADDR, c]] = total
        edge[C_VALID, c] = edge[B_VALID, c] and edge[B_LAST, c]
        edge[C_ADDR, c], edge[C_ACC, c], edge[C_SHIFT, c] = edge[B_ADDR, c], total, channel[c, 1]
        edge[B_VALID, c], edge[B_FIRST, c], edge[B_LAST, c], edge[B_ADDR, c] = valid, first, last, address
        if c > 0:
            edge[TAG_VALID, c], edge[TAG_ADDR, c] = edge[TAG_VALID, c - 1], edge[TAG_ADDR, c - 1]


@njit(void(_ONE, int64, int64, int64, int64, int64, int64, int64))
def step_rows(folds, rows, moves, back_fold, back_block, fold_ends, block_ends, group_ends):
    """limen_rows: `moves` rows on; back to the base after a fold or block as told, onward after a group."""
    folds[rows] += moves
    if group_ends or (block_ends and not back_block):
        folds[rows + 1] = folds[rows]
    elif fold_ends and (back_fold or (block_ends and back_block)):
        folds[rows] = folds[rows + 1]


@njit(void(_ONE, _ONE, _ONE, _ONE, _ONE, LAYER_VALUES, TILE_VALUES, int64, int64, int64, int64))
def step_folds(config, folds, group, last_row, wires, layer, tile, cycle, start, block_filled, pool_busy):
    """limen_folds. last_row [R]: whether the last R cycles streamed, by cycle modulo R."""
    rows, cols, dataflow, polarity = config[ROWS], config[COLS], config[DATAFLOW], config[POLARITY]
    pixels, k_size = tile.pixels, tile.k_size
    group_outputs, tile_outputs = tile.group_outputs, tile.tile_outputs
    outer_size = k_size if dataflow == Dataflow.WS else pixels
    inner_size = k_size if dataflow == Dataflow.IS else group_outputs
    time_size = k_size if dataflow == Dataflow.OS else pixels if dataflow == Dataflow.WS else group_outputs
    outer_step, inner_step = (cols, rows) if dataflow == Dataflow.IS else (rows, cols)
    fold_begin = IN_STREAM if dataflow == Dataflow.OS else IN_PRELOAD
    fold_end = IN_DRAIN if dataflow == Dataflow.OS else IN_STREAM
    first_k, last_k = flag(tile.flag_bits, FIRST_K), flag(tile.flag_bits, LAST_K)

    state, count, half = folds[STATE], folds[COUNT], folds[HALF]
    outer_left, inner_left = folds[OUTER_LEFT], folds[INNER_LEFT]
    phase_last = rows - 1
    if state == IN_STREAM:
        phase_last = time_size + rows + cols - 3
    elif state == IN_FLUSH:
        phase_last = 1 if dataflow == Dataflow.OS else 2
    phase_ends = count == phase_last
    last_inner, last_outer = inner_left <= inner_step, outer_left <= outer_step
    fold_ends = phase_ends and state == fold_end
    block_ends = fold_ends and last_inner
    group_ends = block_ends and last_outer
    rows_left, cols_left = (inner_left, outer_left) if dataflow == Dataflow.IS else (outer_left, inner_left)
    shift_row = rows - 1 - count  # preload and drain go through the rows from the last to the first
    shift_row_used = 0 <= shift_row < rows_left
    streaming = state == IN_STREAM and count < time_size
    preloading = state == IN_PRELOAD and shift_row_used
    filter_read = preloading if dataflow == Dataflow.WS else streaming
    x_read = preloading if dataflow == Dataflow.IS else streaming
    last_row[cycle % rows] = streaming
    last_row_valid = last_row[(cycle + 1) % rows]

    # Outputs.
    wires[feed.ARRAY_SHIFT] = folds[ARRAY_STATE] == IN_PRELOAD or folds[ARRAY_STATE] == IN_DRAIN
    wires[feed.RELEASE_BLOCK], wires[feed.FOLD_ENDS] = block_ends, fold_ends
    wires[feed.USED_ROWS] = min(rows, rows_left) if streaming else int64(0)
    wires[feed.USED_COLS] = min(cols, cols_left) if streaming else int64(0)
    wires[feed.FILTER_READ], wires[feed.FILTER_ROW] = filter_read, folds[FILTER_ROWS]
    wires[feed.POLARITY_ROW] = folds[FILTER_ROWS if polarity == Polarity.SYNAPSE else POLARITY_ROWS]
    piece_lane = group[feed.GROUP_LANE] if folds[X_PIECE] == 0 else int64(0)
    wires[feed.X_READ], wires[feed.X_HALF] = x_read, half
    wires[feed.X_ADDR] = count & 0xFFFF if dataflow == Dataflow.WS else folds[X_WORD]
    wires[feed.X_ELEMENT] = 0 if dataflow == Dataflow.WS else piece_lane + folds[X_ELEMENT]
    wires[feed.X_LANES_LEFT] = cols_left if dataflow == Dataflow.IS else rows_left
    if dataflow == Dataflow.OS:
        wires[feed.EDGE_VALID] = state == IN_DRAIN and shift_row_used
        wires[feed.EDGE_ADDR] = (folds[OUT_ROWS] + folds[OUTER_OFFSET] + shift_row) & 0xFFFF
        wires[feed.EDGE_FIRST], wires[feed.EDGE_LAST] = first_k, last_k
        wires[feed.EDGE_COLS_LEFT] = cols_left
        wires[feed.CHANNEL_READ] = state == IN_DRAIN and count == 0
        wires[feed.CHANNEL_ROW] = folds[CHANNEL_ROWS]
    else:
        wires[feed.EDGE_VALID], wires[feed.EDGE_ADDR] = folds[EDGE_VALID], folds[EDGE_ADDR]
        wires[feed.EDGE_FIRST], wires[feed.EDGE_LAST] = folds[EDGE_FIRST], folds[EDGE_LAST]
        wires[feed.EDGE_COLS_LEFT] = folds[EDGE_COLS_LEFT]
        wires[feed.CHANNEL_READ], wires[feed.CHANNEL_ROW] = folds[CHANNEL_READ], folds[CHANNEL_ROW]
        out_row = folds[IS_OUT_ROW if dataflow == Dataflow.IS else OUT_ROWS]
        group_row = folds[IS_GROUP_ROW if dataflow == Dataflow.IS else CHANNEL_ROWS]
        folds[CHANNEL_READ] = last_row_valid and (dataflow == Dataflow.IS or folds[EDGE_TIME] == 0)
        folds[CHANNEL_ROW] = group_row + folds[EDGE_TIME] if dataflow == Dataflow.IS else group_row
        folds[EDGE_VALID], folds[EDGE_ADDR] = last_row_valid, (out_row + folds[EDGE_TIME]) & 0xFFFF
        folds[EDGE_TIME] = int64(0) if state == IN_PRELOAD else folds[EDGE_TIME] + last_row_valid
        folds[EDGE_FIRST] = first_k and folds[INNER_FIRST if dataflow == Dataflow.IS else OUTER_FIRST]
        folds[EDGE_LAST] = last_k and (last_inner if dataflow == Dataflow.IS else last_outer)
        folds[EDGE_COLS_LEFT] = cols_left

    # Rows and addresses.
    back = dataflow != Dataflow.WS
    step_rows(folds, FILTER_ROWS, filter_read, 0, back, fold_ends, block_ends, group_ends)
    if polarity == Polarity.INPUT and dataflow == Dataflow.IS:
        step_rows(folds, POLARITY_ROWS, fold_ends, 0, 1, fold_ends, block_ends, group_ends)
    elif polarity == Polarity.INPUT:
        step_rows(folds, POLARITY_ROWS, filter_read, 1, back, fold_ends, block_ends, group_ends)
    elif dataflow == Dataflow.IS:
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
    if x_read and dataflow != Dataflow.WS:
        last = group[feed.GROUP_LANE] + tile.channels - 1
        last_piece = folds[X_PIECE] == last // config[FEEDER]
        if piece_lane + folds[X_ELEMENT] == (last % config[FEEDER] if last_piece else config[FEEDER] - 1):
            folds[X_ELEMENT] = 0
            folds[X_WORD] += 1
            folds[X_PIECE] = 0 if last_piece else folds[X_PIECE] + 1
        else:
            folds[X_ELEMENT] += 1
    if block_ends or (fold_ends and dataflow == Dataflow.OS):
        folds[X_WORD], folds[X_ELEMENT], folds[X_PIECE] = 0, 0, 0
    feed.step_group(group, start, group_ends, layer, tile, 0, 0, config[FEEDER])

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
    elif state == IN_STREAM and phase_ends and dataflow == Dataflow.OS:
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
        folds[STATE] = IN_POOL if flag(layer.flag_bits, POOL) else IN_WAIT
        folds[COUNT], folds[GROUPS_LEFT], folds[OUTER_OFFSET] = 0, tile.groups, 0
        folds[OUTER_LEFT], folds[INNER_LEFT] = outer_size, inner_size
        folds[HALF], folds[FILL_HALF], folds[READY], folds[READY + 1] = 0, 0, 0, 0
        folds[INNER_FIRST], folds[OUTER_FIRST] = 1, 1
        folds[X_WORD], folds[X_ELEMENT], folds[X_PIECE] = 0, 0, 0
        folds[IS_OUT_ROW], folds[IS_GROUP_ROW] = 0, 0
        folds[FILTER_ROWS:FOLDS_REGISTERS] = 0
