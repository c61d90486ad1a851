"""Models that are quantised in powers of two, in the forms that ONNX has, and one in real numbers."""

from __future__ import annotations

import numpy as np

from tests.workloads.onnx_models import Model, TensorProto


def grid(model: Model, x: str, exponent: int, kind: type = np.int8, zero: int = 0) -> str:
    """Round a tensor to a grid of 2^exponent and take it back: a Q and a DQ."""
    scale, offset = model.constant(2.0**exponent), model.constant(zero, kind)
    return model.node("DequantizeLinear", model.node("QuantizeLinear", x, scale, offset), scale, offset)


def stored(model: Model, exponent: int, *sizes: int, axis: int = 0) -> str:
    """Return int8 weights of a scale of 2^exponent, of every second channel of twice that."""
    integers = model.constant(model.random.integers(-127, 128, sizes), np.int8)
    scales = model.constant(np.ldexp(1.0, exponent + np.arange(sizes[axis]) % 2))
    zeros = model.constant(np.zeros(sizes[axis]), np.int8)
    return model.node("DequantizeLinear", integers, scales, zeros, axis=axis)


def off_grid(model: Model, count: int) -> str:
    """Return biases between the integers of any sum, so that none lies halfway."""
    return model.constant(np.round(model.random.standard_normal(count) * 32) / 16 + 1 / 3)


def qdq(opset: int = 13) -> Model:
    """Padding, ReLU fused into an unsigned grid, pools, a residual, a concatenation, and a flatten of an image."""
    model = Model(opset)
    x = grid(model, model.input("n", 3, 7, 6), -4)
    x = model.node("Conv", x, stored(model, -8, 6, 3, 3, 3), off_grid(model, 6), pads=[1, 0, 1, 1])
    x = grid(model, model.node("Relu", x), -3, np.uint8)
    x = model.node("MaxPool", x, kernel_shape=[2, 2], strides=[1, 2])
    short = grid(model, model.node("Conv", x, stored(model, -8, 6, 6, 1, 1), off_grid(model, 6)), -3)
    long = model.node("Conv", x, stored(model, -9, 6, 3, 3, 3), off_grid(model, 6), pads=[1, 1, 1, 1], group=2)
    y = grid(model, model.node("Add", long, short), -2)
    z = grid(model, model.node("Conv", y, stored(model, -8, 2, 6, 1, 1), off_grid(model, 2)), -2)
    y = model.node("Concat", y, z, axis=1)
    model.node(
        "Gemm", model.node("Flatten", y), stored(model, -8, 5, 8 * 12), model.constant(np.arange(5) / 16), transB=1
    )
    return model


def qlinear() -> Model:
    """QLinearConv of zeros within the range, QLinearMatMul. No sum is halfway between two integers.

    Weights are even and biases odd, and the last rounding shifts by nothing.
    """
    model = Model(13, com_microsoft=1)
    zero, eighth, unit = model.constant(0, np.int8), model.constant(2.0**-3), model.constant(2.0**-7)
    middle = model.constant(128, np.uint8)

    def even(*sizes: int) -> str:
        return model.constant(2 * model.random.integers(-63, 64, sizes), np.int8)

    def odd(count: int) -> str:
        return model.constant(2 * model.random.integers(-99, 99, count) + 1, np.int32)

    x = model.input("n", 2, 5, 4, kind=TensorProto.UINT8)
    form, weighs = [eighth, middle], [unit, zero]
    x = model.node("QLinearConv", x, *form, even(6, 2, 3, 2), *weighs, *form, odd(6), pads=[1, 0, 1, 0])
    x = model.node("QLinearConv", x, *form, even(6, 6, 1, 1), *weighs, *form, odd(6))
    few = model.constant(model.random.integers(-1, 2, (90, 4)) * (model.random.random((90, 4)) < 0.1), np.int8)
    model.node("QLinearMatMul", model.node("Flatten", x), *form, few, *weighs, model.constant(2.0**-10), middle)
    return model


def qonnx(rounding: str) -> Model:
    """Weights of 4 bits, activations of 6 and of 5 without sign, an average of 2 x 2, under both domains."""
    model = Model(13, qonnx_custom_op_general=1, onnx_brevitas=1)

    def quant(x: str, exponent: int, bits: int, signed: int, domain: str = "qonnx.custom_op.general") -> str:
        read = [model.constant(value) for value in (2.0**exponent, 0.0, float(bits))]
        return model.node("Quant", x, *read, domain=domain, signed=signed, narrow=0, rounding_mode=rounding)

    x = quant(model.input("n", 3, 6, 6), -2, 6, 1)
    w = quant(model.weights(4, 3, 3, 3), -2, 4, 1, "onnx.brevitas")
    x = quant(model.node("Relu", model.node("Conv", x, w, model.constant([0.25, -1, 0.5, 2]))), -1, 5, 0)
    x = quant(model.node("AveragePool", x, kernel_shape=[2, 2], strides=[2, 2]), -1, 5, 0, "onnx.brevitas")
    x = model.node("Reshape", x, model.constant([0, -1], np.int64))
    model.node("MatMul", x, quant(model.weights(16, 3), -3, 4, 1))
    return model


