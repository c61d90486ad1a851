"""The numbers of an ONNX graph, layer by layer: real weights and biases with all folded in, clamps, grids."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from workloads.errors import LimenError, shown
from workloads.imports.onnx.constants import NUMPY_TYPES, UINT8, quant_limits
from workloads.imports.onnx.graph import Graph, Node
from workloads.imports.onnx.limits import MOST_VALUES
from workloads.imports.onnx.mapping import Mapper
from workloads.imports.onnx.operators import RELABELS
from workloads.imports.onnx.real import INPUT_LAYER, ONE, READ_INTEGERS, Grid, NoValues, Piece, Real, Unit, unit_of
from workloads.imports.onnx.weights import in_our_order, scaled
from workloads.imports.onnx.windows import beyond_padding

FLOATS = (1, 11)
"""ONNX' numbers of the types that hold all values here."""

KEEP_UNITS = ("MaxPool", "Concat", "Identity", *RELABELS)
"""Operators whose results are integers of the unit of those that they read."""


class Collector:
    """Goes through a graph whose shapes are mapped, and collects its numbers."""

    def __init__(self, mapper: Mapper) -> None:
        self.mapper, self.graph = mapper, mapper.graph
        self.reals: dict[int, Real] = {INPUT_LAYER: Real()}
        self.pieces: dict[str, tuple[Piece, ...]] = {}
        self.raw: dict[str, Unit] = {}
        self.kinds = dict(self.graph.types)
        self.source, self.settled = "", False
        self.layers: dict[str, list[int]] = {}
        for place, entry in enumerate(mapper.entries):
            self.layers.setdefault(entry.node.outputs[0], []).append(place)
        self.last = len(mapper.entries) - 1

    def run(self) -> dict[int, Real]:
        """Return the layers' numbers, by place. Raises NoValues, LimenError."""
        for name in self.graph.inputs:
            view = self.mapper.views.get(name)
            if view is not None and view.tensor is self.mapper.entries[0].reads:
                self.pieces[name] = (Piece(INPUT_LAYER, 0),)
                self.source = name
                self.reals[INPUT_LAYER].tensor = name
        for node in self.graph.nodes:
            self.take(node)
        self.settle_copies()
        self.check()
        return self.reals

    def take(self, node: Node) -> None:
        names = self.mapper.tensors_of(node)
        if not any(name in self.pieces for name in names):
            return  # behind the last layer, or the host's
        steps: dict[str, Callable[[Node], tuple[Piece, ...]]] = {
            "Conv": self.weighted, "ConvInteger": self.weighted, "QLinearConv": self.weighted,
            "Gemm": self.weighted, "MatMul": self.weighted, "MatMulInteger": self.weighted,
            "QLinearMatMul": self.weighted, "QGemm": self.weighted,
            "QLinearAveragePool": self.averaged, "QLinearGlobalAveragePool": self.averaged,
            "MaxPool": self.pooled, "GlobalMaxPool": self.pooled,
            "AveragePool": self.pooled, "GlobalAveragePool": self.pooled, "ReduceMean": self.pooled,
            "Concat": self.concatenated, "QLinearAdd": self.summed,
            "Relu": self.clamped, "Clip": self.clamped,
            "QuantizeLinear": self.quantised, "Quant": self.quantised, "IntQuant": self.quantised,
            "DequantizeLinear": self.dequantised,
            "Identity": self.same, "Dropout": self.same, "Cast": self.cast,
            "BatchNormalization": self.affine, "Mul": self.affine, "Div": self.affine, "Sub": self.affine,
            **dict.fromkeys(RELABELS, self.same),
        }  # fmt: skip
        step = self.summed if node.op in ("Add", "Sum") and len(names) > 1 else steps.get(node.op)
        step = self.affine if step is None and node.op == "Add" else step
        if step is None or node.outputs[0] in self.mapper.left or any(name not in self.pieces for name in names):
            self.leave(node)
            return
        units = {self.raw.get(name, ONE) for name in names}
        if units != {ONE} and node.op not in READ_INTEGERS:
            raise NoValues(f"{node} reads integers that aren't taken back")
        self.pieces[node.outputs[0]] = made = step(node)
        if node.op in KEEP_UNITS:
            if len(units) > 1:
                raise NoValues(f"{node} reads integers of {len(units)} units")
            if names[0] in self.raw:
                self.raw[node.outputs[0]] = units.pop()
            self.kinds[node.outputs[0]] = self.kinds.get(names[0], "")
        for piece in made:
            self.reals[piece.layer].tensor = node.outputs[0]

    def leave(self, node: Node) -> None:
        """Let an operator be where it comes behind the last layer: raw scores are what a network gives."""
        for name in self.mapper.tensors_of(node):
            if any(piece.layer != self.last for piece in self.pieces.get(name, ())):
                raise NoValues(f"{node} is not on the machine")

    def same(self, node: Node) -> tuple[Piece, ...]:
        return self.pieces[self.mapper.tensors_of(node)[0]]

    def cast(self, node: Node) -> tuple[Piece, ...]:
        if node.attributes.get("to") not in FLOATS:
            raise NoValues(f"{node} cuts off what others than float and double can't hold")
        return self.same(node)

    def constant(self, node: Node, place: int) -> np.ndarray | None:
        """Return a constant that a node reads as float64, or None where it is left out."""
        name = node.input(place)
        return self.graph.value(name, node).astype(np.float64) if name else None

    def needed(self, node: Node, place: int) -> np.ndarray:
        """Return a constant that a node can't be without. Raises NoValues where it is left out."""
        value = self.constant(node, place)
        if value is None or not value.size:
            raise NoValues(f"{node} lacks input {place}")
        return value

    def only_layer(self, node: Node) -> int:
        layers = self.layers.get(node.outputs[0], [])
        if len(layers) != 1:
            raise NoValues(f"{node} is {len(layers)} layers, not one")
        return layers[0]

    # Layers.

    def weighted(self, node: Node) -> tuple[Piece, ...]:
        linear = node.op.startswith("Q")
        along = 0 if "Conv" in node.op or node.attributes.get("transB") else 1
        at = 3 if linear else 1
        weights = self.needed(node, at)
        if node.input(at) not in self.graph.constants:
            raise NoValues(f"{node} has no constant weights")
        if linear:
            self.dequantised(node)
            weights = scaled(weights, self.needed(node, 4), self.constant(node, 5), along)
        elif node.op.endswith("Integer"):
            unit = self.taken_back(node, 0, None, self.constant(node, 2))
            weights = scaled(weights, np.ones(1), self.constant(node, 3), along) / unit.scale
        layer = self.only_layer(node)
        view = self.mapper.views[node.input(0)]
        reads = self.pieces[node.input(0)]
        if "Conv" in node.op:
            weights = weights.reshape(*weights.shape[:2], weights.shape[2], -1).transpose(0, 2, 3, 1)
            bias = self.constant(node, 8 if linear else 2) if node.op != "ConvInteger" else None
        else:
            weights = weights if node.attributes.get("transB") else weights.T
            weights = in_our_order(weights * float(node.attributes.get("alpha", 1.0)), view, self.mapper.entries[layer])
            bias = self.constant(node, 6 if linear else 2) if "Gemm" in node.op else None
            bias = None if bias is None else bias * float(node.attributes.get("beta", 1.0))
        if linear and bias is not None:
            bias = bias * unit_of(self.needed(node, 1)) * self.needed(node, 4).reshape(-1)
        added = np.zeros(len(weights)) if bias is None else np.broadcast_to(bias.reshape(-1), len(weights)).copy()
        self.reals[layer] = Real(weights, added, reads)
        made = (Piece(layer, 0),)
        places = (7, 8) if node.op == "QGemm" else (6, 7)
        return self.rounded(node, made, *places) if linear and node.input(places[0]) else made

    def averaged(self, node: Node) -> tuple[Piece, ...]:
        """Return an average of integers, onto a grid of its own."""
        self.dequantised(node)
        return self.rounded(node, self.pooled(node), 3, 4)

    def pooled(self, node: Node) -> tuple[Piece, ...]:
        layer, reads = self.only_layer(node), self.pieces[self.mapper.tensors_of(node)[0]]
        entry = self.mapper.entries[layer]
        if entry.kind == "maxpool":
            self.reals[layer] = Real(None, np.zeros(1), reads)
            return (Piece(layer, 0),)
        padding = sum(entry.keys.get("padding", []))
        if padding and (not node.attributes.get("count_include_pad", 0) or beyond_padding(node, padding)):
            raise NoValues(f"{node} counts no padding")
        height, width, _ = entry.reads.shape
        channels = self.mapper.sizes[self.mapper.tensors_of(node)[0]][1]  # what it reads may have grown since
        kernel = (height, width) if entry.keys["kernel"] == "global" else tuple(entry.keys["kernel"])
        if channels * math.prod(kernel) > MOST_VALUES:
            raise NoValues(f"{node} has a window of {math.prod(kernel)}")
        entry.kind = "conv2d"
        entry.keys = {**entry.keys, "kernel": list(kernel), "out_channels": channels, "groups": channels}
        self.reals[layer] = Real(np.full((channels, *kernel, 1), 1 / math.prod(kernel)), np.zeros(channels), reads)
        return (Piece(layer, 0),)

    def copy(self, layer: int, reads: tuple[Piece, ...]) -> Real:
        channels = self.mapper.entries[layer].keys["groups"]
        return Real(np.ones((channels, 1, 1, 1)), np.zeros(channels), reads)

    def concatenated(self, node: Node) -> tuple[Piece, ...]:
        names, layers = self.mapper.tensors_of(node), self.mapper.pieces.get(node.outputs[0])
        if layers is None or len(layers) != len(names):
            raise NoValues(f"{node} is not on the machine")
        made: list[Piece] = []
        for name, layer in zip(names, layers, strict=True):
            if layer in self.layers.get(node.outputs[0], []):
                self.reals[layer] = self.copy(layer, self.pieces[name])
                made.append(Piece(layer, 0))
            else:
                made += self.pieces[name]
        return tuple(made)

    def summed(self, node: Node) -> tuple[Piece, ...]:
        joined = self.mapper.sums.get(node.outputs[0])
        if joined is None or len(self.mapper.tensors_of(node)) > 2 + 4 * (node.op == "QLinearAdd"):
            raise NoValues(f"{node} is not on the machine")
        if node.op == "QLinearAdd":
            for place in (0, 3):
                self.taken_back(node, place, self.needed(node, place + 1), self.constant(node, place + 2))
        if joined.layer in self.layers.get(node.outputs[0], []):
            self.reals[joined.layer] = self.copy(joined.layer, self.pieces[joined.name])
        self.reals[joined.layer].residual = self.pieces[joined.added]
        made = self.step((Piece(joined.layer, self.reals[joined.layer].steps),))
        return self.rounded(node, made, 6, 7) if node.op == "QLinearAdd" else made

    # Steps that follow a layer.

    def step(self, pieces: tuple[Piece, ...]) -> tuple[Piece, ...]:
        """Return the pieces a step further; that of a maxpool is one of what it reads, since maxima keep the order."""
        made = []
        for piece in pieces:
            real = self.reals[piece.layer]
            if real.steps != piece.steps:
                raise NoValues(f"tensor {shown(real.tensor)} is read before and after an activation")
            if real.weights is None and piece.layer != INPUT_LAYER:
                real.reads = self.step(real.reads)
            real.steps += 1
            made.append(Piece(piece.layer, real.steps))
        return tuple(made)

    def sources(self, pieces: tuple[Piece, ...]) -> list[Real]:
        """Return the layers, or the input, whose results these are, through maxpools."""
        found: list[Real] = []
        for piece in pieces:
            real = self.reals[piece.layer]
            pooled = real.weights is None and piece.layer != INPUT_LAYER
            found += self.sources(real.reads) if pooled else [real]
        return found

    def clamped(self, node: Node) -> tuple[Piece, ...]:
        pieces = self.pieces[node.input(0)]
        low, high = 0.0, math.inf
        if node.op == "Clip":
            said = (node.attributes.get("min", -math.inf), node.attributes.get("max", math.inf))
            read = [self.needed(node, place) if node.input(place) else np.array([said[place - 1]]) for place in (1, 2)]
            low, high = (float(each.reshape(-1)[0]) for each in read)
            if any(each.size != 1 for each in read) or not low <= high:
                raise NoValues(f"{node} clamps to {low:g} to {high:g}")
        if any(piece.layer == INPUT_LAYER for piece in pieces):
            raise NoValues(f"{node} clamps the input")
        made = self.step(pieces)
        for real in self.sources(made):
            if real.grid is not None and any(real.grid.parts(bound) for bound in (low, high)):
                raise NoValues(f"{node} clamps between integers of tensor {shown(real.tensor)}")
            real.low, real.high = max(real.low, low), min(real.high, high)
        return made

    def affine(self, node: Node) -> tuple[Piece, ...]:
        name = self.mapper.tensors_of(node)[0]
        layers = self.layers.get(node.outputs[0], [])
        pieces = self.pieces[name]
        if layers:
            self.reals[layers[0]] = self.copy(layers[0], pieces)
            pieces = (Piece(layers[0], 0),)
        factor, term = self.factor_and_term(node, name)
        made = self.step(pieces)
        for piece in made:
            real = self.reals[piece.layer]
            if (
                real.weights is None
                or real.grid
                or real.residual
                or not math.isinf(real.low)
                or not math.isinf(real.high)
            ):
                raise NoValues(f"{node} has no layer before it to fold into")
            real.weights = real.weights * np.broadcast_to(factor, len(real.weights))[:, None, None, None]
            real.bias = real.bias * factor + term
        return made

    def factor_and_term(self, node: Node, name: str) -> tuple[np.ndarray, np.ndarray]:
        if node.op == "BatchNormalization":
            scale, shift, mean, variance = (self.needed(node, place) for place in range(1, 5))
            factor = scale / np.sqrt(variance + float(node.attributes.get("epsilon", 1e-5)))
            return factor, shift - mean * factor
        place = 1 if node.input(0) == name else 0
        if place == 0 and node.op == "Div":
            raise NoValues(f"{node} divides a constant")
        value = self.needed(node, place).reshape(-1)
        one, zero = np.ones(1), np.zeros(1)
        return {
            "Mul": (value, zero), "Div": (1 / value, zero), "Add": (one, value),
            "Sub": (one, -value) if place else (-one, value),
        }[node.op]  # fmt: skip

    def quantised(self, node: Node) -> tuple[Piece, ...]:
        return self.rounded(node, self.pieces[node.input(0)], 1, 2)

    def rounded(self, node: Node, pieces: tuple[Piece, ...], scale: int, zero: int) -> tuple[Piece, ...]:
        """Return pieces rounded to the grid that a node says in these inputs; what it makes are integers of it."""
        grid, offset = self.grid(node, scale, zero), self.constant(node, zero)
        if node.op not in ("Quant", "IntQuant"):
            self.raw[node.outputs[0]] = Unit(grid.unit, 0 if offset is None else int(offset.reshape(-1)[0]))
        return self.onto_grid(pieces, grid)

    def grid(self, node: Node, scale: int, zero: int) -> Grid:
        """Return the grid that a node rounds to. Raises NoValues where it is none of one unit."""
        unit = unit_of(self.needed(node, scale))
        offset = self.constant(node, zero)
        at = 0 if offset is None else float(offset.reshape(-1)[0])
        if offset is not None and (offset != at).any():
            raise NoValues(f"{node} has zeros of its own for each channel")
        if node.op in ("Quant", "IntQuant"):
            bits = self.constant(node, 3)
            if bits is None or bits.size != 1 or not 2 <= float(bits.reshape(-1)[0]) <= 16 or bits.reshape(-1)[0] % 1:
                raise NoValues(f"{node} rounds to other widths than 2 to 16 bits")
            signed = bool(node.attributes.get("signed", 1))
            low, high = quant_limits(float(bits.reshape(-1)[0]), signed, bool(node.attributes.get("narrow", 0)))
            mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
        else:
            said = np.dtype(NUMPY_TYPES.get(node.attributes.get("output_dtype", 0) or UINT8, float))
            kind = said if offset is None else self.graph.value(node.input(zero), node).dtype
            if kind.kind not in "iu" or kind.itemsize > 2:
                raise NoValues(f"{node} rounds to {kind}")
            low, high, mode = np.iinfo(kind).min, np.iinfo(kind).max, "ROUND"
        return Grid(unit, int(low - at), int(high - at), mode)

    def onto_grid(self, pieces: tuple[Piece, ...], grid: Grid) -> tuple[Piece, ...]:
        made = self.step(pieces)
        for real in self.sources(made):
            if real.grid is not None and real.grid.unit != grid.unit:
                raise NoValues(f"tensor {shown(real.tensor)} is rounded twice")
            low, high = grid.low, grid.high
            if real.grid is not None:
                low, high = max(low, real.grid.low), min(high, real.grid.high)
            real.grid = Grid(grid.unit, low, high, grid.rounding)
        return made

    def dequantised(self, node: Node) -> tuple[Piece, ...]:
        """Return the same pieces."""
        self.taken_back(node, 0, self.needed(node, 1), self.constant(node, 2))
        return self.pieces[node.input(0)]

    def taken_back(self, node: Node, place: int, scale: np.ndarray | None, zero: np.ndarray | None) -> Unit:
        """Return what integers that a node reads are worth; a network's input of integers gets its unit here.

        scale, zero: as the node says them; a scale of None is whatever theirs is.
        """
        name = node.input(place)
        at = 0 if zero is None else int(zero.reshape(-1)[0])
        if zero is not None and zero.size != 1:
            raise NoValues(f"{node} has zeros of its own for each channel")
        kind, source = self.kinds.get(name, ""), self.reals[INPUT_LAYER]
        if name not in self.raw and kind in ("int8", "uint8", "int16", "uint16"):
            self.raw[name] = Unit(1.0 if scale is None else unit_of(scale), at)
            grid = Grid(self.raw[name].scale, np.iinfo(kind).min - at, np.iinfo(kind).max - at)
            if source.grid not in (None, grid):
                raise NoValues(f"{node} takes the input for integers of another unit than it had before")
            source.grid, self.settled = grid, True
        unit = self.raw.get(name)
        if unit is None or unit.zero != at or (scale is not None and unit.scale != unit_of(scale)):
            raise NoValues(f"{node} takes tensor {shown(name)} for integers of another unit than it has")
        return unit

    def settle_copies(self) -> None:
        """Give copies that nothing rounds again the grid of what they copy."""
        for layer, real in sorted(self.reals.items()):
            if layer in (INPUT_LAYER, self.last) or real.grid is not None or not real.copies():
                continue
            grids = {(source.grid, source.low, source.high) for source in self.sources(real.reads)}
            if len(grids) == 1 and real.high == math.inf and real.low in (-math.inf, 0):
                real.grid, low, real.high = grids.pop()
                real.low = max(real.low, low)

    def check(self) -> None:
        """Raise NoValues unless every layer has its numbers and all read what it makes in the end."""
        for layer in range(len(self.mapper.entries)):
            if layer not in self.reals:
                raise NoValues(f"{self.mapper.entries[layer].node} has no values")
        kind = self.kinds.get(self.source, "")
        if kind not in ("float16", "float32", "float64") and not self.settled:
            raise NoValues(f"its input is of {kind}, and not of integers that are taken back")
        for real in self.reals.values():
            if not np.isfinite(real.bias).all() or (real.weights is not None and not np.isfinite(real.weights).all()):
                raise NoValues(f"values of tensor {shown(real.tensor)} that are no numbers")
            for piece in (*real.reads, *real.residual):
                if self.reals[piece.layer].steps != piece.steps:
                    raise NoValues(
                        f"tensor {shown(self.reals[piece.layer].tensor)} is read before and after an activation"
                    )


def collect(graph: Graph, mapper: Mapper) -> dict[int, Real]:
    """Return the layers' numbers. Raises NoValues where they can't be those of a network."""
    if mapper.products or any(entry.kind == "matmul" for entry in mapper.entries):
        raise NoValues("products of two tensors")
    try:
        with np.errstate(all="ignore"):  # numbers that are none are refused in the end
            return Collector(mapper).run()
    except LimenError as error:
        raise NoValues(str(error).removeprefix(f"{graph.path}: ")) from None
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:  # where a file should have others
        raise NoValues(f"numbers that don't go together: {error}") from None
