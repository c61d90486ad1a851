"""What integers of an ONNX model are worth, from node to node: the same as under onnxruntime, or none are read."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.support.tools import skip_without
from tests.workloads.onnx_models import Model, TensorProto, in_process  # noqa: F401
from tests.workloads.quantised_models import grid, off_grid, stored
from workloads.imports.imported import Imported, NumberFormats
from workloads.imports.onnx import runtime, runtime_worker
from workloads.imports.read_file import read_file

pytestmark = [pytest.mark.usefixtures("in_process"), skip_without("onnxruntime", "onnx")]


@pytest.fixture(autouse=True)
def onnxruntime_in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(module: str, path: Path, scratch: Path) -> None:
        np.save(scratch / "outputs.npy", runtime_worker.run(path, scratch))

    monkeypatch.setattr(runtime, "run_worker", run)


def start(opset: int = 13, *sizes: int) -> tuple[Model, str]:
    """Return a model and its input, rounded to 8 bits of 2^-4."""
    model = Model(opset)
    return model, grid(model, model.input("n", *(sizes or (3, 5, 5))), -4)


def conv(model: Model, x: str, outputs: int = 4, channels: int = 3, window: int = 2) -> str:
    weights = stored(model, -8, outputs, channels, window, window)
    return model.node("Conv", x, weights, off_grid(model, outputs))


def ended(model: Model, x: str, channels: int = 4) -> Model:
    """Round a tensor, and weigh it once more."""
    model.node("Conv", grid(model, x, -2), stored(model, -8, 3, channels, 1, 1))
    return model


def cast_constants() -> Model:
    """Weights that lose what is behind the point before they are used."""
    model, x = start()
    weights = model.node("Cast", model.constant(model.random.normal(0, 20, (4, 3, 2, 2))), to=TensorProto.INT32)
    model.node("Conv", x, model.node("Cast", weights, to=TensorProto.FLOAT))
    return model


def said_type() -> Model:
    model, x = start(21)
    scale = model.constant(0.25)
    rounded = model.node("QuantizeLinear", conv(model, x), scale, output_dtype=TensorProto.INT8)
    model.node("Conv", model.node("DequantizeLinear", rounded, scale), stored(model, -8, 3, 4, 1, 1))
    return model


def integers_of_a_unit() -> Model:
    """ConvInteger multiplies integers, whatever they are worth."""
    model = Model()
    rounded = model.node("QuantizeLinear", model.input("n", 3, 5, 5), model.constant(1 / 8), model.constant(0, np.int8))
    weights = model.constant(model.random.integers(-99, 99, (4, 3, 2, 2)), np.int8)
    sums = model.node("Cast", model.node("ConvInteger", rounded, weights), to=TensorProto.FLOAT)
    scaled = model.node("Mul", sums, model.constant(2.0**-11))
    return ended(model, model.node("Add", scaled, model.constant(np.full((1, 4, 1, 1), 1 / 3))))


def input_in_another_order() -> Model:
    """Integers of the input are moved before they are taken back."""
    model = Model()
    moved = model.node("Transpose", model.input("n", 5, 5, 3, kind=TensorProto.INT8), perm=[0, 3, 1, 2])
    scale, zero = model.constant(1 / 16), model.constant(0, np.int8)
    return ended(model, conv(model, model.node("DequantizeLinear", moved, scale, zero)))


def copied() -> Model:
    """The same tensor twice, beside another, and rounded no more."""
    model, x = start()
    one, other = grid(model, conv(model, x, 2), -2), grid(model, conv(model, x, 3), -2)
    model.node("Conv", model.node("Concat", other, one, other, axis=1), stored(model, -8, 3, 8, 1, 1))
    return model


def grown() -> Model:
    """A tensor that is copied and averaged before others are written beside it."""
    model, x = start()
    first = grid(model, conv(model, x, 2), -2)
    keys = {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1], "count_include_pad": 1}
    mean = grid(model, model.node("AveragePool", first, **keys), -2)
    twice = model.node("Concat", first, first, axis=1)
    last = grid(model, conv(model, mean, 2, 2, 1), -2)
    model.node("Conv", model.node("Concat", first, twice, last, axis=1), stored(model, -8, 3, 8, 1, 1))
    return model


def of_no_dimensions() -> Model:
    model, x = start(13, 12)
    model.node("Squeeze", model.node("MatMul", x, stored(model, -7, 12, 5, axis=1)))
    return model


def unused() -> Model:
    """What leads to no output is no layer."""
    model, x = start()
    grid(model, conv(model, x, 2, 3, 3), -3)
    return ended(model, conv(model, x))


def spread() -> Model:
    model, x = start()
    value = TensorProto(data_type=TensorProto.FLOAT, dims=[1], float_data=[0.5])
    weights = model.node("ConstantOfShape", model.constant([4, 3, 2, 2], np.int64), value=value)
    return ended(model, model.node("Conv", x, weights, off_grid(model, 4)))


SAME = [
    cast_constants, said_type, integers_of_a_unit, input_in_another_order, copied, grown, of_no_dimensions, unused,
    spread,
]  # fmt: skip


def read(model: Model, folder: Path) -> Imported:
    return read_file(model.save(folder / "model.onnx"), NumberFormats(), to_even=True)


@pytest.mark.parametrize("made", SAME, ids=lambda made: made.__name__)
def test_the_same_integers(made: Callable[[], Model], tmp_path: Path) -> None:
    notices = read(made(), tmp_path).notices
    assert any("the same integers as onnxruntime's" in notice for notice in notices), notices


def clip_between_integers() -> Model:
    model, x = start()
    clipped = model.node("Clip", grid(model, conv(model, x), -2), model.constant(0.1))
    model.node("Conv", clipped, stored(model, -8, 3, 4, 1, 1))
    return model


def term_of_columns() -> Model:
    """As many columns as channels: the term is each column's, as ONNX spreads it."""
    model, x = start()
    return ended(model, model.node("Add", conv(model, x), model.constant([0.25, 0.5, 1, 2])))


