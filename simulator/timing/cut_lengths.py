"""Lengths of tiles: into which equal parts each axis of a layer can be cut."""

from __future__ import annotations

from numba import int64

from simulator.encoding import STRAIGHT_MATMUL, TRANSPOSED_MATMUL
from simulator.timing.cut_kernels import LAYER, MACHINE
from simulator.timing.tile_kernels import ceil_div
from simulator.timing.transfer_kernels import greatest_divisor
from workloads.host.jit import njit_in_place


@njit_in_place(int64(int64, int64, int64))
def next_length(length, size, granule):
    """Return the next shorter length of equal parts of an axis, 0 after the shortest.

    Parts have a multiple of `granule`, but for the last; the longest have the whole axis.
    """
    most = ceil_div(size, granule)
    now = ceil_div(length, granule)
    if now == 1:
        return 0
    return min(ceil_div(most, ceil_div(most, now - 1)) * granule, size)


@njit_in_place(int64(int64, int64))
def count_lengths(size, granule):
    """Return how many lengths equal parts of an axis can have."""
    length, count = size, int64(0)
    while length > 0:
        length = next_length(length, size, granule)
        count += 1
    return count


@njit_in_place(int64(MACHINE))
def words_of_beats(machine):
    """Return the least words of activations that end on a beat."""
    return machine.port_bits // greatest_divisor(machine.word_bits, machine.port_bits)


@njit_in_place(int64(int64, int64))
def common_multiple(first, second):
    """Return the least common multiple."""
    return first * second // greatest_divisor(first, second)


@njit_in_place(int64(LAYER, MACHINE))
def row_granule(layer, machine):
    """Return the number of output rows whose plane ends on a beat: tiles begin at multiples of it."""
    if layer.raw and not layer.residual:
        return 1  # one accumulator a beat
    words = words_of_beats(machine)
    return words // greatest_divisor(words, layer.out_width)


@njit_in_place(int64(LAYER, MACHINE))
def output_granule(layer, machine):
    """Return the number of output channels at multiples of which tiles begin: whole words, and whole groups.

    Of a matmul they are pixels or channels of its synapses, too, which begin on a beat or are whole words.
    """
    granule = 1 if layer.raw and not layer.residual else machine.feeder
    if layer.matmul == TRANSPOSED_MATMUL:
        return common_multiple(granule, words_of_beats(machine))
    if layer.matmul:
        return machine.feeder
    return granule if layer.groups == 1 else common_multiple(granule, layer.outputs // layer.groups)


@njit_in_place(int64(LAYER, MACHINE))
def channel_granule(layer, machine):
    """Return the number of input channels at multiples of which tiles begin: whole words; of a matmul as above.

    Those of groups, and of pooling, are not cut.
    """
    if layer.groups > 1 or layer.pool:
        return layer.channels
    if layer.matmul == STRAIGHT_MATMUL:
        return common_multiple(machine.feeder, words_of_beats(machine))
    return machine.feeder
