"""A published figure is a test: SCALE-Sim v3's compute cycles, all rows, exactly.

They are those of the folds alone: the layer in one tile, operands already on chip.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from simulator.designs.design import FittedDesign
from simulator.plan.axes import Axes
from simulator.plan.geometry import layer_geometry
from simulator.timing.timing import Cut, count_layers
from tests.support.paths import DATA
from workloads.imports.imported import NumberFormats, write_imported
from workloads.imports.read_file import read_file
from workloads.layers.layer import Layer
from workloads.networks.network import Network

ROWS = DATA / "scalesim_v3_cycles.csv"


def layer_of(row: dict[str, str]) -> tuple[Layer, bool]:
    """Return the layer of a row, and whether its last window needs extra bottom or right padding."""
    formats = {"name": "row", "op": "mac", "x_bits": 8, "w_bits": 8}
    if row["workload"] == "gemm":
        return Layer(**formats, height=int(row["M"]), channels=int(row["K"]), out_channels=int(row["N"])), False
    height, width, kernel_h, kernel_w, stride, channels, filters = (
        int(row[name]) for name in ("ifmap_h", "ifmap_w", "filt_h", "filt_w", "stride", "channels", "num_filter")
    )
    bottom, right = -(height - kernel_h) % stride, -(width - kernel_w) % stride
    layer = Layer(
        **formats,
        height=height,
        width=width,
        channels=channels,
        out_channels=filters,
        kernel=(kernel_h, kernel_w),
        stride=(stride, stride),
        padding=(0, bottom, 0, right),
    )
    return layer, bool(bottom or right)


def test_every_row() -> None:
    with ROWS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    padded = 0
    for row in rows:
        layer, extra = layer_of(row)
        padded += extra
        design = FittedDesign(
            rows=int(row["rows"]),
            cols=int(row["cols"]),
            dataflow=row["dataflow"],
            op="mac",
            x_bits=8,
            w_bits=8,
            acc_bits=32,
        )
        geometry = layer_geometry(Network("row", (layer,)), 0)
        (counts,) = count_layers([geometry], [Cut(Axes(1, 1, 1), "rows")], design)
        assert (layer.pixels, layer.out_channels, layer.fan_in) == tuple(int(row[name]) for name in "MNK"), row
        assert counts.folds == int(row["folds"]), row
        assert counts.preload + counts.stream - 1 == int(row["compute_cycles"]), row
    assert (len(rows), padded) == (120, 9)


CONVOLUTION = ("ifmap_h", "ifmap_w", "filt_h", "filt_w", "channels", "num_filter", "stride")


@pytest.mark.parametrize(("workload", "columns"), [("gemm", ("M", "N", "K")), ("conv", CONVOLUTION)])
def test_rows_as_topologies(workload: str, columns: tuple[str, ...], tmp_path: Path) -> None:
    """The same rows as a topology that is imported: its layers, each with an input of its own, give the same cycles."""
    with ROWS.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["workload"] == "gemm") == (workload == "gemm")]
    topology = tmp_path / f"{workload}.csv"
    lines = [",".join([row["layer"], *(row[column] for column in columns), ""]) for row in rows]
    topology.write_text("\n".join([",".join(["Layer", *columns, ""]), *lines]))
    network = write_imported(read_file(topology, NumberFormats()), topology, tmp_path / f"{workload}.yaml")
    assert len(network.layers) == len(rows) > 10
    for index, row in enumerate(rows):
        machine = {"rows": int(row["rows"]), "cols": int(row["cols"]), "dataflow": row["dataflow"], "acc_bits": 32}
        design = FittedDesign(**machine, op="mac", x_bits=8, w_bits=8)
        (counts,) = count_layers([layer_geometry(network, index)], [Cut(Axes(1, 1, 1), "rows")], design)
        assert counts.preload + counts.stream - 1 == int(row["compute_cycles"]), row
