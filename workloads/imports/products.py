"""Convolutions and matrix products as layers of the format, whose sizes have limits that lists of others have not."""

from __future__ import annotations

from typing import Any

import numpy as np

MOST = 65535
"""Of any size of a layer."""

MOST_PAD = 255


def as_entries(
    height: int, width: int, kernel: tuple[int, int], stride: int, channels: int, outputs: int, groups: int
) -> list[dict[str, Any]] | None:
    """Return a convolution as the entry of a layer, or None where it is too large for one.

    Its last windows may be partial: ceil((H − K) / S) + 1 of them, the last one padded with zeros.
    """
    below, right = -(height - kernel[0]) % stride, -(width - kernel[1]) % stride
    if max(height, width, channels, outputs, stride) > MOST or max(below, right) > MOST_PAD:
        return None
    entry: dict[str, Any] = {"kind": "conv2d", "own_input": {"height": height, "width": width, "channels": channels}}
    entry["out_channels"] = outputs
    if groups > 1:
        entry["groups"] = groups
    entry["kernel"] = list(kernel)
    if stride > 1:
        entry["stride"] = [stride, stride]
    if below or right:
        entry["padding"] = [0, below, 0, right]
    return [entry]


def product_entries(pixels: int, outputs: int, fan_in: int) -> list[dict[str, Any]]:
    """Return a matrix product, M × K times K × N, as the entries of layers with these M, N and K.

    One layer; a fan-in beyond MOST becomes the window of a convolution that steps from window to window, more pixels an
    image of rows and columns, and outputs beyond MOST are shared among several layers.

    Raises ValueError where no such sizes multiply to M or K.
    """
    if pixels <= MOST and fan_in <= MOST:
        entry: dict[str, Any] = {"kind": "conv1d", "own_input": {"length": pixels, "channels": fan_in}}
    else:
        window = _divisor(fan_in, "K", MOST)
        rows = _divisor(pixels, "M", MOST // window)
        columns = pixels // rows * window
        entry = {
            "kind": "conv2d",
            "own_input": {"height": rows, "width": columns, "channels": fan_in // window},
            "kernel": [1, window],
            "stride": [1, window],
        }
    layers = -(-outputs // MOST)
    sizes = [outputs // layers + (place < outputs % layers) for place in range(layers)]
    return [{**entry, "out_channels": size} for size in sizes]


def _divisor(number: int, name: str, most_quotient: int) -> int:
    """Return the least divisor whose quotient is at most this. Raises ValueError where it is beyond MOST."""
    candidates = np.arange(-(-number // most_quotient), min(number, MOST) + 1)
    divisors = candidates[number % candidates == 0]
    if not len(divisors):
        raise ValueError(f"{name}: {number} is not allowed: at most {MOST}, or a product of two such sizes")
    return int(divisors[0])
