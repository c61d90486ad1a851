"""Main memories on the chip of many designs at once: what they hold, and which of them are too small for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from dse.evaluation.refusal import Refusal
from simulator.cuts.memory_use import check_room, memory_uses
from simulator.cuts.missing import DoesNotFit
from simulator.timing.timing import Best

if TYPE_CHECKING:
    from simulator.designs.design_block import DesignBlock
    from workloads.networks.network import Network


class MainMemories(NamedTuple):
    """beats: [designs] int64 that programs take, 0 where that isn't known. kib: [designs] of the memories' sizes.

    refused: by the places of designs whose memory is too small, why.
    """

    beats: np.ndarray
    kib: np.ndarray
    refused: dict[int, Refusal]


def main_memories(
    networks: Sequence[Network], layers: np.ndarray, best: Best, designs: DesignBlock, sized: np.ndarray
) -> MainMemories:
    """Return what the programs of networks of the same layers, each on its design, take of memories on the chip.

    layers: [layers] of LAYER_INTEGERS; best: of them on the designs. sized: [designs], where the memory is as large as
    its program needs.
    """
    found = MainMemories(np.zeros(len(designs), np.int64), designs.memory_kib.copy(), {})
    places = np.flatnonzero(designs.on_chip & (best.reached == len(layers)))
    if not len(places):
        return found
    running = [networks[place] for place in places.tolist()]
    use = memory_uses(running, layers, Best(*(column[places] for column in best)), designs[places])
    found.beats[places] = use.beats
    found.kib[places] = np.where(sized[places], use.kib, found.kib[places])
    for row in np.flatnonzero(use.kib > found.kib[places]).tolist():
        place = int(places[row])
        try:
            check_room(running[row], use.of(row), found.kib[place])
        except DoesNotFit as error:
            found.refused[place] = Refusal(str(error), error.missing_bytes)
    return found
