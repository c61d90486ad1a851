"""The bottleneck of each layer, and the single change of the design that shortens it most.

What a layer's cycles go to says which changes could help; each of them is then counted, exactly, so that what is named
as a cure is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.cuts.passes import are_passes
from simulator.cuts.schedule import count_network
from simulator.designs.design import Design
from simulator.designs.design_block import DesignBlock
from simulator.timing.timing import network_integers
from workloads.errors import LimenError

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.plan.counts import Counts
    from workloads.networks.network import Network

PARTS = {
    "array": ("preload", "stream", "drain", "pipeline"),
    "pool": ("pool",),
    "feeder": ("stall_feeder",),
    "ifmap": ("stall_ifmap",),
    "filter": ("stall_filter",),
    "store": ("stall_ofmap",),
    "control": ("stall_control",),
}
"""What a layer's cycles go to, and the phases of each."""

WORDS = {
    "array": "the array works",
    "pool": "the pooling unit works",
    "feeder": "the array waits for its operands",
    "ifmap": "activations are waited for",
    "filter": "filters are waited for",
    "store": "stores are waited for",
    "control": "descriptors and hand-overs are waited for",
}

LARGE = 2
"""A part that takes 1 / LARGE of the largest part's cycles, or more, may be the bottleneck."""

Change = tuple[str, float | str | bool]
"""A field of a design, and by what its number is multiplied, or what it becomes."""

DATAFLOWS: tuple[Change, ...] = (("dataflow", "os"), ("dataflow", "ws"), ("dataflow", "is"))
BUFFERS: tuple[Change, ...] = (("ifmap_kib", 2), ("filter_kib", 2), ("ofmap_kib", 2))
TRANSFERS: tuple[Change, ...] = (("port_bits", 2), ("port_interval", 0.5), ("memory_latency", 0.5), *BUFFERS)

CURES: dict[str, tuple[Change, ...]] = {
    "array": (("overlap", True), ("rows", 2), ("cols", 2), *DATAFLOWS),
    "pool": (("feeder_width", 2),),
    "feeder": (("feeder_width", 2), ("overlap", True), ("filter_kib", 2), ("ofmap_kib", 2), *DATAFLOWS),
    "ifmap": TRANSFERS,
    "filter": TRANSFERS,
    "store": TRANSFERS,
    "control": (("memory_latency", 0.5), *BUFFERS),
}
"""What could shorten a layer, by what its cycles go to: the first of those that shorten it most is named."""


@dataclass(frozen=True)
class Bottleneck:
    """What limits a layer, of one image.

    part: of `PARTS`, the one whose cure lowers the layer's cycles most, of those that take many; share: of the cycles.
    change: that cure, a field and its value; changed_cycles: with it. Where no cure lowers them: the largest part, ""
    and its own cycles. words: all that in a sentence.
    """

    layer: str
    cycles: int | float
    part: str
    share: float
    change: str
    changed_cycles: int | float
    words: str


class _Trials:
    """Counts of a pass on a design with another value of one field, each counted once."""

    def __init__(self, network: Network, design: FittedDesign) -> None:
        self._network, self.design, self._layers = network, design, network_integers(network)
        self._counted: dict[tuple[str, Any], list[Counts] | None] = {}

    def counts(self, field: str, value: Any) -> list[Counts] | None:
        """Return the counts of all layers, None where the network can't run so."""
        if (field, value) not in self._counted:
            try:
                self._counted[field, value] = self._count(field, value)
            except LimenError:
                self._counted[field, value] = None
        return self._counted[field, value]

    def _count(self, field: str, value: Any) -> list[Counts] | None:
        changed = Design(**{**self.design.model_dump(), field: value}).fitted(self._network)
        if not are_passes(self._layers, DesignBlock.of(changed))[0]:
            return None
        return count_network(self._network, changed)


def bottlenecks(network: Network, counts: Sequence[Counts], design: FittedDesign) -> list[Bottleneck]:
    """Return the bottleneck of every layer of a pass; changes that the network doesn't run on are left out."""
    trials = _Trials(network, design)
    return [_bottleneck(layer.name, index, counts[index], trials) for index, layer in enumerate(network.layers)]


def _bottleneck(layer: str, index: int, counts: Counts, trials: _Trials) -> Bottleneck:
    cycles_of = {part: sum(getattr(counts, phase) for phase in phases) for part, phases in PARTS.items()}
    parts = sorted(PARTS, key=cycles_of.__getitem__, reverse=True)
    part, change, least = parts[0], "", counts.cycles
    for candidate in parts:
        if LARGE * cycles_of[candidate] < cycles_of[parts[0]]:
            break
        for field, value in _changes(candidate, trials.design):
            changed = trials.counts(field, value)
            if changed is not None and changed[index].cycles < least:
                part, change, least = candidate, f"{field}: {_written(value)}", changed[index].cycles
    share, saved = cycles_of[part] / counts.cycles, 1 - least / counts.cycles
    words = f"{WORDS[part]} in {100 * share:.0f} % of the cycles; "
    words += f"{change} saves {100 * saved:.1f} %" if change else "no change that is tried lowers them"
    images = trials.design.images_at_once
    cycles, least_cycles = (count if images == 1 else count / images for count in (counts.cycles, least))
    return Bottleneck(layer, cycles, part, share, change, least_cycles, words)


def _changes(part: str, design: FittedDesign) -> Iterator[tuple[str, Any]]:
    """Yield the fields, and their values, that could shorten a layer whose cycles go to `part`."""
    for field, change in CURES[part]:
        now = getattr(design, field)
        value = change if isinstance(change, (bool, str)) else type(now)(now * change)
        if value and value != now:
            yield field, value


def _written(value: str | bool | float) -> str:
    """Return a field's value as a design's file has it."""
    return str(value).lower() if isinstance(value, (str, bool)) else f"{value:g}"
