"""Integers of ONNX models: those of onnxruntime where scales are powers of two, at all levels; else near it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.designs.built_in import load_design
from simulator.designs.design import Design
from simulator.run import choose_inputs, simulate
from tests.support.tools import skip_without
from tests.workloads.onnx_models import Model, TensorProto, in_process, numpy_helper, onnx  # noqa: F401
from tests.workloads.quantised_models import blocks, floats, grid, halves, off_grid, qdq, qlinear, qonnx, stored
from workloads.errors import LimenError
from workloads.imports.imported import Imported, NumberFormats, write_imported
from workloads.imports.onnx.calibrate import calibrate, descend, deviation
from workloads.imports.onnx.constants import ROUNDINGS
from workloads.imports.onnx.halves import _writing_parts
from workloads.imports.onnx.integers import Fixed, LayerNumbers, rounded_bias
from workloads.imports.onnx.reading import read_graph
from workloads.imports.onnx.reals import collect
from workloads.imports.onnx.runtime import run_model
from workloads.imports.onnx.shapes import map_graph, page_content, page_network
from workloads.imports.read_file import read_file
from workloads.networks.network import Network
from workloads.ops.integers import operand_range

pytestmark = [pytest.mark.usefixtures("in_process"), skip_without("onnxruntime", "onnx")]

IMAGES = 100
"""Inputs that are compared."""


def imported(model: Model, folder: Path, *outputs: str, **options: Any) -> tuple[Imported, Network]:
    path = model.save(folder / "model.onnx", *outputs)
    read = read_file(path, NumberFormats(), **options)
    return read, write_imported(read, path, folder / "model.yaml")


def needs_whole_products() -> None:
    """Skip where onnxruntime's sums of 8-bit products saturate at 16 bits, as on processors that can't add them up."""
    runtime, helper = pytest.importorskip("onnxruntime"), onnx.helper
    sizes = (("x", TensorProto.UINT8, [1, 64]), ("w", TensorProto.INT8, [64, 4]), ("y", TensorProto.INT32, [1, 4]))
    x, w, y = (helper.make_tensor_value_info(*size) for size in sizes)
    graph = helper.make_graph([helper.make_node("MatMulInteger", ["x", "w"], ["y"])], "products", [x, w], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    largest = {"x": np.full((1, 64), 255, np.uint8), "w": np.full((64, 4), 127, np.int8)}
    if np.any(session.run(None, largest)[0] != 64 * 255 * 127):
        pytest.skip("onnxruntime's sums of 8-bit products saturate on this processor")


def inputs_of(network: Network, exponent: int) -> tuple[np.ndarray, np.ndarray]:
    """Return 100 inputs as the simulator draws them, [images, H, W, C], and the same as the model takes them."""
    x = choose_inputs(network, IMAGES)
    return x, np.ldexp(x.transpose(0, 3, 1, 2).astype(np.float32), exponent)


def onnxruntime_scores(folder: Path, inputs: np.ndarray, name: str) -> np.ndarray:
    """Return onnxruntime's [images, scores] of a model's tensor of one dimension."""
    path = folder / "model.onnx"
    return run_model(path, read_graph(path, with_values=True), "x", inputs, name).reshape(len(inputs), -1)


def chip(rows: int, cols: int, **fields: Any) -> Design:
    return Design(
        **{
            **load_design("mac-16x16").model_dump(),
            "rows": rows,
            "cols": cols,
            "x_bits": 9,
            "w_bits": 9,
            "x_signed": True,
            "feeder_width": 2,
            **fields,
        }
    )


OPERATORS = 1
"""Which of the models below has operators of integers, not of numbers between quantisations."""


@pytest.mark.parametrize("model", [qdq(), qlinear(), *map(qonnx, ("FLOOR", "CEIL", "HALF_UP", "HALF_DOWN"))])
def test_the_same_integers(model: Model, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.indices["model"] == OPERATORS:
        needs_whole_products()
    read, network = imported(model, tmp_path)
    assert f"100 inputs: the same integers as onnxruntime's, in all {network.layers[-1].out_channels} scores" in (
        read.notices
    )
    assert not any("halfway" in notice for notice in read.notices)


@pytest.mark.parametrize(
    ("level", "rows", "dataflow", "model", "unit"),
    [
        ("cycle", 2, "os", "qdq", -10),
        ("rtl", 2, "ws", "qdq", -10),
        ("cycle", 3, "ws", "halves", -6),
        ("rtl", 3, "os", "halves", -6),
        ("cycle", 4, "os", "blocks", -8),
    ],
)
def test_levels(
    level: Any, rows: int, dataflow: str, model: str, unit: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """100 inputs on the machine: scores are onnxruntime's."""
    if level == "rtl":
        request.getfixturevalue("quick_builds")
    built = {"qdq": qdq, "halves": halves, "blocks": blocks}[model]()
    _, network = imported(built, tmp_path, to_even=True)
    _, inputs = inputs_of(network, -4)
    scores = simulate(network, chip(rows, 3, dataflow=dataflow), level, IMAGES).scores
    assert scores is not None
    last = onnxruntime_scores(tmp_path, inputs, built.nodes[-1].output[0])
    assert np.array_equal(np.ldexp(scores.astype(np.float64), unit), last)
    assert len(np.unique(scores)) > 100


