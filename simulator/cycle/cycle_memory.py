"""The cycle model's memory side: scratchpads, packer, scatter unit and pooling. See cycle_kernels.

One function a module of simulator/rtl/verilog, called once a cycle: it reads what the registers hold before the
clock edge, puts its outputs on the wires, then writes what the registers hold after the edge. Beats and
streams are rows of 32-bit words, little end first; rows of scratchpads and operands are rows of lane patterns.
Arithmetic is that of integers: addresses that wrap in 16 bits do so only where nothing uses them.
"""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.cycle_feed import FILL_FIRST, FILL_INSIDE, POOL_TAKEN, SCATTERED, TILE_VALUES, signed
from simulator.encoding import Dataflow
from workloads.host.jit import njit

WORD_MASK = 0xFFFFFFFF

# Scratchpad fill: next row, rows left of the run, bit of the next row in `stream`, words in `stream`.
PAD_ROW, PAD_ROWS_LEFT, PAD_BIT, PAD_WORDS = range(4)

# Walker: the step's place in channels, and where the present words began.
WALK_ACTIVE, WALK_PIXEL, WALK_LANE = range(3)
WALK_COL, WALK_BASE, WALK_FOLD, WALK_LEFT, WALK_WORD, WALK_OUTPUTS, WALKER_REGISTERS = 3, 4, 5, 6, 7, 11, 12
STEP_ADDR, STEP_COL, STEP_LANE, STEP_COUNT, STEP_WORD_ENDS, STEP_PLANE_ENDS, STEP_OUTPUTS = range(7)

# Packer: beats out and bits in its stream; stage 2; under is the turning of pixels into channels.
BEAT_VALID, FLUSH, PACK_BITS, STAGE_VALID, STAGE_TURNED, STAGE_PLACE, STAGE_ENDS = range(7)
TURN_ACTIVE, TURN_EMIT, TURN_INDEX, TURN_PIXELS_LEFT, TURN_CHANNELS_LEFT, TURN_BASE, TURN_CHANNEL = range(7, 14)
PACKER_REGISTERS = 14

# Scatter unit: bits that wait and the first of them in its stream; under is where the next lane goes.
WAITING, WAITING_BIT, SPREAD_ACTIVE, SPREAD_LANE, SPREAD_BANK = range(5)
SPREAD_PIXEL, SPREAD_BASE, SPREAD_CHANNEL, SPREAD_CHANNELS_LEFT, SCATTER_REGISTERS = range(5, 10)

_ONE = int64[::1]
_TWO = int64[:, ::1]


@njit(int64(_ONE, int64, int64))
def take_bits(words, position, bits):
    """Return `bits` (up to 62) bits of 32-bit words, from bit `position` on."""
    index = position >> 5
    value = words[index] >> (position & 31)
    taken = 32 - (position & 31)
    while taken < bits:
        index += 1
        value |= (words[index] & ((int64(1) << (bits - taken)) - 1)) << taken
        taken += 32
    return value & ((int64(1) << bits) - 1)


@njit(void(_ONE, int64, int64, int64))
def put_bits(words, position, value, bits):
    """Set `bits` (up to 32) bits of 32-bit words, zeros until now, from bit `position` on."""
    index, offset = position >> 5, position & 31
    words[index] |= (value << offset) & WORD_MASK
    if offset + bits > 32:
        words[index + 1] |= value >> (32 - offset)


@njit(int64(_ONE, _ONE, _TWO, _ONE, int64, int64, int64, int64, int64))
def fill_scratchpad(pad, stream, half, beat, beat_first, skip, base, rows, field_bits):
    """limen_scratchpad: take a beat into `half` [depth, lanes] and return how many rows were written.

    Rows of lanes x field_bits lie densely in a run; `stream` keeps the words of a row that has not ended.
    """
    if beat_first:
        pad[PAD_ROW], pad[PAD_ROWS_LEFT], pad[PAD_BIT], pad[PAD_WORDS] = base, rows, skip, 0
    if pad[PAD_ROWS_LEFT] == 0:
        return int64(0)
    words, lanes, written = pad[PAD_WORDS], half.shape[1], int64(0)
    for i in range(beat.shape[0]):
        stream[words + i] = beat[i]
    words += beat.shape[0]
    bit = pad[PAD_BIT]
    while words * 32 - bit >= lanes * field_bits and written < pad[PAD_ROWS_LEFT]:
        row = pad[PAD_ROW] + written
        if row < half.shape[0]:
            for lane in range(lanes):
                half[row, lane] = take_bits(stream, bit + lane * field_bits, field_bits)
        bit += lanes * field_bits
        written += 1
    used = bit >> 5
    for i in range(used, words):
        stream[i - used] = stream[i]
    pad[PAD_BIT], pad[PAD_WORDS] = bit & 31, words - used
    pad[PAD_ROW] += written
    pad[PAD_ROWS_LEFT] -= written
    return written


