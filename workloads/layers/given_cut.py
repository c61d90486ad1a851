"""`GivenCut`: how a user has a layer cut into tiles, instead of the best cut of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from workloads.errors import LimenError
from workloads.host.specfile import Spec
from workloads.layers.layer import LayerForm
from workloads.layers.order import Order

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


def _each_once(cuts: tuple[GivenCut, ...]) -> tuple[GivenCut, ...]:
    layers = [cut.layer for cut in cuts]
    if len(set(layers)) < len(layers):
        twice = next(layer for layer in layers if layers.count(layer) > 1)
        raise ValueError(f"layer {twice!r} is not allowed twice")
    return cuts


GivenCuts = Annotated[tuple[GivenCut, ...], Field(strict=False), AfterValidator(_each_once)]
"""The field `schedule` of a page: cuts of single layers, each once."""


def check_cuts(cuts: Sequence[GivenCut], layers: Sequence[LayerForm]) -> None:
    """Raise LimenError where a cut is of no such layer, or a layer is cut twice."""
    names = [layer.name for layer in layers]
    for cut in cuts:
        if cut.layer not in names:
            raise LimenError(f"schedule: layer {cut.layer!r} is not allowed: one of {', '.join(names)}")
    try:
        _each_once(tuple(cuts))
    except ValueError as error:
        raise LimenError(f"schedule: {error}") from None
