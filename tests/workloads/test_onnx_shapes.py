"""Shapes of ONNX models: every operator of the list, as a layer, folded, or a row of `unmapped_ops`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workloads.onnx_models import Model, TensorProto, function, helper, in_process, onnx  # noqa: F401
from workloads.errors import LimenError
from workloads.host.specfile import validate
from workloads.imports.imported import Imported, NumberFormats
from workloads.imports.read_file import read_file
from workloads.layers.layer import Layer
from workloads.networks.network import NetworkFile

pytestmark = pytest.mark.usefixtures("in_process")


def imported(model: Model, folder: Path, *outputs: str, batch: int | None = None) -> Imported:
    return read_file(model.save(folder / "model.onnx", *outputs), NumberFormats(), batch)


def layers_of(read: Imported) -> tuple[Layer, ...]:
    return validate(NetworkFile, read.content, "model.onnx").build_layers()


def rows(read: Imported) -> dict[str, int]:
    return {row["op"]: row["count"] for row in read.content.get("unmapped_ops", [])}


def forms(read: Imported) -> list[Any]:
    """Return (kind, input, output) of each layer."""
    return [(layer.kind, layer.input_shape, layer.output_shape) for layer in layers_of(read)]


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 18, onnx.defs.onnx_opset_version()])
def test_a_chain_of_all_that_folds(opset: int, tmp_path: Path) -> None:
    """Convolution, batch norm, ReLU, ReLU6, pools, Flatten, Gemm, by the forms that opsets have of them."""
    model = Model(opset)
    x = model.input("batch", 3, 12, 10)
    x = model.node("Conv", x, model.weights(8, 3, 3, 3), model.weights(8), pads=[1, 0, 1, 2], strides=[1, 2])
    ones = [model.constant(np.ones(8)) for _ in range(4)]
    x = model.node("BatchNormalization", x, *ones)
    x = model.node("Relu", x)
    x = model.node("Conv", x, model.weights(8, 1, 3, 3), group=8, auto_pad="SAME_UPPER", strides=[2, 2])
    if opset < 11:
        x = model.node("Clip", x, min=0.0, max=6.0)
    else:
        x = model.node("Clip", x, model.constant(0.0), model.constant(6.0))
    x = model.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = model.node("AveragePool", x, kernel_shape=[2, 1])
    x = model.node("Flatten", x)
    x = model.node("Dropout", x)
    model.node("Gemm", x, model.weights(5, 16), model.weights(5), transB=1)
    read = imported(model, tmp_path)
    assert rows(read) == {}
    assert forms(read) == [
        ("conv2d", (12, 10, 3), (12, 5, 8)),
        ("conv2d", (12, 5, 8), (6, 3, 8)),
        ("maxpool", (6, 3, 8), (3, 1, 8)),
        ("avgpool", (3, 1, 8), (2, 1, 8)),
        ("linear", (1, 1, 16), (1, 1, 5)),
    ]
    assert [layer.padding for layer in layers_of(read)[:2]] == [(1, 1, 0, 2), (0, 1, 1, 1)]


def test_one_dimension(tmp_path: Path) -> None:
    model = Model()
    x = model.node("Conv", model.input(1, 9, 128), model.weights(16, 9, 5), pads=[2, 1], strides=[2])
    x = model.node("MaxPool", x, kernel_shape=[4], strides=[4])
    x = model.node("AveragePool", x, kernel_shape=[3], pads=[1, 1], strides=[2])
    x = model.node("GlobalAveragePool", x)
    x = model.node("Squeeze", x, model.constant([2], np.int64))
    model.node("Gemm", x, model.weights(16, 6))
    assert forms(imported(model, tmp_path)) == [
        ("conv1d", (128, 1, 9), (64, 1, 16)),
        ("maxpool", (64, 1, 16), (16, 1, 16)),
        ("avgpool", (16, 1, 16), (8, 1, 16)),
        ("avgpool", (8, 1, 16), (1, 1, 16)),
        ("linear", (1, 1, 16), (1, 1, 6)),
    ]


def test_residuals_with_a_projection(tmp_path: Path) -> None:
    """The sum goes into the layer that is written last, before its ReLU."""
    model = Model()
    x = model.node("Conv", model.input(1, 4, 8, 8), model.weights(8, 4, 1, 1), strides=[2, 2])
    first = model.node("Relu", x)
    short = model.node("Conv", first, model.weights(16, 8, 1, 1))
    long = model.node("Conv", first, model.weights(16, 8, 3, 3), pads=[1, 1, 1, 1])
    total = model.node("Add", long, short)
    total = model.node("Relu", total)
    again = model.node("Conv", total, model.weights(16, 16, 3, 3), pads=[1, 1, 1, 1])
    model.node("Sum", total, again)
    read = imported(model, tmp_path)
    assert [layer.residual for layer in layers_of(read)] == [None, None, "conv_2", "conv_3"]


def test_a_sum_of_activations_is_a_layer(tmp_path: Path) -> None:
    """What comes after a ReLU, or is read elsewhere, can't start from a residual: a layer of one pixel adds it."""
    model = Model()
    x = model.node("Conv", model.input(1, 4, 8, 8), model.weights(8, 4, 1, 1))
    left = model.node("Relu", model.node("Conv", x, model.weights(8, 8, 1, 1)))
    model.node("Add", x, left)
    last = layers_of(imported(model, tmp_path))[-1]
    assert (last.kind, last.groups, last.kernel, last.input, last.residual) == ("conv2d", 8, (1, 1), None, "conv_0")


