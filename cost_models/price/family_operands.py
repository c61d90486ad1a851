"""Whose operands a table's stream "network" are: those of the trained networks of one family."""

from __future__ import annotations

from functools import lru_cache
from typing import cast

import numpy as np

from cost_models.table.operands import ESTIMATED, FAMILY, GAUSSIAN, NETWORK, OWN, SORTED, UNIFORM
from workloads.errors import LimenError
from workloads.networks.family import find_network
from workloads.networks.network import Network
from workloads.networks.stacked import stack
from workloads.ops.op_field import Op


def operands_of(stream: str, network: Network, op: str, x_bits: int, w_bits: int, images: int = 1) -> str:
    """Return the operands to look up for a network on PEs of an op and widths.

    images: of which the network is the pass, see `stack`. "own" is "estimated" where no table has the operands of the
    network.

    Raises:
        LimenError: captured operands, and a network that they aren't of.
    """
    captured = stream.removesuffix(SORTED) == NETWORK
    if not (captured or stream == OWN) or _are_own(network, op, x_bits, w_bits, images):
        return stream
    if captured:
        raise LimenError(
            f"stream: {stream!r} is not allowed for {network.name}: rows of {op} {x_bits} {w_bits} have the "
            f"operands of {FAMILY} at these widths; {UNIFORM}, {GAUSSIAN} or {OWN} is for any network"
        )
    return ESTIMATED


def _are_own(network: Network, op: str, x_bits: int, w_bits: int, images: int) -> bool:
    """Return whether captured operands of PEs of these widths are those of this very network."""
    member = _member(op, x_bits, w_bits, images)
    if member is None or network.layers != member.layers or network.parameters is None:
        return False
    return all(
        np.array_equal(getattr(parameters, name), getattr(captured, name))
        for parameters, captured in zip(network.parameters, member.trained(), strict=True)
        for name in ("weights", "polarity", "bias", "shift")
        if getattr(captured, name) is not None
    )


@lru_cache(maxsize=128)
def _member(op: str, x_bits: int, w_bits: int, images: int) -> Network | None:
    try:
        return stack(find_network(FAMILY, cast(Op, op), x_bits, w_bits), images)
    except LimenError:
        return None