def test_only_halves_differ(tmp_path: Path) -> None:
    """Biases on the grid of sums: the machine rounds halves up, ONNX to even, and nothing else is otherwise."""
    model = Model()
    x = grid(model, model.input("n", 3, 5, 5), -4)
    bias = model.constant(np.arange(6) / 64)
    grid(model, model.node("Conv", x, stored(model, -8, 6, 3, 3, 3), bias), -1)
    read, network = imported(model, tmp_path)
    assert any(notice.startswith("6 channels where a sum may lie halfway") for notice in read.notices)
    x, inputs = inputs_of(network, -4)
    ours = network.predict(x).reshape(IMAGES, 3, 3, 6)
    theirs = onnxruntime_scores(tmp_path, inputs, model.nodes[-1].output[0]).reshape(IMAGES, 6, 3, 3)
    theirs = np.ldexp(theirs.transpose(0, 2, 3, 1), 1)
    sums = onnxruntime_scores(tmp_path, inputs, model.nodes[-3].output[0]).reshape(IMAGES, 6, 3, 3)
    real = 2 * sums.transpose(0, 2, 3, 1).astype(np.float64)
    apart = ours != theirs
    assert 0 < apart.sum() < apart.size // 20
    assert np.array_equal(ours[apart], theirs[apart] + 1)
    assert (real[apart] == np.floor(real[apart]) + 0.5).all()


@pytest.mark.parametrize("model", [halves(), blocks()])
def test_halves_to_even(model: Model, tmp_path: Path) -> None:
    """By three channels for one; as the machine rounds, the same model differs."""
    path = model.save(tmp_path / "model.onnx")
    up = read_file(path, NumberFormats())
    assert any("may lie halfway" in notice for notice in up.notices)
    assert any("the largest deviation is" in notice for notice in up.notices)
    even = read_file(path, NumberFormats(), to_even=True)
    assert "100 inputs: the same integers as onnxruntime's, in all 4 scores" in even.notices
    assert not any("may lie halfway" in notice for notice in even.notices)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("t", range(5))
def test_three_channels_are_one_rounded_to_even(signed: bool, t: int) -> None:
    """Every sum, beyond both ends of the range, and each of the three within its own range."""
    y, none = Fixed(0, 5, signed), np.zeros(1, dtype=np.int64)
    for bias in (-7, 0, 1, 6):
        arrays = {"weights": np.ones((1, 1, 1, 1), dtype=np.int64), "bias": none + bias, "shift": none + t}
        keys = {"x_bits": 11, "w_bits": 2, "x_signed": True}
        parts = _writing_parts(LayerNumbers(arrays, keys, none, np.array([t > 0])), y).arrays
        sums = np.arange(-1024, 1024)
        half = np.where(parts["shift"] > 0, 1 << np.maximum(parts["shift"] - 1, 0), 0)
        seen = sums[:, None] * parts["weights"].reshape(-1) + parts["bias"]
        low, high = operand_range(4, signed)
        channels = np.clip((seen + half) >> parts["shift"], low, high) * [1, 1, -1 if signed else 1]
        exact = np.clip(np.rint((sums + bias) / 2**t), *operand_range(5, signed))
        assert np.array_equal(channels.sum(axis=1), exact)


