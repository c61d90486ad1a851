"""The counting kernel: integers of a layer, a machine and a cut in, exact counts out, for an always-ready memory.

Everything that counts a layer comes through here: one design is a batch of one. No data, no tiles one by one.
"""

from __future__ import annotations

from numba import int64, void

from simulator.timing.access_kernels import COUNTS, ROWS_INSIDE, add_accesses, add_tiles, load_filters
from simulator.timing.cut_kernels import (
    CUT,
    JOB,
    LAYER,
    LOADING,
    MACHINE,
    OUTPUT,
    ROW,
    divide_channels,
    divide_outputs,
    divide_rows,
    take_output,
    take_row,
    time_tiles,
)
from simulator.timing.tile_kernels import KIND, next_ahead, time_ahead
from simulator.timing.transfer_kernels import (
    beats_of,
    is_dense,
    planes_cycles,
    raw_store_cycles,
    residual_cycles,
    run_cycles,
    store_cycles,
)
from workloads.host.jit import njit_in_place

LAYERS, MACHINES, CUTS, COUNT_ROWS = LAYER[::1], MACHINE[::1], CUT[:, ::1], COUNTS[:, ::1]


@njit_in_place(int64(int64, int64, int64))
def waited(start, end, computed):
    """Return how many of the cycles from `start` until before `end` lie after the array is done, at `computed`."""
    return max(0, end - max(start, computed))


@njit_in_place(int64(int64, int64, LOADING))
def still_after(store, tile, load):
    """Return the cycles of a step after which nothing moves; as `add_steps`."""
    loaded = store + tile + load.filter + load.ifmap
    end = loaded + load.residual + (store > 0 or tile > 0)
    return max(end, loaded + load.free) if load.free > 0 else end


@njit_in_place(int64(int64, int64, int64, LOADING, int64, COUNTS))
def add_steps(computed, store, tile, load, count, counts):
    """Add `count` steps of the program that take so long to compute, store and load; return the cycles of one.

    store: cycles, 0 where nothing is stored; tile: of a descriptor's fetch, 0 where none is: a tile's, to be loaded, or
    that of the next layer.
    """
    moving = store > 0 or tile > 0
    loaded = store + tile + load.filter + load.ifmap
    end = loaded + load.residual + moving
    free = loaded + load.free if load.free > 0 else 0
    counts.stall_control += count  # the cycle in which the units start
    if computed >= max(end, free):
        return 1 + computed
    control, cycle = int64(0), int64(0)
    if store > 0:
        control += waited(0, 1, computed)
        counts.stall_ofmap += count * waited(1, store, computed)
        cycle = store
    control += waited(cycle, cycle + tile, computed)
    cycle += tile
    if load.filter > 0:
        control += waited(cycle, cycle + 1, computed)
        counts.stall_filter += count * waited(cycle + 1, cycle + load.filter, computed)
        cycle += load.filter
    if load.ifmap > 0:
        control += waited(cycle, cycle + 1, computed)
        counts.stall_ifmap += count * waited(cycle + 1, cycle + load.ifmap, computed)
        cycle += load.ifmap
    if load.residual > 0:
        control += waited(cycle, cycle + 1, computed)
        counts.stall_ifmap += count * waited(cycle + 1, cycle + load.residual, computed)
        cycle += load.residual
    control += moving * waited(cycle, cycle + 1, computed)
    counts.stall_ifmap += count * waited(end, free, computed)
    counts.stall_control += count * control
    return 1 + max(end, computed, free)


@njit_in_place(int64(KIND, int64, int64, int64, JOB, COUNTS))
def _add_timed(kind, store, tile, count, job, counts):
    """Add `count` steps of a tile whose first block is ahead as timed last; return their cycles."""
    counts.stall_feeder -= count * (kind.cycles - kind.computed)
    return count * add_steps(kind.computed, store, tile, job.load[0], count, counts)


@njit_in_place(int64(KIND, int64, int64, int64, JOB))
def _ahead_after(kind, ahead, still, fill, job):
    """Return by how much the tile after one of a kind is ahead; see `next_ahead`."""
    time_ahead(kind, job.layer[0], job.machine[0], job.state[0], ahead)
    return next_ahead(kind, still, fill)


