"""`Point`: a design that a study has evaluated."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.evaluation.evaluate import Evaluator
from dse.space.space import Coordinates
from simulator.designs.design import Design
from workloads.host.progress import Progress
from workloads.networks.network import Network

if TYPE_CHECKING:
    from simulator.run import Exported


@dataclass(frozen=True, repr=False)
class Point:
    """One evaluated design of a study.

    trial: its number. figures: everything stored about it, as in trials.csv.
    """

    trial: int
    coordinates: Coordinates
    figures: dict[str, Any]
    evaluator: Evaluator

    @property
    def design(self) -> Design:
        """The design, its accumulators sized to the workload."""
        return self.evaluator.design(self.coordinates)

    @property
    def network(self) -> Network:
        """The workload at this point's op and widths, of several the first."""
        return self.evaluator.network(*self.coordinates[:3], self.coordinates.workload)

    def export(self, folder: str | Path, images: int = 100, progress: Progress | None = None) -> Exported:
        """Write the design as Verilog with vectors for `images` test images; `.verify()` of the result proves it.

        progress: told of the images that are done.

        Raises:
            LimenError: no checkpoint, too many images, or the folder can't be written.
        """
        from simulator.run import export

        return export(self.network, self.design, folder, images, progress=progress)

    def __str__(self) -> str:
        return f"trial {self.trial}, {self.coordinates.key}"

    def __repr__(self) -> str:
        return f"<Point: {self}>"