def halves() -> Model:
    """Biases on the grids of sums, signed and unsigned tensors, one of which saturates, pools, groups, side by side."""
    model = Model()
    x = grid(model, model.input("n", 3, 7, 6), -4)
    bias = model.constant(np.arange(6) / 16)
    x = model.node("Conv", x, stored(model, -8, 6, 3, 3, 3), bias, pads=[1, 0, 1, 1])
    x = grid(model, model.node("Relu", x), -3, np.uint8)
    x = model.node("MaxPool", x, kernel_shape=[2, 2], strides=[1, 2])
    left = grid(model, model.node("Conv", x, stored(model, -9, 6, 3, 3, 3), bias, pads=[1, 1, 1, 1], group=2), -4)
    right = grid(model, model.node("Conv", left, stored(model, -8, 2, 6, 1, 1)), -4)
    x = model.node("Concat", left, right, axis=1)
    x = grid(model, model.node("AveragePool", x, kernel_shape=[2, 2]), -3)
    x = grid(model, model.node("Gemm", model.node("Flatten", x), stored(model, -8, 5, 8 * 5), transB=1), 0)
    model.node("Gemm", x, stored(model, -6, 4, 5), transB=1)
    return model


def blocks() -> Model:
    """Residual blocks as quantisers of models write them: what is added is rounded before, and after."""
    model = Model()
    bias = model.constant(np.arange(4) / 16)

    def convolution(x: str, channels: int, exponent: int) -> str:
        return model.node("Conv", x, stored(model, exponent, 4, channels, 3, 3), bias, pads=[1, 1, 1, 1])

    x = grid(model, model.node("Relu", convolution(grid(model, model.input("n", 3, 5, 4), -4), 3, -8)), -3, np.uint8)
    y = grid(model, convolution(x, 4, -9), -3)
    x = grid(model, model.node("Relu", model.node("Add", y, x)), -2, np.uint8)
    y = grid(model, convolution(grid(model, model.node("Relu", convolution(x, 4, -9)), -3, np.uint8), 4, -9), -3)
    short = grid(model, model.node("Conv", x, stored(model, -8, 4, 4, 1, 1)), -2)
    x = grid(model, model.node("Add", y, short), -1)
    x = grid(model, model.node("Add", convolution(x, 4, -8), x), 0)
    model.node("Gemm", model.node("Flatten", x), stored(model, -8, 4, 80), transB=1)
    return model


def floats(normed: bool = True) -> Model:
    """A small residual network as it is trained, in real numbers, with batch norms, pools and a Softmax."""
    model = Model(13)

    def block(x: str, channels: int, outputs: int, stride: int) -> str:
        y = model.node("Conv", x, he(outputs, channels, 3, 3), pads=[1, 1, 1, 1], strides=[stride, stride])
        return model.node("BatchNormalization", y, *norms(outputs)) if normed else y

    def he(*sizes: int) -> str:
        return model.constant(model.random.standard_normal(sizes) * np.sqrt(2 / np.prod(sizes[1:])))

    def norms(count: int) -> list[str]:
        """Scale, shift, mean and variance."""
        scale, variance = model.random.uniform(0.8, 1.2, (2, count))
        shift, mean = model.random.normal(0, 0.1, (2, count))
        return [model.constant(values) for values in (scale, shift, mean, variance)]

    x = model.node("Relu", block(model.input("n", 3, 8, 8), 3, 8, 1))
    y = block(model.node("Relu", block(x, 8, 8, 1)), 8, 8, 1)
    x = model.node("Relu", model.node("Add", y, x))
    y = block(model.node("Relu", block(x, 8, 12, 2)), 12, 12, 1)
    short = model.node("Conv", x, he(12, 8, 1, 1), strides=[2, 2])
    x = model.node("GlobalAveragePool", model.node("Relu", model.node("Add", y, short)))
    x = model.node("Gemm", model.node("Flatten", x), he(10, 12), model.constant(np.arange(10) / 10), transB=1)
    model.node("Softmax", x)
    return model
