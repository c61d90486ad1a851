"""The known signs of a network that failed, each found from its statistics and said in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from workloads.insight.statistics import LayerStatistics, Statistics
from workloads.layers.layer import Layer
from workloads.networks.network import Network
from workloads.ops.registry import operation

SMALLEST_DEVIATION = 2.0**-6
"""In steps of the output's grid: rounding leaves nothing of a smaller spread."""

LARGEST_DEVIATION = 4.0
"""Over half the output's range: a normal spread as wide loses 80 % of its values at the two ends."""

MOST_SATURATED = 0.5
LARGEST_CLASS = 0.9
"""Share of images given to one class; data of balanced classes has 0.1 to 0.2."""

MOST_BEHIND = 0.02
"""How far accuracy may lie under that of the MAC twin: two points."""


class Priced(NamedTuple):
    """What a cost table's rows of one op and widths stand for.

    activity_low, activity_high: the share of operand pairs above threshold (products: other than 0) near enough to that
    of the operands its energies were counted on. acc_bits_low, acc_bits_high: accumulator widths it has rows for.
    """

    activity_low: float
    activity_high: float
    acc_bits_low: int
    acc_bits_high: int


class Finding(NamedTuple):
    """A sign of failure: what was found where, and what is allowed. layer: "" for the network as a whole."""

    sign: str
    layer: str
    value: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.sign}: {f'layer {self.layer}: ' if self.layer else ''}{self.value}; allowed: {self.allowed}"


def check_network(
    network: Network,
    statistics: Statistics,
    twin_accuracy: float | None = None,
    accuracy: float | None = None,
    priced: Mapping[str, Priced] | None = None,
) -> list[Finding]:
    """Return every sign of failure, in the order of the layers; an empty list is a sound network.

    accuracy, twin_accuracy: shares of right images, of this network and of its MAC twin, on the same split. priced: by
    op, what the cost table says; an op that isn't there goes unchecked.
    """
    layers = {layer.name: layer for layer in network.layers}
    findings = [finding for row in statistics.layers for finding in _divergence(row, layers[row.layer])]
    findings += _constant(statistics)
    if accuracy is not None and twin_accuracy is not None and twin_accuracy - accuracy > MOST_BEHIND:
        value = f"accuracy {100 * accuracy:.2f} %, the MAC twin's {100 * twin_accuracy:.2f} %"
        findings.append(Finding("accuracy", "", value, "at most 2 points under the MAC twin"))
    findings += [finding for row in statistics.layers for finding in _polarity(row)]
    if priced is not None:
        findings += _priced(statistics.layers, priced)
    return findings


def check_master(arrays: Mapping[str, np.ndarray]) -> list[Finding]:
    """Return a finding for every array of floats, as a family's checkpoint has them, that holds NaN or infinity."""
    findings = []
    for name, array in sorted(arrays.items()):
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            layer, _, part = name.rpartition(".")
            value = f"{part}: {int((~np.isfinite(array)).sum())} of {array.size} values are NaN or infinite"
            findings.append(Finding("divergence", layer, value, "finite values"))
    return findings


def _divergence(row: LayerStatistics, layer: Layer) -> list[Finding]:
    findings = []
    if row.deviation < SMALLEST_DEVIATION:
        value = f"standard deviation {row.deviation:.4f} steps of its grid"
        findings.append(Finding("divergence", row.layer, value, f"at least {SMALLEST_DEVIATION}"))
    if row.deviation_in_range is not None and row.deviation_in_range > LARGEST_DEVIATION:
        value = f"standard deviation {row.deviation_in_range:.1f} times half its range"
        findings.append(Finding("divergence", row.layer, value, f"at most {LARGEST_DEVIATION}"))
    if row.saturated_low is not None and row.saturated_high is not None:
        saturated = row.saturated_high + (row.saturated_low if layer.y_signed else 0)  # unsigned: that is ReLU
        if saturated > MOST_SATURATED:
            value = f"{100 * saturated:.1f} % of its activations are saturated"
            findings.append(Finding("divergence", row.layer, value, f"at most {100 * MOST_SATURATED:.0f} %"))
    return findings


def _constant(statistics: Statistics) -> list[Finding]:
    if statistics.score_deviation == 0 and statistics.images > 1:
        return [Finding("divergence", "", "the scores of all images are the same", "scores that depend on the image")]
    if statistics.largest_class > LARGEST_CLASS and statistics.images >= 10:
        value = f"{100 * statistics.largest_class:.1f} % of the images are given to one class"
        return [Finding("divergence", "", value, f"at most {100 * LARGEST_CLASS:.0f} %")]
    return []


def _polarity(row: LayerStatistics) -> list[Finding]:
    if row.positive is None or row.positive_lowest is None or row.positive_highest is None:
        return []
    if row.positive_lowest <= row.positive <= row.positive_highest:
        return []
    value = f"{100 * row.positive:.2f} % of {row.polarities} polarities are +1"
    allowed = f"{100 * row.positive_lowest:.2f} to {100 * row.positive_highest:.2f} %, the binomial 99 % of 1/2"
    return [Finding("polarity", row.layer, value, allowed)]


def _priced(rows: Sequence[LayerStatistics], priced: Mapping[str, Priced]) -> list[Finding]:
    """Compare activity by layer; the accumulator by op, since a design has one width: that of its widest layer."""
    findings = []
    for row in rows:
        limits = priced.get(row.op)
        if limits is not None and not limits.activity_low <= row.above <= limits.activity_high:
            state = "above threshold" if operation(row.op).one_range else "other than 0"
            value = f"{100 * row.above:.1f} % of operand pairs are {state}"
            allowed = f"{100 * limits.activity_low:.0f} to {100 * limits.activity_high:.0f} %, as priced"
            findings.append(Finding("activity", row.layer, value, allowed))
    for op, limits in priced.items():
        widest = max((row for row in rows if row.op == op), key=lambda row: row.format_bits, default=None)
        if widest is not None and not limits.acc_bits_low <= widest.format_bits <= limits.acc_bits_high:
            allowed = f"{limits.acc_bits_low} to {limits.acc_bits_high}, as priced"
            findings.append(Finding("accumulator", widest.layer, f"{widest.format_bits} bits", allowed))
    return findings
