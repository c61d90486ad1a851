"""`GivenCut`: how a user has a layer cut into tiles, instead of the best cut of all."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from simulator.designs.order import Order
from workloads.host.specfile import Spec

Parts = Annotated[int, Field(ge=1, le=65535)]


class GivenCut(Spec):
    """The cut of one layer.

    layer: its name. rows, outputs, channels: into how many equal parts its output rows, output channels and input
    channels are cut. order: the inner loop of the first two; input channels are innermost of all.
    """

    layer: str
    rows: Parts = 1
    outputs: Parts = 1
    channels: Parts = 1
    order: Order = "rows"
