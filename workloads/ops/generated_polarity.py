"""Generated polarity: signs that a seeded generator replays, so that none of them is stored.

The sign of output channel n at fan-in position k is the parity of two words ANDed: a channel word, which counts n, and
a position word, which counts k and is then mixed. `limen_generator` does the same with two counters.

Positions are mixed by AND, XOR and rotations alone: a few gates, shared by all lanes of an array. A lane has its
channel's word and a parity tree. Were mixed words drawn at random, any two channels' signs would be independent, and
any two positions': no more is asked of signs that stand in for random ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

WORD_BITS = 16
WORD_MASK = (1 << WORD_BITS) - 1

CHANNEL_TOP = 1 << (WORD_BITS - 1)
"""Always in a channel word, so that a channel counted 0 has signs, too."""

SCATTER = 0x9E3779B1
"""A prime near 2^32 over the golden ratio: seeds next to each other begin far apart, no two at one place."""

ROUNDS = ((1, 2, 5, 0x9E37), (3, 7, 11, 0x79B9), (1, 5, 8, 0x7F4A))
"""Of the mixing: two rotations that are ANDed, one that is XORed with it, and a constant."""


class Beginning(NamedTuple):
    """Where a layer's signs begin, 16 bits each: what position 0 and channel 0 are counted as."""

    position: int
    channel: int


def beginning(seed: int) -> Beginning:
    """Return where the signs of a seed (0 … 2^32 − 1) begin."""
    scattered = seed * SCATTER & 0xFFFFFFFF
    return Beginning(scattered >> WORD_BITS, scattered & WORD_MASK)


def generated_polarity(seed: int, n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return int8 ±1 of output channels n and fan-in positions k (integers, broadcast together)."""
    begin = beginning(seed)
    channels = (np.asarray(n) + begin.channel & WORD_MASK | CHANNEL_TOP).astype(np.uint16)
    positions = mixed(np.asarray(k) + begin.position & WORD_MASK).astype(np.uint16)
    return 1 - 2 * (np.bitwise_count(channels & positions) & 1).astype(np.int8)


def mixed(words: np.ndarray) -> np.ndarray:
    """Return 16-bit words (int64), each as scattered as the next."""
    for first, second, third, constant in ROUNDS:
        words = words ^ (_rotated(words, first) & _rotated(words, second)) ^ _rotated(words, third) ^ constant
    return words


def _rotated(words: np.ndarray, left: int) -> np.ndarray:
    """Return 16-bit words rotated left."""
    return (words << left | words >> (WORD_BITS - left)) & WORD_MASK