@njit_in_place(int64(KIND, int64, int64, int64, JOB, COUNTS))
def _run_steps(kind, store, tile, count, job, counts):
    """Add `count` equal steps, one after another; return their cycles. store, tile: as `add_steps`.

    By how much a tile is ahead follows from that of the tile before: in the end it stays, or takes turns of two.
    """
    load = job.load[0]
    if not job.machine[0].overlap:
        return count * add_steps(kind.cycles, store, tile, load, count, counts)
    parts, still, total = job.parts[0], still_after(store, tile, load), int64(0)
    while count > 0:
        now, others = parts.ahead, int64(0)
        then = _ahead_after(kind, now, still, load.first_fill, job)
        if count > 1 and _ahead_after(kind, then, still, load.first_fill, job) == now:
            others = count // 2  # as timed last, `then` ahead
            total += _add_timed(kind, store, tile, others, job, counts)
            count -= others
        times = count if others > 0 else int64(1)
        _ahead_after(kind, now, still, load.first_fill, job)
        total += _add_timed(kind, store, tile, times, job, counts)
        parts.ahead = now if others == times else then
        count -= times
    return total


@njit_in_place(void(int64, int64, JOB))
def move_tile(last_rows, last_outputs, job):
    """Fill in what storing a tile and loading its residual takes."""
    layer, machine, cut, parts = job.layer[0], job.machine[0], job.cut[0], job.parts[0]
    moves, words = job.moves[last_rows, last_outputs], job.word_steps[last_outputs]
    planes = job.planes_of_steps[last_outputs, : words.most + 1]
    pixels = (parts.last_rows if last_rows else cut.rows) * layer.out_width
    dense = is_dense(words.planes, beats_of(pixels, machine), beats_of(layer.out_height * layer.out_width, machine))
    if layer.raw:
        moves.store = raw_store_cycles(pixels, parts.last_outputs if last_outputs else cut.outputs, machine)
    else:
        moves.store = store_cycles(pixels, words.first, planes, dense, machine)
    moves.residual, moves.free = 0, 0
    if layer.residual:
        moves.residual, moves.free = residual_cycles(pixels, words.last, planes, dense, machine)


@njit_in_place(void(JOB))
def time_moves(job):
    """Fill in what storing and loading a tile of each kind takes, but for its ifmap."""
    parts = job.parts[0]
    for last_rows in range(int64(parts.rows == 1), 2):
        for last_outputs in range(int64(parts.outputs == 1), 2):
            move_tile(last_rows, last_outputs, job)
    for index in range(parts.classes):
        for last in range(int64(parts.channels == 1), 2):
            load_filters(job.tiles[1, index, last], job.layer[0], job.machine[0])


@njit_in_place(void(int64, int64, int64, int64, JOB))
def _load_tile(beats, last_rows, part, last_channels, job):
    """Set the cycles of loading a tile whole; `beats` of each of its ifmap's planes."""
    load, kind, layer, machine = job.load[0], job.tiles[1, part, last_channels], job.layer[0], job.machine[0]
    moves = job.moves[last_rows, job.classes[part].last]
    load.filter = kind.filter_cycles
    load.ifmap = planes_cycles(kind.words, beats, beats_of(layer.height * layer.width, machine), machine)
    load.residual, load.free = moves.residual, moves.free
    if layer.matmul:
        load.residual, load.free = kind.second_cycles, kind.second_free
    load.first_fill = job.tiles[last_rows, part, last_channels].first_fill


@njit_in_place(void(int64, int64, int64, int64, JOB))
def _load_further(beats, last_rows, part, last_channels, job):
    """The same of a tile that adds to the sums of the one before: its residual is there, a matmul's synapses aren't."""
    load = job.load[0]
    _load_tile(beats, last_rows, part, last_channels, job)
    if not job.layer[0].matmul:
        load.residual, load.free = 0, 0


@njit_in_place(int64(ROW, OUTPUT, JOB))
def _store_before(row, output, job):
    """Return the cycles of storing the tile before the first of these parts, 0 where there is none."""
    moves, last_output = job.moves, job.classes[output.part].last
    if job.cut[0].order == ROWS_INSIDE:
        if not row.first:
            return moves[0, last_output].store
        return 0 if output.first else moves[1, 0].store
    if not output.first:
        return moves[row.last, 0].store
    return 0 if row.first else moves[0, 1].store