def test_concatenation(tmp_path: Path) -> None:
    """Side by side in one tensor; a dense block's tensor grows; what is read alone, too, is copied."""
    model = Model()
    x = model.node("Conv", model.input(1, 4, 8, 8), model.weights(8, 4, 1, 1))
    one = model.node("Concat", x, model.node("Conv", x, model.weights(4, 8, 1, 1)), axis=1)
    two = model.node("Concat", one, model.node("Conv", one, model.weights(4, 12, 1, 1)), axis=1)
    alone = model.node("Conv", two, model.weights(2, 16, 1, 1))
    other = model.node("Conv", alone, model.weights(3, 2, 1, 1))
    joined = model.node("Concat", other, alone, axis=1)
    model.node("Conv", joined, model.weights(1, 5, 1, 1))
    read = imported(model, tmp_path)
    assert [(layer.tensor, layer.offset, layer.channels) for layer in layers_of(read)] == [
        (None, 0, 4),
        ("conv_0", 8, 8),
        ("conv_0", 12, 12),
        (None, 0, 16),
        (None, 0, 2),
        ("conv_6", 3, 2),
        (None, 0, 5),
    ]
    assert rows(read) == {}


def test_tokens_and_products_of_two_tensors(tmp_path: Path) -> None:
    """MatMul of tokens is a layer of one pixel; Q·Kᵀ and A·V are matmuls; Softmax and the like are rows."""
    model = Model(17)
    x = model.node("Conv", model.input(1, 3, 8, 8), model.weights(6, 3, 2, 2), strides=[2, 2])
    x = model.node("Reshape", x, model.constant([1, 6, -1], np.int64))
    x = model.node("Transpose", x, perm=[0, 2, 1])
    x = model.node("LayerNormalization", x, model.weights(6), model.weights(6))
    query, key, value = (model.node("MatMul", x, model.weights(6, 6)) for _ in range(3))
    likeness = model.node("MatMul", query, model.node("Transpose", key, perm=[0, 2, 1]))
    likeness = model.node("Softmax", model.node("Mul", likeness, model.constant(0.5)))
    model.node("Add", model.node("MatMul", likeness, value), x)
    read = imported(model, tmp_path)
    assert rows(read) == {"LayerNormalization": 1, "Softmax": 1}
    kinds = [(layer.kind, layer.input_shape, layer.output_shape, layer.transposed) for layer in layers_of(read)]
    assert kinds == [
        ("conv2d", (8, 8, 3), (4, 4, 6), False),
        *[("conv2d", (4, 4, 6), (4, 4, 6), False)] * 3,
        ("matmul", (4, 4, 6), (4, 4, 16), True),
        ("matmul", (4, 4, 16), (4, 4, 6), False),
        ("conv2d", (4, 4, 6), (4, 4, 6), False),
    ]


def test_heads_are_layers(tmp_path: Path) -> None:
    """A product of many heads: each is a layer with an input of its own, which the host hands on."""
    model = Model()
    x = model.input(1, 7, 8)
    q, k = (
        model.node("Reshape", model.node("MatMul", x, model.weights(8, 8)), model.constant([1, 7, 2, 4], np.int64))
        for _ in range(2)
    )
    model.node("MatMul", model.node("Transpose", q, perm=[0, 2, 1, 3]), model.node("Transpose", k, perm=[0, 2, 3, 1]))
    read = imported(model, tmp_path)
    assert forms(read) == [("conv1d", (7, 1, 8), (7, 1, 8))] * 2 + [("conv1d", (7, 1, 4), (7, 1, 7))] * 2
    assert rows(read) == {"Reshape": 2}
    assert any(notice.startswith("2 products of two tensors") for notice in read.notices)


