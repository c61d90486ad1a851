"""limen_top as the cycle model holds it: every module's registers, the memories, and what is kept of a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.cycle.ahead import AHEAD, AHEAD_RECORD
from simulator.cycle.array import ARRAY, ARRAY_TYPE, MOVING, STILL, Array
from simulator.cycle.bits import CUBE
from simulator.cycle.descriptor import DESCRIPTORS, Descriptors, make_descriptors
from simulator.cycle.dma import DMA, DMA_RECORD, PICK
from simulator.cycle.edge import EDGE, EDGES, EDGES_TYPE, Edges
from simulator.cycle.filters import FILTERS_TYPE, Filters
from simulator.cycle.fold_loop import FOLD_LOOP
from simulator.cycle.folds import FOLDS, FOLDS_TYPE, SIGNALS, Folds
from simulator.cycle.generator import GENERATOR, GENERATOR_TYPE, Generator
from simulator.cycle.group import GROUP
from simulator.cycle.im2col import IM2COL, IM2COL_TYPE, PLACE, WORD, Im2col
from simulator.cycle.leap import LEAP_TYPE, Leap, make_leap
from simulator.cycle.overlap import OVERLAP, OVERLAP_TYPE, Overlap
from simulator.cycle.packer import PACKER, PACKER_TYPE, Packer
from simulator.cycle.pool import POOL, POOL_TYPE, Pool
from simulator.cycle.port import PORT, PORT_TYPE, Port
from simulator.cycle.records import new_record
from simulator.cycle.reference import Reference
from simulator.cycle.rows import FOLD_ENDS, ROWS
from simulator.cycle.scatter import SCATTER, SCATTER_TYPE, Scatter
from simulator.cycle.scratchpad import SCRATCHPAD, SCRATCHPAD_TYPE, Scratchpad
from simulator.cycle.sequencer import FETCH, SEQUENCER, SEQUENCER_RECORD
from simulator.cycle.shadow import SHADOWS_TYPE, Shadows
from simulator.cycle.synapse_walker import SYNAPSE_WALKER
from simulator.cycle.synapses import SYNAPSES_TYPE, Synapses
from simulator.cycle.walker import STEP, WALKER
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES, WIRES_RECORD
from simulator.cycle.words import WORDS
from simulator.encoding import (
    LAYER,
    SEVERAL_OPS,
    SHIFT_BITS,
    TILE,
    WORD_BITS,
    Dataflow,
    Kind,
    Op,
    Polarity,
    descriptor_beats,
)


class Machine(NamedTuple):
    """All of limen_top, and the memory behind its port. ifmap [2, depth, FEEDER]. operands [2, lanes, depth]."""

    parameters: np.record
    wires: np.record
    descriptors: Descriptors
    sequencer: np.record
    dma: np.record
    port: Port
    folds: Folds
    overlap: Overlap
    ahead: np.record
    generator: Generator
    im2col: Im2col
    scratchpad: Scratchpad
    ifmap: np.ndarray
    filters: Filters
    operands: np.ndarray
    array: Array
    shadows: Shadows
    edges: Edges
    packer: Packer
    scatter: Scatter
    synapses: Synapses
    pool: Pool
    leap: Leap


MACHINE = Reference(
    Machine,
    [
        *(PARAMETERS_RECORD, WIRES_RECORD, DESCRIPTORS, SEQUENCER_RECORD, DMA_RECORD, PORT_TYPE),
        *(FOLDS_TYPE, OVERLAP_TYPE, AHEAD_RECORD, GENERATOR_TYPE, IM2COL_TYPE, SCRATCHPAD_TYPE, CUBE),
        *(FILTERS_TYPE, CUBE),
        *(ARRAY_TYPE, SHADOWS_TYPE, EDGES_TYPE, PACKER_TYPE, SCATTER_TYPE, SYNAPSES_TYPE, POOL_TYPE),
        LEAP_TYPE,
    ],
)


class Depths(NamedTuple):
    """Rows in half of each memory, and activations of a lane."""

    ifmap: int
    filter: int
    polarity: int
    channel: int
    ofmap: int
    operand: int


def make_sequencer() -> np.record:
    """Return the sequencer in the cycle after `start`."""
    sequencer = new_record(SEQUENCER)
    sequencer.state_reg = FETCH
    return sequencer


def make_dma(port_bits: int, stored_polarity: bool) -> np.record:
    """Return the DMA in that cycle: it begins to fetch the first layer's descriptor."""
    dma = new_record(DMA)
    dma.state_reg, dma.wanted_reg = PICK, 1 << Kind.LAYER
    dma.stored_polarity = stored_polarity
    dma.layer_beats, dma.tile_beats = (descriptor_beats(kind, port_bits) for kind in (LAYER, TILE))
    return dma