def test_the_order_of_a_flatten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its shapes can't betray a mistake: without the conversion from NCHW the same model has other scores."""
    from workloads.imports.onnx import reals

    monkeypatch.setattr(reals, "in_our_order", lambda weights, view, entry: weights.reshape(len(weights), 1, 1, -1))
    read, _ = imported(qdq(), tmp_path)
    assert any("the largest deviation is" in notice for notice in read.notices)


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]])
def test_flattens_of_any_order(order: list[int], tmp_path: Path) -> None:
    model = Model()
    x = grid(model, model.input("n", 3, 4, 5), -4)
    x = grid(model, model.node("Conv", x, stored(model, -7, 2, 3, 1, 1), off_grid(model, 2)), -2)
    x = model.node("Reshape", model.node("Transpose", x, perm=order), model.constant([1, 40], np.int64))
    model.node("MatMul", x, stored(model, -7, 40, 3, axis=1))
    read, _ = imported(model, tmp_path)
    assert "100 inputs: the same integers as onnxruntime's, in all 3 scores" in read.notices


def test_a_batch_that_is_fixed(tmp_path: Path) -> None:
    model = Model()
    model.node("Conv", grid(model, model.input(4, 3, 5, 5), -4), stored(model, -8, 2, 3, 3, 3))
    read, network = imported(model, tmp_path)
    assert network.input_shape == (5, 5, 3)
    assert "100 inputs: the same integers as onnxruntime's, in all 18 scores" in read.notices


def test_what_is_too_large_to_compute(tmp_path: Path) -> None:
    """Its shapes are read; nothing of its size is held."""
    model = Model()
    x = grid(model, model.input(1, 3, 60_000, 60_000), -4)
    x = model.node("AveragePool", x, kernel_shape=[40_000, 40_000], strides=[9000, 9000])
    model.node("Conv", x, stored(model, -8, 2, 3, 1, 1))
    read, network = imported(model, tmp_path)
    assert network.layers[0].kernel == (40_000, 40_000)
    assert any("more than 16777216" in notice for notice in read.notices)


def test_integer_operators(tmp_path: Path) -> None:
    model = Model()
    x = model.input(1, 3, 5, 5, kind=TensorProto.UINT8)
    x = model.node("ConvInteger", x, model.constant(model.random.integers(-99, 99, (4, 3, 2, 2)), np.int8))
    x = model.node("Mul", model.node("Cast", x, to=TensorProto.FLOAT), model.constant(2.0**-9))
    grid(model, model.node("Add", x, model.constant(np.full((1, 4, 1, 1), 1 / 3))), 0)
    read, _ = imported(model, tmp_path)
    assert "100 inputs: the same integers as onnxruntime's, in all 64 scores" in read.notices


@pytest.mark.parametrize("rounding", ["ROUND", "FLOOR", "CEIL", "HALF_UP", "HALF_DOWN"])
def test_roundings_are_in_the_bias(rounding: str) -> None:
    """Against the definition, for every remainder and some biases; ROUND where no half comes up."""
    for t in range(5):
        for bias in (0.0, 3.0, -5.0, 1 / 3, -2.25, 7.75):
            sums = np.arange(-70, 70)
            exact = (sums + bias) / 2**t
            expected = ROUNDINGS[rounding](exact)
            moved = rounded_bias(np.array([bias]), np.array([t]), rounding)[0]
            made = np.floor((sums + moved + (2 ** (t - 1) if t else 0)) / 2**t)
            counted = exact != np.floor(exact) + 0.5 if rounding == "ROUND" else np.ones_like(exact, dtype=bool)
            assert np.array_equal(made[counted], expected[counted]), (t, bias)


