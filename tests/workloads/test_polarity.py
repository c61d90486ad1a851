"""The polarity study: how signs are drawn and learned, resuming, tables, and bad input."""

import re
from itertools import pairwise

import numpy as np
import pytest

from dse.cli.polarity import polarity
from dse.report.polarity_report import Cell, summarise, table_latex, table_markdown, write_report
from dse.report.seed_cells import cells_csv
from workloads.datasets import DATASETS
from workloads.errors import LimenError
from workloads.host.text_tables import csv_bytes
from workloads.layers.layer import Layer
from workloads.studies import polarity as study
from workloads.studies.polarity import GRANULARITIES, INITIALISATIONS, PolarityRow, draw_polarity, run_study
from workloads.training.classifier import load_data
from workloads.training.forward_backward import backward, forward, initialise
from workloads.training.recipe import OpRecipe, Recipe


@pytest.fixture(scope="module")
def brief():
    """A recipe of one epoch."""
    return Recipe(
        version=1, name="brief", dataset="digits", epochs=1, batch=64, ops={"threshold": OpRecipe(learning_rate=0.12)}
    )


def random_layer(random, granularity):
    kernel = tuple(int(side) for side in random.integers(1, 4, 2))
    return Layer(
        name="conv", op="threshold", x_bits=8, w_bits=8, y_bits=8, height=6, width=5, polarity=granularity,
        channels=int(random.integers(1, 8)), out_channels=int(random.integers(1, 20)), kernel=kernel,
    )  # fmt: skip


def free_sets(layer, polarity):
    """Return the signs that may be drawn, [sets, signs of a set], after checking that all others repeat them."""
    channels = layer.out_channels
    flat = polarity.reshape(channels, -1)
    if layer.polarity == "synapse":
        return flat
    if layer.polarity == "input":
        assert (flat == flat[0]).all()
        return flat[:1]
    assert (flat == flat[:, :1]).all()
    return flat[:, 0][None]


@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("initialisation", INITIALISATIONS)
def test_draws_follow_their_rules(granularity, initialisation):
    leaning = set()
    for seed in range(60):
        print("seed", seed)
        random = np.random.default_rng(seed)
        layer = random_layer(random, granularity)
        polarity, latent = draw_polarity(layer, random, initialisation)
        assert polarity.dtype == np.float32 and polarity.shape == layer.weights_shape
        assert polarity.flags.writeable and polarity.flags.c_contiguous and set(np.unique(polarity)) <= {-1, 1}
        sets = free_sets(layer, polarity)
        size, positive = sets.shape[1], (sets > 0).sum(axis=1)
        if initialisation == "balanced":
            assert (np.abs(2 * positive - size) == size % 2).all()
            leaning |= set((2 * positive - size).tolist())
        if initialisation == "skewed":  # 7 tenths, rounded: nothing is nearer
            assert (np.abs(10 * positive - 7 * size) <= 5).all()
        if initialisation == "learned":
            assert latent.dtype == np.float32 and latent.size == sets.size
            assert np.abs(latent).max() <= study.LATENT_REACH[granularity]
            np.testing.assert_array_equal(np.where(np.broadcast_to(latent, polarity.shape) >= 0, 1, -1), polarity)
        else:
            assert latent is None
    if initialisation == "balanced":
        assert leaning == {-1, 0, 1}, "odd sets lean both ways"


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_learned_polarity_starts_where_random_polarity_stays(granularity):
    layer = random_layer(np.random.default_rng(2), granularity)
    drawn = [draw_polarity(layer, np.random.default_rng(9), each)[0] for each in ("random", "learned")]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize("initialisation", ["random", "learned", "skewed"])
def test_signs_fall_anywhere_with_their_probability(initialisation):
    layer = Layer(name="fc", kind="linear", op="threshold", x_bits=8, w_bits=8, channels=40, out_channels=2000)
    polarity, _ = draw_polarity(layer, np.random.default_rng(0), initialisation)
    share = 0.7 if initialisation == "skewed" else 0.5
    assert np.abs((polarity > 0).mean(axis=0) - share).max() < 5 * np.sqrt(share * (1 - share) / 2000)


def test_without_a_drawing_function_initialise_draws_what_it_always_did():
    layers = study.network_layers("digits", 2, "synapse")
    x = np.random.default_rng(1).normal(size=(20, 8, 8, 1))
    chain = initialise(layers, x, np.random.default_rng(5))
    random = np.random.default_rng(5)
    for part in chain:
        random.standard_normal(part.layer.weights_shape)
        np.testing.assert_array_equal(part.polarity, np.where(random.random(part.layer.weights_shape) < 0.5, 1, -1))
        assert part.latent is None


