"""limen_sequencer: a program of descriptors, layer by layer, each as steps of one tile."""

from __future__ import annotations

from numba import from_dtype, void

from simulator.cycle.bits import ROW, copy_row, flag
from simulator.cycle.descriptor import DESCRIPTORS, NEXT, NEXT_LAYER, PRESENT, PRESENT_LAYER, STORED, take_beat
from simulator.cycle.records import record_type
from simulator.cycle.wires import WIRES_RECORD
from simulator.encoding import FIRST_K, LAST, LOAD_FILTER, LOAD_IFMAP, POOL, STORE, Kind
from workloads.host.jit import njit_in_place

IDLE, FETCH, STEP = range(3)

SEQUENCER = record_type(
    *(
        "state_reg",
        "next_valid_reg",
        "tile_valid_reg",
        "tiles_left_reg",
        "filter_half_reg",
        "ifmap_half_reg",
        "ofmap_half_reg",
    ),
    "layers_done",
)
"""Registers, and how many layers have ended."""

SEQUENCER_RECORD = from_dtype(SEQUENCER)


@njit_in_place(void(SEQUENCER_RECORD, DESCRIPTORS, WIRES_RECORD))
def decide(sequencer, descriptors, wires):
    """Say what begins in this cycle: a step, a tile's computation, the layer's end."""
    wires.pool = flag(descriptors.layers[PRESENT_LAYER].flag_bits, POOL)
    still = not wires.dma_busy and not wires.scatter_busy and not wires.compute_busy
    wires.store = sequencer.tile_valid_reg and flag(descriptors.tiles[PRESENT].flag_bits, STORE)
    wires.load = sequencer.tiles_left_reg != 0
    more = wires.store or wires.load or sequencer.next_valid_reg
    wires.steps = sequencer.state_reg == STEP and still and more
    wires.layer_ends = sequencer.state_reg == STEP and still and not more
    wires.next_loaded = sequencer.next_valid_reg and not wires.dma_busy and not wires.scatter_busy
    wires.compute_start = wires.steps and sequencer.next_valid_reg
    wires.fetch = wires.compute_start and not wires.load and not flag(descriptors.layers[PRESENT_LAYER].flag_bits, LAST)


@njit_in_place(void(DESCRIPTORS, ROW, WIRES_RECORD))
def take_descriptor(descriptors, beat, wires):
    """Take a beat of a descriptor, if this is one."""
    if wires.beat_valid and wires.kind == Kind.LAYER:
        take_beat(descriptors.layer_words, beat, descriptors.layer_places, descriptors.layer_values[NEXT_LAYER])
    elif wires.beat_valid and wires.kind == Kind.TILE:
        take_beat(descriptors.tile_words, beat, descriptors.tile_places, descriptors.tile_values[NEXT])


@njit_in_place(void(SEQUENCER_RECORD, DESCRIPTORS, WIRES_RECORD))
def step_sequencer(sequencer, descriptors, wires):
    """Take the clock edge."""
    tile = descriptors.tiles[PRESENT]
    fetched = sequencer.state_reg == FETCH and not wires.dma_busy and not wires.scatter_busy
    if wires.steps:
        copy_row(descriptors.tile_values[STORED], descriptors.tile_values[PRESENT])
        if sequencer.next_valid_reg:
            copy_row(descriptors.tile_values[PRESENT], descriptors.tile_values[NEXT])
            sequencer.filter_half_reg ^= flag(tile.flag_bits, LOAD_FILTER)
            sequencer.ifmap_half_reg ^= flag(tile.flag_bits, LOAD_IFMAP)
        # A new tile of outputs, or the end.
        sequencer.ofmap_half_reg ^= flag(tile.flag_bits, FIRST_K) if sequencer.next_valid_reg else wires.store
        sequencer.tile_valid_reg, sequencer.next_valid_reg = sequencer.next_valid_reg, wires.load
        sequencer.tiles_left_reg -= wires.load
    if wires.layer_ends:
        sequencer.layers_done += 1
    if wires.layer_ends and flag(descriptors.layers[PRESENT_LAYER].flag_bits, LAST):
        sequencer.state_reg = IDLE
    elif fetched or wires.layer_ends:
        copy_row(descriptors.layer_values[PRESENT_LAYER], descriptors.layer_values[NEXT_LAYER])
        sequencer.state_reg, sequencer.tiles_left_reg = STEP, descriptors.layers[NEXT_LAYER].tiles
        sequencer.next_valid_reg, sequencer.tile_valid_reg = 0, 0
