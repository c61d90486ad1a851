"""Why designs of a block don't run their networks: the layer of which no tile fits, and what memories lack for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dse.evaluation.refusal import Refusal
from simulator.cuts.all_layers import tell_all_layers
from simulator.cuts.block_refusals import refusals
from simulator.cuts.missing import missing_bytes

if TYPE_CHECKING:
    from simulator.designs.design_block import DesignBlock
    from workloads.networks.network import Network


def unfit_layers(
    networks: Sequence[Network], layers: np.ndarray, designs: DesignBlock, reached: np.ndarray, failing: np.ndarray
) -> dict[int, Refusal]:
    """Return by their places why some designs don't run their networks, where that is said without looking closer.

    networks: of each design, all of these layers, [layers] of LAYER_INTEGERS. reached: [designs], how many of them have
    a cut that fits. failing: the places of designs that don't reach all.
    """
    named, chosen = [networks[place] for place in failing.tolist()], designs[failing]
    lines, lacking = refusals(named, layers, chosen, reached[failing]), missing_bytes(layers, chosen)
    told = [row for row, missing in enumerate(lacking.tolist()) if missing and lines[row]]
    longer = tell_all_layers([lines[row] for row in told], layers, designs[failing[told]])
    for row, line in zip(told, longer, strict=True):
        lines[row] = line
    pairs = zip(failing.tolist(), lines, lacking.tolist(), strict=True)
    return {place: Refusal(line, missing) for place, line, missing in pairs if line}
