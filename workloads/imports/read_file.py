"""A file of another format read by what its name ends in."""

from __future__ import annotations

from pathlib import Path

from workloads.errors import LimenError, shown
from workloads.host.names import MODEL, TOPOLOGY, is_file_name
from workloads.imports.imported import Imported, NumberFormats


def read_file(
    path: Path,
    formats: NumberFormats,
    batch: int | None = None,
    calibration: Path | None = None,
    to_even: bool = False,
) -> Imported:
    """Return the network of a SCALE-Sim topology (.csv) or an ONNX model (.onnx).

    formats: op and widths where the file says none. batch: of a model whose batch may be any; a topology has none.
    calibration: an .npy file of inputs, from which a model's integers follow; to_even: how a model's halves round;
    likewise.

    Raises LimenError where the file is neither, or can't be read as what its name says.
    """
    if is_file_name(path, TOPOLOGY):
        from workloads.imports.scale_sim import read_topology

        if batch is not None:
            raise LimenError(f"--batch: {batch} is not allowed: a topology has no batch")
        if calibration is not None:
            raise LimenError(f"--calibration: {calibration} is not allowed: a topology has no values")
        return read_topology(path, formats)
    if is_file_name(path, MODEL):
        from workloads.imports.onnx_model import read_model

        return read_model(path, formats, batch, calibration, to_even)
    ends = f"{TOPOLOGY[0]} (SCALE-Sim) or {MODEL[0]}"
    raise LimenError(f"{path}: {shown(path.suffix)} is not allowed: a name that ends in {ends}")
