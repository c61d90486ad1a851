"""The roofline of a machine: operations a byte over its memory port against operations a cycle, layer by layer.

S. Williams, A. Waterman, D. Patterson, "Roofline: An Insightful Visual Performance Model", CACM 52(4), 2009.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.plan.counts import Counts


@dataclass(frozen=True)
class Roofs:
    """What a machine can do at most. An operation is one operand pair: an op and its addition.

    operations_per_cycle: one a PE. bytes_per_cycle: a beat of the memory port every port_interval cycles.
    """

    operations_per_cycle: int
    bytes_per_cycle: float

    @classmethod
    def of(cls, design: FittedDesign) -> Roofs:
        return cls(design.pes, design.port_bits // 8 / design.port_interval)

    @property
    def ridge(self) -> float:
        """Operations a byte from which on the array is the lower roof."""
        return self.operations_per_cycle / self.bytes_per_cycle

    def at(self, operations_per_byte: float) -> float:
        """Return the most operations a cycle of a layer of so many operations a byte."""
        return min(self.operations_per_cycle, operations_per_byte * self.bytes_per_cycle)


@dataclass(frozen=True)
class RooflinePoint:
    """A layer under the roofs. roof: of this layer, operations a cycle; roof_share: what it reaches of that.

    limit: the lower roof, "array" or "memory port".
    """

    layer: str
    operations: int | float
    dram_bytes: int | float
    operations_per_byte: float
    operations_per_cycle: float
    roof: float
    roof_share: float
    limit: str


def roofline_point(layer: str, counts: Counts, design: FittedDesign) -> RooflinePoint | None:
    """Return where a layer lies, None for one without operations (pooling); figures are of an image."""
    if not counts.busy:
        return None
    roofs, images = Roofs.of(design), design.images_at_once
    per_byte, per_cycle = counts.busy / counts.dram_bytes, counts.busy / counts.cycles
    roof = roofs.at(per_byte)
    operations, dram_bytes = (count if images == 1 else count / images for count in (counts.busy, counts.dram_bytes))
    limit = "array" if per_byte >= roofs.ridge else "memory port"
    return RooflinePoint(layer, operations, dram_bytes, per_byte, per_cycle, roof, per_cycle / roof, limit)
