"""Stimuli of an op alone, which sees new operands in every cycle, and of neurons, which see only new activations.

A neuron's weights are drawn once a sequence and then stay, as those of a kernel that slides over an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cost_models.stimuli.machine_streams import Expected, Inputs, Values
from cost_models.stimuli.op_values import op_carries, op_values

if TYPE_CHECKING:
    from cost_models.units.unit import Neuron, Operator

Events = dict[str, tuple[Inputs, Expected]]


def op_alone(unit: Operator, values: Values) -> Events:
    """Both operands new; addend and carry of the same step."""
    x, synapse = values.uniform(unit.x_bits), values.uniform(unit.synapse_bits)
    carry = op_carries(unit, x, synapse)
    addend = (op_values(unit, x, synapse) - carry) & ((1 << unit.op_bits) - 1)
    return {"op": ({"x": x, "synapse": synapse}, {"addend": addend, "carry": carry})}


def op_result(unit: Operator, values: Values) -> Events:
    """Both operands new; the result of the same step."""
    x, synapse = values.uniform(unit.x_bits), values.uniform(unit.synapse_bits)
    return {"op": ({"x": x, "synapse": synapse}, {"result": op_values(unit, x, synapse) & ((1 << unit.op_bits) - 1)})}


def neuron(unit: Neuron, values: Values) -> Events:
    """Activations new, weights still; the sum a step later."""
    inputs: Inputs = {}
    total = values.constant(0)
    for place in range(unit.synapses):
        x = values.uniform(unit.x_bits)
        synapse = values.random_constant(0, 1 << unit.synapse_bits)
        inputs[f"x@{place * unit.x_bits}+{unit.x_bits}"] = x
        inputs[f"synapse@{place * unit.synapse_bits}+{unit.synapse_bits}"] = synapse
        total += op_values(unit, x, synapse)
    return {"op": (inputs, {"sum": np.roll(total & ((1 << unit.sum_bits) - 1), 1, axis=0)})}


def nand2(values: Values) -> Events:
    a, b = values.uniform(1), values.uniform(1)
    return {"op": ({"a": a, "b": b}, {"y": 1 - (a & b)})}
