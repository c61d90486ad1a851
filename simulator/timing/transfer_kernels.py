"""Closed forms of what a tile moves beside its folds, for a memory that answers in every cycle.

Kernels: records and integers in, cycles out. Each is equal to stepping the same unit word by word, which
`ready_mask_kernels` does for memories that pause.
"""

from __future__ import annotations

from numba import boolean, from_dtype, int64
from numba.types import UniTuple  # type: ignore[attr-defined]

from simulator.encoding import MOST_IN_FIELD
from simulator.timing.integers import MACHINE_INTEGERS
from simulator.timing.tile_kernels import IS, ceil_div
from workloads.host.jit import njit_in_place

MACHINE = from_dtype(MACHINE_INTEGERS)
PAIR = UniTuple(int64, 2)
ARRAY = int64[::1]


@njit_in_place(int64(int64, int64, MACHINE))
def run_cycles(runs, beats, machine):
    """Return the cycles from picking a load to its last beat: `runs` requests of `beats` beats each."""
    return runs * (1 + machine.latency + (beats - 1) * machine.interval) + 1


@njit_in_place(int64(int64, MACHINE))
def beats_of(words, machine):
    """Return the beats of so many densely packed words of activations."""
    return ceil_div(words * machine.word_bits, machine.port_bits)


@njit_in_place(boolean(int64, int64, int64))
def is_dense(planes, beats, stride):
    """Return whether planes of `beats` beats, `stride` apart, are one run: without a gap, and its beats fit a field."""
    return beats == stride and planes * beats <= MOST_IN_FIELD


@njit_in_place(int64(int64, int64, int64, MACHINE))
def planes_cycles(planes, beats, stride, machine):
    """Return the cycles from picking a load of planes of `beats` beats each, `stride` apart, to its last beat."""
    if is_dense(planes, beats, stride):
        return run_cycles(1, planes * beats, machine)
    return run_cycles(planes, beats, machine)


@njit_in_place(int64(int64, int64, int64, MACHINE))
def _word_work(start, end, steps, machine):
    """Return the packer's steps for words `start` to `end` of a plane: `steps` each; under is one each, and `steps`
    more before each block of a column's words."""
    if machine.dataflow == IS:
        return end - start + steps * (ceil_div(end, machine.cols) - ceil_div(start, machine.cols))
    return (end - start) * steps


@njit_in_place(int64(int64, int64))
def greatest_divisor(first, second):
    """Return the greatest common divisor."""
    while second:
        first, second = second, first % second
    return first


@njit_in_place(int64(int64, MACHINE))
def _words_by(beats, machine):
    """Return how many words of a plane are needed to fill so many beats."""
    return ceil_div(beats * machine.port_bits, machine.word_bits)


@njit_in_place(int64(int64, int64, MACHINE))
def _paced(words, steps, machine):
    """Return the cycles between two beats with `words` words of work between them, at least the memory's interval."""
    return max(machine.interval, words * steps)


@njit_in_place(int64(int64, int64, MACHINE))
def _turned_beats(full, steps, machine):
    """Return the cycles from the first to the last of a plane's `full` beats under is, of which blocks are uneven."""
    first_words, last_words = _words_by(1, machine), _words_by(full, machine)
    if machine.interval <= machine.port_bits // machine.word_bits:  # the packer is never faster than the memory
        return _word_work(first_words, last_words, steps, machine)
    period_words = _words_by(machine.word_bits, machine) // greatest_divisor(machine.port_bits, machine.word_bits)
    period_words *= machine.cols // greatest_divisor(period_words, machine.cols)
    period = period_words * machine.word_bits // machine.port_bits
    whole, rest = (full - 1) // period, (full - 1) % period
    total, start = int64(0), first_words
    of_rest = int64(0)
    for beat in range(2, min(full, 1 + period) + 1):
        end = _words_by(beat, machine)
        total += max(machine.interval, _word_work(start, end, steps, machine))
        start = end
        if beat == 1 + rest:
            of_rest = total
    return whole * total + of_rest if whole > 0 else total


@njit_in_place(PAIR(int64, int64, MACHINE))
def pack_plane(pixels, steps, machine):
    """Return (the packer's steps before the first beat, cycles from the first to the last) of a plane of words.

    steps: that a word takes under os and ws; under is, that each block of `cols` words takes first.
    """
    full = pixels * machine.word_bits // machine.port_bits
    if full == 0:
        return _word_work(0, pixels, steps, machine), int64(0)
    first_words, last_words = _words_by(1, machine), _words_by(full, machine)
    if machine.dataflow == IS:
        cycles = _turned_beats(full, steps, machine)
    else:  # so many words a beat, or one more
        fewer = machine.port_bits // machine.word_bits
        more = last_words - first_words - fewer * (full - 1)
        cycles = (full - 1 - more) * _paced(fewer, steps, machine) + more * _paced(fewer + 1, steps, machine)
    if pixels * machine.word_bits > full * machine.port_bits:
        cycles += max(machine.interval, max(1, _word_work(last_words, pixels, steps, machine)))
    return _word_work(0, first_words, steps, machine), cycles


