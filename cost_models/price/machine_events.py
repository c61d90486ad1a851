"""What a run does to each part of the machine, in events: exact counts, summed over layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.designs.design import FittedDesign
from simulator.plan.counts import Counts
from workloads.layers.layer import Layer
from workloads.ops.registry import operation


@dataclass(frozen=True)
class Events:
    """Events of some layers and one image, beside `total`, the sum of their counts.

    shift: PE-cycles in which stationary operands or accumulators move down. streaming: cycles in which a fold's
    operands enter the array. beyond_cols, beyond_rows, beyond_both: PE-cycles in which they pass PEs that lie beyond
    the fold's columns, its rows, or both. operand_rows: reads of all lanes' operands at once. requantises,
    accumulates: values through the edge that are final, and those that aren't yet. pooled: words the pooling unit
    compares. packs: steps of the packer. compute: cycles in which the array or the pooling unit works.
    """

    total: Counts
    shift: int
    streaming: int
    beyond_cols: int
    beyond_rows: int
    beyond_both: int
    operand_rows: int
    requantises: int
    accumulates: int
    pooled: int
    packs: int

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
    streaming = total.stream - total.folds * (design.rows + design.cols - 2)
    rows = streaming
    if design.dataflow == "is":
        rows = sum(_preloaded_rows(layer, layer_counts, design) for layer, layer_counts in parametric)
    packs = total.pack_reads
    if design.dataflow == "is":  # a block is read, then turned into words: one a step
        packs += total.beats_store * design.port_bits // design.word_bits
    in_rows, in_cols = total.used_rows * design.cols, total.used_cols * design.rows
    return Events(
        total=total,
        shift=(total.preload + total.drain) * design.pes,
        streaming=streaming,
        beyond_cols=in_rows - total.busy,
        beyond_rows=in_cols - total.busy,
        beyond_both=streaming * design.pes - in_rows - in_cols + total.busy,
        operand_rows=rows,
        requantises=final,
        accumulates=total.ofmap_writes - final,
        pooled=sum(
            layer_counts.ifmap_reads
            for layer, layer_counts in zip(layers, counts, strict=True)
            if not layer.has_parameters
        ),
        packs=packs,
    )


def _preloaded_rows(layer: Layer, counts: Counts, design: FittedDesign) -> int:
    """Return the rows of activations preloaded under is: those of a fold that K fills. Exact where K isn't tiled."""
    k = layer.fan_in
    return counts.preload * k // (design.rows * -(-k // design.rows))


def pe_events(design: FittedDesign, events: Events) -> dict[str, int]:
    """Return the PE-cycles that take more than an idle one, by what takes it: the `energy_per_…_pj` of a PE's rows.

    While a fold's operands stream, PEs beyond its columns see the operand from the left alone, those beyond its rows
    the operand from the top (os) or the psums of the rows above (ws, is), those beyond both nothing, as a rule.
    """
    room = operation(design.op)
    spent = {"op": events.total.busy, "shift_cycle": events.shift, "left_cycle": events.beyond_cols}
    if design.dataflow == "os":
        spent["top_cycle"] = events.beyond_rows
    else:
        # Psums pass beyond both where ops of a neutral operand aren't 0: -|x|, or an x above every narrower w.
        passes = room.acts_on_neutral(design.x_bits, design.w_bits, x_moves=design.dataflow == "ws")
        spent["psum_cycle"] = events.beyond_rows + events.beyond_both * passes
    if room.polar and (design.dataflow, design.polarity) == ("os", "input"):
        spent["polarity_cycle"] = events.beyond_cols + events.beyond_both  # one polarity goes down all columns
    if room.polar and (design.dataflow, design.polarity) == ("is", "neuron"):
        spent["polarity_cycle"] = events.beyond_rows + events.beyond_both  # one polarity goes along all rows
    return spent