@pytest.mark.parametrize("batch", [1, 4])
def test_tokens_that_no_layer_writes_are_pixels(batch: int, tmp_path: Path) -> None:
    """After Softmax and Transpose, as in PyTorch's MultiheadAttention: rows of a product are tokens, not images."""
    model = Model(17)
    tokens = model.node("LayerNormalization", model.input(batch, 16, 32), model.weights(32), model.weights(32))
    query = model.node("MatMul", tokens, model.weights(32, 24))
    torn = model.node("Transpose", model.node("Softmax", query), perm=[1, 0, 2])
    merged = model.node("Reshape", torn, model.constant([16 * batch, 24], np.int64))
    model.node("Gemm", merged, model.weights(10, 24), model.weights(10), transB=1)
    read = imported(model, tmp_path)
    assert forms(read) == [("conv1d", (16, 1, 32), (16, 1, 24)), ("conv1d", (16, 1, 24), (16, 1, 10))]
    told = "first dimension of the inputs, 4: as many images, one is counted"
    assert (told in read.notices) == (batch == 4)


def test_relabels_only_what_stays_in_order(tmp_path: Path) -> None:
    """NHWC by Transpose, Flatten and Unsqueeze are free; a channel shuffle is a row, and no layer is lost."""
    model = Model()
    x = model.node("Transpose", model.input("n", 8, 8, 4), perm=[0, 3, 1, 2])
    x = model.node("Conv", x, model.weights(6, 4, 3, 3))
    x = model.node("Transpose", x, perm=[0, 2, 3, 1])
    x = model.node("Unsqueeze", x, model.constant([1], np.int64))
    x = model.node("Squeeze", x, model.constant([1], np.int64))
    x = model.node("Transpose", x, perm=[0, 3, 1, 2])
    x = model.node("Reshape", x, model.constant([0, 2, 3, 6, 6], np.int64))
    x = model.node("Transpose", x, perm=[0, 2, 1, 3, 4])
    x = model.node("Reshape", x, model.constant([0, 6, 6, 6], np.int64))
    model.node("Conv", x, model.weights(4, 3, 1, 1), group=2)
    read = imported(model, tmp_path)
    assert forms(read) == [("conv2d", (8, 8, 4), (6, 6, 6)), ("conv2d", (6, 6, 6), (6, 6, 4))]
    assert rows(read) == {"Reshape": 1}


def test_constants_of_all_kinds(tmp_path: Path) -> None:
    """Initialisers listed as inputs, Constant, ConstantOfShape, and a shape computed from a shape."""
    model = Model(11)
    shape = model.node("Constant", value=helper.make_tensor("s", TensorProto.INT64, [4], [6, 3, 3, 3]))
    filters = model.node("ConstantOfShape", shape, value=helper.make_tensor("v", TensorProto.FLOAT, [1], [0.5]))
    x = model.node("Conv", model.input("n", 3, 8, 8), filters, model.weights(6))
    first = model.node("Gather", model.node("Shape", x), model.constant(0, np.int64))
    first = model.node("Unsqueeze", first, axes=[0])
    sizes = model.node("Concat", first, model.constant([-1], np.int64), axis=0)
    model.node("MatMul", model.node("Reshape", x, sizes), model.weights(216, 10))
    for constant in model.constants:
        model.inputs.append(helper.make_tensor_value_info(constant.name, constant.data_type, constant.dims))
    read = imported(model, tmp_path, batch=1)
    assert forms(read) == [("conv2d", (8, 8, 3), (6, 6, 6)), ("linear", (1, 1, 216), (1, 1, 10))]


