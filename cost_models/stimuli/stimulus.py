"""`Stream`: what drives a unit's ports, and what it must answer; how long streams are.

Values are int64 [steps, LANES]; every lane is a sequence of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cost_models.gates.switching import LANES
from cost_models.table.operands import UNIFORM

SEED = 20241213
STEPS = 32
"""Counted steps of a run; RUNS of them with LANES sequences each are 16,384 vectors."""

RUNS = 8
NEURON_WEIGHTS = 4096
"""Weights that the runs of a neuron draw, at least: a large neuron needs fewer runs, being many operations at once."""

WARM_UP = 4
"""Steps that load registers and aren't counted."""

GENERATOR_WARM_UP = 40
"""Of the generator, whose 32 lanes are loaded one after another."""

CONTROL_WARM_UP, CONTROL_STEPS = 640, 256
"""Of the control, which needs a program first."""


@dataclass(frozen=True)
class Stream:
    """A stimulus by port and, where defined, the outputs it must give from step `valid_from` on.

    operands: what kind of operands these are, the column `stream` of a cost table.
    """

    quantity: str
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray] = field(default_factory=dict)
    valid_from: int = 2
    warm_up: int = WARM_UP
    operands: str = UNIFORM


def uniform(random: np.random.Generator, bits: int) -> np.ndarray:
    """Return patterns uniform over `bits` bits."""
    return random.integers(0, 1 << bits, (WARM_UP + STEPS, LANES), dtype=np.int64)


def constant(value: int) -> np.ndarray:
    return np.full((WARM_UP + STEPS, LANES), value, dtype=np.int64)


def until(step: int) -> np.ndarray:
    """Return 1 before `step`, 0 from it on."""
    pulse = constant(0)
    pulse[:step] = 1
    return pulse
