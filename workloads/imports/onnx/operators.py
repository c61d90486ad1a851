"""Which operator is what: the tables that docs/onnx.md shows."""

from __future__ import annotations

from typing import NamedTuple


class Likeness(NamedTuple):
    """An operator of ONNX whose result has the sizes of another's: which, and which of the other's inputs it reads."""

    op: str
    inputs: tuple[int, ...] = (0,)


SHAPED_LIKE = {
    "Quant": Likeness("Identity"),
    "IntQuant": Likeness("Identity"),
    "BipolarQuant": Likeness("Identity"),
    "Trunc": Likeness("Identity"),
    "FloatQuant": Likeness("Identity"),
    "QuantizeLinear": Likeness("Identity"),
    "DequantizeLinear": Likeness("Identity"),
    "Gelu": Likeness("Identity"),
    "FastGelu": Likeness("Identity"),
    "BiasGelu": Likeness("Identity"),
    "QuickGelu": Likeness("Identity"),
    "QLinearSigmoid": Likeness("Identity"),
    "QLinearLeakyRelu": Likeness("Identity"),
    "QLinearSoftmax": Likeness("Identity"),
    "LayerNormalization": Likeness("Identity"),
    "SkipLayerNormalization": Likeness("Identity"),
    "QLinearAdd": Likeness("Add", (0, 3)),
    "QLinearMul": Likeness("Mul", (0, 3)),
    "QLinearGlobalAveragePool": Likeness("GlobalAveragePool"),
    "QLinearAveragePool": Likeness("AveragePool"),
    "QGemm": Likeness("Gemm", (0, 3)),
}
"""Operators of other domains (QONNX, onnxruntime), which onnx infers no sizes of."""

QUANT_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general")
"""QONNX's operators under its own and Brevitas' domain, and under FINN's older one."""

ONNX_DOMAINS = ("", "ai.onnx")
DOMAINS = (*ONNX_DOMAINS, "com.microsoft", *QUANT_DOMAINS)
"""Whose operators are told by their names alone; what others call `Relu` may be anything."""

CONVOLUTIONS = ("Conv", "ConvInteger", "QLinearConv")
PRODUCTS = ("MatMul", "MatMulInteger", "QLinearMatMul", "Gemm", "QGemm")
WINDOWED_POOLS = ("MaxPool", "AveragePool", "QLinearAveragePool")
POOLS = (*WINDOWED_POOLS, "GlobalAveragePool", "GlobalMaxPool", "QLinearGlobalAveragePool", "ReduceMean")
JOINS = ("Add", "Sum", "QLinearAdd")

CLAMPS = ("Relu", "Clip")
"""What the requantiser does."""

SAME = (
    "Identity", "Dropout", "Cast", "CastLike", "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
    "Quant", "IntQuant", "BipolarQuant", "Trunc",
)  # fmt: skip
"""Operators that cost nothing: formats are the design's, and rounding is the requantiser's."""

QUANTISES = (
    "QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "Quant",
    "IntQuant",
)  # fmt: skip
"""Operators of which a model has some where it says integers."""

ROUNDS = (
    "QuantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "QLinearMatMul", "QLinearAdd", "QGemm",
    "QLinearAveragePool", "QLinearGlobalAveragePool", "Quant", "IntQuant", "BipolarQuant", "Trunc",
)  # fmt: skip
"""Operators after which a tensor is rounded, so that no residual starts in its layer any more."""

RELABELS = ("Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose")
"""Operators that cost nothing where the tensor stays what it is, in other words."""

AFFINE = ("BatchNormalization", "Mul", "Div", "Add", "Sub", "Sum")
"""Operators that fold into the layer before: a factor and a term for each channel, or for all."""

MOVES = (
    *RELABELS, "Concat", "Split", "Slice", "Gather", "GatherElements", "GatherND", "Pad", "Tile", "Expand",
    "DepthToSpace", "SpaceToDepth", "Identity", "ScatterElements", "ScatterND",
)  # fmt: skip
"""Operators that move values and compute none: their share of the arithmetic is 0."""
