"""A netlist small enough to follow by hand, and what ops compute, by the reference."""

from __future__ import annotations

import numpy as np

from cost_models.gates.netlist import Netlist, read_netlist
from cost_models.liberty.liberty_cells import Library
from cost_models.units.unit import OpUnit
from workloads.exact import reference
from workloads.layers.layer import Layer, LayerParameters
from workloads.ops.registry import operation


def small_netlist(library: Library) -> Netlist:
    """y = register of (a XOR b) NAND (NOT register): every cell kind, and a loop through the register."""
    cells = {
        "g0": {"type": "tiny_xor2", "connections": {"A": [2], "B": [3], "Y": [5]}},
        "g1": {"type": "tiny_inv", "connections": {"A": [7], "Y": [6]}},
        "g2": {"type": "tiny_nand2", "connections": {"A": [5], "B": [6], "Y": [8]}},
        "r0": {"type": "tiny_dff", "connections": {"C": [4], "D": [8], "Q": [7]}},
    }
    ports = {"a": ([2], "input"), "b": ([3], "input"), "clk": ([4], "input"), "y": ([7], "output")}
    named = {name: {"direction": direction, "bits": bits} for name, (bits, direction) in ports.items()}
    return read_netlist({"modules": {"top": {"ports": named, "cells": cells}}}, "top", library)


def reference_ops(unit: OpUnit, x: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the op of every (x, synapse) by workloads.exact.reference: one pixel, one synapse a neuron."""
    values = (synapse & ((1 << unit.w_bits) - 1)).astype(np.int64)
    weights = values - ((values >> (unit.w_bits - 1)) << unit.w_bits)
    signed = operation(unit.op).one_range
    operands = x - ((x >> (unit.x_bits - 1)) << unit.x_bits) if signed else x
    result = np.zeros(x.size, dtype=np.int64)
    for weight, polarity in sorted({(int(w), int(s) >> unit.w_bits) for w, s in zip(weights, synapse, strict=True)}):
        chosen = (weights == weight) & (synapse >> unit.w_bits == polarity)
        layer = Layer.model_construct(
            name="one", op=unit.op, x_bits=unit.x_bits, w_bits=unit.w_bits, x_signed=signed, kind="linear",
            height=1, width=1, channels=1, out_channels=1, kernel=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0),
        )  # fmt: skip
        parameters = LayerParameters(
            weights=np.full((1, 1, 1, 1), weight),
            polarity=np.full((1, 1, 1, 1), -1 if polarity else 1) if unit.op == "threshold" else None,
            bias=np.zeros(1, dtype=np.int64),
            shift=np.zeros(1, dtype=np.int64),
        )
        images = operands[chosen].reshape(-1, 1, 1, 1)
        result[chosen] = reference.accumulate(layer, parameters, images).reshape(-1)
    return result