def learning_chain(granularity, seed, images):
    """Return (chain, inputs [H, W, C, B], slope [values, B]), all float64, polarity learned."""
    random = np.random.default_rng(seed)
    shared = {"op": "threshold", "x_bits": 8, "w_bits": 8, "polarity": granularity}
    layers = [
        Layer(name="conv", height=4, width=3, channels=2, out_channels=3, kernel=(2, 2), y_bits=8, **shared),
        Layer(name="fc", kind="linear", channels=18, out_channels=4, **shared),
    ]
    x = random.normal(size=(images, 4, 3, 2))
    chain = initialise(layers, x, random, lambda layer, spawned: draw_polarity(layer, spawned, "learned"))
    for layer in chain:
        for name, array in layer.arrays().items():
            if array.dtype == np.float32:
                setattr(layer, name, array.astype(np.float64))
    return chain, np.ascontiguousarray(x.transpose(1, 2, 3, 0)), random.normal(size=(4, images))


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_gradients_of_latents_agree_with_differences(granularity):
    chain, x, slope = learning_chain(granularity, seed=3, images=7)
    _, tape = forward(chain, x)
    for layer, gradients in zip(chain, backward(chain, tape, slope), strict=True):
        gradient, drawn = gradients[-1], layer.polarity.copy()
        assert gradient.shape == layer.latent.shape
        largest = np.abs(gradient).max()
        for place in np.ndindex(layer.latent.shape):
            moved, losses = np.zeros_like(layer.latent), []
            for step in (1e-6, -1e-6):  # of the polarity, as if it were real: straight through
                moved[place] = step
                layer.polarity = drawn + moved
                losses.append((forward(chain, x)[0] * slope).sum())
            layer.polarity = drawn
            assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4, abs=1e-6 * largest)


