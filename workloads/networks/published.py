"""`Published`: where a network comes from, and what its source counts; our own counts beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from workloads.host.specfile import Spec
from workloads.layers.layer import Layer

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
"""What a published number may be counted in."""

Count = Annotated[str, Field(pattern=r"^\d+(\.\d+)?( [kMG])?$")]
"""A number as it was published: digits and, after a space, k, M or G."""


class Published(Spec):
    """A network's source and its counts.

    source: where layers and counts are from. macs: multiply-accumulate operations of an image. parameters: weights,
    biases and whatever else is counted there. elsewhere: of these parameters those that no layer here has: scales of
    batch norms, which fold into weights, and what operators that aren't on the machine have.
    """

    source: str
    macs: Count | None = None
    parameters: Count | None = None
    elsewhere: Annotated[int, Field(ge=0)] = 0


def agrees(count: int, published: str) -> bool:
    """Return whether a count is a published one, to as many digits as were published."""
    digits, _, unit = published.partition(" ")
    _, _, fraction = digits.partition(".")
    # In units of the last digit: 1.814 G is 1814 times a million.
    step = UNITS[unit] / 10 ** len(fraction)
    return 2 * abs(count - int(digits.replace(".", "")) * step) <= step


def macs(layers: Sequence[Layer]) -> int:
    """Return the pairs of operands of an image as papers count them: those of padding too, those of pooling not."""
    return sum(layer.pairs for layer in layers if layer.has_arrays)


def parameters(layers: Sequence[Layer]) -> int:
    """Return the weights and biases of all layers; those of a matmul are another tensor."""
    weighted = [layer for layer in layers if layer.has_weights]
    return sum(layer.out_channels * (layer.fan_in + 1) for layer in weighted)
