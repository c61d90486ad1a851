"""Training: kernels and gradients, norms, folding, determinism, checkpoints, and recipes that can't be."""

import json

import numpy as np
import pytest

from workloads import lanes, layer_kernels
from workloads.errors import LimenError
from workloads.files import csv_bytes, npz_bytes, read_arrays, write_whole
from workloads.layer import Layer
from workloads.network import NetworkFile
from workloads.numbers import OPS
from workloads.rounding import integer_weights, lowest_exponents, powers, round_to_powers
from workloads.specfile import read_spec
from workloads.training import chain as training
from workloads.training import loop
from workloads.training.classifier import Classifier, load_data
from workloads.training.grids import Grid
from workloads.training.make_family import SeedRow, op_layers, seed_study, summarise_seeds, train_family
from workloads.training.master import FloatLayer, outputs_of, real_inputs, run_master
from workloads.training.optimiser import cross_entropy, mean_square
from workloads.training.quantise import folded_constants
from workloads.training.recipe import Recipe
from workloads.training.stages import train_master

NETWORK = """
version: 1
name: tiny
op: {op}
x_bits: 8
w_bits: {w_bits}
x_signed: {signed}
dataset: digits
input: {{height: 8, width: 8, channels: 1}}
layers:
  - {{name: conv, kind: conv2d, out_channels: 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1]{first}}}
  - {{name: scores, kind: linear, out_channels: 10}}
"""

RECIPE = """
version: 1
name: tiny
dataset: digits
epochs: 2
batch: 64
shift_pixels: 1
tuning_epochs: 1
ops:
  threshold: {learning_rate: 0.08}
  mac: {learning_rate: 0.01}
  adder: {learning_rate: 0.1}
  shift: {learning_rate: 0.02}
  shift-adder: {learning_rate: 0.1}
  mac-threshold: {learning_rate: 0.08}
"""

FAMILY_OPS = ("threshold", "mac", "adder", "shift", "shift-adder", "mac-threshold")


@pytest.fixture
def recipe_path(tmp_path):
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    for op in FAMILY_OPS:
        base = {"shift-adder": "adder", "mac-threshold": "threshold"}.get(op, op)
        first = {"shift-adder": ", op: shift, w_bits: 5", "mac-threshold": ", op: mac"}.get(op, "")
        signed = str(base in ("threshold", "adder")).lower()
        text = NETWORK.format(op=base, w_bits=5 if op == "shift" else 8, signed=signed, first=first)
        (folder / f"{op}.yaml").write_text(text)
    return folder / "recipe.yaml"


def layers_of(recipe_path, op):
    return read_spec(NetworkFile, recipe_path.parent / f"{op}.yaml").build_layers()


def small_layer(op, padding=(1, 0, 2, 1), **fields):
    shape = {"height": 5, "width": 4, "channels": 3, "out_channels": 5, "kernel": (3, 2), "stride": (2, 1)} | fields
    signed = op in ("threshold", "adder")
    return Layer(
        name="conv", op=op, x_bits=8, w_bits=5, x_signed=signed, padding=padding, y_bits=8, y_signed=signed, **shape
    )  # fmt: skip


def random_case(layer, seed=0, images=3):
    random = np.random.default_rng(seed)
    x = random.normal(size=(*layer.input_shape, images))
    weights = random.normal(size=layer.weights_shape)
    polarity = np.where(random.random(weights.shape) < 0.5, 1.0, -1.0) if layer.op == "threshold" else None
    return x, weights, polarity, random.normal(size=(*layer.output_shape, images))


