"""How large a design's buffers must be for all layers of a network, told where one layer doesn't fit them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from simulator.cuts.demands import least_kib, row_bits
from simulator.cuts.missing import DoesNotFit
from simulator.designs.design import FittedDesign
from simulator.timing.integers import machine_integers
from simulator.timing.timing import network_integers, smallest_needs
from workloads.networks.network import Network


@contextmanager
def telling_all_layers(network: Network, design: FittedDesign) -> Iterator[None]:
    """Add to the refusal of a layer what all layers need, where that is more: one change of the design, not many."""
    try:
        yield
    except DoesNotFit as error:
        sizes = sizes_that_hold(network, design) if error.missing_bytes else {}
        if all(f"at least {size:.10g}" in str(error) for size in sizes.values()):
            raise
        told = ", ".join(f"{field}: {size:.10g}" for field, size in sizes.items())
        raise DoesNotFit(f"{error}; all layers need {told}", error.missing_bytes) from None


def sizes_that_hold(network: Network, design: FittedDesign) -> dict[str, float]:
    """Return the fields of a fitted design that are too small for some layer's smallest tile, and what would do."""
    machine, layers = machine_integers(design), network_integers(network)
    needs = smallest_needs(layers, np.repeat(machine, len(layers)))
    most = {name: int(needs[name].max()) for name in ("ifmap", "filter", "ofmap", "operand")}
    sizes: dict[str, float] = {}
    for field, bits in row_bits(design).items():
        name = field.removesuffix("_kib")
        if most[name] > machine[f"{name}_depth"][0]:
            sizes[field] = least_kib(most[name], bits)
    if most["operand"] > machine["operand_depth"][0]:
        sizes["operand_depth"] = most["operand"]
    return sizes
