"""ONNX models read as networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from workloads.errors import LimenError
from workloads.host.opening import open_file
from workloads.imports.imported import Imported, NumberFormats
from workloads.imports.onnx.reading import read_graph
from workloads.imports.onnx.shapes import is_quantised, read_shapes

VALUED_OP = "mac"
"""The op that ONNX models are of."""


def read_model(
    path: Path, formats: NumberFormats, batch: int | None, calibration: Path | None = None, to_even: bool = False
) -> Imported:
    """Return the network of an ONNX model, with integers where it has some, or data to calibrate them on is given.

    calibration: an .npy file of inputs as the model takes them, [images, ...].
    to_even: whether halves round to even, as in ONNX, at the price of channels (`workloads.imports.onnx.halves`).

    Raises LimenError naming file, node and what is allowed.
    """
    graph = read_graph(path, batch or 1)
    shapes = read_shapes(graph, formats)
    if calibration is None and not is_quantised(graph):
        return shapes
    if formats.op != VALUED_OP:
        if calibration is not None:
            raise LimenError(f"--calibration: {calibration} is not allowed with --op {formats.op}: {VALUED_OP}")
        return replace(shapes, notices=(*shapes.notices, f"integers not read: they are of op {VALUED_OP}"))
    from workloads.imports.onnx.real import NoValues
    from workloads.imports.onnx.values import read_values

    data = None if calibration is None else _read_inputs(calibration)
    try:
        valued = read_values(path, read_graph(path, batch or 1, with_values=True), formats, data, to_even)
    except NoValues as reason:
        if calibration is not None:
            raise LimenError(f"{path}: no integers of it: {reason}") from None
        ways = "inputs to calibrate on (--calibration) may give others"
        return replace(shapes, notices=(*shapes.notices, f"integers not read: {reason}; {ways}"))
    return replace(valued, notices=(*shapes.notices, *valued.notices))


def _read_inputs(path: Path) -> np.ndarray:
    """Return an .npy file's array of numbers, never unpickled. Raises LimenError."""
    try:
        with open_file(path) as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # numpy and OS each raise their own kinds on damaged files
        reason = getattr(error, "strerror", None) or error
        raise LimenError(f"{path}: not a readable .npy file: {reason}") from None
    if array.dtype.kind not in "iuf":
        raise LimenError(f"{path}: holds no array of numbers; expected inputs [images, ...] in an .npy file")
    return array
