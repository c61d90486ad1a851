"""The cycle model's memory side: scratchpads, im2col unit, operand memory, packer, scatter unit and pooling.

One function a module of simulator/verilog, called once a cycle: it reads what the registers hold before the
clock edge, puts its outputs on the wires, then writes what the registers hold after the edge. Beats and
streams are rows of 32-bit words, little end first; rows of scratchpads and operands are rows of lane patterns.
Arithmetic is that of integers: addresses that wrap in 16 bits do so only where nothing uses them.
"""

from __future__ import annotations

from numba import int64, njit, void

OS, WS, IS = 0, 1, 2
WORD_MASK = 0xFFFFFFFF

# Wires: outputs of the folds controller, the im2col unit and the scatter unit, before the clock edge.
ARRAY_SHIFT, X_READ, X_HALF, X_ADDR, X_ELEMENT, X_LANES_LEFT = range(6)
FILTER_READ, FILTER_ROW, POLARITY_ROW, CHANNEL_READ, CHANNEL_ROW = range(6, 11)
EDGE_VALID, EDGE_ADDR, EDGE_FIRST, EDGE_LAST, EDGE_COLS_LEFT = range(11, 16)
RELEASE_BLOCK, FOLD_ENDS, PAIRS = range(16, 19)
ISSUE, PIXEL_ENDS, IFMAP_READ = range(19, 22)
POOL_TAKEN, SCATTERED = range(22, 24)
WIRES = 24

# Scratchpad fill: next row, rows left of the run, bit of the next row in `stream`, words in `stream`.
PAD_ROW, PAD_ROWS_LEFT, PAD_BIT, PAD_WORDS = range(4)

# limen_group.
GROUP_PLANE_ADDR, GROUP_LANE = range(2)

# im2col unit. Place: kh, kw, kh_addr, piece, plane, offset; BEGIN: where the words of this block's pixels begin.
ACTIVE, HALF, FILLING, CLAIMED, RELEASE_HALF, GROUPS_LEFT, PIXELS_LEFT, LANE = 0, 1, 2, 3, 5, 6, 7, 8
OUT_COL, ROW, COL, ADDR, LINE, WORD = range(9, 15)
KH, KW, KH_ADDR, PIECE, PLANE, OFFSET = range(15, 21)
BEGIN, IM2COL_REGISTERS = 21, 27

# Its registered answer: what is written to the operand memory, or pooled, in this cycle.
FILL_VALID, FILL_INSIDE, FILL_HALF, FILL_ADDR, FILL_LANE, FILL_FROM, FILL_COUNT = range(7)
FILL_FIRST, FILL_LAST, BLOCK_FILLED, FILL_REGISTERS = range(7, 11)

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
_THREE = int64[:, :, ::1]


@njit(int64(int64, int64), cache=True, inline="always")
def signed(pattern, bits):
    """Return the two's complement value of a bit pattern."""
    return pattern - ((pattern >> (bits - 1)) << bits)


@njit(int64(_ONE, int64, int64), cache=True)
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


@njit(void(_ONE, int64, int64, int64), cache=True)
def put_bits(words, position, value, bits):
    """Set `bits` (up to 32) bits of 32-bit words, zeros until now, from bit `position` on."""
    index, offset = position >> 5, position & 31
    words[index] |= (value << offset) & WORD_MASK
    if offset + bits > 32:
        words[index + 1] |= value >> (32 - offset)


@njit(int64(_ONE, _ONE, _TWO, _ONE, int64, int64, int64, int64, int64), cache=True)
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


@njit(void(_ONE, int64, int64, _ONE, _ONE, int64, int64, int64), cache=True)
def step_group(group, start, advance, layer, tile, group_step, plane_words, feeder):
    """limen_group: where the channels of the present group lie in words."""
    if advance:
        lane = group[GROUP_LANE] + (layer[6] >> 16)
        group[GROUP_PLANE_ADDR] += group_step
        if lane >= feeder:
            lane -= feeder
            group[GROUP_PLANE_ADDR] += plane_words
        group[GROUP_LANE] = lane
    if start:
        group[GROUP_LANE], group[GROUP_PLANE_ADDR] = tile[17] & 0xFFFF, 0


