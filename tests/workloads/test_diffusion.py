"""Diffusion: the noise that is added, the task's gradient, sampling, resuming, integers, the judge, and bad input."""

import re

import numpy as np
import pytest

from dse.cli import diffusion as cli_diffusion
from dse.report.diffusion_plot import mosaic
from dse.report.diffusion_report import run_diffusion
from workloads.errors import LimenError
from workloads.host.files import read_arrays
from workloads.networks.network import load_network
from workloads.studies import diffusion
from workloads.studies.diffusion import DIFFUSION_OPS, PIXELS, STEPS, Denoiser
from workloads.studies.diffusion_integers import (
    integer_pixels,
    integer_predictor,
    quantise_denoiser,
    within_reach,
)
from workloads.studies.diffusion_judge import baselines, make_judge, nearest_distances, nearest_training
from workloads.training.float_master import outputs_of
from workloads.training.forward_backward import backward, forward, initialise


@pytest.fixture
def brief(monkeypatch):
    """Networks and epochs small enough for tests."""
    monkeypatch.setattr(diffusion, "HIDDEN", (6, 5))
    monkeypatch.setattr(diffusion, "COPIES", 1)
    monkeypatch.setattr(diffusion, "VALIDATION_COPIES", 1)


def written_schedule():
    """ā by its definition, a product written out: arXiv 2102.09672, eq. 17."""

    def curve(t):
        return np.cos((t / STEPS + 0.008) / 1.008 * np.pi / 2) ** 2

    kept, product = [], 1.0
    for t in range(1, STEPS + 1):
        product *= 1 - min(1 - curve(t) / curve(t - 1), 0.999)
        kept.append(product)
    return np.array(kept)


def test_the_schedule_is_the_published_one_and_ends_in_noise():
    kept = diffusion.kept_variance()
    np.testing.assert_allclose(kept, written_schedule(), rtol=1e-12)
    assert (np.diff(kept) < 0).all() and kept[0] > 0.99 and kept[-1] < 1e-4


