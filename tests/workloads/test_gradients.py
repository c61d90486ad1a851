"""Training: kernels and gradients, norms, folding, rounding."""

import numpy as np
import pytest

from tests.workloads.tiny_recipes import FAMILY_OPS, write_recipe  # noqa: F401
from workloads.exact import kernel_arrays as lanes
from workloads.host.specfile import read_spec
from workloads.layers.layer import Layer
from workloads.networks.network import NetworkFile
from workloads.ops import kernel_kinds
from workloads.ops.names import OPS
from workloads.ops.shift import lowest_exponents, powers, round_to_powers
from workloads.training import forward_backward as training
from workloads.training.classifier import load_data
from workloads.training.float_master import FloatLayer, outputs_of, real_inputs, run_master
from workloads.training.grids import Grid
from workloads.training.optimiser import cross_entropy, distilled, mean_square
from workloads.training.trial import folded_constants


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
    gradients = lanes.layer_gradients(layer, weights, polarity, lanes.layer_rows(layer, x), slope)
    for array, gradient in ((x, gradients.inputs), (weights, gradients.weights)):
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
    gradients = lanes.layer_gradients(layer, weights, None, lanes.layer_rows(layer, x), slope)

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
        (x, gradients.inputs, huber_sums),
        (weights, gradients.weights, lambda: sums(layer, weights, None, x)),
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
    gradients = lanes.layer_gradients(layer, weights, polarity, lanes.layer_rows(layer, x), np.rint(4 * slope))
    assert gradients.inputs.sum() == -gradients.weights.sum() != 0


def test_batches_of_any_size_give_the_same_sums():
    """Images never mix: a block filled up with nothing, and an image beside others, give the same bits."""
    layer = small_layer("threshold")
    x, weights, polarity, _ = random_case(layer, images=kernel_kinds.LANES + 3)
    whole = sums(layer, weights, polarity, x)
    for image in (0, kernel_kinds.LANES - 1, kernel_kinds.LANES + 2):
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
    losses = (
        lambda: cross_entropy(outputs, labels, 0.2),
        lambda: mean_square(outputs, target),
        lambda: distilled(outputs, target, 3.0),
    )
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
    float_layer = FloatLayer(layer, weights, polarity, nothing.astype(np.int64), nothing.astype(np.float32), False)
    exponent = np.full(layer.out_channels, -3)
    x = random.integers(-8, 8, (*layer.input_shape, 5)) / 8
    saturated = layer.operation.integers(weights, exponent, 4) / 8
    y = sums(layer, weights.astype(np.float64), polarity, x)
    y_saturated = sums(layer, saturated, polarity, x)
    assert np.array_equal(y, y_saturated + folded_constants(float_layer, exponent, 4)[:, None])
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
