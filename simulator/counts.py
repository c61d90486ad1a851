"""`Counts`: what one layer costs on the machine, in cycles and PE-cycles. Physical units come later."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Cycles of one layer from `start` sampled to `done`, by phase; every level gives all of them.

    folds: passes of the array. preload, stream, drain: as in the machine's table. pipeline: bank read,
    edge and requantiser latency. busy: PE-cycles spent on real operand pairs, padding included.
    """

    folds: int
    preload: int
    stream: int
    drain: int
    pipeline: int
    busy: int

    @property
    def cycles(self) -> int:
        return self.preload + self.stream + self.drain + self.pipeline

    def utilisation(self, pes: int) -> float:
        """Busy PE-cycles over PEs × cycles."""
        return self.busy / (pes * self.cycles)