def test_quantised_operators(tmp_path: Path) -> None:
    """QDQ, QLinear and integer operators, and QONNX' Quant under both domains, are layers and cost nothing else."""
    model = Model(13, qonnx_custom_op_general=1, onnx_brevitas=1)
    scale, zero = model.constant(0.5), model.constant(0, np.uint8)
    x = model.input(1, 4, 8, 8)
    one = [model.constant(value) for value in (0.5, 0.0, 8.0)]
    x = model.node("Quant", x, *one, domain="qonnx.custom_op.general", signed=1, narrow=0, rounding_mode="ROUND")
    w = model.node("Quant", model.weights(4, 4, 1, 1), *one, domain="onnx.brevitas", signed=1, narrow=1)
    x = model.node("Conv", x, w)
    x = model.node("QuantizeLinear", x, scale, zero)
    w = model.constant(np.ones((6, 4, 3, 3)), np.int8)
    x = model.node("QLinearConv", x, scale, zero, w, scale, model.constant(0, np.int8), scale, zero)
    x = model.node("ConvInteger", x, model.constant(np.ones((5, 6, 1, 1)), np.uint8))
    x = model.node("Mul", model.node("Cast", x, to=TensorProto.FLOAT), scale)
    x = model.node("Flatten", model.node("QuantizeLinear", x, scale, zero))
    w = model.constant(np.ones((180, 7)), np.uint8)
    x = model.node("QLinearMatMul", x, scale, zero, w, scale, zero, scale, zero)
    x = model.node("MatMulInteger", x, model.constant(np.ones((7, 3)), np.uint8))
    read = imported(model, tmp_path)
    assert rows(read) == {}
    assert [(kind, output) for kind, _, output in forms(read)] == [
        ("conv2d", (8, 8, 4)),
        ("conv2d", (6, 6, 6)),
        ("conv2d", (6, 6, 5)),
        ("linear", (1, 1, 7)),
        ("linear", (1, 1, 3)),
    ]


def test_what_is_not_on_the_machine_is_a_row(tmp_path: Path) -> None:
    """With its count and its share: products of an LSTM and of a transposed convolution, else a value each."""
    model = Model()
    x = model.node("Conv", model.input(1, 2, 4, 4), model.weights(2, 2, 1, 1))
    x = model.node("Sigmoid", model.node("Sigmoid", x))
    x = model.node("Resize", x, "", model.constant([1, 1, 2, 2]))
    x = model.node("ConvTranspose", x, model.weights(2, 3, 2, 2), strides=[2, 2])
    x = model.node("Conv", x, model.weights(4, 3, 1, 1))
    x = model.node("Reshape", x, model.constant([16, 1, 64], np.int64))
    x = model.node("LSTM", x, model.weights(1, 20, 64), model.weights(1, 20, 5), hidden_size=5)
    condition = model.constant(True, np.bool_)
    branch = helper.make_graph(
        [helper.make_node("Neg", [x], ["n"])], "b", [], [helper.make_empty_tensor_value_info("n")]
    )
    model.nodes.append(helper.make_node("If", [condition], ["y"], then_branch=branch, else_branch=branch))
    read = imported(model, tmp_path, "y")
    pairs = sum(layer.pairs for layer in layers_of(read))
    assert pairs == 2 * 2 * 16 + 4 * 3 * 256
    shares = {row["op"]: row["share"] for row in read.content["unmapped_ops"]}
    operations = {"Sigmoid": 64, "Resize": 128, "ConvTranspose": 128 * 3 * 4, "LSTM": 16 * 20 * 69, "Reshape": 0}
    whole = pairs + sum(operations.values()) + (shares["If"] > 0) * 80
    assert {op: round(shares[op] * whole) for op in operations} == operations
    assert rows(read) == {"Sigmoid": 2, "Resize": 1, "ConvTranspose": 1, "LSTM": 1, "Reshape": 1, "If": 1}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dilations": [2, 2]}, "dilations: [2, 2] are not allowed: 1"),
        ({"group": 3}, "group: 3 is not allowed"),
        ({"strides": [0, 1]}, "strides: [0, 1] is not allowed"),
        ({"pads": [-1, 0, 0, 0]}, "pads: [-1, 0, 0, 0] is not allowed"),
        ({"auto_pad": "SAME"}, "auto_pad: 'SAME' is not allowed"),
        ({"strides": [1]}, "strides: [1] is not allowed: a list of 2"),
    ],
)
def test_refusals_name_the_node(change: dict[str, Any], words: str, tmp_path: Path) -> None:
    model = Model()
    model.node("Conv", model.input(1, 4, 8, 8), model.weights(6, 4, 3, 3), **change)
    with pytest.raises(LimenError) as caught:
        imported(model, tmp_path)
    assert "node 'conv_0' (Conv)" in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize("images", [1, 7])