def test_noising_has_the_mean_and_variance_of_its_formula():
    random, digit, images = np.random.default_rng(0), diffusion.real_digits("train")[:1], 20000
    kept = written_schedule()
    for t in (1, STEPS // 2, STEPS):
        noise = random.standard_normal((images, PIXELS), dtype=np.float32)
        noisy = diffusion.noised(np.repeat(digit, images, axis=0), np.full(images, t), noise)
        variance = 1 - kept[t - 1]
        # Exact given the noise, and five standard errors over its draws.
        np.testing.assert_allclose(noisy, np.sqrt(kept[t - 1]) * digit + np.sqrt(variance) * noise, atol=1e-6)
        error = 5 * np.sqrt(variance / images)
        np.testing.assert_allclose(noisy.mean(axis=0), np.sqrt(kept[t - 1]) * digit[0], atol=error)
        np.testing.assert_allclose(noisy.var(axis=0), variance, rtol=5 * np.sqrt(2 / images))


def test_steps_are_uniform_and_told_apart():
    t = diffusion.draw_noisy(np.zeros((50000, PIXELS), dtype=np.float32), np.random.default_rng(1))[1]
    counts = np.bincount(t, minlength=STEPS + 1)
    assert counts[0] == 0 and np.abs(counts[1:] - 1000).max() < 5 * np.sqrt(1000)
    channels = diffusion.time_channels(np.arange(1, STEPS + 1))
    assert channels.shape == (STEPS, diffusion.TIME_CHANNELS) and np.abs(channels).max() <= 1
    assert len(np.unique(channels, axis=0)) == STEPS


@pytest.mark.parametrize("op", DIFFUSION_OPS)
def test_the_gradient_of_the_tasks_loss_agrees_with_differences(op, monkeypatch):
    monkeypatch.setattr(diffusion, "HIDDEN", (3,))
    digits = diffusion.real_digits("train")[:16]
    task = Denoiser(digits, digits)
    chain = initialise(diffusion.network_layers(op), task.sample, np.random.default_rng(0))
    for layer in chain:
        for name, array in layer.arrays().items():
            if array.dtype == np.float32:
                setattr(layer, name, array.astype(np.float64))
    x, noise = (array.astype(np.float64) for array in next(task.batches(np.random.default_rng(3))))
    assert x.shape == (8, 8, 1 + diffusion.TIME_CHANNELS, diffusion.TRAINING_BATCH) and noise.shape == (
        64,
        diffusion.TRAINING_BATCH,
    )

    def loss():
        return task.loss(forward(chain, x)[0], noise)[0]

    outputs, tape = forward(chain, x)
    task_loss, slope, score = task.loss(outputs, noise)
    assert task_loss == score == pytest.approx(np.mean((outputs - noise) ** 2))
    gradients = backward(chain, tape, slope)
    random = np.random.default_rng(4)
    for layer, parts in zip(chain, gradients, strict=True):
        for array, gradient in zip(layer.trainable(), parts, strict=True):
            for place in zip(*(random.integers(0, side, 8) for side in array.shape), strict=True):
                kept, losses = array[place], []
                for step in (1e-6, -1e-6):
                    array[place] = kept + step
                    losses.append(loss())
                array[place] = kept
                differences = (losses[0] - losses[1]) / 2e-6
                assert gradient[place] == pytest.approx(differences, rel=2e-3, abs=1e-8)


def test_the_linear_predictor_beats_any_other_of_its_kind():
    """A least-squares fit on many draws of one step ends where the closed form is."""
    digits = diffusion.real_digits("train")
    predict, random, t = diffusion.linear_predictor(digits), np.random.default_rng(5), 20
    x = np.tile(digits, (20, 1))
    noise = random.standard_normal(x.shape, dtype=np.float32)
    noisy = diffusion.noised(x, np.full(len(x), t), noise)
    design = np.concatenate([noisy, np.ones((len(x), 1))], axis=1)
    fitted = design @ np.linalg.lstsq(design, noise, rcond=None)[0]
    predicted = predict(noisy, np.full(len(x), t))
    assert np.mean((predicted - noise) ** 2) == pytest.approx(np.mean((fitted - noise) ** 2), rel=0.01)
    assert np.mean((predicted - fitted) ** 2) < 0.01


def test_a_perfect_predictor_gives_the_digit_back_and_samples_follow_their_seed():
    digit = diffusion.real_digits("test")[0]

    def knowing(noisy, t):
        kept = diffusion.kept_variance()[t - 1][:, None]
        return (noisy - np.sqrt(kept) * digit) / np.sqrt(1 - kept)

    assert diffusion.errors_by_step(knowing, diffusion.real_digits("test")[:1]).max() < 1e-6
    np.testing.assert_allclose(diffusion.sample_images(knowing, 3, 0), np.tile(digit, (3, 1)), atol=1e-4)
    linear = diffusion.linear_predictor(diffusion.real_digits("train"))
    one, again, other = (diffusion.sample_images(linear, 4, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.1


class Stopped(Exception):
    pass


@pytest.mark.parametrize("op", DIFFUSION_OPS)
def test_a_stopped_run_ends_with_the_bytes_of_an_unbroken_one(tmp_path, brief, op):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    paths = run_diffusion([op], 2, 0, 5, whole)

    def stop(what, done, total):
        raise Stopped

    with pytest.raises(Stopped):
        run_diffusion([op], 2, 0, 5, broken, stop)
    assert [path.name for path in broken.iterdir()] == [f"{op}.checkpoint.npz"]
    calls = []
    run_diffusion([op], 2, 0, 5, broken, lambda *call: calls.append(call))
    assert calls[0] == (f"training diffusion, {op}, seed 0", 2, 2)
    names = {path.name for path in paths}
    assert (
        names | {f"{op}-8-bits.npz"}
        == {path.name for path in whole.iterdir()}
        == {path.name for path in broken.iterdir()}
    )
    expected = {"diffusion.csv", "diffusion.md", f"{op}.npz", f"{op}-8-bits.yaml", f"{op}-curve.csv"}
    assert expected | {f"{op}-samples.png", f"{op}-8-bits-samples.png"} <= names
    for name in names:
        assert (whole / name).read_bytes() == (broken / name).read_bytes(), name
    # What is trained is not trained again, and the checkpoint that a kill after its last write left is cleared.
    (broken / f"{op}.checkpoint.npz").write_bytes(b"left")
    run_diffusion([op], 2, 0, 5, broken, lambda *call: calls.append(call))
    assert not (broken / f"{op}.checkpoint.npz").exists()
    assert not [what for what, *_ in calls[1:] if what.startswith("training")]
    network = load_network(whole / f"{op}-8-bits.yaml")
    assert [layer.op for layer in network.layers] == [op] * 3 and network.parameters is not None
    arrays = read_arrays(whole / f"{op}.npz")
    assert arrays["conv1.float_weights"].shape == (6, 3, 3, 1 + diffusion.TIME_CHANNELS)
    assert ("conv1.polarity" in arrays) == (op == "threshold")


@pytest.mark.parametrize("op", DIFFUSION_OPS)
def test_integers_are_near_the_master_and_scaling_its_input_is_exact(brief, op):
    master, _ = diffusion.train_denoiser(op, 2, 0, 0.03)
    noisy, t, _ = diffusion.draw_noisy(diffusion.real_digits("test"), np.random.default_rng(6))
    x = diffusion.network_inputs(noisy, t)
    expected = outputs_of(master, x)
    np.testing.assert_array_equal(outputs_of(within_reach(master), x / 4), expected)
    predicted = integer_predictor(*quantise_denoiser(op, master))(noisy, t)
    assert np.sqrt(np.mean((predicted - expected) ** 2)) < 0.25 * expected.std()
    np.testing.assert_array_equal(integer_pixels(np.array([-9.0, -4, 0, 1 / 32, 9])), [0, 0, 128, 129, 255])


def test_the_judge_accepts_real_digits_by_construction_and_knows_copies():
    judge, sets = make_judge(), baselines(64)
    verdicts = {name: judge.verdict(images) for name, images in sets.items()}
    assert {name: len(images) for name, images in sets.items()} == {
        "test digits": 449, "noise": 64, "shuffled pixels": 64, "independent pixels": 64, "gaussian": 64,
    }  # fmt: skip
    assert all(images.min() >= 0 and images.max() <= 16 for images in sets.values())
    real = verdicts["test digits"]
    assert real.accepted > 0.9 and real.near == pytest.approx(0.95, abs=0.01) and real.copies < 0.06
    assert verdicts["noise"].near == 0 and verdicts["shuffled pixels"].both < 0.05
    train = diffusion.ink(diffusion.real_digits("train"))[:20]
    assert judge.verdict(train).copies == 1 and nearest_distances(train).max() == 0
    np.testing.assert_array_equal(nearest_training(train), train)
    slow = min(np.sqrt(np.mean(((train[0] * 0 + 3 - other) / 16) ** 2)) for other in diffusion.ink(
        diffusion.real_digits("train")
    ))  # fmt: skip
    assert nearest_distances(np.full((1, PIXELS), 3))[0] == pytest.approx(slow)
    # The order of a shuffled digit's pixels is lost, its ink is not.
    assert (np.sort(sets["shuffled pixels"], axis=1) == np.sort(sets["test digits"][:64], axis=1)).all()


def test_a_mosaic_keeps_images_in_order():
    picture = mosaic(np.arange(3)[:, None] + np.zeros((3, PIXELS), dtype=np.int64))
    assert picture.shape == (18, 18)
    assert (picture[:8, 9:17] == 1).all() and (picture[9:17, :8] == 2).all() and (picture[9:, 9:] == 0).all()


def test_help_says_what_the_code_has():
    assert tuple(cli_diffusion.OPS) == DIFFUSION_OPS and cli_diffusion.EPOCHS == diffusion.EPOCHS


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, "epochs: 0 is not allowed: at least 1"),
        ({"samples": 0}, "samples: 0 is not allowed: at least 1"),
        ({"rate": 0.0}, "rate: 0.0 is not allowed: above 0 and below 10"),
        ({"rate": float("nan")}, "rate: nan is not allowed: above 0 and below 10"),
        ({"seed": -1}, "seed: -1 is not allowed: at least 0"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(tmp_path, changes, words):
    sound = {"ops": ["mac"], "epochs": 1, "seed": 0, "samples": 1, "out": tmp_path / "out"}
    with pytest.raises(LimenError, match=f"^{re.escape(words)}$"):
        run_diffusion(**{**sound, **changes})
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_is_refused_before_any_training(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LimenError, match="file/out: cannot be written"):
        cli_diffusion.diffusion.main(["--out", str(tmp_path / "file" / "out")], standalone_mode=False)


def test_a_checkpoint_of_another_network_is_refused(tmp_path, brief, monkeypatch):
    def stop(what, done, total):
        raise Stopped

    with pytest.raises(Stopped):
        run_diffusion(["mac"], 2, 0, 5, tmp_path, stop)
    with pytest.raises(
        LimenError, match=r"mac.checkpoint.npz: checkpoint: seed: 0 is not allowed: this training has 1"
    ):
        run_diffusion(["mac"], 2, 1, 5, tmp_path)
    monkeypatch.setattr(diffusion, "HIDDEN", (6,))
    with pytest.raises(LimenError, match=r"mac.checkpoint.npz: checkpoint: network: '.*delete the file to train anew$"):
        run_diffusion(["mac"], 2, 0, 5, tmp_path)
