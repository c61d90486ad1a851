"""What a run does to each part of the machine, in events: exact counts, summed over layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.counts import Counts
from simulator.design import Design
from workloads.layer import Layer


@dataclass(frozen=True)
class Events:
    """Events of some layers and one image, beside `total`, the sum of their counts.

    shift: PE-cycles in which stationary operands or accumulators move down. streaming: cycles in which a fold's
    operands enter the array. operand_rows: reads of all lanes' operands at once. requantises, accumulates: values
    through the edge that are final, and those that aren't yet. pooled: words the pooling unit compares.
    packs: steps of the packer. compute: cycles in which the array or the pooling unit works.
    """

    total: Counts
    shift: int
    streaming: int
    operand_rows: int
    requantises: int
    accumulates: int
    pooled: int
    packs: int

    @property
    def compute(self) -> int:
        own = self.total
        return own.preload + own.stream + own.drain + own.pipeline + own.pool


def count_events(layers: Sequence[Layer], counts: Sequence[Counts], design: Design) -> Events:
    """Return the events of layers that were counted on a fitted design."""
    names = vars(counts[0])
    total = Counts(
        **{
            name: counts[0].port_bytes if name == "port_bytes" else sum(getattr(c, name) for c in counts)
            for name in names
        }
    )
    parametric = [(layer, own) for layer, own in zip(layers, counts, strict=True) if layer.has_parameters]
    final = sum(layer.pixels * layer.out_channels for layer, _ in parametric)
    streaming = total.stream - total.folds * (design.rows + design.cols - 2)
    rows = streaming
    if design.dataflow == "is":
        rows = sum(_preloaded_rows(layer, own, design) for layer, own in parametric)
    packs = total.pack_reads
    if design.dataflow == "is":  # a block is read, then turned into words: one a step
        packs += total.beats_store * design.port_bits // design.word_bits
    return Events(
        total=total,
        shift=(total.preload + total.drain) * design.pes,
        streaming=streaming,
        operand_rows=rows,
        requantises=final,
        accumulates=total.ofmap_writes - final,
        pooled=sum(own.ifmap_reads for layer, own in zip(layers, counts, strict=True) if not layer.has_parameters),
        packs=packs,
    )


def _preloaded_rows(layer: Layer, counts: Counts, design: Design) -> int:
    """Return the rows of activations preloaded under is: those of a fold that K fills. Exact where K isn't tiled."""
    k = layer.fan_in
    return counts.preload * k // (design.rows * -(-k // design.rows))