@njit(void(_ONE, _ONE, _ONE, _ONE, _ONE, _ONE, _TWO, _ONE, int64, int64, int64, int64), cache=True)
def step_im2col(im2col, group, fill, wires, layer, tile, ifmap, ifmap_word, lanes, dataflow, start, hold):
    """limen_im2col and the read port of the ifmap scratchpad `ifmap` [depth, FEEDER]."""
    feeder = ifmap.shape[1]
    pool = (layer[0] >> 2) & 1
    pixels, in_width, plane_words = tile[15] & 0xFFFF, layer[3] & 0xFFFF, tile[7] >> 16
    half = im2col[HALF]
    issue = im2col[ACTIVE] and not hold and (im2col[FILLING] or not im2col[CLAIMED + half])
    if wires[RELEASE_BLOCK]:
        im2col[CLAIMED + im2col[RELEASE_HALF]] = 0
        im2col[RELEASE_HALF] ^= 1
    group_ends = False
    last_pixel = im2col[PIXELS_LEFT] == 1
    new_plane = False
    if issue:
        kh, kw, kh_addr, piece = im2col[KH], im2col[KW], im2col[KH_ADDR], im2col[PIECE]
        plane, offset = im2col[PLANE], im2col[OFFSET]
        row, col = im2col[ROW] + kh, im2col[COL] + kw
        on_map = 0 <= row < (tile[14] & 0xFFFF) and 0 <= col < in_width
        wires[ISSUE] = 1
        if on_map:
            wires[IFMAP_READ] = 1
            address = (im2col[ADDR] + kh_addr + kw + plane + group[GROUP_PLANE_ADDR]) & 0xFFFF
            if address < ifmap.shape[0]:
                for e in range(feeder):
                    ifmap_word[e] = ifmap[address, e]
        # Channels of this word that belong to the group.
        last = group[GROUP_LANE] + (tile[17] >> 16) - 1
        last_piece = piece == last // feeder
        first = group[GROUP_LANE] if piece == 0 else int64(0)
        count = (last % feeder + 1 if last_piece else feeder) - first
        reach = offset + count  # ws: positions of K up to here, counted from the block's first
        split = dataflow == WS and not pool
        past = split and reach > lanes
        last_kw = kw == (layer[7] >> 16) - 1
        last_word = last_piece and last_kw and kh == (layer[7] & 0xFFFF) - 1
        pixel_ends = last_word or past or (split and reach == lanes)
        ends = pixel_ends and (last_pixel or (not split and not pool and im2col[LANE] == lanes - 1))
        group_ends = ends and last_pixel and last_word and not past
        new_plane = ends and last_pixel
        wires[PIXEL_ENDS] = pixel_ends
        fill[FILL_VALID], fill[BLOCK_FILLED], fill[FILL_INSIDE], fill[FILL_HALF] = 1, ends, on_map, half
        fill[FILL_ADDR] = pixels - im2col[PIXELS_LEFT] if split else im2col[WORD]
        fill[FILL_LANE] = offset if split else im2col[LANE]
        fill[FILL_FROM], fill[FILL_COUNT] = first, count
        fill[FILL_FIRST], fill[FILL_LAST] = kh == 0 and kw == 0, last_word
        # The word after this one.
        step_kh = last_piece and last_kw
        im2col[KH] = kh + 1 if step_kh else kh
        im2col[KW] = int64(0) if step_kh else kw + 1 if last_piece else kw
        im2col[KH_ADDR] = kh_addr + in_width if step_kh else kh_addr
        im2col[PIECE] = int64(0) if last_piece else piece + 1
        im2col[PLANE] = int64(0) if last_piece else plane + plane_words
        im2col[OFFSET] = reach if split else int64(0)
        im2col[FILLING] = 1
        im2col[CLAIMED + half] = not pool
        im2col[WORD] += 1
        if ends:
            # The next block begins with what this one did not use of the present word.
            if past:
                im2col[KH], im2col[KW], im2col[KH_ADDR], im2col[PIECE], im2col[PLANE] = kh, kw, kh_addr, piece, plane
            for i in range(5):
                im2col[BEGIN + i] = im2col[KH + i] if split and not group_ends else 0
            im2col[BEGIN + 5] = offset - lanes if past else int64(0)
        if pixel_ends:
            for i in range(6):
                im2col[KH + i] = im2col[BEGIN + i]
            im2col[WORD] = 0
            im2col[LANE] += 1
            im2col[PIXELS_LEFT] = pixels if last_pixel else im2col[PIXELS_LEFT] - 1
            if im2col[OUT_COL] == (layer[3] >> 16) - 1:
                im2col[OUT_COL], im2col[COL] = 0, -(layer[6] & 0xFFFF)
                im2col[ROW] += layer[5] & 0xFFFF
                im2col[LINE] += layer[4] >> 16
                im2col[ADDR] = im2col[LINE]
            else:
                im2col[OUT_COL] += 1
                im2col[COL] += layer[4] & 0xFFFF
                im2col[ADDR] += layer[4] & 0xFFFF
        if ends:
            im2col[FILLING], im2col[LANE] = 0, 0
            im2col[HALF] ^= 1
    if group_ends:
        im2col[GROUPS_LEFT] -= 1
        im2col[ACTIVE] = im2col[GROUPS_LEFT] != 0
    if start:
        im2col[:] = 0
        im2col[ACTIVE], im2col[GROUPS_LEFT], im2col[PIXELS_LEFT] = 1, tile[0] >> 16, pixels
    if start or new_plane:
        im2col[OUT_COL], im2col[ROW], im2col[COL] = 0, signed(tile[14] >> 16, 16), -(layer[6] & 0xFFFF)
        im2col[ADDR] = signed(tile[18] & 0xFFFF, 16)
        im2col[LINE] = im2col[ADDR]
    step_group(group, start, group_ends, layer, tile, tile[18] >> 16, plane_words, feeder)


