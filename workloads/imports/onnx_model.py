"""ONNX models read as networks."""

from __future__ import annotations

from pathlib import Path

from workloads.imports.imported import Imported, NumberFormats
from workloads.imports.onnx.reading import read_graph
from workloads.imports.onnx.shapes import read_shapes


def read_model(path: Path, formats: NumberFormats, batch: int | None) -> Imported:
    """Return the network of an ONNX model. Raises LimenError naming file, node and what is allowed."""
    return read_shapes(read_graph(path, batch or 1), formats)
