"""Training: gradients, norms, determinism, and recipes that can't be."""

import numpy as np
import pytest

from workloads import training, training_kernels
from workloads.errors import LimenError
from workloads.files import write_whole
from workloads.float_network import batch_innermost, geometry, real_inputs, run_master
from workloads.layer import Layer
from workloads.network import NetworkFile
from workloads.quantise import folded_constants, integer_weights
from workloads.recipe import Recipe
from workloads.specfile import read_spec
from workloads.train_family import SeedRow, csv_bytes, seed_study, summarise_seeds, train_family

NETWORK = """
version: 1
name: tiny
op: {op}
x_bits: 8
w_bits: 8
x_signed: {signed}
dataset: digits
input: {{height: 8, width: 8, channels: 1}}
layers:
  - {{name: conv, kind: conv2d, out_channels: 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1]}}
  - {{name: scores, kind: linear, out_channels: 10}}
"""

RECIPE = """
version: 1
name: tiny
dataset: digits
epochs: 2
batch: 64
shift_pixels: 1
ops:
  threshold: {learning_rate: 0.08}
  mac: {learning_rate: 0.01}
"""


@pytest.fixture
def recipe_path(tmp_path):
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    for op in ("threshold", "mac"):
        (folder / f"{op}.yaml").write_text(NETWORK.format(op=op, signed=str(op == "threshold").lower()))
    return folder / "recipe.yaml"


def small_layer(op, padding):
    return Layer(
        name="conv", op=op, x_bits=8, w_bits=8, x_signed=op == "threshold", height=5, width=4, channels=2,
        out_channels=3, kernel=(3, 2), stride=(2, 1), padding=padding, y_bits=8, y_signed=op == "threshold",
    )  # fmt: skip


def layer_loss(layer, x, weights, polarity, slope):
    y = np.empty(slope.shape)
    if layer.op == "threshold":
        training_kernels.threshold_forward(x, weights, polarity, geometry(layer), y)
    else:
        training_kernels.mac_forward(x, weights, geometry(layer), y)
    return (y * slope).sum()


def layer_gradients(layer, x, weights, polarity, slope):
    dx, dw = np.empty_like(x), np.empty_like(weights)
    if layer.op == "threshold":
        training_kernels.threshold_backward(x, weights, polarity, slope, geometry(layer), dx, dw)
    else:
        training_kernels.mac_backward(x, weights, slope, geometry(layer), dx, dw)
    return dx, dw


def random_case(layer, seed=0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(*layer.input_shape, 4))
    weights = random.normal(size=(layer.out_channels, *layer.kernel, layer.channels))
    polarity = np.where(random.random(weights.shape) < 0.5, 1.0, -1.0)
    return x, weights, polarity, random.normal(size=(*layer.output_shape, 4))


@pytest.mark.parametrize("padding", [(0, 0, 0, 0), (1, 0, 2, 1)])
@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_kernel_gradients_agree_with_differences(op, padding):
    layer = small_layer(op, padding)
    x, weights, polarity, slope = random_case(layer)
    gradients = layer_gradients(layer, x, weights, polarity, slope)
    for array, gradient in zip((x, weights), gradients, strict=True):
        for place in np.ndindex(array.shape):
            kept, step = array[place], 1e-6
            array[place] = kept + step
            above = layer_loss(layer, x, weights, polarity, slope)
            array[place] = kept - step
            below = layer_loss(layer, x, weights, polarity, slope)
            array[place] = kept
            assert gradient[place] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-7)


def test_float32_kernels_agree_with_float64():
    for op in ("threshold", "mac"):
        layer = small_layer(op, (1, 1, 1, 1))
        exact = layer_gradients(layer, *random_case(layer))
        rounded = layer_gradients(layer, *[array.astype(np.float32) for array in random_case(layer)])
        for first, second in zip(exact, rounded, strict=True):
            np.testing.assert_allclose(second, first, rtol=1e-4, atol=1e-5)


def test_threshold_gradients_of_x_and_w_cancel_without_padding():
    layer = small_layer("threshold", (0, 0, 0, 0))
    x, weights, polarity, slope = random_case(layer)
    # Small integers make every sum exact, so the two must be equal to the last bit.
    dx, dw = layer_gradients(layer, x, weights, polarity, np.rint(4 * slope))
    assert dx.sum() == -dw.sum() != 0


@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_network_gradients_agree_with_differences(op, recipe_path):
    """Through norms, ReLU and cross-entropy, in float64."""
    layers = read_spec(NetworkFile, recipe_path.parent / f"{op}.yaml").build_layers()
    random = np.random.default_rng(3)
    x = random.normal(size=(12, 8, 8, 1))
    labels = random.integers(0, 10, 12)
    chain = training.initialise(layers, x, random)
    for part in chain:
        for name in ("weights", "polarity", "bias", "gain", "mean", "variance"):
            array = getattr(part, name)
            setattr(part, name, None if array is None else array.astype(np.float64))

    def loss():
        return training.cross_entropy(training.forward(chain, batch_innermost(x))[0], labels, 0.1)

    _, slope = loss()
    gradients = training.backward(chain, training.forward(chain, batch_innermost(x))[1], slope)
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