def zeros(*shape: int) -> np.ndarray:
    """Return integers."""
    return np.zeros(shape, np.int64)


def make_folds(rows: int, stages: int) -> Folds:
    """Return the folds controller of an array of so many rows of PEs of so many stages."""
    return Folds(
        registers=new_record(FOLDS),
        signals=new_record(SIGNALS),
        ends=new_record(FOLD_ENDS),
        filter_rows=new_record(ROWS),
        polarity_rows=new_record(ROWS),
        out_rows=new_record(ROWS),
        channel_rows=new_record(ROWS),
        words=new_record(WORDS),
        group=new_record(GROUP),
        last_row=zeros(rows + stages - 1),
    )


def make_overlap(rows: int, stages: int, dataflow: int) -> Overlap:
    """Return what overlapping folds add to their controller."""
    return Overlap(
        registers=new_record(OVERLAP),
        stream=new_record(FOLD_LOOP),
        preload=new_record(FOLD_LOOP),
        edge=new_record(FOLD_LOOP),
        stream_ends=new_record(FOLD_ENDS),
        preload_ends=new_record(FOLD_ENDS),
        edge_ends=new_record(FOLD_ENDS),
        load_line=zeros(stages + 2),
        edge_line=zeros(rows + stages - (dataflow != Dataflow.OS)),
    )


def make_shadows(rows: int, cols: int) -> Shadows:
    """Return the shadows of an array."""
    pes = rows * cols
    return Shadows(zeros(pes), zeros(pes), zeros(pes), zeros(rows), zeros(rows))


def make_im2col(feeder: int, lanes: int) -> Im2col:
    """Return the im2col unit for so many lanes."""
    word = new_record(WORD)
    word.lanes = lanes
    return Im2col(
        registers=new_record(IM2COL),
        place=new_record(PLACE),
        begin=new_record(PLACE),
        word=word,
        group=new_record(GROUP),
        ifmap_word=zeros(feeder),
    )


def make_array(parameters: np.record) -> Array:
    """Return the array, its skew lines filled with neutral operands."""
    rows, cols, turned = int(parameters.rows), int(parameters.cols), parameters.dataflow == Dataflow.IS
    x_out = np.full(cols if turned else rows, parameters.neutral_x)
    synapse_out = np.full(rows if turned else cols, parameters.neutral_synapse)
    left_out, top_out = (synapse_out, x_out) if turned else (x_out, synapse_out)
    registers = zeros(3, rows * cols)
    registers[MOVING] = left_out[0]
    if parameters.dataflow == Dataflow.OS:
        registers[STILL] = top_out[0]
    state = new_record(ARRAY)
    state.op_reg = Op.THRESHOLD if parameters.op == SEVERAL_OPS else parameters.op
    state.polar = parameters.polar_ops >> state.op_reg & 1
    return Array(
        state=state,
        registers=registers,
        pe=registers.reshape(3, rows, cols),
        fresh=zeros(3, rows * cols),
        staged=zeros(3, rows * cols),
        x_out=x_out,
        synapse_out=synapse_out,
        left_out=left_out,
        top_out=top_out,
        left_line=np.full((rows, rows), left_out[0]),
        top_line=np.full((cols, cols), top_out[0]),
        left=left_out.copy(),
        top=top_out.copy(),
    )