@njit_in_place(int64(int64, int64, ARRAY, boolean, MACHINE))
def store_cycles(pixels, first_steps, planes_of_steps, dense, machine):
    """Return the cycles from picking a tile's store to its last beat, both included.

    planes_of_steps: how many planes of words take so many steps, see `pack_plane`; first_steps: of the first plane. A
    plane is a request, or dense planes all together; the packer begins two cycles after the store is picked.
    """
    total = int64(1)
    between = machine.interval if dense else 1 + machine.latency  # from a plane's last beat to the next one's first
    for steps in range(1, len(planes_of_steps)):
        if planes_of_steps[steps] > 0:
            work, cycles = pack_plane(pixels, steps, machine)
            total += planes_of_steps[steps] * (max(between, work) + cycles)
            if steps == first_steps:
                total += max(1 + machine.latency, 2 + work) - max(between, work)
    return total


@njit_in_place(int64(int64, int64, MACHINE))
def raw_store_cycles(pixels, outputs, machine):
    """Return the same of a tile of raw scores: one request, a beat each."""
    beats = pixels * outputs
    turned = machine.dataflow == IS  # one step more before each block of a column's scores
    cycles = 1 + max(1 + machine.latency, 4 if turned else 3) + (beats - 1) * machine.interval
    if turned and machine.interval == 1:
        cycles += outputs * ceil_div(pixels, machine.cols) - 1
    return cycles


@njit_in_place(PAIR(int64, int64, MACHINE))
def scatter_plane(pixels, steps, machine):
    """Return (cycles from the first to the last beat of a residual's plane, from there until the unit is free)."""
    before_last = ceil_div(pixels * machine.word_bits, machine.port_bits) - 1
    fewer = machine.port_bits // machine.word_bits  # whole words a beat, or one more
    words = before_last * machine.port_bits // machine.word_bits
    more = words - fewer * before_last
    cycles = (before_last - more) * max(machine.interval, 1 + fewer * steps)
    cycles += more * max(machine.interval, 1 + (fewer + 1) * steps)
    return cycles, 1 + (pixels - words) * steps


@njit_in_place(int64(int64, int64, int64, MACHINE))
def synapse_steps(plane, channels, lanes, machine):
    """Return the steps that a word takes into the scratchpad of weights, of a plane of so many channels' words.

    lanes: of a row that takes a word's channels side by side; 0 where each takes a step of its own.
    """
    first, last = plane * machine.feeder, min((plane + 1) * machine.feeder, channels) - 1
    return last // lanes - first // lanes + 1 if lanes > 0 else last - first + 1


@njit_in_place(PAIR(int64, int64, int64, boolean, MACHINE))
def synapse_cycles(pixels, channels, lanes, dense, machine):
    """Return the same as `residual_cycles` of a tensor that becomes synapses; lanes: see `synapse_steps`."""
    between = machine.interval if dense else 1 + machine.latency
    total, free = 2 + machine.latency, int64(0)
    for plane in range(ceil_div(channels, machine.feeder)):
        total += max(between, free) if plane > 0 else 0
        cycles, free = scatter_plane(pixels, synapse_steps(plane, channels, lanes, machine), machine)
        total += cycles
    return total, total + free - 1


@njit_in_place(PAIR(int64, int64, ARRAY, boolean, MACHINE))
def residual_cycles(pixels, last_steps, planes_of_steps, dense, machine):
    """Return (cycles from picking a tile's residual to its last beat, to the scatter unit being free after it).

    planes_of_steps, dense: as of `store_cycles`; last_steps: of the last plane. A beat waits until the unit is done
    with the words that the one before completed.
    """
    total, free = int64(1), int64(0)
    between = machine.interval if dense else 1 + machine.latency
    for steps in range(1, len(planes_of_steps)):
        if planes_of_steps[steps] > 0:
            cycles, until_free = scatter_plane(pixels, steps, machine)
            total += planes_of_steps[steps] * (cycles + max(between, until_free))
            if steps == last_steps:
                total += 1 + machine.latency - max(between, until_free)
                free = until_free
    return total, total + free - 1