def test_tokens_of_the_input_are_pixels(images: int, tmp_path: Path) -> None:
    """The first dimension alone is that of images: 20 tokens are 20 pixels in every layer, of one image or of seven."""
    model = Model(17)
    x = model.node("MatMul", model.input("n", 20, 6), model.weights(6, 8))
    likeness = model.node("MatMul", x, model.node("Transpose", x, perm=[0, 2, 1]))
    x = model.node("MatMul", model.node("Softmax", likeness), x)
    model.node("MatMul", x, model.weights(8, 3))
    read = imported(model, tmp_path, batch=images)
    assert forms(read) == [
        ("conv1d", (20, 1, 6), (20, 1, 8)),
        ("matmul", (20, 1, 8), (20, 1, 20)),
        ("matmul", (20, 1, 20), (20, 1, 8)),
        ("conv1d", (20, 1, 8), (20, 1, 3)),
    ]
    (row,) = read.content["unmapped_ops"]
    pairs = 20 * (6 * 8 + 8 * 20 + 20 * 8 + 8 * 3)
    assert row == {"op": "Softmax", "count": 1, "share": round(400 / (pairs + 400), 9)}


def test_nothing_is_dropped_silently(tmp_path: Path) -> None:
    """Operators of others' domains, a factor that is computed, and a bias that is, are rows; unused ones are told."""
    model = Model(13, acme=1)
    first = model.node("Conv", model.input(1, 3, 8, 8), model.weights(4, 3, 3, 3))
    gate = model.node("Conv", model.node("GlobalAveragePool", first), model.weights(1, 4, 1, 1))
    gated = model.node("Mul", first, model.node("Sigmoid", gate))
    other = model.node("Conv", gated, model.weights(4, 4, 1, 1))
    model.node("Conv", first, model.weights(9, 4, 1, 1))
    last = model.node("Gemm", model.node("Flatten", other), model.weights(144, 5), model.input(5, name="bias"))
    model.node("Relu", last, domain="acme")
    read = imported(model, tmp_path)
    assert rows(read) == {"Add": 1, "Mul": 1, "Sigmoid": 1, "acme.Relu": 1}
    assert len(layers_of(read)) == 5
    assert "operators that lead to no output ignored: 1" in read.notices


def test_what_no_layer_reads_is_the_hosts(tmp_path: Path) -> None:
    """A sum of tensors whose axes differ is a row; of the two layers before it, the host reads the second."""
    model = Model()
    x = model.input(1, 4, 4, 4)
    turned = model.node("Transpose", model.node("Conv", x, model.weights(4, 4, 1, 1)), perm=[0, 1, 3, 2])
    total = model.node("Add", model.node("Conv", x, model.weights(4, 4, 1, 1)), turned)
    model.node("Conv", total, model.weights(2, 4, 2, 1))
    read = imported(model, tmp_path)
    assert rows(read) == {"Add": 1} and len(layers_of(read)) == 3


def test_functions_of_the_model(tmp_path: Path) -> None:
    """They are put in place; one that holds itself, or grows without end, is refused in `test_onnx_bad_input`."""
    model = Model(17, local=1)
    x = model.node("Block", model.input("n", 3, 8, 8), model.weights(4, 3, 3, 3), domain="local")
    model.node("Conv", x, model.weights(2, 4, 1, 1))
    proto = model.proto()
    proto.functions.append(function("Block", [("Conv", "", "aw", "t"), ("Relu", "", "t", "y")]))
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    read = read_file(tmp_path / "model.onnx", NumberFormats())
    assert forms(read) == [("conv2d", (8, 8, 3), (6, 6, 4)), ("conv2d", (6, 6, 4), (6, 6, 2))]


def test_ceil_mode_and_global_max(tmp_path: Path) -> None:
    model = Model()
    x = model.node("MaxPool", model.input(1, 4, 7, 8), kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    x = model.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = model.node("GlobalMaxPool", x)
    model.node("Conv", x, model.weights(2, 4, 1, 1))
    assert [output for _, _, output in forms(imported(model, tmp_path))] == [(3, 4, 4), (2, 2, 4), (1, 1, 4), (1, 1, 2)]


def test_ir_versions(tmp_path: Path) -> None:
    model = Model()
    model.node("Conv", model.input(1, 4, 8, 8), model.weights(6, 4, 3, 3))
    for version in (3, 7, onnx.IR_VERSION, onnx.IR_VERSION + 1):
        proto = model.proto()
        proto.ir_version = version
        (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
        assert len(read_file(tmp_path / "model.onnx", NumberFormats()).content["layers"]) == 1
