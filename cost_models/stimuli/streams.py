"""Operand streams that drive the units, uniform in every operand, and what the units must answer.

The expected outputs come from the ops' definitions in integers, not from the Verilog.
"""

from __future__ import annotations

import numpy as np

from cost_models.gates.switching import LANES
from cost_models.stimuli import machine_streams, neuron_streams
from cost_models.stimuli.pe_streams import fused_streams, pe_streams
from cost_models.stimuli.stimulus import (
    CONTROL_STEPS,
    CONTROL_WARM_UP,
    GENERATOR_WARM_UP,
    SEED,
    STEPS,
    WARM_UP,
    Stream,
    constant,
    uniform,
    until,
)
from cost_models.units import unit as kinds
from cost_models.units.unit import Unit

Combined = kinds.Operator | kinds.Neuron | kinds.Nand2
Moving = (
    kinds.Edge | kinds.Lanes | kinds.Scratchpad | kinds.Packer | kinds.Scatter | kinds.Pool | kinds.Skew | kinds.Shadow
)


def streams(unit: Unit, run: int) -> list[Stream]:
    """Return the streams of a unit: one per energy quantity, from a generator seeded by SEED and `run`."""
    random = np.random.default_rng([SEED, run])
    match unit:
        case kinds.Pe():
            return pe_streams(unit, random, unit.operation.neutral(unit.x_bits, unit.w_bits))
        case kinds.FusedPe():
            return fused_streams(unit, random)
        case kinds.Tag():
            return _tag(unit, random)
        case kinds.RegisterBank():
            return _bank(unit, random)
        case kinds.Generator():
            values = machine_streams.Values(random, GENERATOR_WARM_UP + STEPS)
            return _streams_of(machine_streams.generator(unit, values), GENERATOR_WARM_UP)
        case kinds.Control():
            values = machine_streams.Values(random, CONTROL_WARM_UP + CONTROL_STEPS)
            return _streams_of(machine_streams.control(unit, values), CONTROL_WARM_UP)
    return _streams_of(_events(unit, machine_streams.Values(random, WARM_UP + STEPS)), WARM_UP)


def _streams_of(events: neuron_streams.Events, warm_up: int) -> list[Stream]:
    return [
        Stream(f"energy_per_{event}_pj", inputs, expected, max(3, warm_up), warm_up)
        for event, (inputs, expected) in events.items()
    ]


def _events(unit: Combined | Moving, values: machine_streams.Values) -> neuron_streams.Events:
    match unit:
        case kinds.Operator():
            return neuron_streams.op_result(unit, values) if unit.one_number else neuron_streams.op_alone(unit, values)
        case kinds.Neuron():
            return neuron_streams.neuron(unit, values)
        case kinds.Nand2():
            return neuron_streams.nand2(values)
        case kinds.Edge():
            return machine_streams.edge(unit, values)
        case kinds.Lanes():
            return machine_streams.lanes(unit, values)
        case kinds.Scratchpad():
            return machine_streams.scratchpad(unit, values)
        case kinds.Packer():
            return machine_streams.packer(unit, values)
        case kinds.Scatter():
            return machine_streams.scatter(unit, values)
        case kinds.Pool():
            return machine_streams.pool(unit, values)
        case kinds.Skew():
            return machine_streams.skew(unit, values)
        case kinds.Shadow():
            return machine_streams.shadow(unit, values)


def _tag(unit: kinds.Tag, random: np.random.Generator) -> list[Stream]:
    start = random.integers(0, 1 << unit.address_bits, (1, LANES))
    address = (start + np.arange(WARM_UP + STEPS)[:, None]) % (1 << unit.address_bits)
    expected = {"addr_out": np.roll(address, 1, axis=0)}
    return [
        Stream("energy_per_op_pj", {"valid_in": constant(1), "addr_in": address}, expected),
        Stream("energy_per_idle_cycle_pj", {"valid_in": constant(0), "addr_in": constant(0)}),
    ]


def _bank(unit: kinds.RegisterBank, random: np.random.Generator) -> list[Stream]:
    data, address = uniform(random, unit.width), uniform(random, unit.address_bits)
    writing = {"write_addr": address, "write_data": data}
    return [
        Stream(
            "energy_per_read_pj",
            {**writing, "write_enable": until(WARM_UP), "read_enable": constant(1), "read_addr": address},
        ),
        Stream("energy_per_write_pj", {**writing, "write_enable": constant(1)}),
        Stream("energy_per_idle_cycle_pj", {"write_enable": constant(0)}),
    ]
