"""A chain of PyTorch's modules read as a network: its file, and its float master."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from workloads.errors import LimenError
from workloads.host.specfile import validate
from workloads.layers.layer import Layer
from workloads.networks.family import FAMILY_BITS, family_op
from workloads.networks.network import NetworkFile
from workloads.ops.operation import OPERAND_BITS
from workloads.pytorch.layers import SumLayer
from workloads.training.float_master import FloatLayer

IDLE = (nn.Flatten, nn.Identity, nn.Dropout, nn.Dropout2d)
"""Modules that do nothing to a number in evaluation."""

ALLOWED = "limen.torch's layers, ReLU, Flatten, Dropout and Identity, in nn.Sequential"


@dataclass
class Link:
    """A layer of the chain: its name in the network, itself, and whether a ReLU follows it."""

    name: str
    layer: SumLayer
    rectified: bool = False


def read_chain(model: nn.Module) -> list[Link]:
    """Return the layers of an nn.Sequential, of others too, in order. Raises LimenError naming what can't be there."""
    chain: list[Link] = []
    for place, module in _modules("model", model):
        if isinstance(module, SumLayer):
            name = place.removeprefix("model.").replace(".", "_")
            chain.append(Link(name if name[0].isalpha() else f"layer_{name}", module))
        elif isinstance(module, nn.ReLU) and chain:
            chain[-1].rectified = True
        elif not isinstance(module, IDLE):
            raise LimenError(f"{place}: {type(module).__name__} is not allowed: {ALLOWED}")
    if not chain:
        raise LimenError(f"model: {type(model).__name__} without a layer is not allowed: {ALLOWED}")
    last = chain[-1]
    if last.rectified:
        raise LimenError(f"layer {last.name}: a ReLU after the last layer is not allowed: its sums are the scores")
    if last.layer.norm != "mean":
        raise LimenError(
            f"layer {last.name}: norm: {last.layer.norm!r} is not allowed last: scores share one unit ('mean')"
        )
    return chain


def _modules(place: str, module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    if type(module) is not nn.Sequential:
        yield place, module
        return
    for name, inner in module._modules.items():  # named_children passes over a ReLU that is used again
        yield from _modules(f"{place}.{name}", inner)


def network_file(
    name: str, chain: Sequence[Link], shape: Sequence[int], signed: bool, dataset: str | None
) -> NetworkFile:
    """Return the network of a chain, of inputs [H, W, C] of that shape, signed or not, at the widths of a family.

    Raises LimenError naming the layer that doesn't fit.
    """
    op = chain[-1].layer.op
    content: dict[str, Any] = {
        "version": 1,
        "name": name,
        "op": op,
        "x_bits": FAMILY_BITS[-1],
        "w_bits": chain[-1].layer.operation.fitted_bits(FAMILY_BITS[-1]),
        "x_signed": signed,
        "input": dict(zip(("height", "width", "channels"), shape, strict=True)),
        "layers": [],
    }
    if dataset is not None:
        content["dataset"] = dataset
    x_signed = signed
    for link in chain:
        content["layers"].append(_entry(link, op, None if x_signed == signed else x_signed))
        x_signed = not link.rectified
    form = validate(NetworkFile, content, name)
    try:
        layers = form.build_layers()
    except LimenError as error:
        raise LimenError(f"{name}: {error}") from None
    for link, layer in zip(chain, layers, strict=True):
        if link.layer.in_channels != layer.channels:
            raise LimenError(
                f"{name}: layer {link.name}: in_channels: {link.layer.in_channels} is not allowed: "
                f"it reads {layer.channels}"
            )
    return form


def _entry(link: Link, op: str, x_signed: bool | None) -> dict[str, Any]:
    """Return a layer as a network file writes it; what the file says of all layers is left out."""
    module = link.layer
    entry: dict[str, Any] = {"name": link.name, "kind": "linear", "out_channels": module.out_channels}
    if module.spatial:
        window = {"kernel": module.kernel, "stride": module.stride, "padding": module.padding}
        entry |= {"kind": "conv2d", **{key: list(sizes) for key, sizes in window.items()}}
    if module.groups > 1:
        entry["groups"] = module.groups
    if module.op != op:
        entry["op"] = module.op
    if module.op != op and module.operation.weight_bits != OPERAND_BITS:
        entry["w_bits"] = module.operation.fitted_bits(FAMILY_BITS[-1])
    return entry if x_signed is None else {**entry, "x_signed": x_signed}


def float_master(chain: Sequence[Link], layers: Sequence[Layer]) -> list[FloatLayer]:
    """Return the master of a chain whose layers, as the machine sees them, are these. Raises LimenError for NaN."""
    master = []
    before = layers[0].input_shape
    for link, layer in zip(chain, layers, strict=True):
        module = link.layer
        for name, array in module.state_dict().items():
            if not bool(array.isfinite().all()):
                raise LimenError(f"layer {link.name}: {name}: a value that is no finite number is not allowed")
        factors = _array(module.factors().detach())
        polarity = getattr(module, "polarity", None)
        master.append(
            FloatLayer(
                layer,
                _filters(module.weight, layer, before),
                None if polarity is None else _filters(polarity, layer, before).astype(np.int8),
                1 - np.frexp(factors)[1].astype(np.int64),  # powers of two: fractions are 1/2
                _array(module.bias) - _array(module.running_mean) * factors,
                link.rectified,
            )
        )
        before = layer.output_shape
    return master


def member_op(chain: Sequence[Link]) -> str:
    """Return the kind of member that a chain's ops are. Raises LimenError where families have none."""
    return family_op(list(dict.fromkeys(link.layer.op for link in chain)))


def _filters(weights: Tensor, layer: Layer, before: tuple[int, int, int]) -> np.ndarray:
    """Return filters [N, kh, kw, C] of PyTorch's [N, C, kh, kw]; before: what the layer before wrote, [H, W, C].

    A linear layer reads what was flattened channel by channel there, and pixel by pixel here.
    """
    filters = _array(weights)
    if layer.kind == "linear":
        height, width, channels = before
        filters = filters.reshape(len(filters), channels, height, width)
    return np.ascontiguousarray(filters.transpose(0, 2, 3, 1)).reshape(layer.weights_shape)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy()