@njit_in_place(int64(ROW, OUTPUT, JOB))
def _load_after(row, output, job):
    """Set the loads of the tile after the last of these parts; return whether there is one.

    What the tile before has loaded is not loaded again, unless the input channels come in several parts.
    """
    layer, parts, load = job.layer[0], job.parts[0], job.load[0]
    last_channels, again = int64(parts.channels == 1), parts.channels > 1
    if job.cut[0].order == ROWS_INSIDE:
        if not row.last:
            _load_tile(row.next_beats, row.next_last, output.part, last_channels, job)
            load.filter = load.filter if again else 0
        elif not output.last:
            _load_tile(job.row_kinds[0].beats, int64(parts.rows == 1), output.next_part, last_channels, job)
            load.ifmap = load.ifmap if again or parts.by_group or parts.rows > 1 else 0
        else:
            return False
    elif not output.last:
        _load_tile(row.beats, row.last, output.next_part, last_channels, job)
        load.ifmap = load.ifmap if again or parts.by_group else 0
    elif not row.last:
        _load_tile(row.next_beats, row.next_last, 0, last_channels, job)
        load.filter = load.filter if again or parts.outputs > 1 else 0
    else:
        return False
    if layer.matmul and load.filter == 0:  # its synapses stay, too
        load.residual, load.free = 0, 0
    return True


@njit_in_place(void(LOADING))
def _load_nothing(load):
    load.filter, load.ifmap, load.residual, load.free, load.first_fill = 0, 0, 0, 0, 0


@njit_in_place(int64(JOB))
def next_layer_cycles(job):
    """Return the cycles of fetching the next layer's descriptor, which the last tile hides; 0 where there is none."""
    return 0 if job.layer[0].last else run_cycles(1, job.machine[0].layer_beats, job.machine[0])


@njit_in_place(int64(ROW, OUTPUT, int64, JOB, COUNTS))
def _add_parts(row, output, count, job, counts):
    """Add the steps of all tiles of these parts of rows and output channels, `count` times; return their cycles."""
    channels, load, tiles = job.parts[0].channels, job.load[0], job.tiles[row.last, output.part]
    fetch = run_cycles(1, job.machine[0].tile_beats, job.machine[0])
    store = _store_before(row, output, job)
    total = int64(0)
    if channels > 1:  # sums stay on chip from one part of the input channels to the next
        _load_further(row.beats, row.last, output.part, int64(channels == 2), job)
        total += _run_steps(tiles[0], store, fetch, count, job, counts)
        if channels > 3:
            total += _run_steps(tiles[0], 0, fetch, count * (channels - 3), job, counts)
        if channels > 2:
            _load_further(row.beats, row.last, output.part, 1, job)
            total += _run_steps(tiles[0], 0, fetch, count, job, counts)
        store = 0
    if not _load_after(row, output, job):
        _load_nothing(load)
        fetch = next_layer_cycles(job)
    return total + _run_steps(tiles[1], store, fetch, count, job, counts)


@njit_in_place(int64(int64, JOB, COUNTS))
def _add_inside(size, job, counts):
    """Add the steps of all `size` parts of the inner axis, the outer one's as it is; return their cycles."""
    total, index = int64(0), int64(0)
    while index < size:
        alike = take_row(index, job) if job.cut[0].order == ROWS_INSIDE else take_output(index, job)
        alike = alike if job.parts[0].channels == 1 else 1
        total += _add_parts(job.row[0], job.output[0], alike, job, counts)
        index += alike
    return total