@njit(int64(_THREE, _ONE, _ONE, _ONE, _ONE, int64, int64, int64), cache=True)
def step_operands(operands, x_out, fill, ifmap_word, wires, dataflow, pool, neutral):
    """limen_operands [2, lanes, depth]: operands out to `x_out`, a word in; return what was written."""
    feeder, lanes, depth = ifmap_word.shape[0], operands.shape[1], operands.shape[2]
    x_out[:] = neutral
    if wires[X_READ]:
        address = wires[X_ADDR] if dataflow == WS else wires[X_ADDR] * feeder + wires[X_ELEMENT]
        if address < depth:
            for lane in range(min(lanes, wires[X_LANES_LEFT])):
                x_out[lane] = operands[wires[X_HALF], lane, address]
    if not fill[FILL_VALID] or pool:
        return int64(0)
    half, address, lane, inside = fill[FILL_HALF], fill[FILL_ADDR], fill[FILL_LANE], fill[FILL_INSIDE]
    if dataflow != WS:
        for e in range(feeder):
            if lane < lanes and address * feeder + e < depth:
                operands[half, lane, address * feeder + e] = ifmap_word[e] if inside else 0
        return int64(1)
    written = int64(0)
    for place in range(fill[FILL_COUNT]):
        if 0 <= lane + place < lanes and address < depth:
            operands[half, lane + place, address] = ifmap_word[fill[FILL_FROM] + place] if inside else 0
            written += 1
    return written


@njit(void(_ONE, _ONE, _ONE, int64, int64), cache=True)
def step_pool(best, fill, ifmap_word, x_bits, x_signed):
    """limen_pool: keep the largest of a window's words, lane by lane; outside the ifmap there is nothing."""
    flip = (int64(1) << (x_bits - 1)) if x_signed else int64(0)  # orders patterns as values
    for e in range(best.shape[0]):
        if fill[FILL_FIRST]:
            best[e] = flip
        if fill[FILL_INSIDE] and (ifmap_word[e] ^ flip) > (best[e] ^ flip):
            best[e] = ifmap_word[e]