def test_the_last_layers_gradient_at_polarity_is_its_excess():
    """∂y/∂p = max(x − w, 0), written out, without the norm's mean."""
    chain, x, slope = learning_chain("synapse", seed=4, images=5)
    last = chain[1]
    _, tape = forward(chain, x)
    read = tape[0].y.reshape(-1, 5)  # [K, B]
    centred = (slope - slope.mean(axis=1, keepdims=True)) * np.ldexp(1.0, -last.output_shift)[:, None]
    excess = np.maximum(read[None] - last.weights.reshape(4, -1)[:, :, None], 0)
    expected = (centred[:, None] * excess).sum(axis=2)
    np.testing.assert_allclose(backward(chain, tape, slope)[1][-1].reshape(4, -1), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_only_learned_signs_flip_and_they_stay_within_their_granularity(granularity, brief, monkeypatch):
    masters = []

    def kept(chain, *rest):
        master, curve = train(chain, *rest)
        masters.append(master)
        return master, curve

    train = study.train
    monkeypatch.setattr(study, "train", kept)
    monkeypatch.setattr(study, "LATENT_REACH", dict.fromkeys(GRANULARITIES, 0.1))  # within one epoch's reach
    data = load_data("digits", images=512)
    test = data.validation_pixels, data.validation_labels
    for initialisation in ("learned", "balanced"):
        row = study.train_run((4, granularity, initialisation, 0), data, brief, test, "none")
        assert (row.flipped > 0) == (initialisation == "learned")
        assert row.test_accuracy == row.validation_accuracy
        signs = np.concatenate([part.polarity.reshape(-1) for part in masters[-1]])
        assert row.positive == pytest.approx((signs > 0).mean(), abs=1e-6)
        for part in masters[-1]:
            assert part.layer.polarity == granularity
            free_sets(part.layer, part.polarity)


def test_cells_of_a_seed_differ_in_polarity_alone():
    layers, x = study.network_layers("digits", 4, "input"), np.random.default_rng(0).normal(size=(30, 8, 8, 1))
    drawn = []
    for initialisation in INITIALISATIONS:
        random = np.random.default_rng(7)
        chain = initialise(layers, x, random, lambda layer, r, i=initialisation: draw_polarity(layer, r.spawn(1)[0], i))
        drawn.append((chain[0].weights, random.random()))
    for weights, following in drawn[1:]:
        np.testing.assert_array_equal(weights, drawn[0][0])
        assert following == drawn[0][1]


@pytest.mark.parametrize("name", DATASETS)
def test_every_data_set_gets_networks_of_every_depth(name):
    source = DATASETS[name]
    for depth in study.DEPTHS:
        layers = study.network_layers(name, depth, "input")
        assert len(layers) == depth and layers[0].input_shape == source.shape
        assert layers[-1].out_channels == source.classes
        for before, after in pairwise(layers):
            assert np.prod(before.output_shape) == np.prod(after.input_shape)
            assert after.kind == "linear" or before.output_shape == after.input_shape


class Stopped(Exception):
    pass


def test_a_stopped_study_ends_with_the_bytes_of_an_unbroken_one(tmp_path, brief):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    calls = []
    rows = run_study("digits", [2], 1, whole, progress=lambda *call: calls.append(call), effort=brief)
    assert calls == [("polarity of digits", done, 15) for done in range(1, 16)]

    def stop(what, done, total):
        if done == 5:
            raise Stopped

    with pytest.raises(Stopped):
        run_study("digits", [2], 1, broken, progress=stop, effort=brief)
    assert len((broken / "runs.csv").read_text().splitlines()) == 1 + 5
    resumed = []
    again = run_study("digits", [2], 1, broken, progress=lambda *call: resumed.append(call[1]), effort=brief)
    assert resumed == list(range(6, 16)) and again == rows
    assert (broken / "runs.csv").read_bytes() == (whole / "runs.csv").read_bytes()
    for one, other in zip(write_report(rows, whole), write_report(again, broken), strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert len({(row.granularity, row.initialisation) for row in rows}) == 15
    # Nothing is trained anew, and rows of a depth not asked for are kept.
    assert run_study("digits", [2, 2], 1, broken, progress=stop, effort=brief) == rows


def row(depth=2, granularity="input", initialisation="random", seed=0, validation=0.5, test=0.5):
    return PolarityRow(
        "digits", depth, granularity, initialisation, seed, validation, test, 0.25, 0.125, 3, "0123456789ab"
    )


def test_tables_hold_means_and_sample_deviations(tmp_path):
    rows = [row(seed=0, test=0.9), row(seed=1, test=0.94), row(initialisation="learned", test=0.8)]
    first, second = summarise(rows)
    assert (first.seeds, first.test_mean, second.test_deviation) == (2, pytest.approx(92), None)
    assert first.test_deviation == pytest.approx(100 * 0.04 / np.sqrt(2))  # n − 1 = 1
    head, line, _ = cells_csv(Cell, [first, second]).splitlines()
    assert head.startswith("dataset,depth,granularity,initialisation,seeds,validation_mean_percent")
    assert line == "digits,2,input,random,2,50.000,0.000,92.000,2.828,25.000,12.500"
    markdown = table_markdown([first, second])
    assert "| 2 | input | 92.0 ± 2.8 | – | – | 80.0 ± – | – |" in markdown
    assert "1 to 2 seeds" in markdown and "float master" in markdown
    assert "| 2 | input | 25.0 | 12.5 |" in markdown
    latex = table_latex([first, second])
    assert r"2 & synapse & -- & -- & -- & -- & -- \\" in latex
    assert r" & input & 92.0 $\pm$ 2.8 & -- & -- & 80.0 $\pm$ -- & -- \\" in latex
    assert all(rule in latex for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"accuracy in \%"))
    paths = write_report(rows, tmp_path)
    assert [path.name for path in paths] == ["polarity.csv", "polarity.md", "polarity.tex", "polarity.png"]
    assert paths[-1].read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "dataset: 'nosuch' is not allowed: one of digits"),
        (["digits", "--depths", "2,3"], "depths: 3 is not allowed: any of 2, 4, 8"),
        (["digits", "--depths", "two"], "--depths: 'two' is not allowed: numbers"),
        (["mnist", "--data", "absent"], "mnist: not found; expected"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(tmp_path, arguments, words):
    with pytest.raises(LimenError, match=f"^{re.escape(words)}"):
        polarity.main([*arguments, "--out", str(tmp_path / "out")], standalone_mode=False)
    assert not (tmp_path / "out").exists()


def test_no_seeds_are_refused_from_python_too(tmp_path):
    with pytest.raises(LimenError, match=r"^seeds: 0 is not allowed: at least 1$"):
        run_study("digits", [2], 0, tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_refused_before_any_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LimenError, match="file/out: cannot be written"):
        polarity.main(["digits", "--out", str(tmp_path / "file" / "out")], standalone_mode=False)


def text_of(**changes):
    return csv_bytes([row()._replace(**changes)]).decode()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (text_of(), "settings: '0123456789ab' is not allowed: this study's are '"),
        (text_of(depth=3), "line 2: depth: '3' is not allowed: one of 2, 4, 8"),
        (text_of(granularity="layer"), "line 2: granularity: 'layer' is not allowed: one of synapse, input, neuron"),
        (text_of(initialisation="zero"), "line 2: initialisation: 'zero' is not allowed: one of random"),
        (text_of(test_accuracy="high"), "line 2: test_accuracy: 'high' is not allowed: a number"),
        (text_of()[:-20] + "\n", "line 2: "),
        ("", "header: '' is not allowed: dataset,depth"),
        ("a,b\n", "header: 'a,b' is not allowed: dataset,depth"),
    ],
)
def test_rows_of_another_study_and_damaged_ones_are_refused_in_one_line(tmp_path, text, words):
    (tmp_path / "runs.csv").write_text(text)
    with pytest.raises(LimenError, match=f"runs.csv: {re.escape(words)}"):
        polarity.main(["digits", "--out", str(tmp_path)], standalone_mode=False)
    assert (tmp_path / "runs.csv").read_text() == text