def test_floats_by_our_own_quantiser(tmp_path: Path) -> None:
    """Real numbers and data: 8 bits are within a few hundredths of the scores' range, and it is said."""
    data = np.random.default_rng(3).standard_normal((200, 3, 8, 8)).astype(np.float32)
    np.save(tmp_path / "data.npy", data)
    read, network = imported(floats(), tmp_path, calibration=tmp_path / "data.npy")
    line = next(notice for notice in read.notices if "the largest deviation is" in notice)
    low, high, largest, mean = (float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)[1:5])
    print(line)
    assert largest < 0.05 * (high - low) and mean < 0.005 * (high - low)
    assert {row.op for row in network.unmapped_ops} == {"Softmax"}
    run = simulate(network, chip(4, 4, ifmap_kib=16), "cycle", 1)
    assert run.scores is not None


@pytest.mark.parametrize("operators", [False, True])
def test_what_onnxruntime_quantises(operators: bool, tmp_path: Path) -> None:
    """Models of its own quantiser, QDQ and QOperator, their scales rounded to powers of two: the same integers."""
    if operators:
        needs_whole_products()
    quantization = pytest.importorskip("onnxruntime.quantization")
    floats(normed=False).save(tmp_path / "float.onnx")
    data = iter(
        {"x": image[None]} for image in np.random.default_rng(3).standard_normal((16, 3, 8, 8), dtype=np.float32)
    )
    reader = type("Reader", (quantization.CalibrationDataReader,), {"get_next": lambda self: next(data, None)})
    quantization.quantize_static(
        str(tmp_path / "float.onnx"),
        str(tmp_path / "model.onnx"),
        reader(),
        quant_format=quantization.QuantFormat.QOperator if operators else quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8 if operators else quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True},
    )
    proto = onnx.load(tmp_path / "model.onnx")
    for tensor in proto.graph.initializer:
        if tensor.name.endswith("scale"):
            scale = numpy_helper.to_array(tensor)
            power = np.exp2(np.round(np.log2(scale))).astype(scale.dtype)
            tensor.CopyFrom(numpy_helper.from_array(power, tensor.name))
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    read = read_file(tmp_path / "model.onnx", NumberFormats(), to_even=True)
    assert "100 inputs: the same integers as onnxruntime's, in all 10 scores" in read.notices


def test_the_descent_is_no_worse_than_its_start(tmp_path: Path) -> None:
    model = floats()
    graph = read_graph(model.save(tmp_path / "model.onnx"), with_values=True)
    mapper = map_graph(graph)
    reals = collect(graph, mapper)
    layers = page_network(graph, page_content(graph, mapper.entries, NumberFormats(x_bits=5, w_bits=5)))
    x = np.random.default_rng(3).standard_normal((64, 8, 8, 3))
    calibration = calibrate(layers, reals, x, NumberFormats(x_bits=5, w_bits=5))
    choice = descend(calibration)
    assert deviation(calibration, choice, 64) < 0.9 * deviation(calibration, calibration.start, 64)


def test_a_sum_of_rounded_tensors(tmp_path: Path) -> None:
    """QLinearAdd of onnxruntime's own domain: tensors of two scales into one of a third, by a depthwise layer."""
    model = Model(13, com_microsoft=1)
    zero = model.constant(0, np.int8)
    scales = [model.constant(2.0**exponent) for exponent in (-3, -2, -3)]
    x = model.input("n", 2, 4, 4, kind=TensorProto.INT8)
    weigh = model.constant(2.0**-6), zero
    filters = [model.constant(2 * model.random.integers(-40, 40, (3, 2, 1, 1)), np.int8) for _ in range(2)]
    bias = model.constant([1, 3, 5], np.int32)
    left, right = (
        model.node("QLinearConv", x, scales[0], zero, w, *weigh, scale, zero, bias)
        for w, scale in zip(filters, scales[:2], strict=True)
    )
    total = model.node(
        "QLinearAdd", left, scales[0], zero, right, scales[1], zero, scales[2], zero, domain="com.microsoft"
    )
    model.node("Flatten", model.node("DequantizeLinear", total, scales[2], zero))
    read, network = imported(model, tmp_path)
    assert [layer.groups for layer in network.layers] == [1, 1, 3, 3]
    assert "100 inputs: the same integers as onnxruntime's, in all 48 scores" in read.notices


