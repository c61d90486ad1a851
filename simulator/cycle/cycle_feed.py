"""The cycle model's im2col unit and operand memory, and the wires between its modules. See cycle_kernels."""

from __future__ import annotations

from numba import from_dtype, int64, void

from simulator.encoding import LAYER, POOL, TILE, Dataflow, values_of
from workloads.host.jit import njit

# Wires: outputs of the folds controller, the im2col unit, the scatter unit and the edges, before the clock edge.
ARRAY_SHIFT, X_READ, X_HALF, X_ADDR, X_ELEMENT, X_LANES_LEFT = range(6)
FILTER_READ, FILTER_ROW, POLARITY_ROW, CHANNEL_READ, CHANNEL_ROW = range(6, 11)
EDGE_VALID, EDGE_ADDR, EDGE_FIRST, EDGE_LAST, EDGE_COLS_LEFT = range(11, 16)
RELEASE_BLOCK, FOLD_ENDS, USED_ROWS = range(16, 19)
ISSUE, PIXEL_ENDS, IFMAP_READ = range(19, 22)
POOL_TAKEN, SCATTERED, EDGE_READS, EDGE_WRITES, USED_COLS, WIRES = range(22, 28)

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

_ONE = int64[::1]
_TWO = int64[:, ::1]
_THREE = int64[:, :, ::1]
LAYER_VALUES, TILE_VALUES = from_dtype(values_of(LAYER)), from_dtype(values_of(TILE))


@njit(int64(int64, int64), inline="always")
def signed(pattern, bits):
    """Return the two's complement value of a bit pattern."""
    return pattern - ((pattern >> (bits - 1)) << bits)


@njit(int64(int64, int64), inline="always")
def flag(flags, which):
    """Return whether one of a descriptor's flags is set."""
    return int64(flags & which != 0)


@njit(void(_ONE, int64, int64, LAYER_VALUES, TILE_VALUES, int64, int64, int64))
def step_group(group, start, advance, layer, tile, group_step, plane_words, feeder):
    """limen_group: where the channels of the present group lie in words."""
    if advance:
        lane = group[GROUP_LANE] + layer.group_lanes
        group[GROUP_PLANE_ADDR] += group_step
        if lane >= feeder:
            lane -= feeder
            group[GROUP_PLANE_ADDR] += plane_words
        group[GROUP_LANE] = lane
    if start:
        group[GROUP_LANE], group[GROUP_PLANE_ADDR] = tile.first_lane, 0


@njit(void(_ONE, _ONE, _ONE, _ONE, LAYER_VALUES, TILE_VALUES, _TWO, _ONE, int64, int64, int64, int64))
def step_im2col(im2col, group, fill, wires, layer, tile, ifmap, ifmap_word, lanes, dataflow, start, hold):
    """limen_im2col and the read port of the ifmap scratchpad `ifmap` [depth, FEEDER]."""
    feeder = ifmap.shape[1]
    pool = flag(layer.flag_bits, POOL)
    pixels, in_width, plane_words = tile.pixels, layer.in_width, tile.plane_words
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
        on_map = 0 <= row < tile.tile_rows and 0 <= col < in_width
        wires[ISSUE] = 1
        if on_map:
            wires[IFMAP_READ] = 1
            address = (im2col[ADDR] + kh_addr + kw + plane + group[GROUP_PLANE_ADDR]) & 0xFFFF
            if address < ifmap.shape[0]:
                for e in range(feeder):
                    ifmap_word[e] = ifmap[address, e]
        # Channels of this word that belong to the group.
        last = group[GROUP_LANE] + tile.channels - 1
        last_piece = piece == last // feeder
        first = group[GROUP_LANE] if piece == 0 else int64(0)
        count = (last % feeder + 1 if last_piece else feeder) - first
        reach = offset + count  # ws: positions of K up to here, counted from the block's first
        split = dataflow == Dataflow.WS and not pool
        past = split and reach > lanes
        last_kw = kw == layer.kernel_w - 1
        last_word = last_piece and last_kw and kh == layer.kernel_h - 1
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
            if im2col[OUT_COL] == layer.out_width - 1:
                im2col[OUT_COL], im2col[COL] = 0, -layer.pad_left
                im2col[ROW] += layer.stride_h
                im2col[LINE] += layer.row_step
                im2col[ADDR] = im2col[LINE]
            else:
                im2col[OUT_COL] += 1
                im2col[COL] += layer.stride_w
                im2col[ADDR] += layer.stride_w
        if ends:
            im2col[FILLING], im2col[LANE] = 0, 0
            im2col[HALF] ^= 1
    if group_ends:
        im2col[GROUPS_LEFT] -= 1
        im2col[ACTIVE] = im2col[GROUPS_LEFT] != 0
    if start:
        im2col[:] = 0
        im2col[ACTIVE], im2col[GROUPS_LEFT], im2col[PIXELS_LEFT] = 1, tile.groups, pixels
    if start or new_plane:
        im2col[OUT_COL], im2col[ROW], im2col[COL] = 0, tile.first_row, -layer.pad_left
        im2col[ADDR] = signed(tile.first_addr, 16)
        im2col[LINE] = im2col[ADDR]
    step_group(group, start, group_ends, layer, tile, tile.group_step, plane_words, feeder)


@njit(int64(_THREE, _ONE, _ONE, _ONE, _ONE, int64, int64, int64))
def step_operands(operands, x_out, fill, ifmap_word, wires, dataflow, pool, neutral):
    """limen_operands [2, lanes, depth]: operands out to `x_out`, a word in; return what was written."""
    feeder, lanes, depth = ifmap_word.shape[0], operands.shape[1], operands.shape[2]
    x_out[:] = neutral
    if wires[X_READ]:
        address = wires[X_ADDR] if dataflow == Dataflow.WS else wires[X_ADDR] * feeder + wires[X_ELEMENT]
        if address < depth:
            for lane in range(min(lanes, wires[X_LANES_LEFT])):
                x_out[lane] = operands[wires[X_HALF], lane, address]
    if not fill[FILL_VALID] or pool:
        return int64(0)
    half, address, lane, inside = fill[FILL_HALF], fill[FILL_ADDR], fill[FILL_LANE], fill[FILL_INSIDE]
    if dataflow != Dataflow.WS:
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