def naive_sums(layer, weights, polarity, x):
    """The sums of one layer, loop by loop: an oracle that knows the definitions and nothing of rows or taps."""
    top, _, left, _ = layer.padding
    y = np.zeros((*layer.output_shape, x.shape[-1]))
    for oh, ow, n in np.ndindex(layer.output_shape):
        for i, j, c in np.ndindex(layer.weights_shape[1:]):
            h, v = oh * layer.stride[0] + i - top, ow * layer.stride[1] + j - left
            a = x[h, v, c] if 0 <= h < layer.height and 0 <= v < layer.width else np.zeros(x.shape[-1])
            w = weights[n, i, j, c]
            if layer.op == "threshold":
                y[oh, ow, n] += polarity[n, i, j, c] * np.maximum(a - w, 0)
            elif layer.op == "adder":
                y[oh, ow, n] -= np.abs(a - w)
            else:
                y[oh, ow, n] += a * w
    return y


def sums(layer, weights, polarity, x):
    return lanes.layer_sums(layer, weights, polarity, lanes.layer_rows(layer, x))


def test_sums_equal_loops_on_random_layers():
    for seed in range(40):
        print(f"seed {seed}")
        random = np.random.default_rng(seed)
        op = OPS[seed % 4]
        kernel = (int(random.integers(1, 4)), int(random.integers(1, 4)))
        shape = {
            "height": int(random.integers(kernel[0], 7)), "width": int(random.integers(kernel[1], 7)),
            "channels": int(random.integers(1, 5)), "out_channels": int(random.integers(1, 7)), "kernel": kernel,
            "stride": (int(random.integers(1, 4)), int(random.integers(1, 4))),
        }  # fmt: skip
        layer = small_layer(op, tuple(int(p) for p in random.integers(0, 3, 4)), **shape)
        x, weights, polarity, _ = random_case(layer, seed, images=int(random.choice([1, 3, 64, 65])))
        np.testing.assert_allclose(
            sums(layer, weights, polarity, x), naive_sums(layer, weights, polarity, x), rtol=1e-12, atol=1e-12
        )


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 0, 2, 1)])
@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_kernel_gradients_agree_with_differences(op, padding):
    layer = small_layer(op, padding)
    x, weights, polarity, slope = random_case(layer)
    found = lanes.layer_gradients(layer, weights, polarity, lanes.layer_rows(layer, x), slope)
    for array, gradient in ((x, found.inputs), (weights, found.weights)):
        for place in np.ndindex(array.shape):
            kept, step = array[place], 1e-6
            array[place] = kept + step
            above = (sums(layer, weights, polarity, x) * slope).sum()
            array[place] = kept - step
            below = (sums(layer, weights, polarity, x) * slope).sum()
            array[place] = kept
            assert gradient[place] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)


def test_adder_gradients_are_those_of_their_potentials():
    """At weights that of −|x − w| itself; at inputs that of −H(x − w), Huber's potential, as AdderNet has it."""
    layer = small_layer("adder")
    x, weights, _, slope = random_case(layer)
    found = lanes.layer_gradients(layer, weights, None, lanes.layer_rows(layer, x), slope)

    def huber_sums():
        total = np.zeros((*layer.output_shape, x.shape[-1]))
        for n in range(layer.out_channels):
            for i, j, c in np.ndindex(layer.weights_shape[1:]):
                for oh in range(layer.out_height):
                    for ow in range(layer.out_width):
                        h, v = oh * layer.stride[0] + i - layer.padding[0], ow * layer.stride[1] + j - layer.padding[2]
                        if 0 <= h < layer.height and 0 <= v < layer.width:
                            d = np.abs(x[h, v, c] - weights[n, i, j, c])
                            total[oh, ow, n] -= np.where(d < 1, d * d / 2, d - 0.5)
        return total

    # The kernel's dx is the gradient of +H where the sum takes −|x − w|: p = −1 makes it −H.
    for array, gradient, potential in (
        (x, found.inputs, huber_sums),
        (weights, found.weights, lambda: sums(layer, weights, None, x)),
    ):
        for place in list(np.ndindex(array.shape))[::5]:
            kept, step = array[place], 1e-6
            array[place] = kept + step
            above = (potential() * slope).sum()
            array[place] = kept - step
            below = (potential() * slope).sum()
            array[place] = kept
            assert gradient[place] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("op", OPS)
