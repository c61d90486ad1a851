"""Random layers of every kind, and random graphs of them, from printed seeds; for tests of any level."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.layers.layer import POOLS, Layer, LayerParameters, kind_parameters, no_parameters
from workloads.networks.network import Network, NetworkFile
from workloads.ops.integers import operand_range
from workloads.ops.names import OPS
from workloads.ops.op_field import Op
from workloads.ops.registry import operation
from workloads.ops.shift import SHIFT

KINDS = ("conv2d", "conv1d", "linear", "maxpool", "avgpool")
POLARITIES = ("synapse", "input", "neuron", "generated")


def random_parameters(layer: Layer, rng: np.random.Generator) -> LayerParameters:
    """Uniform weights, polarity of the layer's mode, small biases and shifts."""
    if not layer.has_arrays:
        return kind_parameters(layer)
    low, high = operand_range(layer.w_bits)
    shape = layer.weights_shape
    if layer.kind == "matmul":
        bias, shift = rng.integers(-300, 301, shape[0]), rng.integers(0, 7, shape[0])
        return LayerParameters(no_parameters().weights, None, bias, shift)
    polarity = None
    if layer.op == "threshold":
        drawn = rng.choice(np.array([-1, 1]), shape)
        modes = {"synapse": drawn, "input": drawn[:1], "neuron": drawn[:, :1, :1, :1]}
        modes["generated"] = layer.generated_polarity()
        polarity = np.broadcast_to(modes[layer.polarity], shape).copy()
    bias, shift = rng.integers(-300, 301, shape[0]), rng.integers(0, 7, shape[0])
    return LayerParameters(rng.integers(low, high + 1, shape), polarity, bias, shift)


def random_layer(kind: str, rng: np.random.Generator) -> Layer:
    """One layer of a kind: any op, widths, signs, groups, polarity, padding; half of them add a residual."""

    def pick(low: int, high: int) -> int:
        return int(rng.integers(low, high + 1))

    op = OPS[pick(0, len(OPS) - 1)]
    x_bits, x_signed = pick(2, 9), operation(op).one_range or pick(0, 1) == 0
    kernel = (1, 1) if kind == "linear" else (pick(1, 3), 1 if kind == "conv1d" else pick(1, 3))
    flat = kind in ("linear", "conv1d")
    groups = pick(1, 3)
    channels, out_channels = groups * pick(1, 4), groups * pick(1, 3)
    content: dict[str, Any] = {
        "height": 1 if kind == "linear" else pick(kernel[0], 6),
        "width": 1 if flat else pick(kernel[1], 6),
        "stride": (1 if kind == "linear" else pick(1, 3), 1 if flat else pick(1, 3)),
        "padding": (0, 0, 0, 0) if kind == "linear" else (pick(0, 2), pick(0, 2), *(0 if flat else pick(0, 2),) * 2),
    }
    if kind == "maxpool":
        content |= {"out_channels": channels, "y_bits": x_bits, "y_signed": x_signed}
    elif kind == "avgpool":
        content |= {"out_channels": channels, "groups": channels, "y_bits": (None, x_bits)[pick(0, 1)]}
        content["y_signed"] = x_signed or content["y_bits"] is None
    else:
        content |= {"out_channels": out_channels, "groups": groups, "y_bits": (None, x_bits)[pick(0, 1)]}
        content |= {"residual": ("added", None)[pick(0, 1)], "residual_shift": pick(0, 5)}
        if op == "threshold":
            content |= {"polarity": POLARITIES[pick(0, 3)], "polarity_seed": pick(0, 2**32 - 1)}
    w_bits = pick(*SHIFT.weight_bits) if op == "shift" else pick(2, 9)
    if kind == "avgpool" and op == "adder":
        w_bits = max(w_bits, x_bits)
    fixed = {"name": "random", "kind": kind, "op": op, "x_bits": x_bits, "w_bits": w_bits, "x_signed": x_signed}
    return Layer.model_validate({**fixed, "channels": channels, "kernel": kernel, **content})