@njit(void(_ONE, _ONE, int64, int64, int64), cache=True)
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


@njit(void(_ONE, _ONE), cache=True)
def start_walker(walker, tile):
    """limen_walker: begin at the tile's first word."""
    walker[:] = 0
    walker[WALK_ACTIVE] = 1
    walker[WALK_FOLD] = walker[WALK_OUTPUTS] = walker[WALK_WORD + 2] = tile[16] & 0xFFFF
    walker[WALK_LEFT] = walker[WALK_WORD + 3] = tile[16] >> 16


@njit(void(_ONE, _ONE, _ONE), cache=True)
def pass_beat(packer, stream, beat):
    """Hand over the first beat of the packer's stream."""
    for i in range(beat.shape[0]):
        beat[i] = stream[i]
        stream[i] = stream[i + beat.shape[0]]
        stream[i + beat.shape[0]] = 0
    packer[BEAT_VALID] = 1
    packer[PACK_BITS] = max(packer[PACK_BITS] - 32 * beat.shape[0], 0)


@njit(void(_ONE, _ONE, _ONE, _ONE, int64, int64, int64, int64, int64), cache=True)
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


@njit(int64(_ONE, _ONE, _ONE, _TWO, _ONE, _ONE, _ONE, _ONE, _TWO, _ONE, _ONE, int64, int64), cache=True)
def step_packer(packer, walker, step, block, raw_values, stream, beat, answer, half, tile, config, start, taken):
    """limen_packer: read a finished tile from `half` [C, depth] into beats; return 1 if the banks are read.

    answer [C]: what the banks read last. block [C, FEEDER]: words, under is one a column, else the first only.
    config: raw, dataflow, x_bits, acc_bits.
    """
    raw, dataflow, x_bits, acc_bits = config[0], config[1], config[2], config[3]
    cols, feeder = block.shape
    depth, mask = half.shape[1], (int64(1) << x_bits) - 1
    pixels, address, read = tile[15] & 0xFFFF, int64(0), int64(0)
    blocked = packer[BEAT_VALID] and not taken
    go = not blocked and not packer[FLUSH]
    if taken:
        packer[BEAT_VALID] = 0
    if packer[FLUSH] and not blocked:
        pass_beat(packer, stream, beat)
        packer[FLUSH] = 0
    # Stage 2: the banks' answer into words, and words into beats.
    if go and packer[STAGE_VALID] and dataflow != IS:
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
    if go and dataflow != IS:
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
                packer[TURN_BASE] += tile[16] >> 16
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
        packer[TURN_PIXELS_LEFT], packer[TURN_CHANNELS_LEFT] = pixels, tile[16] >> 16
    return read


@njit(void(_ONE, _ONE, _ONE, _ONE, _ONE, _ONE, _TWO, _ONE, _ONE, _ONE, int64, int64, int64, int64, int64), cache=True)
def step_scatter(
    scatter, walker, step, stream, beat, word, half, tile, config, wires, start, word_valid, shift, beat_valid, first
):
    """limen_scatter: residual beats, or the pooled word, step by step into `half` [C, depth].

    config: -, dataflow, x_bits, acc_bits, x_signed.
    """
    dataflow, x_bits, acc_bits, x_signed = config[1], config[2], config[3], config[4]
    feeder, cols, depth = word.shape[0], half.shape[0], half.shape[1]
    pixels = tile[15] & 0xFFFF
    active = scatter[SPREAD_ACTIVE] if dataflow == IS else walker[WALK_ACTIVE]
    if active and (word_valid or scatter[WAITING] >= feeder * x_bits):
        if dataflow == IS:
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
                    scatter[SPREAD_BASE] += tile[16] >> 16
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
        scatter[SPREAD_ACTIVE], scatter[SPREAD_CHANNELS_LEFT] = 1, tile[16] >> 16
