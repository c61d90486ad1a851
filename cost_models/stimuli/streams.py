"""Operand streams that drive the units, uniform in every operand, and what the units must answer.

The expected outputs come from the ops' definitions in integers, not from the Verilog.
"""

from __future__ import annotations

import numpy as np

from cost_models.gates.switching import LANES
from cost_models.stimuli import machine_streams
from cost_models.stimuli.neuron_streams import NEURON_STREAMS
from cost_models.stimuli.pe_streams import pe_streams
from cost_models.stimuli.stimulus import LONG, SEED, STEPS, WARM_UP, Stream, constant, uniform, until
from cost_models.units.unit import PE_COMPONENTS, Unit


def streams(unit: Unit, run: int) -> list[Stream]:
    """Return the streams of a unit: one per energy quantity, from a generator seeded by SEED and `run`."""
    random = np.random.default_rng([SEED, run])
    builders = {**dict.fromkeys(PE_COMPONENTS, pe_streams), "tag": _tag, "bank": _bank}
    if unit.component in builders:
        return builders[unit.component](unit, random)
    warm_up, steps = LONG.get(unit.component, (WARM_UP, STEPS))
    name = unit.component.replace("ifmap_", "").replace("filter_", "")
    builder = NEURON_STREAMS.get(name) or getattr(machine_streams, name)
    events = builder(unit, machine_streams.Values(random, warm_up + steps))
    return [
        Stream(f"energy_per_{event}_pj", inputs, expected, max(3, warm_up), warm_up)
        for event, (inputs, expected) in events.items()
    ]


def _tag(unit: Unit, random: np.random.Generator) -> list[Stream]:
    start = random.integers(0, 1 << unit.acc_bits, (1, LANES))
    address = (start + np.arange(WARM_UP + STEPS)[:, None]) % (1 << unit.acc_bits)
    expected = {"addr_out": np.roll(address, 1, axis=0)}
    return [
        Stream("energy_per_op_pj", {"valid_in": constant(1), "addr_in": address}, expected),
        Stream("energy_per_idle_cycle_pj", {"valid_in": constant(0), "addr_in": constant(0)}),
    ]


def _bank(unit: Unit, random: np.random.Generator) -> list[Stream]:
    data, address = uniform(random, unit.x_bits), uniform(random, unit.acc_bits)
    writing = {"write_addr": address, "write_data": data}
    return [
        Stream(
            "energy_per_read_pj",
            {**writing, "write_enable": until(WARM_UP), "read_enable": constant(1), "read_addr": address},
        ),
        Stream("energy_per_write_pj", {**writing, "write_enable": constant(1)}),
        Stream("energy_per_idle_cycle_pj", {"write_enable": constant(0)}),
    ]
