"""`Sizes`: what follows from the fields of a design, of one or, as arrays, of many at once.

One source of these formulas for both: they choose and compare by the functions below, which take either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.encoding import SHIFT_BITS

HALVES = 2
BITS_PER_KIB = 8192

FEWEST_CHANNELS = 256
"""Channels whose bias and shift fit in half of the channel scratchpad, at least."""

MOST_ROWS = 65535
"""Rows of a scratchpad half that 16-bit addresses reach."""


def either(condition: Any, yes: Any, no: Any) -> Any:
    """Return `yes` where the condition holds, else `no`."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


def most(first: Any, second: Any) -> Any:
    """Return the larger one of each pair."""
    return either(first < second, second, first)


def least(first: Any, second: Any) -> Any:
    """Return the smaller one of each pair."""
    return either(second < first, second, first)


def bit_length(number: Any) -> Any:
    """Return the bits of numbers from 0 to below 2^53, as `int.bit_length`."""
    return np.frexp(number)[1].astype(np.int64) if isinstance(number, np.ndarray) else number.bit_length()


def half_bits(kib: Any) -> Any:
    """Return the bits in half of a scratchpad."""
    bits = kib * BITS_PER_KIB
    return (bits.astype(np.int64) if isinstance(bits, np.ndarray) else int(bits)) // HALVES


def rows_of(kib: Any, bits: Any) -> Any:
    """Return the rows of so many bits in half of a scratchpad."""
    return least(MOST_ROWS, half_bits(kib) // bits)


class Sizes:
    """Sizes of a design or, where its fields are arrays, [designs] of each: see the fields of `Design`."""

    if TYPE_CHECKING:
        rows: Any
        cols: Any
        dataflow: Any
        x_bits: Any
        w_bits: Any
        polarity: Any
        ifmap_kib: Any
        filter_kib: Any
        feeder_width: Any
        channel_rows: Any

        @property
        def op_bits(self) -> Any: ...

        @property
        def polarity_bits(self) -> Any: ...

    @property
    def synapse_bits(self) -> Any:
        return self.w_bits + self.polarity_bits

    @property
    def psum_bits(self) -> Any:
        """Width of a ws or is partial sum: `rows` results always fit."""
        return self.op_bits + bit_length(self.rows - 1)

    @property
    def x_lanes(self) -> Any:
        """Array lanes that carry activations."""
        return either(self.dataflow == "is", self.cols, self.rows)

    @property
    def synapse_lanes(self) -> Any:
        """Array lanes that carry synapses: the width of a filter row."""
        return either(self.dataflow == "is", self.rows, self.cols)

    @property
    def stores_polarity(self) -> Any:
        """Whether there is polarity in memory and scratchpad."""
        return (self.polarity_bits > 0) & (self.polarity != "generated")

    @property
    def generates_polarity(self) -> Any:
        """Whether there is a generator of it instead."""
        return (self.polarity_bits > 0) & (self.polarity == "generated")

    @property
    def polarity_lanes(self) -> Any:
        """Bits of a stored polarity row: one serves all lanes where polarity does not depend on what they differ in."""
        same = either(self.dataflow == "is", self.polarity == "neuron", self.polarity == "input")
        return either(self.stores_polarity, either(same, 1, self.synapse_lanes), 0)

    @property
    def word_bits(self) -> Any:
        """Bits of a word of feeder_width activations, as DRAM and the ifmap scratchpad hold them."""
        return self.feeder_width * self.x_bits

    @property
    def ifmap_depth(self) -> Any:
        """Words in half of the ifmap scratchpad."""
        return rows_of(self.ifmap_kib, self.word_bits)

    @property
    def filter_depth(self) -> Any:
        """Rows in half of the filter scratchpad."""
        return rows_of(self.filter_kib, self.filter_bits)

    @property
    def filter_bits(self) -> Any:
        """Bits of a row of the filter scratchpad, polarity included where it is stored a synapse."""
        return self.synapse_lanes * self.w_bits + either(self.polarity == "neuron", 0, self.polarity_lanes)

    @property
    def channel_lanes(self) -> Any:
        """Channels in a row of the channel scratchpad: under is, channels pass in time."""
        return either(self.dataflow == "is", 1, self.cols)

    @property
    def channel_depth(self) -> Any:
        """Rows of bias and shift in half of the channel scratchpad: at least `channel_rows`, and 256 channels."""
        return most(self.channel_rows, -(-FEWEST_CHANNELS // self.channel_lanes))

    @property
    def polarity_depth(self) -> Any:
        """Rows in half of the polarity scratchpad, where there is one."""
        return either(self.polarity == "neuron", self.channel_depth, self.filter_depth)

    @property
    def pes(self) -> Any:
        return self.rows * self.cols


class FittedSizes(Sizes):
    """Sizes that depend on the accumulators' width."""

    if TYPE_CHECKING:
        acc_bits: Any
        ofmap_kib: Any
        operand_depth: Any
        port_bits: Any

        @property
        def memory_kib(self) -> Any: ...

    @property
    def ofmap_depth(self) -> Any:
        """Accumulators of one column in half of the ofmap scratchpad."""
        return rows_of(self.ofmap_kib, self.cols * self.acc_bits)

    @property
    def memory_beats(self) -> Any:
        """Beats of an on-chip main memory."""
        bits = self.memory_kib * BITS_PER_KIB
        return -(-(bits.astype(np.int64) if isinstance(bits, np.ndarray) else int(bits)) // self.port_bits)

    @property
    def buffers_kib(self) -> Any:
        """KiB of all memories around the array: scratchpads with polarity, bias and shift, operand blocks."""
        bits = self.ifmap_depth * self.word_bits + self.filter_depth * self.synapse_lanes * self.w_bits
        bits = bits + self.polarity_depth * self.polarity_lanes
        bits = bits + self.channel_depth * self.channel_lanes * (self.acc_bits + SHIFT_BITS)
        # Under ws a lane's operand block is of activations, else of whole words.
        words = self.operand_depth // self.feeder_width * self.word_bits
        bits = bits + self.x_lanes * either(self.dataflow == "ws", self.operand_depth * self.x_bits, words)
        bits = bits + self.ofmap_depth * self.cols * self.acc_bits
        return HALVES * bits / BITS_PER_KIB

    @property
    def held_bits(self) -> Any:
        """Width of the sum that a PE holds: its accumulator, or the psum that passes through it."""
        return either(self.dataflow == "os", self.acc_bits, self.psum_bits)
