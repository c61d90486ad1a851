"""An ONNX model's integers: those it has itself, or ours of its real numbers and data to calibrate on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import LimenError
from workloads.imports.imported import Imported, NumberFormats
from workloads.imports.onnx.calibrate import calibrate, descend, images_at_once
from workloads.imports.onnx.entries import Entry
from workloads.imports.onnx.graph import Graph
from workloads.imports.onnx.halves import Integers, part
from workloads.imports.onnx.integers import (
    Fixed,
    LayerNumbers,
    exact_format,
    exact_weights,
    format_of,
    network_numbers,
)
from workloads.imports.onnx.limits import MOST_RESULTS
from workloads.imports.onnx.mapping import Mapper
from workloads.imports.onnx.real import INPUT_LAYER, Grid, NoValues, Piece, Real
from workloads.imports.onnx.reals import collect
from workloads.imports.onnx.runtime import run_model
from workloads.imports.onnx.shapes import map_graph, page_content, page_network, unmapped_content
from workloads.imports.onnx.views import BATCH, CHANNELS, COLUMNS, ROWS, View, written
from workloads.layers.layer import LayerParameters, kind_parameters
from workloads.networks.network import Network
from workloads.ops.integers import operand_range

COMPARED = 100
"""Inputs on which the network is compared with onnxruntime."""

SEED = 0
"""Of the inputs where no data is given."""


@dataclass(frozen=True)
class Valued:
    """A network with its integers, and how its scores are real numbers: score · 2^unit.

    source, scores, names: the ONNX tensors that are its input and its scores, as views and by name.
    input_format: of an activation. grid: that scores are rounded to, where they are.
    may_tie: channels in which a sum may lie halfway between two integers, where ONNX rounds otherwise.
    """

    content: dict[str, Any]
    arrays: dict[str, np.ndarray]
    network: Network
    unit: int
    input_format: Fixed
    source: View
    scores: View
    names: tuple[str, str]
    grid: Grid | None
    may_tie: int


def exact_values(graph: Graph, formats: NumberFormats, to_even: bool = False) -> Valued:
    """Return the network of a model that is quantised in powers of two. Raises NoValues, LimenError.

    to_even: whether channels in which a sum may lie halfway between two integers are parted, see `halves`.
    """
    mapper = map_graph(graph)
    reals = _collected(graph, mapper)
    entries = mapper.entries
    last = reals[len(entries) - 1]
    if last.grid is not None:  # scores that are rounded, too: a layer of one pixel hands them on
        entries.append(_handed_on(entries[-1]))
        channels = entries[-1].reads.size(CHANNELS)
        pieces = (Piece(len(entries) - 2, last.steps),)
        reals[len(entries) - 1] = Real(np.ones((channels, 1, 1, 1)), np.zeros(channels), pieces, tensor=last.tensor)
    formats_of = {
        layer: exact_format(real)
        for layer, real in reals.items()
        if layer != len(entries) - 1 and (real.weights is not None or layer == INPUT_LAYER)
    }
    weights = {layer: exact_weights(real) for layer, real in reals.items() if real.weights is not None}
    numbers = network_numbers(reals, formats_of, weights)
    if to_even:
        made = part(Integers(entries, reals, formats_of, numbers), mapper.names)
        mapper.entries, reals, formats_of, numbers = made.entries, made.reals, made.formats, made.numbers
    return valued(mapper, reals, formats_of, numbers, formats, last.grid)


def _collected(graph: Graph, mapper: Mapper) -> dict[int, Real]:
    if not mapper.entries:
        raise NoValues("no layer")
    shapes = [mapper.entries[0].reads.shape, *(entry.writes.shape for entry in mapper.entries)]
    results = sum(math.prod(shape) for shape in shapes)
    if results > MOST_RESULTS:
        raise NoValues(f"its layers write {results} values, more than {MOST_RESULTS}")
    reals = collect(graph, mapper)
    first = mapper.views[_source(mapper)].labels[:1]
    if not first or any(axis.role != BATCH for axis in first[0]):
        raise NoValues("its input has no dimension of images")
    last = reals[len(mapper.entries) - 1]
    if last.weights is None or (last.grid is None and not (last.low == -math.inf and last.high == math.inf)):
        raise NoValues("a pool or an activation is last, and scores are raw sums")
    return reals


def _source(mapper: Mapper) -> str:
    """Return the name of the network's input: what the first layer reads."""
    return next(name for name in mapper.graph.inputs if mapper.views[name].tensor is mapper.entries[0].reads)