def residual_blocks(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A ResNet: an identity block, then one whose shortcut is a strided convolution that is only added."""
    wide = int(rng.integers(1, 4)) * 2
    same = {"kind": "conv2d", "kernel": [3, 3], "padding": [1, 1, 1, 1]}
    return [
        {"name": "stem", "out_channels": wide, **same},
        {"name": "a1", "out_channels": wide, **same},
        {"name": "a2", "out_channels": wide, **same, "residual": "stem", "residual_shift": 2},
        {"name": "shortcut", "kind": "conv2d", "out_channels": 2 * wide, "stride": [2, 2]},
        {"name": "b1", "input": "a2", "out_channels": 2 * wide, **same, "stride": [2, 2]},
        {"name": "b2", "out_channels": 2 * wide, **same, "residual": "shortcut", "residual_shift": 1},
        {"name": "pool", "kind": "maxpool", "kernel": [2, 2], "stride": [2, 2], "padding": [0, 1, 1, 0]},
        {"name": "mean", "kind": "avgpool", "kernel": "global"},
        {"name": "scores", "kind": "linear", "out_channels": 5},
    ]


def dense_block(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A DenseNet: each layer reads all that is written to the tensor so far and appends its own channels."""
    growth = [int(rng.integers(1, 5)) for _ in range(4)]
    same = {"kind": "conv2d", "kernel": [3, 3], "padding": [1, 1, 1, 1]}
    block: list[dict[str, Any]] = [
        {"name": f"dense{i}", "tensor": "block", "offset": sum(growth[:i]), "out_channels": channels, **same}
        for i, channels in enumerate(growth)
    ]
    return [*block, {"name": "scores", "kind": "linear", "out_channels": 3}]


def inception(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Branches side by side, written out of order: a depthwise, a pointwise, a pooled; then groups over all of them."""
    wide = int(rng.integers(1, 4)) * 2
    return [
        {"name": "stem", "kind": "conv2d", "out_channels": wide, "kernel": [2, 2]},
        {
            "name": "depthwise",
            "kind": "conv2d",
            "groups": wide,
            "out_channels": 2 * wide,
            "kernel": [3, 3],
            "padding": [1, 1, 1, 1],
            "tensor": "joined",
            "offset": 2 * wide,
        },
        {"name": "pointwise", "kind": "conv2d", "input": "stem", "out_channels": wide, "tensor": "joined"},
        {
            "name": "pooled",
            "kind": "maxpool",
            "input": "stem",
            "kernel": [3, 3],
            "padding": [1, 1, 1, 1],
            "tensor": "joined",
            "offset": wide,
        },
        {"name": "grouped", "kind": "conv2d", "groups": 4, "out_channels": 8, "kernel": [2, 1]},
        {"name": "early", "kind": "linear", "out_channels": 4},
        {"name": "scores", "kind": "linear", "out_channels": 4, "input": "grouped", "residual": "early"},
    ]


def sequence(rng: np.random.Generator) -> list[dict[str, Any]]:
    """A 1-D network: convolutions along its length, a depthwise average, pooling, a residual."""
    wide = int(rng.integers(1, 5))
    along = {"kind": "conv1d", "out_channels": wide}
    return [
        {"name": "first", **along, "kernel": [5], "padding": [4, 0]},
        {"name": "second", **along, "kernel": [3], "padding": [1, 1], "residual": "first"},
        {"name": "pool", "kind": "maxpool", "kernel": [2], "stride": [2]},
        {"name": "average", **along, "groups": wide, "kernel": [2], "stride": [2]},
        {"name": "scores", "kind": "linear", "out_channels": 3},
    ]


GRAPHS = {"residual": residual_blocks, "dense": dense_block, "inception": inception, "sequence": sequence}


def random_file(shape: str, rng: np.random.Generator) -> dict[str, Any]:
    """A network file of one of GRAPHS, at random widths; the polarity of threshold layers takes any mode.

    A third of them mix ops; their activations are signed throughout, and weights of op shift are no wider than others.
    """
    op: Op = OPS[int(rng.integers(len(OPS)))]
    mixed = rng.random() < 1 / 3
    layers = GRAPHS[shape](rng)
    for entry in layers:
        layer_op = OPS[int(rng.integers(len(OPS)))] if mixed else op
        if mixed:
            entry["op"] = layer_op
        if entry["kind"] == "avgpool" and layer_op == "adder":
            entry["op"] = "mac"  # adders average with weights as wide as activations alone
            continue
        if layer_op == "shift" and entry["kind"] != "maxpool":
            entry["w_bits"] = int(rng.integers(SHIFT.weight_bits[0], SHIFT.weight_bits[1] + 1))
        if layer_op == "threshold" and entry["kind"] not in POOLS:
            entry |= {"polarity": str(rng.choice(POLARITIES)), "polarity_seed": int(rng.integers(2**32))}
    size = {"length": 12} if shape == "sequence" else {"height": 6, "width": 5}
    bits = {"x_bits": int(rng.integers(2, 9)), "w_bits": int(rng.integers(2, 9))}
    for entry in layers:
        if mixed and "w_bits" in entry:
            entry["w_bits"] = min(entry["w_bits"], bits["w_bits"])
    signed = {"x_signed": mixed or operation(op).one_range or bool(rng.integers(2))}
    return {"version": 1, "name": shape, "op": op, **bits, **signed, "input": {**size, "channels": 2}, "layers": layers}


def random_graph(shape: str, seed: int) -> Network:
    """The random network of a shape and a seed; printed, so that a failure can be run again."""
    print(f"{shape}, seed {seed}")
    rng = np.random.default_rng(seed)
    form = NetworkFile.model_validate(random_file(shape, rng))
    layers = form.build_layers()
    return Network(form.name, layers, tuple(random_parameters(layer, rng) for layer in layers))


def random_inputs(network: Network, images: int, seed: int) -> np.ndarray:
    """Uniform activations [images, H, W, C]."""
    tensor = network.tensors["input"]
    assert tensor.bits is not None
    low, high = operand_range(tensor.bits, tensor.signed)
    shape = (images, tensor.height, tensor.width, tensor.channels)
    return np.random.default_rng(seed).integers(low, high + 1, shape)