def test_float32_kernels_agree_with_float64(op):
    layer = small_layer(op)
    x, weights, polarity, slope = random_case(layer)
    exact = lanes.layer_gradients(layer, weights, polarity, lanes.layer_rows(layer, x), slope)
    narrow = [None if a is None else a.astype(np.float32) for a in (weights, polarity)]
    rounded = lanes.layer_gradients(layer, *narrow, lanes.layer_rows(layer, x.astype(np.float32)), slope)
    for first, second in zip(exact[:2], rounded[:2], strict=True):
        assert second.dtype == np.float32
        np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-4)


def test_threshold_gradients_of_x_and_w_cancel_without_padding():
    layer = small_layer("threshold", (0, 0, 0, 0))
    x, weights, polarity, slope = random_case(layer)
    # Small integers make every sum exact, so the two must be equal to the last bit.
    found = lanes.layer_gradients(layer, weights, polarity, lanes.layer_rows(layer, x), np.rint(4 * slope))
    assert found.inputs.sum() == -found.weights.sum() != 0


def test_batches_of_any_size_give_the_same_sums():
    """Images never mix: a block filled up with nothing, and an image beside others, give the same bits."""
    layer = small_layer("threshold")
    x, weights, polarity, _ = random_case(layer, images=layer_kernels.LANES + 3)
    whole = sums(layer, weights, polarity, x)
    for image in (0, layer_kernels.LANES - 1, layer_kernels.LANES + 2):
        assert np.array_equal(whole[..., image], sums(layer, weights, polarity, x[..., image : image + 1])[..., 0])


@pytest.mark.parametrize("op", ["threshold", "mac", "mac-threshold"])
def test_network_gradients_agree_with_differences(op, recipe_path):
    """Through norms, ReLU and cross-entropy, in float64."""
    random = np.random.default_rng(3)
    x = random.normal(size=(12, 8, 8, 1))
    labels = random.integers(0, 10, 12)
    chain = training.initialise(layers_of(recipe_path, op), x, random)
    for part in chain:
        for name in ("weights", "polarity", "bias", "gain", "mean", "variance"):
            array = getattr(part, name)
            setattr(part, name, None if array is None else array.astype(np.float64))

    def loss():
        return cross_entropy(training.forward(chain, lanes.batch_innermost(x))[0], labels, 0.1)

    _, slope = loss()
    gradients = training.backward(chain, training.forward(chain, lanes.batch_innermost(x))[1], slope)
    for part, gained in zip(chain, gradients, strict=True):
        for array, gradient in zip(part.trainable(), gained, strict=True):
            for place in list(np.ndindex(array.shape))[::17]:
                kept, step = array[place], 1e-6
                array[place] = kept + step
                above = loss()[0]
                array[place] = kept - step
                below = loss()[0]
                array[place] = kept
                assert gradient[place] == pytest.approx((above - below) / (2 * step), rel=1e-4, abs=1e-7)


def test_losses_agree_with_differences():
    random = np.random.default_rng(4)
    outputs, target, labels = random.normal(size=(4, 3)), random.normal(size=(4, 3)), np.array([0, 3, 1])
    losses = (lambda: cross_entropy(outputs, labels, 0.2), lambda: mean_square(outputs, target))
    for loss in losses:
        gradient = loss()[1]
        for place in np.ndindex(outputs.shape):
            kept = outputs[place]
            outputs[place] = kept + 1e-6
            above = loss()[0]
            outputs[place] = kept - 1e-6
            assert gradient[place] == pytest.approx((above - loss()[0]) / 2e-6, rel=1e-5, abs=1e-9)
            outputs[place] = kept


