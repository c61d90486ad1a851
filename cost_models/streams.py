"""Operand streams that drive the units, uniform in every operand, and what the units must answer.

Values are int64 [steps, LANES]; every lane is a sequence of its own. The expected outputs come from the ops'
definitions in integers, not from the Verilog.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cost_models import machine_streams
from cost_models.kernel_streams import KERNEL_STREAMS
from cost_models.op_values import op_values
from cost_models.switching import LANES
from cost_models.units import Unit

SEED = 20241213
STEPS = 32
"""Counted steps of a run; RUNS of them with LANES sequences each are 16,384 vectors."""

RUNS = 8
WARM_UP = 4
"""Steps that load registers and aren't counted."""

LONG = {"control": (640, 256)}
"""(warm-up, counted steps) of units that need a program first."""

CHAIN = 8
"""PEs above the one that is driven: its psum input is the sum of that many ops."""


@dataclass(frozen=True)
class Stream:
    """A stimulus by port and, where defined, the outputs it must give from step `valid_from` on."""

    quantity: str
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray] = field(default_factory=dict)
    valid_from: int = 2
    warm_up: int = WARM_UP


def neutral(unit: Unit) -> tuple[int, int]:
    """Return the (x, synapse) patterns that contribute nothing, as the feeders inject them.

    Lowest x with highest excitatory w for op threshold, x = 0 with shift's code of 0, otherwise zeros.
    """
    highest = (1 << (unit.w_bits - 1)) - 1
    if unit.op == "threshold":
        return 1 << (unit.x_bits - 1), highest
    return 0, highest if unit.op == "shift" else 0


def streams(unit: Unit, run: int) -> list[Stream]:
    """Return the streams of a unit: one per energy quantity, from a generator seeded by SEED and `run`."""
    random = np.random.default_rng([SEED, run])
    builders = {"pe": _pe, "tag": _tag, "bank": _bank}
    if unit.component in builders:
        return builders[unit.component](unit, random)
    warm_up, steps = LONG.get(unit.component, (WARM_UP, STEPS))
    name = unit.component.replace("ifmap_", "").replace("filter_", "")
    builder = KERNEL_STREAMS.get(name) or getattr(machine_streams, name)
    events = builder(unit, machine_streams.Values(random, warm_up + steps))
    return [
        Stream(f"energy_per_{event}_pj", inputs, expected, max(3, warm_up), warm_up)
        for event, (inputs, expected) in events.items()
    ]


def _uniform(random: np.random.Generator, bits: int) -> np.ndarray:
    return random.integers(0, 1 << bits, (WARM_UP + STEPS, LANES), dtype=np.int64)


def _constant(value: int) -> np.ndarray:
    return np.full((WARM_UP + STEPS, LANES), value, dtype=np.int64)


def _until(step: int) -> np.ndarray:
    """Return 1 before `step`, 0 from it on."""
    pulse = _constant(0)
    pulse[:step] = 1
    return pulse


def _pe(unit: Unit, random: np.random.Generator) -> list[Stream]:
    mask = (1 << unit.acc_bits) - 1
    x, synapse = _uniform(random, unit.x_bits), _uniform(random, unit.synapse_bits)
    quiet_x, quiet_synapse = (_constant(value) for value in neutral(unit))
    chain = np.zeros_like(x)
    for _ in range(CHAIN):
        chain += op_values(unit, _uniform(random, unit.x_bits), _uniform(random, unit.synapse_bits)[:1])
    if unit.dataflow == "os":
        sums = np.cumsum(np.where(_until(1), 0, op_values(unit, x, synapse)), axis=0)
        accumulated = np.concatenate([np.zeros((1, LANES), dtype=np.int64), sums[:-1]])
        rest = {"rst": _until(1), "drain": _constant(0), "acc_in": _constant(0)}
        still_x, still_synapse = x.copy(), synapse.copy()
        still_x[WARM_UP - 1 :], still_synapse[WARM_UP - 1 :] = quiet_x[0], quiet_synapse[0]
        drained = {"rst": _constant(0), "drain": _constant(1), "acc_in": chain & mask}
        return [
            Stream("energy_per_op_pj", {"x_in": x, "synapse_in": synapse, **rest}, {"acc_out": accumulated & mask}),
            Stream("energy_per_idle_cycle_pj", {"x_in": still_x, "synapse_in": still_synapse, **rest}),
            Stream(
                "energy_per_shift_cycle_pj",
                {"x_in": quiet_x, "synapse_in": quiet_synapse, **drained},
                {"acc_out": np.roll(chain & mask, 1, axis=0)},
            ),
        ]
    stays = unit.dataflow == "is"
    still, moving = (x, synapse) if stays else (synapse, x)
    quiet = quiet_synapse if stays else quiet_x
    held = np.broadcast_to(still[:1], still.shape)
    ops = op_values(unit, held, moving) if stays else op_values(unit, moving, held)
    psum = np.roll((chain + ops) & mask, 1, axis=0)
    preload = {"still_in": still, "preload": _until(1)}
    return [
        Stream("energy_per_op_pj", {**preload, "moving_in": moving, "psum_in": chain & mask}, {"psum_out": psum}),
        Stream(
            "energy_per_idle_cycle_pj",
            {"still_in": held, "preload": _until(1), "moving_in": quiet, "psum_in": _constant(0)},
        ),
        Stream(
            "energy_per_shift_cycle_pj",
            {"still_in": still, "preload": _constant(1), "moving_in": quiet, "psum_in": _constant(0)},
            {"still_out": np.roll(still, 1, axis=0)},
        ),
    ]


def _tag(unit: Unit, random: np.random.Generator) -> list[Stream]:
    start = random.integers(0, 1 << unit.acc_bits, (1, LANES))
    address = (start + np.arange(WARM_UP + STEPS)[:, None]) % (1 << unit.acc_bits)
    expected = {"addr_out": np.roll(address, 1, axis=0)}
    return [
        Stream("energy_per_op_pj", {"valid_in": _constant(1), "addr_in": address}, expected),
        Stream("energy_per_idle_cycle_pj", {"valid_in": _constant(0), "addr_in": _constant(0)}),
    ]


def _bank(unit: Unit, random: np.random.Generator) -> list[Stream]:
    data, address = _uniform(random, unit.x_bits), _uniform(random, unit.acc_bits)
    writing = {"write_addr": address, "write_data": data}
    return [
        Stream(
            "energy_per_read_pj",
            {**writing, "write_enable": _until(WARM_UP), "read_enable": _constant(1), "read_addr": address},
        ),
        Stream("energy_per_write_pj", {**writing, "write_enable": _constant(1)}),
        Stream("energy_per_idle_cycle_pj", {"write_enable": _constant(0)}),
    ]