@njit(void(_ONE, _ONE, _ONE, int64, int64, int64))
def step_pool(best, fill, ifmap_word, lowest, x_bits, x_signed):
    """limen_pool: keep the largest of a window's words, lane by lane; outside the ifmap there is nothing.

    lowest: pattern of the lowest value of the layer's own format, which may be narrower than x_bits.
    """
    flip = (int64(1) << (x_bits - 1)) if x_signed else int64(0)  # orders patterns as values
    for e in range(best.shape[0]):
        if fill[FILL_FIRST]:
            best[e] = lowest
        if fill[FILL_INSIDE] and (ifmap_word[e] ^ flip) > (best[e] ^ flip):
            best[e] = ifmap_word[e]


@njit(void(_ONE, _ONE, int64, int64, int64))
def take_step(walker, step, cols, lanes, pixels):
    """limen_walker: write what this step says to `step`, and advance."""
    width = min(walker[WALK_FOLD], cols)  # channels in this fold
    room, there = lanes - walker[WALK_LANE], width - walker[WALK_COL]
    count = min(room, there)
    left = walker[WALK_LEFT] - count
    word_ends = count == room or left == 0
    last_pixel = walker[WALK_PIXEL] == pixels - 1
    step[STEP_ADDR] = walker[WALK_BASE] + walker[WALK_PIXEL]
    step[STEP_COL], step[STEP_LANE], step[STEP_COUNT] = walker[WALK_COL], walker[WALK_LANE], count
    step[STEP_WORD_ENDS], step[STEP_PLANE_ENDS] = word_ends, word_ends and last_pixel
    walker[WALK_LANE] += count
    walker[WALK_COL] += count
    walker[WALK_LEFT] = left
    if count == there:
        walker[WALK_COL] = 0
        walker[WALK_BASE] += pixels
        walker[WALK_FOLD] -= width
        if walker[WALK_FOLD] == 0:
            walker[WALK_FOLD] = walker[WALK_OUTPUTS]
    if word_ends:
        walker[WALK_LANE] = 0
        walker[WALK_PIXEL] = 0 if last_pixel else walker[WALK_PIXEL] + 1
        if last_pixel:
            walker[WALK_ACTIVE] = left != 0
        for i in range(4):
            if last_pixel:
                walker[WALK_WORD + i] = walker[WALK_COL + i]
            else:
                walker[WALK_COL + i] = walker[WALK_WORD + i]


@njit(void(_ONE, TILE_VALUES))
def start_walker(walker, tile):
    """limen_walker: begin at the tile's first word."""
    walker[:] = 0
    walker[WALK_ACTIVE] = 1
    walker[WALK_FOLD] = walker[WALK_OUTPUTS] = walker[WALK_WORD + 2] = tile.group_outputs
    walker[WALK_LEFT] = walker[WALK_WORD + 3] = tile.tile_outputs


@njit(void(_ONE, _ONE, _ONE))
def pass_beat(packer, stream, beat):
    """Hand over the first beat of the packer's stream."""
    for i in range(beat.shape[0]):
        beat[i] = stream[i]
        stream[i] = stream[i + beat.shape[0]]
        stream[i + beat.shape[0]] = 0
    packer[BEAT_VALID] = 1
    packer[PACK_BITS] = max(packer[PACK_BITS] - 32 * beat.shape[0], 0)


@njit(void(_ONE, _ONE, _ONE, _ONE, int64, int64, int64, int64, int64))
def pack_word(packer, stream, beat, word, value, plane_ends, raw, x_bits, acc_bits):
    """limen_packer: a whole word, or a raw value, into the stream; the beat that is then full, or a plane's last."""
    if raw:
        beat[:] = 0
        beat[0] = signed(value, acc_bits) & WORD_MASK
        packer[BEAT_VALID] = 1
        return
    for e in range(word.shape[0]):
        put_bits(stream, packer[PACK_BITS] + e * x_bits, word[e], x_bits)
    packer[PACK_BITS] += word.shape[0] * x_bits
    if packer[PACK_BITS] >= 32 * beat.shape[0] or plane_ends:
        pass_beat(packer, stream, beat)
        packer[FLUSH] = plane_ends and packer[PACK_BITS] > 0