@pytest.mark.parametrize("op", FAMILY_OPS)
def test_folded_master_equals_the_normed_network(op, recipe_path):
    """With the statistics those of the batch, the master gives what training saw, up to float32."""
    data = load_data("digits")
    layers = layers_of(recipe_path, op)
    x = real_inputs(data.pixels[:64], data.levels, layers[0].x_signed)
    chain = training.initialise(layers, x, np.random.default_rng(1))
    training.settle_means(chain, x)
    scores, _ = training.forward(chain, lanes.batch_innermost(x))
    master = training.fold(chain)
    np.testing.assert_allclose(run_master(master, x)[-1].reshape(scores.shape), scores, atol=5e-3)
    np.testing.assert_allclose(outputs_of(master, x).T, scores, atol=5e-3)
    if op in ("adder", "shift"):  # what a requantiser can do: powers of two alone
        assert np.array_equal(master[0].output_shift, np.rint(master[0].output_shift))


def test_unfolding_a_master_changes_nothing(recipe_path):
    data = load_data("digits")
    x = real_inputs(data.pixels[:64], data.levels, True)
    master = training.fold(training.initialise(layers_of(recipe_path, "adder"), x, np.random.default_rng(1)))
    again = training.fold(training.unfold(master, x))
    np.testing.assert_allclose(run_master(again, x)[-1], run_master(master, x)[-1], atol=1e-3)


@pytest.mark.parametrize("op", ["threshold", "adder"])
def test_folding_saturated_weights_is_exact(op):
    """A sum with every weight where it was equals the saturated one plus the folded constant."""
    layer = small_layer(op)
    random = np.random.default_rng(5)
    # Weights on a grid of 1/8 within ±4, of which a 4-bit grid of 1/8 holds -1 to 7/8.
    weights = (random.integers(-32, 33, layer.weights_shape) / 8).astype(np.float32)
    polarity = np.where(random.random(weights.shape) < 0.5, 1, -1).astype(np.int8) if op == "threshold" else None
    nothing = np.zeros(layer.out_channels)
    own = FloatLayer(layer, weights, polarity, nothing.astype(np.int64), nothing.astype(np.float32), False)
    exponent = np.full(layer.out_channels, -3)
    x = random.integers(-8, 8, (*layer.input_shape, 5)) / 8
    saturated = integer_weights(op, weights, exponent, 4) / 8
    y = sums(layer, weights.astype(np.float64), polarity, x)
    y_saturated = sums(layer, saturated, polarity, x)
    assert np.array_equal(y, y_saturated + folded_constants(own, exponent, 4)[:, None])
    assert not np.array_equal(y, y_saturated)


def test_weights_of_op_shift_round_to_powers():
    values = np.array([1.0, 0.75, 0.71, 0.70, 0.3, -0.13, 0.06, 0.0]).reshape(1, 1, 1, 8)
    assert np.array_equal(lowest_exponents(values, 3), [-2])
    assert powers(values, np.array([-2]), 3).reshape(-1).tolist() == [4, 4, 4, 2, 1, -1, 0, 0]
    assert round_to_powers(values, 2).reshape(-1).tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_grid_rounds_inputs_as_the_machine_does():
    grid = Grid(-2, 4, True, np.array([-2]), 4)
    x = np.array([0.125, -0.125, 0.12, 1.74, 1.76, 1.9, -2.2, -2.0], dtype=np.float32)
    rounded, inside = grid.round_inputs(x)
    assert rounded.tolist() == [0.25, 0.0, 0.0, 1.75, 1.75, 1.75, -2.0, -2.0]
    assert inside.tolist() == [True, True, True, True, True, False, False, True]
    weights = np.array([3.0, 0.3, -9.0], dtype=np.float32).reshape(1, 1, 1, 3)
    assert grid.round_weights("threshold", weights).reshape(-1).tolist() == [1.75, 0.25, -2.0]