def _handed_on(last: Entry) -> Entry:
    shape = last.writes.shape
    made = written(1, shape, (BATCH, CHANNELS, ROWS, COLUMNS), 0, 0)
    keys = {"out_channels": shape[2], "groups": shape[2]}
    return Entry(last.node, f"{last.name}_scores", "conv2d", last.writes, keys, made.tensor)


def valued(
    mapper: Mapper,
    reals: Mapping[int, Real],
    formats_of: Mapping[int, Fixed],
    numbers: Mapping[int, LayerNumbers],
    formats: NumberFormats,
    scores_grid: Grid | None,
) -> Valued:
    """Return the network of these integers."""
    entries, graph = mapper.entries, mapper.graph
    content = page_content(graph, entries, replace(formats, op="mac"))
    content |= unmapped_content(mapper, page_network(graph, content))
    for place, entry in enumerate(content["layers"]):
        entry |= numbers[place].keys
    read = {id(entry.reads) for entry in entries}
    for place, entry in enumerate(content["layers"][:-1]):
        if id(entries[place].writes) not in read:  # added alone: no reader says its format
            form = format_of([Piece(place, reals[place].steps)], formats_of, reals)
            entry |= {"y_bits": form.bits, "y_signed": form.signed}
    arrays = {
        f"{entry.name}.{part}": array
        for layer, entry in enumerate(entries)
        for part, array in numbers[layer].arrays.items()
    }
    if any("own_input" in entry for entry in content["layers"]):
        raise NoValues("a layer reads what no layer before it writes")
    layers = page_network(graph, content)
    parameters = tuple(
        LayerParameters(polarity=None, **numbers[place].arrays) if layer.has_arrays else kind_parameters(layer)
        for place, layer in enumerate(layers)
    )
    last = reals[len(entries) - 1]
    names = reals[INPUT_LAYER].tensor, last.tensor
    source = _source(mapper)
    return Valued(
        content,
        arrays,
        Network(content["name"], layers, parameters),
        int(numbers[len(entries) - 1].unit[0]),
        format_of(reals[0].reads, formats_of, reals),
        mapper.views[source],
        mapper.views[names[1]],
        (source, names[1]),
        scores_grid,
        sum(int(each.may_tie.sum()) for each in numbers.values()),
    )


def ours(array: np.ndarray, view: View) -> np.ndarray:
    """Return ONNX tensors [images, ...] in the order rows, columns, channels: [images, H, W, C]."""
    axes = [axis for label in view.labels for axis in label if axis.role != BATCH]
    apart = array.reshape(len(array), *(axis.size for axis in axes))
    roles = [axis.role or CHANNELS for axis in axes]
    order = sorted(range(len(axes)), key=lambda place: (ROWS, COLUMNS, CHANNELS).index(roles[place]))
    return apart.transpose(0, *(1 + place for place in order)).reshape(len(array), *view.tensor.shape)