def factor_of_rows() -> Model:
    model, x = start()
    return ended(model, model.node("Mul", conv(model, x), model.constant(np.reshape([0.25, 0.5, 1, 2], (1, 1, 4, 1)))))


def norm_of_rows() -> Model:
    model, x = start()
    turned = model.node("Transpose", conv(model, x), perm=[0, 2, 1, 3])
    normed = model.node("BatchNormalization", turned, *(model.constant([1, 4, 1, 4]) for _ in range(4)), epsilon=0.0)
    return ended(model, model.node("Transpose", normed, perm=[0, 2, 1, 3]))


def cast_activations() -> Model:
    model, x = start()
    return ended(model, model.node("Cast", model.node("Cast", conv(model, x), to=TensorProto.INT32), to=1))


def another_scale() -> Model:
    model, x = start()
    rounded = model.node("QuantizeLinear", conv(model, x), model.constant(0.25), model.constant(0, np.int8))
    return ended(model, model.node("DequantizeLinear", rounded, model.constant(1.0), model.constant(0, np.int8)))


def another_zero() -> Model:
    model, x = start()
    scale = model.constant(0.25)
    rounded = model.node("QuantizeLinear", conv(model, x), scale, model.constant(128, np.uint8))
    return ended(model, model.node("DequantizeLinear", rounded, scale, model.constant(100, np.uint8)))


def integers_as_numbers() -> Model:
    model, x = start()
    rounded = model.node("QuantizeLinear", conv(model, x), model.constant(0.25), model.constant(0, np.int8))
    return ended(model, model.node("Cast", rounded, to=TensorProto.FLOAT))


def sums_taken_back() -> Model:
    model = Model()
    weights = model.constant(model.random.integers(-99, 99, (4, 3, 2, 2)), np.int8)
    sums = model.node("ConvInteger", model.input("n", 3, 5, 5, kind=TensorProto.INT8), weights)
    return ended(model, model.node("DequantizeLinear", sums, model.constant(2.0**-9)))


def input_of_two_units() -> Model:
    model = Model()
    x, zero = model.input("n", 3, 5, 5, kind=TensorProto.INT8), model.constant(0, np.int8)
    pieces = [
        grid(model, conv(model, model.node("DequantizeLinear", x, model.constant(scale), zero)), -2)
        for scale in (1 / 8, 1 / 4)
    ]
    return ended(model, model.node("Add", *pieces))


def blocks_of_scales() -> Model:
    """Four blocks of four: a scale a row, which could be taken for one a column."""
    model, x = start(21, 4)
    integers = model.constant(model.random.integers(-99, 99, (4, 4)), np.int8)
    scales = model.constant([[0.25], [0.5], [1], [2]]), model.constant(np.zeros((4, 1)), np.int8)
    model.node("MatMul", x, model.node("DequantizeLinear", integers, *scales, axis=1, block_size=4))
    return model