def test_training_is_deterministic_and_stores_the_same_bytes(recipe_path, tmp_path):
    seen = []
    first = train_family(recipe_path, tmp_path / "a", ["shift-adder"], progress=lambda *step: seen.append(step))
    second = train_family(recipe_path, tmp_path / "b", ["shift-adder"])
    names = ("shift-adder.npz", "shift-adder.yaml", "shift-adder-curve.csv", "recipe.yaml", "accuracy.csv")
    for name in names:
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    assert {path.name for path in first.folder.iterdir()} == {*names, "shift-adder-curve.png"}
    assert ("training shift-adder, seed 0", 2, 2) in seen and ("quantising shift-adder", 49, 49) in seen
    text = (first.folder / "shift-adder-curve.csv").read_text()
    assert text.startswith("epoch,loss,train_accuracy,validation_accuracy\n1,")
    assert first.network("shift-adder", 8, 8).accuracy("validation") > 0.3


@pytest.mark.parametrize("op", ["threshold", "shift"])
def test_a_family_stopped_anywhere_resumes_to_the_same_bytes(op, recipe_path, tmp_path):
    """Stopped after an epoch from scratch, in the middle of tuning, and while quantising."""
    whole = train_family(recipe_path, tmp_path / "whole", [op])
    for stop in ((f"training {op}, seed 0", 1), (f"training {op} at 3 bits, seed 0", 1), (f"quantising {op}", 3)):

        def progress(what, done, total, stop=stop):
            if (what, done) == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_family(recipe_path, tmp_path / "broken", [op], progress=progress)
        assert not (tmp_path / "broken" / f"{op}.npz").exists()
    resumed = train_family(recipe_path, tmp_path / "broken", [op])
    for path in whole.folder.iterdir():
        assert path.read_bytes() == (resumed.folder / path.name).read_bytes(), path.name
    assert not list(resumed.folder.glob("*checkpoint*"))


@pytest.fixture
def stopped(recipe_path, tmp_path):
    """(recipe, layers, data, checkpoint) of a training stopped after its first epoch."""
    recipe, data = read_spec(Recipe, recipe_path), load_data("digits")
    layers = op_layers(recipe, "threshold", recipe_path, data)

    def stop(what, done, total):
        raise KeyboardInterrupt

    path = tmp_path / "threshold.checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        train_master(layers, recipe, "threshold", 0, data, path, stop)
    return recipe, layers, data, path


def resume(stopped, **changes):
    recipe, layers, data, path = stopped
    recipe = recipe.model_copy(update={key: value for key, value in changes.items() if key != "seed"})
    return train_master(layers, recipe, "threshold", changes.get("seed", 0), data, path)


def test_resuming_takes_the_curve_along(stopped):
    recipe, layers, data, _ = stopped
    master, curve = resume(stopped)
    unbroken, full = train_master(layers, recipe, "threshold", 0, data)
    assert curve == full and len(curve) == 2
    for own, other in zip(master, unbroken, strict=True):
        assert np.array_equal(own.weights, other.weights) and np.array_equal(own.bias, other.bias)


