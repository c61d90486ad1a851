"""Random quantised models against onnxruntime: the same integers, in every score, wherever no half is left."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.support.tools import skip_without
from tests.workloads.onnx_models import Model, in_process  # noqa: F401
from tests.workloads.quantised_models import grid, stored
from workloads.imports.imported import NumberFormats
from workloads.imports.onnx import runtime, values
from workloads.imports.onnx.reading import read_graph
from workloads.imports.onnx.real import NoValues

pytestmark = [pytest.mark.usefixtures("in_process"), skip_without("onnxruntime", "onnx")]

SEEDS = range(60)
ROUNDINGS = ("ROUND", "FLOOR", "CEIL", "HALF_UP", "HALF_DOWN")


class Drawn:
    """A model that grows layer by layer; x: its tensor so far, [n, channels, height, width]."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.model = Model(13, qonnx_custom_op_general=1)
        self.model.random = self.random
        self.channels, self.height, self.width = (int(size) for size in self.random.integers((1, 4, 4), (5, 9, 9)))
        self.x = self.rounded(self.model.input("n", self.channels, self.height, self.width), False)
        for _ in range(self.random.integers(1, 6)):
            step = self.random.choice(["convolution", "convolution", "pool", "average", "residual", "side_by_side"])
            getattr(self, step)()
        self.finish()

    def rounded(self, x: str, unsigned: bool) -> str:
        """Round a tensor: QDQ of 8 bits, or QONNX' Quant of any width and rounding."""
        exponent = int(self.random.integers(-4, -1))
        if self.random.random() < 0.6:
            return grid(self.model, x, exponent, np.uint8 if unsigned else np.int8)
        read = [self.model.constant(value) for value in (2.0**exponent, 0.0, float(self.random.integers(3, 9)))]
        signed, rounding = int(not unsigned), str(self.random.choice(ROUNDINGS))
        domain = "qonnx.custom_op.general"
        return self.model.node("Quant", x, *read, domain=domain, signed=signed, narrow=0, rounding_mode=rounding)

    def activated(self, x: str) -> None:
        """Clamp a tensor, perhaps, and round it."""
        relu = self.random.random() < 0.5
        self.x = self.rounded(self.model.node("Relu", x) if relu else x, relu)

    def bias(self, count: int) -> list[str]:
        """Return a bias on the grid of sums, off it, or none."""
        drawn = self.random.random()
        on_grid = self.random.integers(-40, 40, count) / 32
        return [] if drawn < 0.3 else [self.model.constant(on_grid if drawn < 0.7 else self.random.normal(size=count))]

    def convolution(self) -> None:
        groups = int(self.random.choice([each for each in range(1, self.channels + 1) if self.channels % each == 0]))
        outputs = groups * int(self.random.integers(1, 4))
        kernel = [int(self.random.integers(1, min(3, size) + 1)) for size in (self.height, self.width)]
        pads = [int(self.random.integers(0, size)) for size in kernel * 2]
        strides = [int(step) for step in self.random.integers(1, 3, 2)]
        exponent = int(self.random.integers(-9, -6))
        weights = stored(self.model, exponent, outputs, self.channels // groups, *kernel)
        y = self.model.node(
            "Conv", self.x, weights, *self.bias(outputs), group=groups, pads=pads, strides=strides, kernel_shape=kernel
        )
        self.height = (self.height + pads[0] + pads[2] - kernel[0]) // strides[0] + 1
        self.width = (self.width + pads[1] + pads[3] - kernel[1]) // strides[1] + 1
        self.channels = outputs
        self.activated(y)

    def pool(self, op: str = "MaxPool") -> None:
        if min(self.height, self.width) > 1:
            self.x = self.model.node(op, self.x, kernel_shape=[2, 2])
            self.height, self.width = self.height - 1, self.width - 1

    def average(self) -> None:
        self.pool("AveragePool")
        self.x = self.rounded(self.x, False) if self.model.nodes[-1].op_type == "AveragePool" else self.x

    def residual(self) -> None:
        y = self.model.node("Conv", self.x, stored(self.model, -8, self.channels, self.channels, 1, 1))
        y = self.rounded(y, False) if self.random.random() < 0.5 else y
        self.activated(self.model.node("Add", y, self.x))

    def side_by_side(self) -> None:
        pieces = [self.model.node("Conv", self.x, stored(self.model, -8, n, self.channels, 1, 1)) for n in (2, 3)]
        self.x = self.model.node("Concat", *(self.rounded(piece, False) for piece in pieces), axis=1)
        self.x = self.rounded(self.x, False) if self.random.random() < 0.8 else self.x
        self.channels = 5

    def finish(self) -> None:
        values_of_image = self.channels * self.height * self.width
        y = self.model.node(
            "Gemm", self.model.node("Flatten", self.x), stored(self.model, -8, 4, values_of_image), transB=1
        )
        if self.random.random() < 0.4:
            self.rounded(y, False)


def test_random_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workloads.imports.onnx import runtime_worker

    def run(module: str, path: Path, scratch: Path) -> None:
        np.save(scratch / "outputs.npy", runtime_worker.run(path, scratch))  # a process each would take a minute

    monkeypatch.setattr(runtime, "run_worker", run)
    monkeypatch.setattr(values, "COMPARED", 30)
    counted = Counter[str]()
    for seed in SEEDS:
        path = Drawn(seed).model.save(tmp_path / "model.onnx")
        try:
            read = values.read_values(path, read_graph(path, with_values=True), NumberFormats(), None, to_even=True)
        except NoValues as reason:
            counted[str(reason)[:20]] += 1
            continue
        left = any("may lie halfway" in notice for notice in read.notices)
        same = any("the same integers as onnxruntime's" in notice for notice in read.notices)
        assert same or left, f"seed {seed}: {read.notices}"
        counted["same" if same else "halves left"] += 1
    print(counted)
    assert counted["same"] > len(SEEDS) // 2