def beyond_the_padding() -> Model:
    """Windows that end behind the image divide by what is within it."""
    model, x = start(13, 3, 8, 8)
    keys = {"kernel_shape": [4, 2], "strides": [3, 3], "ceil_mode": 1, "count_include_pad": 1}
    return ended(model, model.node("AveragePool", grid(model, conv(model, x, window=1), -3), **keys))


def no_images() -> Model:
    model = Model()
    x = model.node("Unsqueeze", model.input(3, 5, 5), model.constant([0], np.int64))
    return ended(model, conv(model, grid(model, x, -4)))


def rows_for_columns() -> Model:
    model, x = start()
    turned = model.node("Transpose", grid(model, conv(model, x), -2), perm=[0, 1, 3, 2])
    model.node("Conv", turned, stored(model, -8, 3, 4, 2, 1))
    return model


def bias_of_another_layer() -> Model:
    model, x = start(13, 12)
    made = model.node("MatMul", x, stored(model, -7, 12, 5, axis=1))
    model.node("Gemm", x, stored(model, -7, 12, 5, axis=1), made)
    return model


def input_of_whole_numbers() -> Model:
    model = Model()
    x = model.node("Cast", model.input("n", 3, 5, 5, kind=TensorProto.INT32), to=TensorProto.FLOAT)
    return ended(model, conv(model, grid(model, x, -4)))


REASONS = {
    clip_between_integers: "clamps between integers",
    term_of_columns: "(Add) is not on the machine",
    factor_of_rows: "(Mul) is not on the machine",
    norm_of_rows: "(BatchNormalization) is not on the machine",
    cast_activations: "(Cast) cuts off",
    another_scale: "for integers of another unit",
    another_zero: "for integers of another unit",
    integers_as_numbers: "(Cast) reads integers that aren't taken back",
    sums_taken_back: "for integers of another unit",
    input_of_two_units: "for integers of another unit",
    blocks_of_scales: "must be a constant",
    beyond_the_padding: "counts no padding",
    no_images: "no dimension of images",
    rows_for_columns: "reads what no layer before it writes",
    bias_of_another_layer: "must be a constant",
    input_of_whole_numbers: "its input is of int32",
}


@pytest.mark.parametrize("made", REASONS, ids=lambda made: made.__name__)
def test_no_integers_where_they_are_worth_something_else(made: Callable[[], Model], tmp_path: Path) -> None:
    """The shapes are read all the same, and the reason is told."""
    imported = read(made(), tmp_path)
    assert not imported.arrays
    (notice,) = (notice for notice in imported.notices if notice.startswith("integers not read"))
    assert REASONS[made] in notice


def test_data_of_integers_is_taken_back(tmp_path: Path) -> None:
    """Real weights behind an input of 8 bits whose scale is no power of two: data are the model's integers."""
    model = Model()
    scale, zero = model.constant(1 / 100), model.constant(128, np.uint8)
    x = model.node("DequantizeLinear", model.input("n", 3, 5, 5, kind=TensorProto.UINT8), scale, zero)
    model.node("Conv", x, model.weights(4, 3, 2, 2), model.weights(4))
    np.save(tmp_path / "data.npy", np.random.default_rng(3).integers(0, 256, (64, 3, 5, 5), dtype=np.uint8))
    path = model.save(tmp_path / "model.onnx")
    notices = read_file(path, NumberFormats(), calibration=tmp_path / "data.npy").notices
    line = next(notice for notice in notices if "the largest deviation is" in notice)
    low, high, largest = (float(number) for number in re.findall(r"-?\d+\.?\d*(?:e-?\d+)?", line)[1:4])
    assert largest < 0.02 * (high - low), line


def test_reasons_show_short_names(tmp_path: Path) -> None:
    model = Model()
    scale, zero = model.constant(0.3), model.constant(0, np.int8)
    model.node("DequantizeLinear", model.node("QuantizeLinear", model.input("n", 3, 5, 5), scale, zero), scale, zero)
    model.nodes[-1].output[0] = "y" * 10_000
    conv(model, "y" * 10_000)
    assert all(len(notice) < 300 for notice in read(model, tmp_path).notices)
