"""Whose operands a table's stream "network" are: those of the trained networks of one family."""

from __future__ import annotations

import numpy as np

from cost_models.table.operands import FAMILY
from simulator.run import Run
from workloads.errors import LimenError
from workloads.networks.family import find_network


def are_own(run: Run) -> bool:
    """Return whether captured operands of a run's PEs are those of its very network, at the widths of its design."""
    design = run.design
    try:
        member = find_network(FAMILY, design.op, design.x_bits, design.w_bits)
    except LimenError:
        return False
    if run.network.layers != member.layers or run.network.parameters is None:
        return False
    return all(
        np.array_equal(getattr(parameters, name), getattr(captured, name))
        for parameters, captured in zip(run.network.parameters, member.trained(), strict=True)
        for name in ("weights", "polarity", "bias", "shift")
        if getattr(captured, name) is not None
    )
