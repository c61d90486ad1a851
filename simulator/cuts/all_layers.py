"""How large a design's buffers must be for all layers of a network, told where one layer doesn't fit them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from simulator.cuts.demands import least_kib, row_bits
from simulator.cuts.missing import DoesNotFit
from simulator.designs.design import FittedDesign
from simulator.designs.design_block import DesignBlock
from simulator.timing.integers import machine_integers
from simulator.timing.timing import needs_of_all, network_integers
from workloads.networks.network import Network


@contextmanager
def telling_all_layers(network: Network, design: FittedDesign) -> Iterator[None]:
    """Add to the refusal of a layer what all layers need, where that is more: one change of the design, not many."""
    try:
        yield
    except DoesNotFit as error:
        if not error.missing_bytes:
            raise
        (line,) = tell_all_layers([str(error)], network_integers(network), DesignBlock.of(design))
        raise DoesNotFit(line, error.missing_bytes) from None


def tell_all_layers(lines: Sequence[str], layers: np.ndarray, designs: DesignBlock) -> list[str]:
    """Return the refusals of designs, each with what all layers need where that is more than it says.

    layers: [layers] of LAYER_INTEGERS, of a pass of the designs.
    """
    machines = machine_integers(designs)
    most = needs_of_all(layers, machines)
    bits = row_bits(designs)
    told = []
    for place, line in enumerate(lines):
        sizes: dict[str, float] = {}
        for field, wide in bits.items():
            name = field.removesuffix("_kib")
            if most[name][place] > machines[f"{name}_depth"][place]:
                sizes[field] = least_kib(most[name][place].item(), wide[place].item())
        if most["operand"][place] > machines["operand_depth"][place]:
            sizes["operand_depth"] = most["operand"][place].item()
        if not all(f"at least {size:.10g}" in line for size in sizes.values()):
            line += "; all layers need " + ", ".join(f"{field}: {size:.10g}" for field, size in sizes.items())
        told.append(line)
    return told
