"""A point of a study as a design's page, for all commands that take one."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from dse.evaluation.inputs import origin_of
from dse.evaluation.point import Point
from workloads.errors import LimenError, printable
from workloads.host.files import write_new
from workloads.host.names import is_file_name

if TYPE_CHECKING:
    from dse.study.study import Study


def write_design(study: Study, point: Point, path: Path) -> str:
    """Write a point's design, its manifest beside it; return the command that prices it as the study does.

    Raises LimenError where the name doesn't end in .yaml, the file exists, or it can't be written.
    """
    if not is_file_name(path):
        raise LimenError(f"{path}: not allowed: a name that ends in .yaml")
    command = _pricing(study, point, path)
    content = point.design.model_dump(mode="json", exclude_none=True)
    text = io.StringIO()
    YAML().dump(content, text)
    origin = origin_of(study)
    note = printable(f"# {point}, of {study.folder}; {point.network.name}: {command}")
    write_new(path, f"{note}\n{text.getvalue()}".encode())
    origin.write_beside(path)
    return command


def _pricing(study: Study, point: Point, path: Path) -> str:
    """Return the command that prices a design's page on the point's workload."""
    workload = point.evaluator.workload_of(point.coordinates)
    words = ["limen", "price", "--design", str(path), "--workload", workload.name]
    if workload.is_shapes:
        op, x_bits, w_bits = point.coordinates[:3]
        words += ["--op", op, "--bits", f"{x_bits},{w_bits}"]
    words += ["--costs", point.evaluator.costs_of(point.coordinates), "--dram", study.spec.memory.dram]
    words += ["--stream", point.coordinates.stream]
    return shlex.join([*words, *(["--clock-ns", f"{study.spec.clock_ns!r}"] if study.spec.clock_ns else [])])
