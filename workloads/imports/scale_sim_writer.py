"""Networks written as SCALE-Sim's topologies: a layer a row, as a convolution without padding or as M, N and K."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from workloads.host.text_tables import csv_text
from workloads.imports.scale_sim import CONVOLUTION, DEPTHWISE, MOST_LAYERS, PRODUCT
from workloads.layers.layer import Layer
from workloads.networks.network import Network

END = ""
"""Behind the last column: SCALE-Sim leaves out what stands behind a row's last comma."""


class Topology(NamedTuple):
    """A file's text, and what of the network it doesn't say."""

    text: str
    notices: tuple[str, ...]


def write_topology(network: Network, products: bool = False) -> Topology:
    """Return a network as a topology.

    products: rows of M, N and K, which SCALE-Sim reads as its input type gemm, in the place of convolutions.
    """
    computed = [layer for layer in network.layers if layer.kind != "maxpool"]
    rows = [row for layer in computed for row in (_products(layer) if products else _convolutions(layer))]
    notices = []
    if len(computed) < len(network.layers):
        notices.append(f"layers of max pooling left out: {len(network.layers) - len(computed)}")
    added = sum(layer.residual is not None for layer in computed)
    if added:
        notices.append(f"residuals that layers add left out: {added}")
    if network.unmapped_ops:
        notices.append(f"operators left out that aren't on the machine: {', '.join(map(str, network.unmapped_ops))}")
    if len(rows) > MOST_LAYERS:
        notices.append(f"{len(rows)} rows, a group each, of which limen net import reads {MOST_LAYERS} at most")
    head = ("Layer", *PRODUCT, END) if products else ("Layer name", *CONVOLUTION, END)
    return Topology(csv_text(head, [(*row, END) for row in rows]), tuple(notices))


def _products(layer: Layer) -> Iterator[tuple[object, ...]]:
    """Yield (name, M, N, K) of each group."""
    for name in _group_names(layer):
        yield name, layer.pixels, layer.group_outputs, layer.fan_in


def _convolutions(layer: Layer) -> Iterator[tuple[object, ...]]:
    """Yield (name, *CONVOLUTION) of a layer, of each group where it has some; a depthwise one is a row of all.

    The IFMAP is as large as the windows reach: SCALE-Sim has no padding, and counts one more where a part is left.
    """
    down, across = (
        1 if outputs == 1 else step
        for outputs, step in zip((layer.out_height, layer.out_width), layer.stride, strict=True)
    )
    stride = max(down, across)
    sizes: tuple[int, ...]
    if down == across or 1 in (layer.out_height, layer.out_width):
        ends = ((layer.out_height - 1) * stride + layer.kernel[0], (layer.out_width - 1) * stride + layer.kernel[1])
        sizes = (*ends, *layer.kernel, layer.group_channels, layer.group_outputs, stride)
    else:  # a row has one stride: as many windows, one below the other
        window = layer.kernel[0] * layer.kernel[1]
        sizes = (layer.pixels, window, 1, window, layer.group_channels, layer.group_outputs, 1)
    if layer.groups > 1 and layer.group_channels == 1:
        name = layer.name if DEPTHWISE in layer.name else f"{DEPTHWISE}_{layer.name}"
        yield name, *sizes[:4], layer.groups, *sizes[5:]
        return
    for name in _group_names(layer):
        yield name, *sizes


def _group_names(layer: Layer) -> list[str]:
    """Return a name a group, none of which SCALE-Sim takes for a depthwise layer's."""
    name = layer.name.replace(DEPTHWISE, DEPTHWISE.capitalize())
    return [name] if layer.groups == 1 else [f"{name}_{group}" for group in range(1, layer.groups + 1)]