@njit(int64(_ONE, _ONE, _ONE, _TWO, _ONE, _ONE, _ONE, _ONE, _TWO, TILE_VALUES, _ONE, int64, int64))
def step_packer(packer, walker, step, block, raw_values, stream, beat, answer, half, tile, config, start, taken):
    """limen_packer: read a finished tile from `half` [C, depth] into beats; return 1 if the banks are read.

    answer [C]: what the banks read last. block [C, FEEDER]: words, under is one a column, else the first only.
    config: raw, dataflow, x_bits, acc_bits.
    """
    raw, dataflow, x_bits, acc_bits = config[0], config[1], config[2], config[3]
    cols, feeder = block.shape
    depth, mask = half.shape[1], (int64(1) << x_bits) - 1
    pixels, address, read = tile.pixels, int64(0), int64(0)
    blocked = packer[BEAT_VALID] and not taken
    go = not blocked and not packer[FLUSH]
    if taken:
        packer[BEAT_VALID] = 0
    if packer[FLUSH] and not blocked:
        pass_beat(packer, stream, beat)
        packer[FLUSH] = 0
    # Stage 2: the banks' answer into words, and words into beats.
    if go and packer[STAGE_VALID] and dataflow != Dataflow.IS:
        for i in range(step[STEP_COUNT]):
            block[0, step[STEP_LANE] + i] = answer[step[STEP_COL] + i] & mask
        if step[STEP_WORD_ENDS]:
            value = answer[step[STEP_COL]]
            pack_word(packer, stream, beat, block[0], value, step[STEP_PLANE_ENDS], raw, x_bits, acc_bits)
            block[0, :] = 0
    elif go and packer[STAGE_VALID]:
        place = packer[STAGE_PLACE]
        if packer[STAGE_TURNED]:
            value = raw_values[place]
            pack_word(packer, stream, beat, block[place], value, packer[STAGE_ENDS], raw, x_bits, acc_bits)
        else:
            for c in range(cols):
                raw_values[c] = answer[c]
                if place == 0:
                    block[c, :] = 0
                block[c, place] = answer[c] & mask
    # Stage 1: addresses.
    if go and dataflow != Dataflow.IS:
        packer[STAGE_VALID] = walker[WALK_ACTIVE]
        if walker[WALK_ACTIVE]:
            take_step(walker, step, cols, 1 if raw else feeder, pixels)
            address, read = step[STEP_ADDR], int64(1)
    elif go:
        packer[STAGE_VALID] = packer[TURN_ACTIVE]
        if packer[TURN_ACTIVE]:
            address = packer[TURN_BASE] + packer[TURN_CHANNEL] + packer[TURN_INDEX]
            lanes = min(packer[TURN_CHANNELS_LEFT], 1 if raw else feeder)
            used = min(packer[TURN_PIXELS_LEFT], cols)
            emit = packer[TURN_EMIT]
            read = 1 - emit
            last_index = packer[TURN_INDEX] == (used if emit else lanes) - 1
            last_fold = packer[TURN_PIXELS_LEFT] == used
            packer[STAGE_TURNED], packer[STAGE_PLACE] = emit, packer[TURN_INDEX]
            packer[STAGE_ENDS] = last_index and last_fold
            packer[TURN_INDEX] = 0 if last_index else packer[TURN_INDEX] + 1
            if last_index:
                packer[TURN_EMIT] = not emit
            if last_index and emit:
                packer[TURN_PIXELS_LEFT] -= used
                packer[TURN_BASE] += tile.tile_outputs
                if last_fold:
                    packer[TURN_PIXELS_LEFT], packer[TURN_BASE] = pixels, 0
                    packer[TURN_CHANNEL] += lanes
                    packer[TURN_CHANNELS_LEFT] -= lanes
                    packer[TURN_ACTIVE] = packer[TURN_CHANNELS_LEFT] != 0
    if read and address < depth:
        for c in range(cols):
            answer[c] = half[c, address]
    if start:
        packer[:] = 0
        stream[:] = 0
        block[0, :] = 0
        start_walker(walker, tile)
        packer[TURN_ACTIVE] = 1
        packer[TURN_PIXELS_LEFT], packer[TURN_CHANNELS_LEFT] = pixels, tile.tile_outputs
    return read