@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_folded_master_equals_the_normed_network(op, recipe_path):
    """With the norm's statistics those of the batch, the master gives what training saw, up to float32."""
    layers = read_spec(NetworkFile, recipe_path.parent / f"{op}.yaml").build_layers()
    pixels, _ = training.load_split("train")
    x = real_inputs(op, pixels[:32])
    chain = training.initialise(layers, x, np.random.default_rng(1))
    scores, _ = training.forward(chain, batch_innermost(x.astype(np.float32)))
    np.testing.assert_allclose(run_master(training.fold(chain), x)[-1].reshape(scores.shape), scores, atol=1e-3)


def test_folding_saturated_thresholds_is_exact():
    """A sum with every threshold where it was equals the saturated one plus the folded constant."""
    layer = small_layer("threshold", (1, 1, 1, 1))
    random = np.random.default_rng(5)
    # Thresholds on a grid of 1/8 within ±4, of which a 4-bit grid of 1/8 holds -1 to 7/8.
    weights = (random.integers(-32, 33, (3, 3, 2, 2)) / 8).astype(np.float32)
    polarity = np.where(random.random(weights.shape) < 0.5, 1, -1).astype(np.int8)
    own = training.FloatLayer(layer, weights, polarity, 0, np.zeros(3, dtype=np.float32))
    exponent = np.full(3, -3)
    x = random.integers(-8, 8, (*layer.input_shape, 5)) / 8
    saturated = integer_weights(own, exponent, 4) / 8
    y, y_saturated = np.empty((2, *layer.output_shape, 5))
    signs = polarity.astype(np.float64)
    training_kernels.threshold_forward(x, weights.astype(np.float64), signs, geometry(layer), y)
    training_kernels.threshold_forward(x, saturated, signs, geometry(layer), y_saturated)
    assert np.array_equal(y, y_saturated + folded_constants(own, exponent, 4)[:, None])
    assert not np.array_equal(y, y_saturated)


def test_training_is_deterministic_and_stores_the_same_bytes(recipe_path, tmp_path):
    seen = []
    first = train_family(recipe_path, tmp_path / "a", ["threshold"], progress=lambda *step: seen.append(step))
    second = train_family(recipe_path, tmp_path / "b", ["threshold"])
    for name in ("threshold.npz", "threshold.yaml", "threshold-curve.csv", "recipe.yaml", "accuracy.csv"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()
    assert sorted(path.name for path in first.folder.iterdir()) == [
        "accuracy.csv", "recipe.yaml", "threshold-curve.csv", "threshold.npz", "threshold.yaml",
    ]  # fmt: skip
    assert ("training threshold, seed 0", 2, 2) in seen and ("quantising threshold", 49, 49) in seen
    assert (
        (first.folder / "threshold-curve.csv")
        .read_text()
        .startswith("epoch,loss,train_accuracy,validation_accuracy\n1,")
    )
    assert first.network("threshold", 8, 8).accuracy("validation") > 0.3


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
        ("learning_rate: 0.08", "learning_rate: 1e30", r"training threshold: loss became .* learning_rate: 1e\+30"),
        ("dataset: digits", "dataset: letters", r"dataset: 'letters' is not allowed: input should be 'digits'"),
        ("batch: 64", "batch: 1124", r"batch: 1124 is not allowed: .*1024"),
        ("version: 1\n", "", r"version: missing; this key is required"),
    ],
)
def test_bad_recipes_are_refused(recipe_path, tmp_path, old, new, message):
    recipe_path.write_text(RECIPE.replace(old, new, 1))
    with pytest.raises(LimenError, match=message) as caught:
        train_family(recipe_path, tmp_path / "out", ["threshold"])
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("height: 8", "height: 7", r"threshold.yaml: input: \[7, 8, 1\] is not allowed: digits has \[8, 8, 1\]"),
        (
            "out_channels: 10",
            "out_channels: 9",
            r"layer scores: output \[1, 1, 9\] is not allowed: digits has 10 classes",
        ),
        ("op: threshold", "op: mac", r"layer conv: op: 'mac' is not allowed: training takes threshold throughout"),
        ("x_signed: true", "x_signed: false", r"layer conv: x_signed: False is not allowed"),
        (
            "kind: conv2d, out_channels: 4",
            "kind: maxpool",
            r"layer conv: kind: 'maxpool' is not allowed: training takes",
        ),
        (
            "name: conv,",
            "name: conv, polarity: input,",
            r"layer conv: polarity: 'input' is not allowed: training takes",
        ),
    ],
)
def test_networks_that_do_not_fit_are_refused(recipe_path, tmp_path, old, new, message):
    path = recipe_path.parent / "threshold.yaml"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(LimenError, match=message):
        train_family(recipe_path, tmp_path / "out", ["threshold"])


def test_ops_without_an_entry_are_refused(recipe_path, tmp_path):
    recipe_path.write_text(RECIPE.replace("  mac: {learning_rate: 0.01}\n", ""))
    with pytest.raises(LimenError, match=r"recipe.yaml: op: 'mac' is not allowed: one of threshold$"):
        train_family(recipe_path, tmp_path / "out", ["mac"])
    recipe_path.write_text(RECIPE[: RECIPE.index("ops:")] + "ops: {}\n")
    with pytest.raises(LimenError, match=r"recipe.yaml: ops: {} is not allowed: name threshold, mac or both$"):
        train_family(recipe_path, tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LimenError, match=r"file/a.csv: cannot be written: "):
        write_whole(tmp_path / "file" / "a.csv", b"")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_recipe_of_the_shipped_family_is_readable():
    assert read_spec(Recipe, training.__file__.replace("training.py", "families/digits/recipe.yaml")).name == "digits"
