"""The depth study: networks of equal operations, norms, resuming, tables, and bad input."""

import re

import numpy as np
import pytest

from dse.cli.depth import depth
from dse.report.depth_report import Cell, summarise, table_latex, table_markdown, write_report
from dse.report.seed_cells import cells_csv
from workloads.errors import LimenError
from workloads.exact.kernel_arrays import batch_innermost
from workloads.host.text_tables import csv_bytes
from workloads.studies import depth as study
from workloads.studies.depth import DEPTHS, FORMS, RATES, DepthRow, network_layers, run_study
from workloads.training.classifier import load_data
from workloads.training.float_master import outputs_of
from workloads.training.forward_backward import backward, fold, forward, initialise
from workloads.training.optimiser import cross_entropy
from workloads.training.recipe import Recipe


@pytest.fixture(scope="module", name="brief")
def brief_recipe():
    """A recipe of one epoch."""
    ops = {op: {"learning_rate": 0.05} for op in RATES}
    return Recipe(version=1, name="brief", dataset="digits", epochs=1, batch=512, ops=ops)


@pytest.mark.parametrize("name", ["digits", "fashion-mnist"])
def test_networks_of_all_depths_have_equal_operations(name):
    most = study.OPERATIONS_OF_SMALL if name == "digits" else study.OPERATIONS
    for depth_of in DEPTHS:
        for form in FORMS:
            layers = network_layers(name, "threshold", depth_of, form)
            assert 0.87 * most <= sum(layer.pairs for layer in layers) <= most
            assert sum("projection" not in layer.name for layer in layers) == depth_of
            adds = [layer.residual for layer in layers if layer.residual]
            assert len(adds) == (depth_of // 2 - 1 if form == "residual" else 0)


def prepared(norm, op="threshold"):
    """Return (chain in float64, real inputs, labels) of a network with residuals."""
    random = np.random.default_rng(3)
    x, labels = random.normal(size=(6, 8, 8, 1)), random.integers(0, 10, 6)
    chain = initialise(study._of_width("digits", op, 8, "residual", 10), x, random, norm=norm)
    for part in chain:
        for name, array in part.arrays().items():
            if array.dtype == np.float32:
                setattr(part, name, array.astype(np.float64))
    return chain, x, labels


@pytest.mark.parametrize(("norm", "op"), [("none", "threshold"), ("none", "mac"), ("mean", "mac")])
def test_gradients_agree_with_differences_and_masters_with_chains(norm, op):
    chain, x, labels = prepared(norm, op)

    def loss():
        return cross_entropy(forward(chain, batch_innermost(x))[0], labels, 0.0)

    gradients = backward(chain, forward(chain, batch_innermost(x))[1], loss()[1])
    for part, gained in zip(chain, gradients, strict=True):
        for array, gradient in zip(part.trainable(), gained, strict=True):
            for place in list(np.ndindex(array.shape))[::31]:
                kept, losses = array[place], []
                for step in (1e-6, -1e-6):
                    array[place] = kept + step
                    losses.append(loss()[0])
                array[place] = kept
                assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4, abs=1e-7)
    assert all(not part.mean.any() for part in chain) or norm == "mean"
    if norm == "none":  # nothing depends on the batch, so the master is the chain itself
        outputs = forward(chain, batch_innermost(x))[0]
        np.testing.assert_allclose(outputs_of(fold(chain), x).T, outputs, rtol=1e-4, atol=1e-4)


