"""The keys of a design that a network asks for: told where no built-in design runs it."""

from __future__ import annotations

import json
from typing import Any

from simulator.designs.design import Design
from workloads.errors import LimenError
from workloads.networks.network import Network


def needed_keys(network: Network) -> str:
    """Return op, widths and the like of a design that runs a network, of any array: `op: mac, x_bits: 9, ...`.

    Empty where no design does.
    """
    computed = [layer for layer in network.layers if layer.has_parameters]
    op, *extra_ops = dict.fromkeys(layer.op for layer in computed)
    signed = any(layer.x_signed for layer in network.layers)
    keys: dict[str, Any] = {
        "op": op,
        **({"extra_ops": extra_ops} if extra_ops else {}),
        "x_bits": max(layer.x_bits + (signed and not layer.x_signed) for layer in network.layers),
        "w_bits": max(layer.w_bits for layer in computed),
        "x_signed": signed,
        **({"matmul": True} if any(layer.kind == "matmul" for layer in computed) else {}),
    }
    try:
        runs = Design(rows=16, cols=16, dataflow="os", **keys).supports(network)
    except LimenError:  # widths or ops that no design has
        runs = False
    return ", ".join(f"{key}: {json.dumps(value)}" for key, value in keys.items()).replace('"', "") if runs else ""