def test_pieces_of_other_units(tmp_path: Path) -> None:
    """Side by side they are rounded again, to one unit: by depthwise layers, as the model says."""
    model = Model()
    x = grid(model, model.input("n", 3, 4, 4), -4)
    pieces = [
        grid(model, model.node("Conv", x, stored(model, -8, 2, 3, 1, 1), off_grid(model, 2)), exponent)
        for exponent in (-3, -2, -4)
    ]
    x = grid(model, model.node("Concat", *pieces, axis=1), -2)
    model.node("Conv", x, stored(model, -7, 3, 6, 2, 2))
    path = model.save(tmp_path / "model.onnx")
    read = read_file(path, NumberFormats(), to_even=True)
    assert "100 inputs: the same integers as onnxruntime's, in all 27 scores" in read.notices


def test_binary_weights(tmp_path: Path) -> None:
    model = Model(13, qonnx_custom_op_general=1)
    x = grid(model, model.input("n", 3, 4, 4), -4)
    w = model.node("BipolarQuant", model.weights(5, 3, 2, 2), model.constant(0.25), domain="qonnx.custom_op.general")
    model.node("Conv", x, w)
    path = model.save(tmp_path / "model.onnx")
    read = read_file(path, NumberFormats())
    assert {*np.unique(read.arrays["conv_3.weights"])} == {-1, 1}


def test_scales_that_are_no_powers_of_two(tmp_path: Path) -> None:
    """Without data the shapes are read, and the reason is told; with data they are quantised anew."""
    model = Model()
    scale, zero = model.constant(0.3), model.constant(0, np.int8)
    x = model.node("QuantizeLinear", model.input("n", 3, 5, 5), scale, zero)
    x = model.node("DequantizeLinear", x, scale, zero)
    model.node("Conv", x, stored(model, -7, 4, 3, 3, 3))
    read, network = imported(model, tmp_path)
    assert network.parameters is None
    assert any("scale 0.3 is no power of two" in notice for notice in read.notices)
    np.save(tmp_path / "data.npy", np.random.default_rng(3).normal(0, 9, (100, 3, 5, 5)))
    read = read_file(tmp_path / "model.onnx", NumberFormats(), calibration=tmp_path / "data.npy")
    assert read.arrays and any("integers of our own quantiser" in notice for notice in read.notices)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 3, 5, 4)), "inputs [4, 3, 5, 4] are not allowed: [images, [3, 5, 5]]"),
        (np.full((4, 3, 5, 5), np.nan), "are not allowed"),
        (np.array(["a"]), "holds no array of numbers"),
    ],
)
def test_data_that_does_not_fit(array: np.ndarray, words: str, tmp_path: Path) -> None:
    model = Model()
    model.node("Conv", model.input("n", 3, 5, 5), model.weights(2, 3, 3, 3))
    np.save(tmp_path / "data.npy", array)
    with pytest.raises(LimenError) as caught:
        imported(model, tmp_path, calibration=tmp_path / "data.npy")
    assert (words in str(caught.value) and "data.npy" in str(caught.value)) or "calibration" in str(caught.value)


def test_another_file_in_the_place_of_inputs(tmp_path: Path) -> None:
    """The line doesn't hand on numpy's advice to unpickle what it can't read."""
    model = Model()
    model.node("Conv", model.input("n", 3, 5, 5), model.weights(2, 3, 3, 3))
    (tmp_path / "inputs.csv").write_text("1, 2, 3\n")
    with pytest.raises(LimenError, match=r"inputs\.csv: not a readable \.npy file: the magic string is not correct"):
        imported(model, tmp_path, calibration=tmp_path / "inputs.csv")
