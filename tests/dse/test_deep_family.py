"""A deep family is a workload as others are: of an axis, of the price by its own operands, of the cycle model."""

from dataclasses import replace
from pathlib import Path

import numpy as np

import limen
from dse.study.study import Study
from simulator.run import choose_inputs
from workloads.networks.accuracy import read_accuracies
from workloads.networks.family import load_family

STUDY = """version: 1
workloads: [fashion-mnist-deep]
space: {rows: [16], cols: [16], op: [threshold, mac], bits: {x: [8]}, dataflow: [os], acc_policy: [weights],
  stream: [own]}
objectives: {energy_uj: min, latency_us: min, area_mm2: min, accuracy: max}
sampler: {name: exhaustive}
"""


def test_ten_layers_in_a_study(tmp_path: Path) -> None:
    """A network of residual adds is priced by its own operands, at the accuracy that its family states."""
    (tmp_path / "deep.yaml").write_text(STUDY)
    table = Study(tmp_path / "deep.yaml", tmp_path / "out", quiet=True).run().trials().set_index("op")
    stored = read_accuracies(load_family("fashion-mnist-deep"))
    for op in ("threshold", "mac"):
        row, expected = table.loc[op], stored[op, 8, 8]  # type: ignore[index]
        assert (row["accuracy"], row["test_accuracy"]) == (expected.validation_accuracy, expected.test_accuracy)
        assert row["energy_uj"] > 0 and row["stream"] == "own"
    assert table.loc["mac", "acc_bits"] == 25 > table.loc["threshold", "acc_bits"]


def test_ten_layers_step_by_step() -> None:
    """Residuals and all, the cycle model has the counts of level timing and the integers of exact inference."""
    network = replace(limen.network("fashion-mnist-deep", op="threshold", x_bits=4, w_bits=4), dataset=None)  # no data
    chip = limen.Design(rows=16, cols=16, dataflow="os", op="threshold", x_bits=4, w_bits=4)
    timing, cycle = (limen.simulate(network, chip, level=level) for level in ("timing", "cycle"))
    assert timing.counts == cycle.counts
    assert np.array_equal(cycle.scores, network.predict(choose_inputs(network, 1)))
