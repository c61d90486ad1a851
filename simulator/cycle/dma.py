"""limen_dma: one transfer at a time over the memory port: store, descriptor, filter, ifmap, residual."""

from __future__ import annotations

from numba import from_dtype, int64, void

from simulator.cycle.descriptor import TILE_RECORD
from simulator.cycle.records import record_type
from simulator.cycle.wires import WIRES_RECORD
from simulator.encoding import LOAD_FILTER, LOAD_IFMAP, LOAD_RESIDUAL, Kind
from workloads.host.jit import njit_in_place

IDLE, PICK, REQUEST, DATA = range(4)

DMA = record_type(
    *("state_reg", "kind_reg", "wanted_reg", "program_reg", "addr_reg", "stride_reg", "runs_left_reg", "run_beats_reg"),
    *("beats_left_reg", "first_reg", "plane_reg", "plane_left_reg", "base_reg", "layer_beats", "tile_beats"),
    "stored_polarity",
)
"""Registers, the beats of descriptors, and whether filters have a plane of polarity. wanted_reg: kinds still to be
served, by bit."""

DMA_RECORD = from_dtype(DMA)

ALL_OF_A_TILE = 1 << Kind.TILE | 1 << Kind.FILTER | 1 << Kind.IFMAP | 1 << Kind.RESIDUAL
LOADS = LOAD_FILTER | LOAD_IFMAP | LOAD_RESIDUAL
"""Flags of a tile, in the order of their kinds."""


@njit_in_place(int64(DMA_RECORD, TILE_RECORD))
def kinds_wanted(dma, next_tile):
    """Return the kinds still to be served, by bit: what a tile wants counts once its descriptor has come."""
    return dma.wanted_reg & ((next_tile.flag_bits & LOADS) << Kind.FILTER | 7)


@njit_in_place(int64(DMA_RECORD, TILE_RECORD))
def polarity_beats(dma, next_tile):
    """Return the beats of a filter's plane of polarity."""
    return next_tile.polarity_beats if dma.stored_polarity else int64(0)


@njit_in_place(void(DMA_RECORD, TILE_RECORD, WIRES_RECORD))
def announce(dma, next_tile, wires):
    """Say what begins in this cycle: a store, a residual."""
    picks = dma.state_reg == PICK
    wires.pack_start = picks and dma.wanted_reg & 1
    wires.residual_start = picks and kinds_wanted(dma, next_tile) == 1 << Kind.RESIDUAL


@njit_in_place(void(DMA_RECORD, TILE_RECORD, TILE_RECORD, int64))
def pick(dma, next_tile, stored_tile, matmul):
    """Choose the next transfer: its first beat, runs, beats of each and beats from run to run.

    matmul: planes of a residual are a whole tensor's, which is the layer's synapses.
    """
    wanted = kinds_wanted(dma, next_tile)
    kind = int64(Kind.STORE)
    while kind < Kind.RESIDUAL and not (wanted >> kind) & 1:
        kind += 1
    dma.state_reg = REQUEST if wanted else IDLE
    dma.wanted_reg = wanted and dma.wanted_reg & ~(1 << kind)
    dma.kind_reg, dma.base_reg = kind, 0
    if kind == Kind.STORE:
        dma.addr_reg, dma.stride_reg = stored_tile.store_addr, stored_tile.plane_stride
        dma.runs_left_reg, dma.run_beats_reg = stored_tile.store_runs, stored_tile.store_beats
    elif kind == Kind.IFMAP:
        dma.addr_reg, dma.stride_reg = next_tile.ifmap_addr, next_tile.ifmap_stride
        dma.runs_left_reg, dma.run_beats_reg = next_tile.ifmap_runs, next_tile.ifmap_beats
    elif kind == Kind.RESIDUAL:
        dma.addr_reg = next_tile.residual_addr
        dma.stride_reg = next_tile.residual_plane_beats if matmul else next_tile.plane_stride
        dma.runs_left_reg, dma.run_beats_reg = next_tile.residual_runs, next_tile.residual_beats
    elif kind == Kind.FILTER:
        dma.addr_reg, dma.runs_left_reg = next_tile.filter_addr, 1
        dma.run_beats_reg = next_tile.weight_beats + polarity_beats(dma, next_tile) + next_tile.channel_beats
    else:
        dma.addr_reg, dma.runs_left_reg = dma.program_reg, 1
        dma.run_beats_reg = dma.layer_beats if kind == Kind.LAYER else dma.tile_beats
        dma.program_reg += dma.run_beats_reg


@njit_in_place(int64(DMA_RECORD, TILE_RECORD))
def first_plane_beats(dma, next_tile):
    """Return the beats of a run's first plane."""
    beats = next_tile.weight_beats
    if dma.kind_reg == Kind.IFMAP:
        beats = next_tile.ifmap_plane_beats
    elif dma.kind_reg == Kind.RESIDUAL:
        beats = next_tile.residual_plane_beats
    return beats


@njit_in_place(void(DMA_RECORD, TILE_RECORD))
def count_beat(dma, next_tile):
    """Count a beat that has moved; the last of a plane, of a run, of a transfer."""
    dma.first_reg = 0
    dma.beats_left_reg -= 1
    dma.plane_left_reg -= 1
    if dma.plane_left_reg == 0:
        dma.first_reg = 1
        dma.plane_left_reg = first_plane_beats(dma, next_tile)
        dma.base_reg += next_tile.plane_words
        if dma.kind_reg == Kind.FILTER:
            dma.plane_reg = 1 if dma.plane_reg == 0 and polarity_beats(dma, next_tile) else 2
            dma.plane_left_reg = next_tile.polarity_beats if dma.plane_reg == 1 else next_tile.channel_beats
    if dma.beats_left_reg == 0:
        dma.state_reg = PICK if dma.runs_left_reg == 1 else REQUEST
        dma.runs_left_reg -= 1
        dma.addr_reg += dma.stride_reg


@njit_in_place(void(DMA_RECORD, TILE_RECORD, TILE_RECORD, WIRES_RECORD, int64))
def step_dma(dma, next_tile, stored_tile, wires, matmul):
    """Take the clock edge; a job starts where a step begins that has any."""
    state = dma.state_reg
    if state == PICK:
        pick(dma, next_tile, stored_tile, matmul)
    elif state == REQUEST and wires.accepted:
        dma.state_reg, dma.beats_left_reg, dma.first_reg = DATA, dma.run_beats_reg, 1
        dma.plane_reg, dma.plane_left_reg = 0, first_plane_beats(dma, next_tile)
    elif state == DATA and wires.moved:
        count_beat(dma, next_tile)
    elif state == IDLE and (wires.store or wires.load or wires.fetch) and wires.steps:
        dma.state_reg = PICK
        dma.wanted_reg = wires.store << Kind.STORE | wires.fetch << Kind.LAYER | (ALL_OF_A_TILE if wires.load else 0)