@njit_in_place(int64(JOB, COUNTS))
def _add_in_order(job, counts):
    """Add the steps of all tiles in their order, as each may begin to fill under the one before; return their cycles.

    Once a part of the outer axis leaves the next one as much ahead as it was itself, those alike take as long.
    """
    parts, rows_inside, total, index = job.parts[0], job.cut[0].order == ROWS_INSIDE, int64(0), int64(0)
    outer, inner = (parts.outputs, parts.rows) if rows_inside else (parts.rows, parts.outputs)
    parts.ahead = 0
    while index < outer:
        alike = take_output(index, job) if rows_inside else take_row(index, job)
        ahead, control, feeder = parts.ahead, counts.stall_control, counts.stall_feeder
        ifmap, filters, ofmap = counts.stall_ifmap, counts.stall_filter, counts.stall_ofmap
        cycles = _add_inside(inner, job, counts)
        again = alike - 1 if parts.ahead == ahead else int64(0)
        counts.stall_control += again * (counts.stall_control - control)
        counts.stall_feeder += again * (counts.stall_feeder - feeder)
        counts.stall_ifmap += again * (counts.stall_ifmap - ifmap)
        counts.stall_filter += again * (counts.stall_filter - filters)
        counts.stall_ofmap += again * (counts.stall_ofmap - ofmap)
        total += (1 + again) * cycles
        index += 1 + again
    return total


@njit_in_place(int64(JOB, COUNTS))
def _add_waiting(job, counts):
    """Add all waiting cycles of the layer; return its cycles.

    A step computes a tile while the one before is stored and the next one loaded. One step before the first tile only
    loads, one after the last only stores, and one more hand-over finds that the layer is done.
    """
    machine, parts, load = job.machine[0], job.parts[0], job.load[0]
    total = int64(1)
    if job.layer[0].first:
        total += run_cycles(1, machine.layer_beats, machine) + 2
    counts.stall_control += total
    _load_tile(job.row_kinds[0].beats, int64(parts.rows == 1), 0, int64(parts.channels == 1), job)
    total += add_steps(0, 0, run_cycles(1, machine.tile_beats, machine), load, 1, counts)
    if machine.overlap:
        total += _add_in_order(job, counts)
    else:
        for row_kind in range(parts.row_kinds):
            for output_kind in range(parts.output_kinds):
                row, output = job.row_kinds[row_kind], job.output_kinds[output_kind]
                total += _add_parts(row, output, row.count * output.count, job, counts)
    _load_nothing(load)
    return total + add_steps(0, job.moves[1, 1].store, 0, load, 1, counts)


@njit_in_place(void(JOB))
def _divide(job):
    """Work out the parts of a cut and what tiles of each kind take."""
    divide_rows(job)
    divide_outputs(job)
    divide_channels(job)
    parts = job.parts[0]
    parts.tiles = parts.rows * parts.outputs * parts.channels
    time_tiles(job)
    time_moves(job)


@njit_in_place(void(JOB, COUNTS), from_python=True)
def count_tiles(job, counts):
    """Fill in the counts of a layer by a cut, but for what is waited for other than operands by tiles on their own."""
    _divide(job)
    parts, layer, machine = job.parts[0], job.layer[0], job.machine[0]
    for index in range(parts.classes):
        for last_rows in range(2):
            for last_channels in range(2):
                count = job.classes[index].count * (1 if last_rows else parts.rows - 1)
                count *= 1 if last_channels else parts.channels - 1
                if count > 0:
                    add_tiles(count, job.tiles[last_rows, index, last_channels], layer, machine, counts)
    add_accesses(job, counts)


@njit_in_place(int64(JOB, COUNTS))
def count_job(job, counts):
    """Fill in the counts of a layer by a cut; return its cycles."""
    count_tiles(job, counts)
    return _add_waiting(job, counts)


@njit_in_place(void(JOB, LAYERS, MACHINES, CUTS, COUNT_ROWS), from_python=True)
def count_batch(job, layers, machines, cuts, counts):
    """Add to `counts` [machines, layers], zeros before, those of every layer on every machine by its cut.

    cuts [machines, layers]. job: see `new_job`.
    """
    for machine in range(len(machines)):
        job.machine[0] = machines[machine]
        for layer in range(len(layers)):
            job.layer[0] = layers[layer]
            job.cut[0] = cuts[machine, layer]
            count_job(job, counts[machine, layer])


@njit_in_place(int64(JOB, COUNTS))
def cycles_of_cut(job, counts):
    """Return the cycles of a layer by a cut, without counting anything else; counts: scratch."""
    _divide(job)
    return _add_waiting(job, counts)
