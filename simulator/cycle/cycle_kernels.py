"""The cycle model's kernel: steps every register of the Verilog, clock edge by clock edge.

It sees only arrays and integers. State, phases and names are those of simulator/rtl/verilog; operands are bit
patterns, partial sums and accumulators are patterns of their own width. Every module's function reads what the
registers hold before the clock edge and leaves what they hold after it; `run_program` calls them so that no
module sees another's next cycle. They are in cycle_array, cycle_feed and cycle_memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import int64, types, void

from simulator.cycle import cycle_feed as feed
from simulator.cycle import cycle_memory as memory
from simulator.cycle.cycle_array import (
    ACC_BITS,
    ARRAY_STATE,
    CHANNEL_DEPTH,
    COLS,
    COUNT,
    DATAFLOW,
    FEEDER,
    FILTER_DEPTH,
    FOLDS_REGISTERS,
    IDLE,
    IFMAP_DEPTH,
    MEMORY_INTERVAL,
    MEMORY_LATENCY,
    MOVING,
    OFMAP_DEPTH,
    OP,
    OPERAND_DEPTH,
    POLARITY,
    POLARITY_DEPTH,
    PORT_BITS,
    ROWS,
    STATE,
    STILL,
    VALUE,
    W_BITS,
    X_BITS,
    X_SIGNED,
    step_array,
    step_edges,
    step_folds,
)
from simulator.cycle.cycle_feed import LAYER_VALUES, TILE_VALUES, flag, signed
from simulator.encoding import (
    FIRST_K,
    LAST,
    LAYER,
    LOAD_FILTER,
    LOAD_IFMAP,
    LOAD_RESIDUAL,
    OP_MASK,
    OP_PLACE,
    POOL,
    RAW,
    SEVERAL_OPS,
    STORE,
    TILE,
    WORD_BITS,
    Dataflow,
    Kind,
    Op,
    Phase,
    Polarity,
    descriptor_beats,
    field_places,
    values_of,
)
from workloads.host.jit import njit

# Columns of `counters`: cycles by phase 1..10, then folds, tiles and what is busy of the array, beats, memory accesses.
FOLDS, TILES, BUSY, USED_ROWS, USED_COLS = range(10, 15)
BEATS_STORE, BEATS_DESCRIPTOR, BEATS_FILTER, BEATS_IFMAP, BEATS_RESIDUAL = range(15, 20)
IFMAP_READS, IFMAP_WRITES, WEIGHT_READS, WEIGHT_WRITES, POLARITY_READS, POLARITY_WRITES = range(20, 26)
CHANNEL_READS, CHANNEL_WRITES, OPERAND_READS, OPERAND_WRITES, OFMAP_READS, OFMAP_WRITES = range(26, 32)
PACK_READS, SCATTER_WRITES, COUNTERS = range(32, 35)

# Columns of `ports`: signals before the clock edge of the cycle.
PORT_NAMES = (
    *("phase", "mem_request", "mem_write", "mem_kind", "mem_read_valid", "mem_write_valid", "compute_busy", "dma_busy"),
    *("folds.state_reg", "folds.count_reg", "issue", "x_read", "filter_read", "filter_row", "edge_valid", "edge_addr"),
)
NPORTS = 16

# DMA.
DMA_IDLE, PICK, REQUEST, DATA = 0, 1, 2, 3
ALL_OF_A_TILE = 1 << Kind.TILE | 1 << Kind.FILTER | 1 << Kind.IFMAP | 1 << Kind.RESIDUAL
LOADS = LOAD_FILTER | LOAD_IFMAP | LOAD_RESIDUAL  # by the order of their kinds
DMA_STATE, KIND, WANTED, NEXT_DESCRIPTOR, RUN_ADDR, STRIDE, RUNS_LEFT, RUN_BEATS = range(8)
BEATS_LEFT, FIRST, PLANE, PLANE_LEFT, BASE, DMA_REGISTERS = range(8, 14)

# Sequencer.
SEQUENCER_IDLE, FETCH, STEP = 0, 1, 2
NEXT_TILE, PRESENT_TILE, STORED_TILE = range(3)  # rows of `tiles`

_ONE = int64[::1]
_TWO = int64[:, ::1]
_THREE = int64[:, :, ::1]
_FOUR = int64[:, :, :, ::1]


@njit(int64(_ONE, TILE_VALUES))
def kinds_wanted(dma, next_tile):
    """Return the kinds still to be served, by bit: what a tile wants counts once its descriptor has come."""
    return dma[WANTED] & ((next_tile.flag_bits & LOADS) << Kind.FILTER | 7)


@njit(void(_ONE, TILE_VALUES, TILE_VALUES, int64, int64, int64, int64, int64))
def step_dma(dma, next_tile, stored_tile, job, accepted, moved, layer_beats, tile_beats):
    """limen_dma. job: the kinds wanted of a job that starts now, by bit; 0: none starts."""
    state, kind = dma[DMA_STATE], dma[KIND]
    if state == PICK:
        wanted = kinds_wanted(dma, next_tile)
        kind = int64(Kind.STORE)
        while kind < Kind.RESIDUAL and not (wanted >> kind) & 1:
            kind += 1
        dma[DMA_STATE] = REQUEST if wanted else DMA_IDLE
        dma[WANTED] = wanted and dma[WANTED] & ~(1 << kind)
        dma[KIND], dma[BASE] = kind, 0
        if kind == Kind.STORE:
            dma[RUN_ADDR], dma[STRIDE] = stored_tile.store_addr, stored_tile.plane_stride
            dma[RUNS_LEFT], dma[RUN_BEATS] = stored_tile.store_runs, stored_tile.store_beats
        elif kind == Kind.IFMAP:
            dma[RUN_ADDR], dma[STRIDE] = next_tile.ifmap_addr, next_tile.ifmap_stride
            dma[RUNS_LEFT], dma[RUN_BEATS] = next_tile.ifmap_runs, next_tile.ifmap_beats
        elif kind == Kind.RESIDUAL:
            dma[RUN_ADDR], dma[STRIDE] = next_tile.residual_addr, next_tile.plane_stride
            dma[RUNS_LEFT], dma[RUN_BEATS] = next_tile.residual_runs, next_tile.residual_beats
        elif kind == Kind.FILTER:
            dma[RUN_ADDR], dma[RUNS_LEFT] = next_tile.filter_addr, 1
            dma[RUN_BEATS] = next_tile.weight_beats + next_tile.polarity_beats + next_tile.channel_beats
        else:
            dma[RUN_ADDR], dma[RUNS_LEFT] = dma[NEXT_DESCRIPTOR], 1
            dma[RUN_BEATS] = layer_beats if kind == Kind.LAYER else tile_beats
            dma[NEXT_DESCRIPTOR] += dma[RUN_BEATS]
    elif state == REQUEST and accepted:
        dma[DMA_STATE], dma[BEATS_LEFT], dma[FIRST] = DATA, dma[RUN_BEATS], 1
        dma[PLANE], dma[PLANE_LEFT] = 0, next_tile.weight_beats
    elif state == DATA and moved:
        dma[FIRST] = 0
        dma[BEATS_LEFT] -= 1
        dma[PLANE_LEFT] -= 1
        if kind == Kind.FILTER and dma[PLANE_LEFT] == 0:
            dma[FIRST] = 1
            dma[PLANE] = 1 if dma[PLANE] == 0 and next_tile.polarity_beats else 2
            dma[PLANE_LEFT] = next_tile.polarity_beats if dma[PLANE] == 1 else next_tile.channel_beats
        if dma[BEATS_LEFT] == 0:
            dma[DMA_STATE] = PICK if dma[RUNS_LEFT] == 1 else REQUEST
            dma[RUNS_LEFT] -= 1
            dma[RUN_ADDR] += dma[STRIDE]
            dma[BASE] += next_tile.plane_words
    elif state == DMA_IDLE and job:
        dma[DMA_STATE], dma[WANTED] = PICK, job


@njit(void(_TWO, int64, _ONE))
def read_row(half, row, answer):
    """Let a scratchpad answer with one of its rows."""
    if row < half.shape[0]:
        for lane in range(answer.shape[0]):
            answer[lane] = half[row, lane]


class Descriptors(NamedTuple):
    """What the sequencer holds: words as they come, beat by beat, and their fields.

    layer_words, tile_words: of as many beats as a descriptor takes. layer_places, tile_places: `field_places`.
    layers [1], tiles [3]: fields by name, rows NEXT_TILE, PRESENT_TILE, STORED_TILE. layer_values [fields], tile_values
    [3, fields]: the same memory, by number.
    """

    layer_words: np.ndarray
    tile_words: np.ndarray
    layer_places: np.ndarray
    tile_places: np.ndarray
    layers: np.ndarray
    tiles: np.ndarray
    layer_values: np.ndarray
    tile_values: np.ndarray


def make_descriptors(port_bits: int) -> Descriptors:
    """Return registers for the descriptors that come over a port."""
    words = [descriptor_beats(kind, port_bits) * port_bits // WORD_BITS for kind in (LAYER, TILE)]
    layers, tiles = np.zeros(1, values_of(LAYER)), np.zeros(3, values_of(TILE))
    return Descriptors(
        layer_words=np.zeros(words[0], np.int64),
        tile_words=np.zeros(words[1], np.int64),
        layer_places=field_places(LAYER),
        tile_places=field_places(TILE),
        layers=layers,
        tiles=tiles,
        layer_values=layers.view(np.int64),
        tile_values=tiles.view(np.int64).reshape(3, -1),
    )


DESCRIPTORS = types.NamedTuple([_ONE, _ONE, _TWO, _TWO, LAYER_VALUES[::1], TILE_VALUES[::1], _ONE, _TWO], Descriptors)


@njit(void(_ONE, _TWO, _ONE))
def unpack(words, places, values):
    """limen_descriptor: the fields of a descriptor's 32-bit words."""
    for i in range(values.shape[0]):
        pattern = (words[places[i, 0]] >> places[i, 1]) & ((int64(1) << places[i, 2]) - 1)
        values[i] = signed(pattern, places[i, 2]) if places[i, 3] else pattern


