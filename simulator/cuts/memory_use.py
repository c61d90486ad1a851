"""What a program takes of the memory behind the port, and whether an on-chip one is large enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from simulator.cuts.layout import peak_beats
from simulator.cuts.missing import DoesNotFit
from simulator.designs.design_block import for_each
from simulator.designs.sizes import BITS_PER_KIB
from simulator.plan.geometry import Packing
from simulator.timing.integers import count_integers, layer_integers
from simulator.timing.timing import Cut, cut_integers
from workloads.layers.order import ORDERS

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.designs.design_block import DesignBlock
    from simulator.plan.counts import Counts
    from simulator.plan.geometry import Geometry
    from simulator.timing.timing import Best
    from workloads.networks.network import Network


BYTES_PER_KIB = 1024


class MemoryUse(NamedTuple):
    """Beats of port_bits: of the program, which is descriptors and filters, and of the tensors at their peak.

    Of one design or, as arrays, of many. In DRAM no two tensors share an address: their peak is all of them.
    """

    program: Any
    tensors: Any
    port_bits: Any

    @property
    def beats(self) -> Any:
        return self.program + self.tensors

    @property
    def program_kib(self) -> Any:
        return self.program * self.port_bits / BITS_PER_KIB

    @property
    def tensors_kib(self) -> Any:
        return self.tensors * self.port_bits / BITS_PER_KIB

    @property
    def kib(self) -> Any:
        return self.program_kib + self.tensors_kib

    def of(self, place: int) -> MemoryUse:
        """Return that of one of many designs."""
        return MemoryUse(*(column[place].item() for column in self))


def program_beats(layers: np.ndarray, cuts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the beats [designs] of programs: of their descriptors, each fetched once, and of all filters.

    A layer's filters are loaded once, or once for each part of its output rows. layers: [layers] of LAYER_INTEGERS;
    cuts, counts: [designs, layers] of CUT_INTEGERS and of COUNT_INTEGERS.
    """
    rows, outputs, channels = (
        -(-layers[size] // cuts[length])
        for size, length in (("out_height", "rows"), ("outputs", "outputs"), ("channels", "channels"))
    )
    again = (channels > 1) | ((cuts["order"] != ORDERS.index("rows")) & (outputs > 1))
    filters = counts["beats_filter"] // np.where(again, rows, 1)
    beats: np.ndarray = (counts["beats_descriptor"] + filters).sum(axis=1)
    return beats


def memory_use(
    network: Network, chosen: Sequence[tuple[Geometry, Cut]], counts: Sequence[Counts], design: FittedDesign
) -> MemoryUse:
    """Return what the program of a network takes whose layers are cut and counted so."""
    layers = np.concatenate([layer_integers(geometry) for geometry, _ in chosen])
    cuts = np.concatenate([cut_integers(geometry, cut, design) for geometry, cut in chosen])
    program = int(program_beats(layers, cuts[None], count_integers(counts))[0])
    return MemoryUse(program, peak_beats(network, design), design.port_bits)


def memory_uses(networks: Sequence[Network], layers: np.ndarray, best: Best, designs: DesignBlock) -> MemoryUse:
    """Return what the programs of networks of the same layers take, each on its design, by the best of all cuts.

    layers: [layers] of LAYER_INTEGERS; best: of them on the designs, all reached.
    """
    known = {id(network): network for network in networks}

    def peak(network: int, *packing: Any) -> int:
        return peak_beats(known[network], Packing(*packing))

    packings = (getattr(designs, name) for name in Packing._fields)
    tensors = for_each(peak, np.array([*map(id, networks)]), *packings)
    return MemoryUse(program_beats(layers, best.cuts, best.counts), tensors, designs.port_bits)


def check_room(network: Network, use: MemoryUse, memory_kib: float) -> None:
    """Raise DoesNotFit where an on-chip main memory is smaller than what a network takes; it names the bytes."""
    if use.kib > memory_kib:
        there, needed, program, tensors = (
            int(kib * BYTES_PER_KIB) for kib in (memory_kib, use.kib, use.program_kib, use.tensors_kib)
        )
        raise DoesNotFit(
            f"network {network.name}: memory: kib: {memory_kib:g} is not allowed: it has {there} bytes and the "
            f"network needs {needed}: {program} of descriptors and filters, {tensors} of tensors at their peak",
            needed - there,
        )