def test_checkpoints_that_do_not_fit_are_refused(stopped):
    recipe, layers, data, path = stopped
    with pytest.raises(LimenError, match=r"checkpoint: seed: 0 is not allowed: this training has 1; delete the file"):
        resume(stopped, seed=1)
    with pytest.raises(LimenError, match=r"checkpoint: batch: 64 is not allowed: this training has 32"):
        resume(stopped, batch=32)
    wider = tuple(layer.model_copy(update={"x_bits": 9}) for layer in layers)
    with pytest.raises(LimenError, match=r"checkpoint: network: '[0-9a-f]{64}' is not allowed: this training has"):
        train_master(wider, recipe, "threshold", 0, data, path)
    arrays = read_arrays(path)
    described = json.loads(arrays["described"].tobytes()) | {"format": 99}
    newer = arrays | {"described": np.frombuffer(json.dumps(described).encode(), dtype=np.uint8)}
    write_whole(path, npz_bytes(newer))
    with pytest.raises(LimenError, match=r"checkpoint: format: 99 is not allowed: this Limen reads 1$"):
        resume(stopped)
    write_whole(path, npz_bytes({key: value for key, value in arrays.items() if key != "scores.weights"}))
    with pytest.raises(LimenError, match=r"checkpoint: scores.weights: not float32 \[10, 1, 1, 64\]"):
        resume(stopped)
    write_whole(path, npz_bytes({key: value for key, value in arrays.items() if key != "described"}))
    with pytest.raises(LimenError, match=r"checkpoint: described: missing or damaged"):
        resume(stopped)
    content = npz_bytes(arrays)
    for length in (0, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(
            LimenError, match=r"threshold.checkpoint.npz: checkpoint: not a readable .npz file"
        ) as caught:
            resume(stopped)
        assert "\n" not in str(caught.value)


def test_a_checkpoint_is_whole_or_absent(stopped, monkeypatch):
    """A write that fails half-way leaves the checkpoint of the epoch before, and nothing else."""
    path = stopped[-1]
    before = path.read_bytes()

    def half(content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", lambda *names: half(names))
    with pytest.raises(LimenError, match=r"cannot be written: No space left on device"):
        resume(stopped)
    assert path.read_bytes() == before and len(list(path.parent.glob("*checkpoint*"))) == 1


def test_nan_in_training_is_one_line_and_leaves_no_checkpoint(recipe_path, tmp_path, monkeypatch):
    """One NaN in the first layer's gradient: no later layer's comparison may hide what it does to the weights."""

    def poisoned(*arguments):
        gradients = backward(*arguments)
        gradients[0][0][0, 0, 0, 0] = np.nan
        return gradients

    backward = loop.backward
    monkeypatch.setattr(loop, "backward", poisoned)
    with pytest.raises(LimenError, match=r"^training threshold, seed 0: loss became nan in epoch 1: learning_rate"):
        train_family(recipe_path, tmp_path / "out", ["threshold"])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["recipe.yaml"]


def test_batches_cover_moves_and_mirrors():
    """Every batch image is a training image moved by at most shift_pixels, mirrored or not, with its own label."""
    data = load_data("digits", images=130)
    recipe = Recipe(
        version=1, name="r", dataset="digits", epochs=1, batch=64, shift_pixels=2, mirror=True,
        ops={"threshold": {"learning_rate": 1.0}},
    )  # fmt: skip
    task = Classifier(data, recipe, True)
    found = set()
    for x, labels in task.batches(np.random.default_rng(0)):
        assert x.shape == (8, 8, 1, 64) and x.dtype == np.float32
        for image, label in zip(x.transpose(3, 0, 1, 2), labels, strict=True):
            pixels = (image * 8 + 8).astype(np.int64)
            for turned in (False, True):
                source = data.pixels[data.labels == label]
                padded = np.pad(source[:, :, ::-1] if turned else source, ((0, 0), (2, 2), (2, 2), (0, 0)))
                for down in range(5):
                    for across in range(5):
                        if np.any(np.all(padded[:, down : down + 8, across : across + 8] == pixels, axis=(1, 2, 3))):
                            found.add((turned, down, across))
    assert task.steps == 2 and len(found) > 40


def test_seeds_differ_and_are_summarised(recipe_path):
    rows = seed_study(recipe_path, [1, 2], ["mac"])
    assert [(row.op, row.seed) for row in rows] == [("mac", 1), ("mac", 2)]
    assert rows[0][2:] != rows[1][2:]
    assert csv_bytes(rows).startswith(
        b"op,seed,validation_accuracy_float,validation_accuracy_8_bits,test_accuracy_8_bits\n"
    )


def test_best_seed_is_chosen_by_validation_and_ties_go_to_the_lowest():
    rows = [SeedRow("mac", 2, 0.9, 0.8, 0.7), SeedRow("mac", 1, 0.9, 0.8, 0.5), SeedRow("mac", 0, 0.9, 0.7, 0.9)]
    (summary,) = summarise_seeds(rows)
    assert (summary.op, summary.seeds, summary.best_seed) == ("mac", 3, 1)
    assert (summary.test_mean, summary.test_deviation) == (pytest.approx(0.7), pytest.approx(0.2))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("batch: 64", "batch: 64\nbatches: 2", r"batches: unknown key; allowed are version, name, dataset, epochs"),
        ("epochs: 2", "epochs: 0", r"epochs: 0 is not allowed: input should be greater than or equal to 1"),
        ("learning_rate: 0.08", "learning_rate: .nan", r"ops.threshold.learning_rate: nan is not allowed"),
        ("learning_rate: 0.08", "learning_rate: 1e30", r"training threshold, seed 0: loss became .* 1e\+30"),
        ("dataset: digits", "dataset: letters", r"dataset: 'letters' is not allowed: input should be 'digits'"),
        ("dataset: digits", "dataset: mnist", r"mnist: .*train-images"),
        ("batch: 64", "batch: 1124", r"batch: 1124 is not allowed: .*1024"),
        ("version: 1\n", "", r"version: missing; this key is required"),
        ("  threshold:", "  thresholds:", r"ops.thresholds.*'thresholds' is not allowed: input should be 'threshold'"),
        (RECIPE[RECIPE.index("ops:") :], "ops: {}\n", r"ops: {} is not allowed: dictionary should have at least 1"),
    ],
)
def test_bad_recipes_are_refused(recipe_path, tmp_path, monkeypatch, old, new, message):
    monkeypatch.delenv("LIMEN_DATA", raising=False)
    recipe_path.write_text(RECIPE.replace(old, new, 1))
    with pytest.raises(LimenError, match=message) as caught:
        train_family(recipe_path, tmp_path / "out", ["threshold"])
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("out/*.npz"))