def make_edges(cols: int, depth: int, channel_lanes: int) -> Edges:
    """Return the edges of so many columns, on banks of a depth."""
    return Edges(
        state=new_record(EDGES),
        columns=np.zeros(cols, EDGE),
        ofmap=zeros(2, cols, depth),
        answer=zeros(2, cols),
        channel_word=zeros(channel_lanes),
        channel_line=zeros(cols),
    )


def make_packer(cols: int, feeder: int, beat_words: int) -> Packer:
    """Return the packer of so many columns, for words of so many channels and beats of so many 32-bit words."""
    return Packer(
        registers=new_record(PACKER),
        walker=new_record(WALKER),
        step=new_record(STEP),
        block=zeros(cols, feeder),
        raw_values=zeros(cols),
        stream=zeros(2 * beat_words + 1),
        beat=zeros(beat_words),
    )


def make_scatter(beat_words: int) -> Scatter:
    """Return the scatter unit for beats of so many 32-bit words."""
    registers, walker, step = new_record(SCATTER), new_record(WALKER), new_record(STEP)
    return Scatter(registers, walker, step, stream=zeros(2 * beat_words + 1))


def make_machine(parameters: np.record, depths: Depths, dram: np.ndarray, mask: np.ndarray) -> Machine:
    """Return the machine in the cycle after `start`."""
    rows, cols, feeder = int(parameters.rows), int(parameters.cols), int(parameters.feeder)
    x_bits, w_bits, channel_bits = int(parameters.x_bits), int(parameters.w_bits), int(parameters.acc_bits) + SHIFT_BITS
    turned, beat_words = parameters.dataflow == Dataflow.IS, dram.shape[1]
    x_lanes, synapse_lanes = (cols, rows) if turned else (rows, cols)
    one_polarity = parameters.polarity != Polarity.SYNAPSE and (parameters.polarity == Polarity.INPUT) != turned
    polarity_lanes, channel_lanes = 1 if one_polarity else synapse_lanes, 1 if turned else cols
    widest = max(feeder * x_bits, synapse_lanes * w_bits, channel_lanes * channel_bits)
    return Machine(
        parameters=parameters,
        wires=new_record(WIRES),
        descriptors=make_descriptors(beat_words * WORD_BITS),
        sequencer=make_sequencer(),
        dma=make_dma(beat_words * WORD_BITS, parameters.polarity != Polarity.GENERATED),
        port=Port(dram, mask, zeros(beat_words), new_record(PORT)),
        folds=make_folds(rows, int(parameters.stages)),
        overlap=make_overlap(rows, int(parameters.stages), int(parameters.dataflow)),
        ahead=new_record(AHEAD),
        generator=Generator(new_record(GENERATOR), zeros(synapse_lanes), zeros(synapse_lanes)),
        im2col=make_im2col(feeder, x_lanes),
        scratchpad=Scratchpad(new_record(SCRATCHPAD), zeros(widest // WORD_BITS + 3 + beat_words)),
        ifmap=zeros(2, depths.ifmap, feeder),
        filters=Filters(
            weights=zeros(2, depths.filter, synapse_lanes),
            polarities=zeros(2, depths.polarity, polarity_lanes),
            channels=zeros(2, depths.channel, channel_lanes),
            polarity_word=zeros(polarity_lanes),
        ),
        operands=zeros(2, x_lanes, depths.operand),
        array=make_array(parameters),
        shadows=make_shadows(rows, cols),
        edges=make_edges(cols, depths.ofmap, channel_lanes),
        packer=make_packer(cols, feeder, beat_words),
        scatter=make_scatter(beat_words),
        synapses=Synapses(make_scatter(beat_words), new_record(SYNAPSE_WALKER)),
        pool=Pool(new_record(POOL), zeros(feeder)),
        leap=make_leap(rows, cols),
    )