@njit(void(_ONE, _ONE, _ONE, _ONE, _ONE, _ONE, _TWO, TILE_VALUES, _ONE, _ONE, int64, int64, int64, int64, int64))
def step_scatter(
    scatter, walker, step, stream, beat, word, half, tile, config, wires, start, word_valid, shift, beat_valid, first
):
    """limen_scatter: residual beats, or the pooled word, step by step into `half` [C, depth].

    config: -, dataflow, x_bits, acc_bits, x_signed.
    """
    dataflow, x_bits, acc_bits, x_signed = config[1], config[2], config[3], config[4]
    feeder, cols, depth = word.shape[0], half.shape[0], half.shape[1]
    pixels = tile.pixels
    active = scatter[SPREAD_ACTIVE] if dataflow == Dataflow.IS else walker[WALK_ACTIVE]
    if active and (word_valid or scatter[WAITING] >= feeder * x_bits):
        if dataflow == Dataflow.IS:
            lanes = min(scatter[SPREAD_CHANNELS_LEFT], feeder)
            step[STEP_ADDR] = scatter[SPREAD_BASE] + scatter[SPREAD_CHANNEL] + scatter[SPREAD_LANE]
            step[STEP_COL], step[STEP_LANE], step[STEP_COUNT] = scatter[SPREAD_BANK], scatter[SPREAD_LANE], 1
            step[STEP_WORD_ENDS] = scatter[SPREAD_LANE] == lanes - 1
            step[STEP_PLANE_ENDS] = step[STEP_WORD_ENDS] and scatter[SPREAD_PIXEL] == pixels - 1
            scatter[SPREAD_LANE] += 1
            if step[STEP_WORD_ENDS]:
                scatter[SPREAD_LANE] = 0
                scatter[SPREAD_PIXEL] += 1
                scatter[SPREAD_BANK] += 1
                if scatter[SPREAD_BANK] == cols:
                    scatter[SPREAD_BANK] = 0
                    scatter[SPREAD_BASE] += tile.tile_outputs
            if step[STEP_PLANE_ENDS]:
                scatter[SPREAD_BANK], scatter[SPREAD_PIXEL], scatter[SPREAD_BASE] = 0, 0, 0
                scatter[SPREAD_CHANNEL] += lanes
                scatter[SPREAD_CHANNELS_LEFT] -= lanes
                scatter[SPREAD_ACTIVE] = scatter[SPREAD_CHANNELS_LEFT] != 0
        else:
            take_step(walker, step, cols, feeder, pixels)
        for i in range(step[STEP_COUNT]):
            lane = step[STEP_LANE] + i
            x = word[lane] if word_valid else take_bits(stream, scatter[WAITING_BIT] + lane * x_bits, x_bits)
            if step[STEP_ADDR] < depth:
                value = (signed(x, x_bits) if x_signed else x) << shift
                half[step[STEP_COL] + i, step[STEP_ADDR]] = value & ((int64(1) << acc_bits) - 1)
        wires[SCATTERED] = step[STEP_COUNT]
        wires[POOL_TAKEN] = step[STEP_WORD_ENDS] and word_valid
        if step[STEP_WORD_ENDS] and not word_valid:
            scatter[WAITING] = 0 if step[STEP_PLANE_ENDS] else scatter[WAITING] - feeder * x_bits
            scatter[WAITING_BIT] += feeder * x_bits
    if beat_valid:
        if first or scatter[WAITING] == 0:
            scatter[WAITING], scatter[WAITING_BIT] = 0, 0
        held = (scatter[WAITING] + 31) >> 5  # the waiting bits end with a word
        begin = scatter[WAITING_BIT] >> 5
        for i in range(held):
            stream[i] = stream[begin + i]
        for i in range(beat.shape[0]):
            stream[held + i] = beat[i]
        scatter[WAITING_BIT] &= 31
        scatter[WAITING] += 32 * beat.shape[0]
    if start:
        scatter[:] = 0
        start_walker(walker, tile)
        scatter[SPREAD_ACTIVE], scatter[SPREAD_CHANNELS_LEFT] = 1, tile.tile_outputs