@pytest.mark.parametrize(
    ("op", "old", "new", "message"),
    [
        ("threshold", "height: 8", "height: 7", r"input: \[7, 8, 1\] is not allowed: digits has \[8, 8, 1\]"),
        (
            "threshold",
            "out_channels: 10",
            "out_channels: 9",
            r"layer scores: output \[1, 1, 9\] is not allowed: digits has 10 classes",
        ),
        ("threshold", "op: threshold", "op: mac", r"layer conv: op: 'mac' is not allowed: threshold has 'threshold'"),
        ("threshold", "x_signed: true", "x_signed: false", r"layer conv: x_signed: False is not allowed"),
        (
            "threshold",
            "kind: conv2d, out_channels: 4",
            "kind: maxpool",
            r"layer conv: kind: 'maxpool' is not allowed: training takes",
        ),
        ("threshold", "name: conv,", "name: conv, polarity: input,", r"layer conv: polarity: 'input' is not allowed"),
        ("shift-adder", ", op: shift, w_bits: 5", "", r"layer conv: op: 'adder' is not allowed: shift-adder has 'shi"),
        ("mac-threshold", ", op: mac", "", r"layer conv: op: 'threshold' is not allowed: mac-threshold has 'mac'"),
        ("shift", "w_bits: 5", "w_bits: 6", r"layer conv: w_bits: 6 is not allowed: op shift takes 2 to 5"),
    ],
)
def test_networks_that_do_not_fit_are_refused(recipe_path, tmp_path, op, old, new, message):
    path = recipe_path.parent / f"{op}.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(LimenError, match=message):
        train_family(recipe_path, tmp_path / "out", [op])


def test_ops_without_an_entry_are_refused(recipe_path, tmp_path):
    recipe_path.write_text(RECIPE[: RECIPE.index("  mac:")])
    with pytest.raises(LimenError, match=r"recipe.yaml: op: 'mac' is not allowed: one of threshold$"):
        train_family(recipe_path, tmp_path / "out", ["mac"])


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LimenError, match=r"file/a.csv: cannot be written: "):
        write_whole(tmp_path / "file" / "a.csv", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_format_of_checkpoints_is_the_documented_one():
    assert loop.CHECKPOINT_FORMAT == 1
