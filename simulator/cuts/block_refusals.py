"""Why designs of a block can't run a network: the lines of `choose_network`, of all of them at once."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from simulator.cuts.demands import OPERANDS, row_bits, too_shallow, too_small
from simulator.designs.design import BUFFERS, MOST_OPERANDS
from simulator.designs.memory import MOST_KIB
from simulator.encoding import MOST_IN_FIELD, MOST_SIGNED
from simulator.timing.integers import machine_integers
from simulator.timing.timing import smallest_needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from simulator.designs.design_block import DesignBlock
    from workloads.networks.network import Network

MEMORIES = ("ifmap", "filter", "ofmap", "operand", "channel", "polarity")
FIELDS = {
    "pixels": MOST_IN_FIELD,
    "in_rows": MOST_SIGNED,
    "filter_beats": MOST_IN_FIELD,
    "raw_beats": MOST_IN_FIELD,
}
"""What descriptors hold at most of what a tile needs."""


def hold(machines: np.ndarray, needs: np.ndarray) -> np.ndarray:
    """Return [pairs] bool, whether memories and descriptors of machines hold what tiles need.

    machines: [pairs] of MACHINE_INTEGERS; needs: [pairs] of NEED_INTEGERS.
    """
    met = [needs[name] <= machines[f"{name}_depth"] for name in MEMORIES]
    held: np.ndarray = np.all([*met, *(needs[name] <= limit for name, limit in FIELDS.items())], axis=0)
    return held


_line_of_buffer, _line_of_operands = lru_cache(maxsize=4096)(too_small), lru_cache(maxsize=4096)(too_shallow)


def refusals(networks: Sequence[Network], layers: np.ndarray, designs: DesignBlock, failing: np.ndarray) -> list[str]:
    """Return the line of each design, "" where no larger buffer alone cures it: then only `choose_network` knows.

    networks: of each design, all of the same layers [layers] of LAYER_INTEGERS. failing: [designs], the first layer of
    which no cut fits.
    """
    machines = machine_integers(designs)
    needs = smallest_needs(layers[failing], machines)
    largest = {name: np.full(len(designs), float(MOST_KIB)) for name in BUFFERS}
    roomy = machine_integers(replace(designs, **largest, operand_depth=np.full(len(designs), MOST_OPERANDS)))
    curable = hold(roomy, needs)
    lines = [""] * len(designs)
    for memory, (field, bits) in zip(MEMORIES, row_bits(designs).items(), strict=False):
        unmet = np.flatnonzero(curable & (needs[memory] > machines[f"{memory}_depth"]))
        numbers = getattr(designs, field), needs[memory], machines[f"{memory}_depth"], bits
        for place, *values in zip(unmet.tolist(), *(column[unmet].tolist() for column in numbers), strict=True):
            lines[place] = _line_of_buffer(field, *values)
        curable[unmet] = False
    for place in np.flatnonzero(curable & (needs["operand"] > machines["operand_depth"])).tolist():
        depth, needed = designs.operand_depth[place].item(), needs["operand"][place].item()
        lines[place] = _line_of_operands("operand_depth", depth, needed, OPERANDS)
    return [
        line and f"network {network.name}: layer {network.layers[layer].name}: {line}"
        for line, network, layer in zip(lines, networks, failing.tolist(), strict=True)
    ]
