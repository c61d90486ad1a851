"""Lengths of tiles: into which equal parts each axis of a layer can be cut."""

from __future__ import annotations

from numba import int64

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


@njit_in_place(int64(LAYER, MACHINE))
def row_granule(layer, machine):
    """Return the number of output rows whose plane ends on a beat: tiles begin at multiples of it."""
    if layer.raw and not layer.residual:
        return 1  # one accumulator a beat
    words = machine.port_bits // greatest_divisor(machine.word_bits, machine.port_bits)
    return words // greatest_divisor(words, layer.out_width)


@njit_in_place(int64(LAYER, MACHINE))
def output_granule(layer, machine):
    """Return the number of output channels at multiples of which tiles begin: whole words, and whole groups."""
    if layer.matmul:
        return layer.outputs  # its synapses come whole
    granule = 1 if layer.raw and not layer.residual else machine.feeder
    if layer.groups == 1:
        return granule
    group = layer.outputs // layer.groups
    return granule * group // greatest_divisor(granule, group)