def random_inputs(made: Valued, kind: str, images: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (inputs as the model takes them, the same as activations), of all integers that there are.

    Not of a model whose zero lies elsewhere than its type has it.
    """
    low, high = operand_range(made.input_format.bits, made.input_format.signed)
    shape = (images, *made.source.sizes[1:])
    integers = np.random.default_rng(SEED).integers(low, high + 1, shape, dtype=np.int64)
    if np.dtype(kind).kind == "f":
        return np.ldexp(integers.astype(np.float64), made.input_format.exponent).astype(kind), ours(
            integers, made.source
        )
    offset = np.iinfo(kind).min - low
    return (integers + offset).astype(kind), ours(integers, made.source)


def compared_images(network: Network) -> int:
    """Return on how many inputs a network is compared: fewer of a large one."""
    return min(COMPARED, images_at_once(network.layers))


def compared(path: Path, graph: Graph, made: Valued, inputs: np.ndarray, x: np.ndarray) -> str:
    """Return a line: how far the network's scores are from onnxruntime's on these inputs."""
    given = run_model(path, graph, made.names[0], inputs, made.names[1])
    real = given.astype(np.float64)
    if made.grid is not None and given.dtype.kind in "iu":
        real = (real - (np.iinfo(given.dtype).min - made.grid.low)) * made.grid.unit
    theirs = ours(real, made.scores).reshape(len(inputs), -1)
    scores = np.ldexp(made.network.predict(x).astype(np.float64), made.unit)
    apart = np.abs(scores - theirs)
    same = np.mean(scores.argmax(axis=1) == theirs.argmax(axis=1))
    if not apart.any():
        return f"{len(x)} inputs: the same integers as onnxruntime's, in all {scores.shape[1]} scores"
    return (
        f"{len(x)} inputs: from onnxruntime's scores, {theirs.min():.4g} to {theirs.max():.4g}, the largest deviation "
        f"is {apart.max():.4g}, the mean {apart.mean():.4g}; the largest score is the same in {100 * same:.4g} %"
    )


def read_values(
    path: Path, graph: Graph, formats: NumberFormats, data: np.ndarray | None, to_even: bool = False
) -> Imported:
    """Return a model's integers: exact where they are powers of two, else by our quantiser from data.

    data: inputs as the model takes them, [images, ...]. to_even: see `exact_values`.

    Raises:
        NoValues: no data, and it isn't quantised in powers of two; or numbers that no network of ours has.
        LimenError: onnxruntime can't run it; data of other sizes.
    """
    try:
        with np.errstate(all="ignore"):  # numbers beyond all bounds are refused in words
            made = exact_values(graph, formats, to_even)
        inputs, x = random_inputs(made, graph.types[made.names[0]], compared_images(made.network))
        notices = ["integers read exactly"]
        if made.may_tie:
            where = f"{made.may_tie} channels where a sum may lie halfway between two integers"
            notices.append(f"{where}: the machine rounds it up, ONNX to the even one (--halves even)")
    except NoValues:
        if data is None:
            raise
        made, inputs, x = calibrated_values(graph, formats, data)
        notices = ["integers of our own quantiser"]
    try:
        notices.append(compared(path, graph, made, inputs, x))
    except LimenError as error:
        notices.append(f"not compared with onnxruntime: {str(error).removeprefix(f'{path}: ')}")
    return Imported(made.content, tuple(notices), made.arrays)


def calibrated_values(graph: Graph, formats: NumberFormats, data: np.ndarray) -> tuple[Valued, np.ndarray, np.ndarray]:
    """Return (the network of our own quantiser, inputs to compare it on, the same as activations)."""
    mapper = map_graph(graph)
    reals = _collected(graph, mapper)
    source = _source(mapper)
    view = mapper.views[source]
    if data.ndim < 2 or data.shape[1:] != view.sizes[1:] or not len(data) or not np.isfinite(data).all():
        raise LimenError(
            f"{graph.path}: calibration: inputs {list(data.shape)} are not allowed: [images, {list(view.sizes[1:])}]"
        )
    real, grid = data.astype(np.float64), reals[INPUT_LAYER].grid
    if grid is not None and np.dtype(graph.types[source]).kind in "iu":
        real = (real - (np.iinfo(graph.types[source]).min - grid.low)) * grid.unit
    x = ours(real, view)
    layers = page_network(graph, page_content(graph, mapper.entries, replace(formats, op="mac")))
    calibration = calibrate(layers, reals, x, formats)
    choice = descend(calibration)
    formats_of = calibration.formats_at(choice)
    numbers = network_numbers(reals, formats_of, calibration.weights_at(choice), formats.w_bits)
    made = valued(mapper, reals, formats_of, numbers, formats, reals[len(mapper.entries) - 1].grid)
    images = compared_images(made.network)
    return made, data[:images].astype(graph.types[source]), made.input_format.rounded(x[:images])