def test_centred_gradients_move_no_sum_like_a_bias():
    """The same gradients as without a norm, but that of each neuron's weights is orthogonal to its polarity."""
    (plain, x, labels), (chain, _, _) = prepared("none"), prepared("centred")
    outputs, tape = forward(chain, batch_innermost(x))
    slope = cross_entropy(outputs, labels, 0.0)[1]
    centred, all_of_it = (
        backward(chain, tape, slope.copy()),
        backward(plain, forward(plain, batch_innermost(x))[1], slope),
    )
    for part, (weights, bias), (whole, same) in zip(chain, centred, all_of_it, strict=True):
        np.testing.assert_array_equal(bias, same)
        along = (part.polarity * whole).mean(axis=(1, 2, 3), keepdims=True)
        assert np.abs(along).max() > 1e-6
        np.testing.assert_allclose(weights, whole - part.polarity * along, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose((part.polarity * weights).sum(axis=(1, 2, 3)), 0, atol=1e-9)


class Stopped(Exception):
    pass


def test_a_stopped_study_ends_with_the_bytes_of_an_unbroken_one(tmp_path, brief, monkeypatch):
    monkeypatch.setattr(study, "OPERATIONS_OF_SMALL", 60_000)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    calls = []
    rows = run_study("digits", [4, 2], 1, whole, progress=lambda *call: calls.append(call), effort=brief)
    assert calls == [("depth of digits", done, 18) for done in range(1, 19)]

    def stop(what, done, total):
        if done == 5:
            raise Stopped

    with pytest.raises(Stopped):
        run_study("digits", [2, 4], 1, broken, progress=stop, effort=brief)
    resumed = []
    again = run_study("digits", [2, 4], 1, broken, progress=lambda *call: resumed.append(call[1]), effort=brief)
    assert resumed == list(range(6, 19)) and again == rows
    assert (broken / "runs.csv").read_bytes() == (whole / "runs.csv").read_bytes()
    for one, other in zip(write_report(rows, whole), write_report(again, broken), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_a_training_that_diverges_counts_as_a_guess(brief, monkeypatch):
    monkeypatch.setattr(study, "RATES", {"mac": {"none": 1e9}})
    data = load_data("digits", images=512)
    test = data.validation_pixels, data.validation_labels
    row = study.train_run((4, "plain", "mac", "none", 0), data, brief.model_copy(update={"epochs": 3}), test, "none")
    assert (row.validation_accuracy, row.test_accuracy, row.diverged) == (0.1, 0.1, 1)


def row(depth_of=4, form="plain", norm="mean", seed=0, test=0.5, diverged=0):
    return DepthRow(
        "digits", depth_of, form, "threshold", norm, seed, 400_000, 9000, 0.5, test, diverged, "0123456789ab"
    )


def test_tables_hold_means_and_sample_deviations():
    rows = [row(seed=0, test=0.9), row(seed=1, test=0.94), row(depth_of=20, form="residual", test=0.1, diverged=1)]
    cells = summarise(rows)
    assert cells[0].test_deviation == pytest.approx(100 * 0.04 / np.sqrt(2))  # n − 1 = 1
    assert (
        cells_csv(Cell, cells).splitlines()[1]
        == "digits,4,plain,threshold,mean,400000,9000,2,0,50.000,0.000,92.000,2.828"
    )
    markdown = table_markdown(cells)
    assert "| threshold | mean | residual | – | 10.0 ± – (1 diverged) |" in markdown
    assert "| threshold | mean | plain | 92.0 ± 2.8 | – |" in markdown
    assert "1 to 2 seeds" in markdown and "against depth; 0.4 million operations" in markdown
    assert r" & plain & 92.0 $\pm$ 2.8 & -- \\" in table_latex(cells)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "dataset: 'nosuch' is not allowed: one of digits"),
        (["digits", "--depths", "2,3"], "depths: 3 is not allowed: any of 2, 4, 8, 14, 20"),
        (["digits", "--depths", "two"], "--depths: 'two' is not allowed: numbers"),
        (["mnist", "--data", "absent"], "mnist: not found; expected"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(tmp_path, arguments, words):
    with pytest.raises(LimenError, match=f"^{re.escape(words)}"):
        depth.main([*arguments, "--out", str(tmp_path / "out")], standalone_mode=False)
    assert not (tmp_path / "out").exists()


def test_series_are_refused(tmp_path):
    with pytest.raises(LimenError, match=r"^dataset: 'spoken-digits' is not allowed: depth is studied on images$"):
        run_study("spoken-digits", [2], 1, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "settings: '0123456789ab' is not allowed: this study's are '"),
        ({"depth": 3}, "line 2: depth: '3' is not allowed: one of 2, 4, 8, 14, 20"),
        ({"norm": "layer"}, "line 2: norm: 'layer' is not allowed: one of mean, centred, none, batch"),
    ],
)
def test_rows_of_another_study_are_refused_in_one_line(tmp_path, changes, words):
    (tmp_path / "runs.csv").write_bytes(csv_bytes([row()._replace(**changes)]))
    with pytest.raises(LimenError, match=f"runs.csv: {re.escape(words)}"):
        depth.main(["digits", "--out", str(tmp_path)], standalone_mode=False)
