"""A published figure is a test: SCALE-Sim v3's compute cycles, all rows, exactly.

They are those of the folds alone: the layer in one tile, operands already on chip.
"""

from __future__ import annotations

import csv

from simulator.designs.design import FittedDesign
from simulator.plan.axes import Axes
from simulator.plan.geometry import layer_geometry
from simulator.timing.timing import Cut, count_layers
from tests.support.paths import DATA
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
