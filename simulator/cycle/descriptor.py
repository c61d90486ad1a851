"""The fields of the descriptors that come over the port."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import from_dtype, int64, void

from simulator.cycle.bits import ROW, TABLE, signed
from simulator.cycle.records import record_type
from simulator.cycle.reference import Reference
from simulator.encoding import LAYER, TILE, WORD_BITS, descriptor_beats, field_places
from workloads.host.jit import njit_in_place

NEXT, PRESENT, STORED = range(3)
"""Rows of tiles: being loaded, computed, stored."""

PRESENT_LAYER, NEXT_LAYER = range(2)
"""Rows of layers: the one that runs; the one that is fetched."""

LAYER_VALUES, TILE_VALUES = record_type(*(LAYER.names or ())), record_type(*(TILE.names or ()))
"""Fields of a descriptor as numbers side by side."""

LAYER_RECORD, TILE_RECORD = from_dtype(LAYER_VALUES), from_dtype(TILE_VALUES)


class Descriptors(NamedTuple):
    """Registers of the sequencer: words as they come, and their fields.

    layer_words, tile_words: as many beats as a descriptor takes. layer_places, tile_places: `field_places`. layers [2],
    tiles [3]: fields by name. layer_values [2, fields], tile_values [3, fields]: the same memory, by number.
    """

    layer_words: np.ndarray
    tile_words: np.ndarray
    layer_places: np.ndarray
    tile_places: np.ndarray
    layers: np.ndarray
    tiles: np.ndarray
    layer_values: np.ndarray
    tile_values: np.ndarray


DESCRIPTORS = Reference(Descriptors, [ROW, ROW, TABLE, TABLE, LAYER_RECORD[::1], TILE_RECORD[::1], TABLE, TABLE])


def make_descriptors(port_bits: int) -> Descriptors:
    """Return registers for the descriptors that come over a port."""
    layer, tile = (descriptor_beats(kind, port_bits) * port_bits // WORD_BITS for kind in (LAYER, TILE))
    layers, tiles = np.zeros(2, LAYER_VALUES), np.zeros(3, TILE_VALUES)
    return Descriptors(
        layer_words=np.zeros(layer, np.int64),
        tile_words=np.zeros(tile, np.int64),
        layer_places=field_places(LAYER),
        tile_places=field_places(TILE),
        layers=layers,
        tiles=tiles,
        layer_values=layers.view(np.int64).reshape(2, -1),
        tile_values=tiles.view(np.int64).reshape(3, -1),
    )


@njit_in_place(void(ROW, ROW, TABLE, ROW))
def take_beat(words, beat, places, values):
    """Shift a beat into a descriptor's words, first word first, and unpack its fields."""
    for i in range(words.shape[0] - beat.shape[0]):
        words[i] = words[i + beat.shape[0]]
    for i in range(beat.shape[0]):
        words[words.shape[0] - beat.shape[0] + i] = beat[i]
    for i in range(values.shape[0]):
        pattern = (words[places[i, 0]] >> places[i, 1]) & ((int64(1) << places[i, 2]) - 1)
        values[i] = signed(pattern, places[i, 2]) if places[i, 3] else pattern