@njit(int64(_ONE, DESCRIPTORS, _TWO, _ONE, _ONE, _FOUR, _TWO, _TWO, _TWO))
def run_program(config, descriptors, dram, memory_mask, flip, trace, counters, toggles, ports):
    """Run the program at beat 0 of `dram` [beats, words] from `start` to `done` and return its cycles.

    config: ROWS .. MEMORY_INTERVAL. dram: 32-bit words, stored to in place. memory_mask [period]: in which cycles the
    memory accepts or moves anything. flip: [cycle, register, row, col, bit]: inverts that PE register bit after that
    clock edge; cycle 0: never. trace [cycles, 3, R, C]: the PE registers after each clock edge; no rows: not kept.
    counters [layers, COUNTERS], toggles [layers, 3] and ports [cycles, NPORTS] are written here.
    """
    rows, cols, dataflow, feeder = config[ROWS], config[COLS], config[DATAFLOW], config[FEEDER]
    x_bits, w_bits, x_signed, acc_bits = config[X_BITS], config[W_BITS], config[X_SIGNED], config[ACC_BITS]
    beat_words = config[PORT_BITS] // 32
    op = (
        int64(Op.THRESHOLD) if config[OP] == SEVERAL_OPS else config[OP]
    )  # several: from tile to tile, as the layer says
    neutral_x = (int64(1) << (x_bits - 1)) if config[OP] == Op.THRESHOLD else int64(0)
    # Highest threshold, or the exponent of weight 0; of several ops zeros, which are nothing under each.
    neutral_synapse = (
        (int64(1) << (w_bits - 1)) - 1 if config[OP] == Op.THRESHOLD or config[OP] == Op.SHIFT else int64(0)
    )
    x_lanes, synapse_lanes = (cols, rows) if dataflow == Dataflow.IS else (rows, cols)
    by_input = config[POLARITY] == Polarity.INPUT
    one_polarity = config[POLARITY] != Polarity.SYNAPSE and by_input != (dataflow == Dataflow.IS)
    polarity_lanes = 1 if one_polarity else synapse_lanes
    channel_lanes = 1 if dataflow == Dataflow.IS else cols

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
    wires = np.zeros(feed.WIRES, np.int64)
    dma, folds = np.zeros(DMA_REGISTERS, np.int64), np.zeros(FOLDS_REGISTERS, np.int64)
    im2col, fill = np.zeros(feed.IM2COL_REGISTERS, np.int64), np.zeros(feed.FILL_REGISTERS, np.int64)
    groups, walkers = np.zeros((2, 2), np.int64), np.zeros((2, memory.WALKER_REGISTERS), np.int64)
    steps, streams = np.zeros((2, memory.STEP_OUTPUTS), np.int64), np.zeros((2, 2 * beat_words + 1), np.int64)
    packer, scatter = np.zeros(memory.PACKER_REGISTERS, np.int64), np.zeros(memory.SCATTER_REGISTERS, np.int64)
    turned, turned_raw = np.zeros((cols, feeder), np.int64), np.zeros(cols, np.int64)
    beat, store_beat = np.zeros(beat_words, np.int64), np.zeros(beat_words, np.int64)
    pooled, last_row = np.zeros(feeder, np.int64), np.zeros(rows, np.int64)
    x_out, synapse_out = np.full(x_lanes, neutral_x), np.full(synapse_lanes, neutral_synapse)
    left_out, top_out = (synapse_out, x_out) if dataflow == Dataflow.IS else (x_out, synapse_out)
    left_line = np.full((rows, rows), left_out[0])
    top_line = np.full((cols, cols), top_out[0])
    left, top = left_line[0].copy(), top_line[0].copy()
    channel_line, channel_seen = np.zeros(cols, np.int64), np.zeros((cols, 2), np.int64)
    edge = np.zeros((10, cols), np.int64)
    pe = np.zeros((3, rows, cols), np.int64)
    registers, fresh = pe.reshape(3, rows * cols), np.zeros((3, rows * cols), np.int64)
    pe[MOVING] = left_out[0]
    if dataflow == Dataflow.OS:
        pe[STILL] = top_out[0]
    output_config = np.array([0, dataflow, x_bits, acc_bits, x_signed])

    # Sequencer, in the cycle after `start`: the DMA begins to fetch the first layer's descriptor.
    tiles = descriptors.tiles
    layer, next_tile, tile, stored_tile = (
        descriptors.layers[0],
        tiles[NEXT_TILE],
        tiles[PRESENT_TILE],
        tiles[STORED_TILE],
    )
    layer_words, tile_words, tile_values = descriptors.layer_words, descriptors.tile_words, descriptors.tile_values
    layer_beats, tile_beats = layer_words.shape[0] // beat_words, tile_words.shape[0] // beat_words
    state, next_valid, tile_valid, tiles_left = int64(FETCH), int64(0), int64(0), int64(0)
    filter_half, ifmap_half, ofmap_half = int64(0), int64(0), int64(0)
    dma[DMA_STATE], dma[WANTED] = PICK, 1 << Kind.LAYER
    pool_valid, pool_wait = int64(0), int64(0)
    memory_left, memory_next, memory_at = int64(0), int64(0), int64(0)
    quiet, last_shift, edge_cycles, x_held = False, int64(0), int64(0), int64(0)
    cycle, index = int64(0), int64(0)

    while state != SEQUENCER_IDLE:
        row = counters[index]
        pool = flag(layer.flag_bits, POOL)
        # Sequencer.
        dma_busy, compute_busy = dma[DMA_STATE] != DMA_IDLE, folds[STATE] != IDLE
        scatter_busy = scatter[memory.WAITING] >= feeder * x_bits
        still = not dma_busy and not scatter_busy and not compute_busy
        store, load = tile_valid and flag(tile.flag_bits, STORE), tiles_left != 0
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
        willing = store_valid if kind == Kind.STORE else not (kind == Kind.RESIDUAL and scatter_busy)
        moved = offered and willing
        beat_valid, beat_first = moved and kind != Kind.STORE, dma[FIRST]
        store_start = dma_state == PICK and dma[WANTED] & 1
        residual_start = dma_state == PICK and kinds_wanted(dma, next_tile) == 1 << Kind.RESIDUAL
        if moved:
            row[BEATS_STORE + (kind if kind < Kind.TILE else kind - 1)] += 1
            for i in range(beat_words):
                if kind == Kind.STORE:
                    dram[memory_at, i] = store_beat[i]
                else:
                    beat[i] = dram[memory_at, i]

        # Phase of this cycle.
        phase = folds[STATE]
        if not compute_busy:
            phase = int64(Phase.STALL_CONTROL)
            if dma_busy and dma_state != PICK and kind == Kind.STORE:
                phase = int64(Phase.STALL_OFMAP)
            elif dma_busy and dma_state != PICK and kind == Kind.FILTER:
                phase = int64(Phase.STALL_FILTER)
            elif (dma_busy and dma_state != PICK and kind >= Kind.IFMAP) or (not dma_busy and scatter_busy):
                phase = int64(Phase.STALL_IFMAP)
        row[phase - 1] += 1
        row[TILES] += compute_start
        fold_state, fold_count = folds[STATE], folds[COUNT]

        pool_busy = im2col[feed.ACTIVE] or pool_wait
        block_filled = fill[feed.BLOCK_FILLED]
        if compute_start or compute_busy or folds[ARRAY_STATE] != IDLE:
            step_folds(
                config, folds, groups[0], last_row, wires, layer, now, cycle, compute_start, block_filled, pool_busy
            )
        else:
            folds[COUNT] = 0 if fold_count == rows - 1 else (fold_count + 1) & 0x1FFFF
        row[FOLDS] += wires[feed.FOLD_ENDS]
        row[BUSY] += wires[feed.USED_ROWS] * wires[feed.USED_COLS]
        row[USED_ROWS] += wires[feed.USED_ROWS]
        row[USED_COLS] += wires[feed.USED_COLS]

        # Array edge, and the bias and shift each column sees: under is those of as many cycles ago as its number.
        slot = cycle % cols
        channel_line[slot] = channel_word[0]
        edge_cycles = cols + 3 if wires[feed.EDGE_VALID] else edge_cycles - 1
        if edge_cycles > 0:
            for c in range(cols):
                pattern = (
                    channel_line[slot - c + (cols if c > slot else 0)] if dataflow == Dataflow.IS else channel_word[c]
                )
                channel_seen[c, 0], channel_seen[c, 1] = pattern & ((int64(1) << acc_bits) - 1), pattern >> acc_bits
            bottom = pe[VALUE, rows - 1]
            step_edges(config, edge, channel_seen, ofmap, ofmap_words, bottom, wires, layer, ofmap_half)
            row[OFMAP_READS] += wires[feed.EDGE_READS]
            row[OFMAP_WRITES] += wires[feed.EDGE_WRITES]

        # Array: lane i gets what it was given i cycles ago. Without a change in two cycles there will be none.
        same = last_shift == wires[feed.ARRAY_SHIFT]
        last_shift = wires[feed.ARRAY_SHIFT]
        row_slot = cycle % rows
        for r in range(rows):
            left_line[row_slot, r] = left_out[r]
            operand = left_line[row_slot - r + (rows if r > row_slot else 0), r]
            same = same and left[r] == operand
            left[r] = operand
        for c in range(cols):
            top_line[slot, c] = top_out[c]
            operand = top_line[slot - c + (cols if c > slot else 0), c] if dataflow == Dataflow.OS else top_out[c]
            same = same and top[c] == operand
            top[c] = operand
        if not (same and quiet):
            quiet = step_array(config, registers, fresh, left, top, op, last_shift, toggles[index]) == 0

        # Filters and operands answer in the next cycle.
        for lane in range(synapse_lanes):
            synapse_out[lane] = neutral_synapse
        if wires[feed.FILTER_READ]:
            row[WEIGHT_READS] += 1
            read_row(weights[filter_half], wires[feed.FILTER_ROW], synapse_out)
            if op == Op.THRESHOLD:
                row[POLARITY_READS] += 1
                read_row(polarities[filter_half], wires[feed.POLARITY_ROW], polarity_word)
                for lane in range(synapse_lanes):
                    synapse_out[lane] |= polarity_word[0 if polarity_lanes == 1 else lane] << w_bits
        if wires[feed.CHANNEL_READ]:
            row[CHANNEL_READS] += 1
            read_row(channels[filter_half], wires[feed.CHANNEL_ROW], channel_word)
        if wires[feed.X_READ]:
            row[OPERAND_READS] += min(x_lanes, wires[feed.X_LANES_LEFT])
        if wires[feed.X_READ] or x_held or fill[feed.FILL_VALID]:
            row[OPERAND_WRITES] += feed.step_operands(
                operands, x_out, fill, ifmap_word, wires, dataflow, pool, neutral_x
            )
        x_held = wires[feed.X_READ]

        # Packer and scatter unit, pooling and im2col unit.
        output_config[0] = flag(layer.flag_bits, RAW)
        other = 1 - ofmap_half
        if store_start or (dma_busy and kind == Kind.STORE):
            row[PACK_READS] += memory.step_packer(
                packer, walkers[0], steps[0], turned, turned_raw, streams[0], store_beat, ofmap_words[other],
                ofmap[other], stored_tile, output_config, store_start, moved and kind == Kind.STORE,
            )  # fmt: skip
        spread_start, added = (compute_start, False) if pool else (residual_start, beat_valid and kind == Kind.RESIDUAL)
        wires[feed.SCATTERED], wires[feed.POOL_TAKEN] = 0, 0
        if spread_start or added or scatter_busy or pool_valid:
            memory.step_scatter(
                scatter, walkers[1], steps[1], streams[1], beat, pooled, ofmap[ofmap_half if pool else other],
                now if pool else next_tile, output_config, wires, spread_start, pool_valid,
                0 if pool else layer.residual_shift, added, beat_first,
            )  # fmt: skip
        row[SCATTER_WRITES] += wires[feed.SCATTERED]
        hold = pool_wait
        if wires[feed.POOL_TAKEN]:
            pool_valid, pool_wait = int64(0), int64(0)
        if pool and fill[feed.FILL_VALID]:
            memory.step_pool(pooled, fill, ifmap_word, layer.y_low & ((int64(1) << x_bits) - 1), x_bits, x_signed)
            pool_valid |= fill[feed.FILL_LAST]
        fill[feed.FILL_VALID], fill[feed.BLOCK_FILLED] = 0, 0
        wires[feed.ISSUE], wires[feed.PIXEL_ENDS], wires[feed.IFMAP_READ] = 0, 0, 0
        if compute_start or im2col[feed.ACTIVE]:
            feed.step_im2col(
                im2col, groups[1], fill, wires, layer, now, ifmap[ifmap_half], ifmap_word, x_lanes, dataflow,
                compute_start, hold,
            )  # fmt: skip
        pool_wait |= pool and wires[feed.ISSUE] and wires[feed.PIXEL_ENDS]
        row[IFMAP_READS] += wires[feed.IFMAP_READ]

        # Beats into the scratchpads' other halves.
        if beat_valid and kind == Kind.IFMAP:
            half, skip, count = ifmap[1 - ifmap_half], next_tile.skip, next_tile.plane_words
            row[IFMAP_WRITES] += memory.fill_scratchpad(
                pad, pad_stream, half, beat, beat_first, skip, dma[BASE], count, x_bits
            )
        elif beat_valid and kind == Kind.FILTER:
            plane = dma[PLANE]
            half = weights[1 - filter_half]
            if plane > 0:
                half = polarities[1 - filter_half] if plane == 1 else channels[1 - filter_half]
            plane_rows = next_tile.weight_rows
            if plane > 0:
                plane_rows = next_tile.polarity_rows if plane == 1 else next_tile.channel_rows
            bits = w_bits if plane == 0 else int64(1) if plane == 1 else acc_bits + 5
            row[WEIGHT_WRITES + (2 * plane)] += memory.fill_scratchpad(
                pad, pad_stream, half, beat, beat_first, 0, 0, plane_rows, bits
            )

        # DMA and memory.
        job = int64(0)
        if layer_ends and not layer.flag_bits & LAST:
            job = int64(1 << Kind.LAYER)
        elif stepping:
            job = (store << Kind.STORE) | (ALL_OF_A_TILE if load else 0)
        if accepted:
            memory_left, memory_at, memory_next = dma[RUN_BEATS], dma[RUN_ADDR], cycle + config[MEMORY_LATENCY]
        elif moved:
            memory_left, memory_at, memory_next = memory_left - 1, memory_at + 1, cycle + config[MEMORY_INTERVAL]
        if dma_busy or job:
            step_dma(dma, next_tile, stored_tile, job, accepted, moved, layer_beats, tile_beats)

        # Sequencer: descriptors come beat by beat, first word first.
        if beat_valid and kind <= Kind.TILE:
            words = layer_words if kind == Kind.LAYER else tile_words
            for i in range(words.shape[0] - beat_words):
                words[i] = words[i + beat_words]
            for i in range(beat_words):
                words[words.shape[0] - beat_words + i] = beat[i]
            if kind == Kind.LAYER:
                unpack(layer_words, descriptors.layer_places, descriptors.layer_values)
            else:
                unpack(tile_words, descriptors.tile_places, tile_values[NEXT_TILE])
        if state == FETCH and not dma_busy and not scatter_busy:
            state, tiles_left, next_valid, tile_valid = int64(STEP), layer.tiles, int64(0), int64(0)
        if config[OP] == SEVERAL_OPS and compute_start:
            quiet = quiet and op == (layer.flag_bits >> OP_PLACE) & OP_MASK
            op = (layer.flag_bits >> OP_PLACE) & OP_MASK
        if stepping:
            tile_values[STORED_TILE] = tile_values[PRESENT_TILE]
            if next_valid:
                tile_values[PRESENT_TILE] = tile_values[NEXT_TILE]
                filter_half ^= flag(tile.flag_bits, LOAD_FILTER)
                ifmap_half ^= flag(tile.flag_bits, LOAD_IFMAP)
            ofmap_half ^= flag(tile.flag_bits, FIRST_K) if next_valid else store
            tile_valid, next_valid = next_valid, int64(load)
            tiles_left -= load
        if layer_ends:
            state = int64(SEQUENCER_IDLE if layer.flag_bits & LAST else FETCH)
            index += 1

        if cycle < ports.shape[0]:
            port = ports[cycle]
            port[0], port[1], port[2], port[3] = phase, dma_state == REQUEST, kind == Kind.STORE, kind
            port[4] = offered and kind != Kind.STORE
            port[5] = dma_state == DATA and kind == Kind.STORE and store_valid
            port[6], port[7], port[8], port[9] = compute_busy, dma_busy, fold_state, fold_count
            port[10], port[11], port[12] = wires[feed.ISSUE], wires[feed.X_READ], wires[feed.FILTER_READ]
            port[13], port[14], port[15] = wires[feed.FILTER_ROW], wires[feed.EDGE_VALID], wires[feed.EDGE_ADDR]
        cycle += 1
        if cycle == flip[0]:
            pe[flip[1], flip[2], flip[3]] ^= int64(1) << flip[4]
            quiet = False
        if cycle <= trace.shape[0]:
            trace[cycle - 1] = pe
    return cycle
