"""What runs do to each part of the machine, in events, in plain Python: of the oracle of prices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from simulator.designs.design import FittedDesign
from simulator.plan.counts import Counts
from workloads.layers.layer import Layer
from workloads.ops.registry import operation


@dataclass(frozen=True)
class OfOp:
    """What layers of one op do to the PEs."""

    busy: int
    shift: int
    beyond_cols: int
    beyond_rows: int
    beyond_both: int


def _of_op(counts: Sequence[Counts], design: FittedDesign) -> OfOp:
    busy = in_rows = in_cols = streaming = shift = 0
    for layer in counts:
        busy += layer.busy
        in_rows, in_cols = in_rows + layer.used_rows * design.cols, in_cols + layer.used_cols * design.rows
        streaming += layer.streaming
        shift += (layer.folds if design.overlap else layer.preload + layer.drain) * design.pes
    return OfOp(busy, shift, in_rows - busy, in_cols - busy, streaming * design.pes - in_rows - in_cols + busy)


@dataclass(frozen=True)
class Events:
    """Events of some layers and one image, see `cost_models.price.machine_events.Events`."""

    total: Counts
    shift: int
    streaming: int
    of_op: dict[str, OfOp]
    operand_rows: int
    requantises: int
    accumulates: int
    pooled: int
    packs: int
    straight_steps: float
    turned_steps: int
    synapse_rows: int

    @property
    def compute(self) -> int:
        total = self.total
        return total.preload + total.stream + total.drain + total.pipeline + total.pool


def count_events(layers: Sequence[Layer], counts: Sequence[Counts], design: FittedDesign) -> Events:
    """Return the events of layers that were counted on a fitted design."""
    names = vars(counts[0])
    total = Counts(
        **{
            name: counts[0].port_bytes if name == "port_bytes" else sum(getattr(c, name) for c in counts)
            for name in names
        }
    )
    parametric = [
        (layer, layer_counts) for layer, layer_counts in zip(layers, counts, strict=True) if layer.has_parameters
    ]
    final = sum(layer.pixels * layer.out_channels for layer, _ in parametric)
    streaming = total.streaming
    rows = streaming
    if design.dataflow == "is":
        rows = sum(_preloaded_rows(layer, layer_counts) for layer, layer_counts in parametric)
    side_by_side, one_by_one, synapse_rows = 0, 0, 0
    for layer, layer_counts in zip(layers, counts, strict=True):
        if layer.kind == "matmul":
            written = _loads_of_second(layer, layer_counts, design) * layer.out_channels * layer.channels
            beside = layer.transposed == (design.dataflow == "is")
            side_by_side, one_by_one = side_by_side + beside * written, one_by_one + (not beside) * written
            synapse_rows += layer_counts.weight_writes
    packs = total.pack_reads
    if design.dataflow == "is":  # a block is read, then turned into words: one a step
        packs += total.beats_store * design.port_bits // design.word_bits
    by_op = {
        op: [layer_counts for layer, layer_counts in zip(layers, counts, strict=True) if layer.op == op]
        for op in design.ops
    }
    if len(design.ops) == 1:
        by_op = {design.op: list(counts)}
    return Events(
        total=total,
        shift=(total.folds if design.overlap else total.preload + total.drain) * design.pes,
        streaming=streaming,
        of_op={op: _of_op(op_counts, design) for op, op_counts in by_op.items()},
        operand_rows=rows,
        requantises=final,
        accumulates=total.ofmap_writes - final,
        pooled=sum(
            layer_counts.ifmap_reads
            for layer, layer_counts in zip(layers, counts, strict=True)
            if not layer.has_parameters
        ),
        packs=packs,
        straight_steps=side_by_side / min(design.rows if design.dataflow == "is" else design.cols, design.feeder_width),
        turned_steps=one_by_one,
        synapse_rows=synapse_rows,
    )


def _loads_of_second(layer: Layer, counts: Counts, design: FittedDesign) -> int:
    """Return how often all of the tensor that a matmul's synapses are is loaded, whatever its parts."""
    pixels, channels = layer.second_shape
    once = len(range(0, channels, design.feeder_width)) * -(-pixels * design.word_bits // design.port_bits)
    loads, left = divmod(counts.beats_residual, once)
    assert left == 0
    return loads


def _preloaded_rows(layer: Layer, counts: Counts) -> int:
    """Return the rows of activations preloaded under is: those of a fold that K fills."""
    folds_of_k = counts.ofmap_writes // (layer.pixels * layer.out_channels)
    return counts.folds // folds_of_k * layer.fan_in


def pe_events(design: FittedDesign, of_op: Mapping[str, OfOp]) -> dict[str, int]:
    """Return the PE-cycles that take more than an idle one, by what takes it: the `energy_per_…_pj` of a PE's rows.

    While a fold's operands stream, PEs beyond its columns see the operand from the left alone, those beyond its rows
    the operand from the top (os) or the psums of the rows above (ws, is), those beyond both nothing, as a rule.
    """
    spent = {"shift_cycle": sum(events.shift for events in of_op.values())}
    for op, events in of_op.items():
        room, several = operation(op), len(of_op) > 1
        own = f"{op}_" if several else ""
        spent |= {f"{own}op": events.busy, f"{own}left_cycle": events.beyond_cols}
        if design.dataflow == "os":
            spent[f"{own}top_cycle"] = events.beyond_rows
        else:
            # Psums pass beyond both where ops of a neutral operand aren't 0: -|x|, or an x above every narrower w.
            neutral, w_bits = (0, 0) if several else None, min(design.w_bits, room.weight_bits[1])
            passes = room.acts_on_neutral(design.x_bits, w_bits, design.dataflow == "ws", neutral)
            spent[f"{own}psum_cycle"] = events.beyond_rows + events.beyond_both * passes
        if room.polar and (design.dataflow, design.polarity) == ("os", "input"):
            spent[f"{own}polarity_cycle"] = events.beyond_cols + events.beyond_both  # one goes down all columns
        if room.polar and (design.dataflow, design.polarity) == ("is", "neuron"):
            spent[f"{own}polarity_cycle"] = events.beyond_rows + events.beyond_both  # one goes along all rows
    return spent
