"""Windows of convolutions and pools: kernel, stride and padding as a network file has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from workloads.imports.onnx.graph import Graph, Node


@dataclass(frozen=True)
class Window:
    """kernel, stride, outputs: a number a dimension. padding: [top, bottom, left, right], or [before, after]."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def pixels(self) -> tuple[int, int]:
        """(height, width) of the outputs: of one dimension, one column."""
        return (*self.outputs, 1)[0], (*self.outputs, 1)[1]

    def of_two(self) -> Window:
        """Return the window of a pool in one dimension as that in two."""
        return Window((*self.kernel, 1), (*self.stride, 1), (*self.padding, 0, 0), (*self.outputs, 1))

    def keys(self) -> dict[str, Any]:
        return {"kernel": list(self.kernel), "stride": list(self.stride), "padding": list(self.padding)}


def convolution_window(graph: Graph, node: Node, sizes: Sequence[int], kernel: Sequence[int]) -> Window:
    """Return the window of a convolution over an image of these sizes. Raises LimenError for a dilation, by name."""
    return _window(graph, node, sizes, kernel, ceil=False)


def pooling_window(graph: Graph, node: Node, sizes: Sequence[int]) -> Window:
    """Return the window of a pool; one that is partly beyond the image (ceil_mode) has padding there."""
    kernel = _list(graph, node, "kernel_shape", [1] * len(sizes), len(sizes))
    return _window(graph, node, sizes, kernel, ceil=bool(graph.integer(node, "ceil_mode", 0)))


def beyond_padding(node: Node, padding: int) -> bool:
    """Return whether windows reach beyond a pool's padding (ceil_mode), where nothing is ever counted."""
    said = node.attributes.get("pads", []) if node.attributes.get("auto_pad", "NOTSET") != "VALID" else []
    return bool(node.attributes.get("ceil_mode", 0)) and padding > sum(said)


def _window(graph: Graph, node: Node, sizes: Sequence[int], kernel: Sequence[int], ceil: bool) -> Window:
    dilations = _list(graph, node, "dilations", [1] * len(sizes), len(sizes))
    for size, step in zip(kernel, dilations, strict=True):
        if size > 1 and step != 1:
            raise graph.refusal(node, f"dilations: {dilations} are not allowed: 1")
    stride = _list(graph, node, "strides", [1] * len(sizes), len(sizes))
    pads = _list(graph, node, "pads", [0] * 2 * len(sizes), 2 * len(sizes))
    for name, values, least in (("kernel", kernel, 1), ("strides", stride, 1), ("pads", pads, 0)):
        if min(values) < least:
            raise graph.refusal(node, f"{name}: {list(values)} is not allowed: at least {least}")
    auto = node.attributes.get("auto_pad", "NOTSET") or "NOTSET"
    padding: list[int] = []
    outputs: list[int] = []
    for place, (size, window, step) in enumerate(zip(sizes, kernel, stride, strict=True)):
        begin, end = pads[place], pads[place + len(sizes)]
        if auto in ("SAME_UPPER", "SAME_LOWER"):
            missing = max((-(-size // step) - 1) * step + window - size, 0)
            begin = missing // 2 if auto == "SAME_UPPER" else missing - missing // 2
            end = missing - begin
        elif auto == "VALID":
            begin = end = 0
        elif auto != "NOTSET":
            raise graph.refusal(node, f"auto_pad: {auto!r} is not allowed: NOTSET, SAME_UPPER, SAME_LOWER, VALID")
        beyond = size + begin + end - window
        if beyond < 0:
            raise graph.refusal(node, f"kernel: {list(kernel)} is not allowed: at most the padded input")
        last_begins = -(-beyond // step) * step
        if ceil and last_begins >= size + begin:  # the last window may not begin behind the image
            last_begins -= step
        if ceil and last_begins > beyond:
            end += last_begins - beyond
        padding += [begin, end]
        outputs.append((size + begin + end - window) // step + 1)
    return Window(tuple(kernel), tuple(stride), tuple(padding), tuple(outputs))


def _list(graph: Graph, node: Node, name: str, default: list[int], count: int) -> list[int]:
    values = graph.integers(node, name, default) or default
    if len(values) != count:
        raise graph.refusal(node, f"{name}: {values!r} is not allowed: a list of {count} whole numbers")
    return values
