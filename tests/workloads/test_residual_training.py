"""Training of residual networks: gradients, folding, integers whose grids meet at the adds, and those that can't."""

from dataclasses import replace

import numpy as np
import pytest

from tests.workloads.tiny_recipes import RECIPE
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.exact.kernel_arrays import batch_innermost
from workloads.host.files import npz_bytes, write_whole
from workloads.host.specfile import read_spec
from workloads.networks.family import load_family
from workloads.networks.network import NetworkFile
from workloads.ops.names import OPS
from workloads.training import forward_backward as training
from workloads.training.classifier import load_data
from workloads.training.float_master import outputs_of, real_inputs
from workloads.training.make_family import calibrated, checkpoint_arrays, member_network, op_layers
from workloads.training.optimiser import cross_entropy
from workloads.training.quantise import quantise_member
from workloads.training.recipe import Recipe
from workloads.training.train_and_tune import Course, fine_tune, train_master

LAYERS = """layers:
  - {name: stem, kind: conv2d, out_channels: 4, kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1]}
  - {name: a1, kind: conv2d, out_channels: 4, kernel: [3, 3], padding: [1, 1, 1, 1]}
  - {name: a2, kind: conv2d, out_channels: 4, kernel: [3, 3], padding: [1, 1, 1, 1], residual: stem}
  - {name: projection, kind: conv2d, input: a2, out_channels: 6, stride: [2, 2]SIGNED}
  - {name: b1, kind: conv2d, input: a2, out_channels: 6, kernel: [3, 3], stride: [2, 2], padding: [1, 1, 1, 1]}
  - {name: b2, kind: conv2d, out_channels: 6, kernel: [3, 3], padding: [1, 1, 1, 1], residual: projection}
  - {name: scores, kind: linear, out_channels: 10}
"""


@pytest.fixture(name="recipe_path")
def write_residual_recipe(tmp_path):
    """Return the path of a recipe with a residual network of every op beside it."""
    folder = tmp_path / "recipe"
    folder.mkdir()
    (folder / "recipe.yaml").write_text(RECIPE)
    for op in OPS:
        signed = op in ("threshold", "adder")
        head = f"version: 1\nname: tiny\nop: {op}\nx_bits: 8\nw_bits: {5 if op == 'shift' else 8}\n"
        head += f"x_signed: {str(signed).lower()}\ndataset: digits\ninput: {{height: 8, width: 8, channels: 1}}\n"
        (folder / f"{op}.yaml").write_text(
            head + LAYERS.replace("SIGNED", "" if signed else ", y_bits: 8, y_signed: true")
        )
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def data():
    return load_data("digits", images=512)


def layers_of(recipe_path, op, data):
    return op_layers(read_spec(Recipe, recipe_path), op, recipe_path, data)


@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_gradients_agree_with_differences(op, recipe_path, data):
    """Through two adds, a tensor that three layers use, norms and ReLU, in float64."""
    random = np.random.default_rng(3)
    x = random.normal(size=(6, 8, 8, 1))
    labels = random.integers(0, 10, len(x))
    chain = training.initialise(layers_of(recipe_path, op, data), x, random)
    for part in chain:
        for name, array in part.arrays().items():
            if array.dtype == np.float32:
                setattr(part, name, array.astype(np.float64))

    def loss():
        return cross_entropy(training.forward(chain, batch_innermost(x))[0], labels, 0.1)

    gradients = training.backward(chain, training.forward(chain, batch_innermost(x))[1], loss()[1])
    for part, gained in zip(chain, gradients, strict=True):
        for array, gradient in zip(part.trainable(), gained, strict=True):
            for place in list(np.ndindex(array.shape))[::23]:
                kept = array[place]
                array[place] = kept + 1e-6
                above = loss()[0]
                array[place] = kept - 1e-6
                below = loss()[0]
                array[place] = kept
                assert gradient[place] == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-7), part.layer.name


@pytest.mark.parametrize("op", OPS)
def test_the_master_and_its_integers_add_what_training_added(op, recipe_path, data):
    """Folding changes nothing; integers are the reference's, near the master at 8 bits, and grids meet at 2 bits."""
    layers = layers_of(recipe_path, op, data)
    recipe = read_spec(Recipe, recipe_path)
    master, _ = train_master(layers, Course(recipe, op, 0, data))
    x = real_inputs(data.pixels[:64], data.levels, layers[0].x_signed)
    chain = training.unfold(master, x)
    scores, _ = training.forward(chain, batch_innermost(x))
    np.testing.assert_allclose(outputs_of(master, x).T, scores, atol=5e-3)
    if op in ("adder", "shift"):  # an add has one unit for all channels
        assert len(set(master[2].output_shift.tolist())) == 1
    form = read_spec(NetworkFile, recipe_path.parent / f"{op}.yaml")
    calibration = calibrated(master, data)
    for x_bits, w_bits in ((8, 5 if op == "shift" else 8), (3, 2)):
        member = quantise_member(calibration, x_bits, w_bits)
        network = member_network(master, member, form, x_bits, w_bits)
        seen = network.input_map.apply(data.pixels[:32], x_bits, layers[0].x_signed)
        expected = reference.run(network.layers, network.parameters, seen)[-1].reshape(32, -1)
        assert np.array_equal(network.predict(seen), expected)
        assert [layer.residual_shift for layer in network.layers] == list(member.residual_shifts)
        if x_bits == 8:
            assert np.corrcoef(expected.reshape(-1), outputs_of(master, x[:32]).reshape(-1))[0, 1] > 0.98


def test_a_family_keeps_the_shifts_of_its_residuals(recipe_path, tmp_path, data):
    """Each member's own, in the checkpoint beside its other integers."""
    layers = layers_of(recipe_path, "threshold", data)
    x = real_inputs(data.pixels, data.levels, True)
    master = training.fold(training.initialise(layers, x, np.random.default_rng(0)))
    calibration = calibrated(master, data)
    members = {widths: (0, quantise_member(calibration, *widths)) for widths in ((8, 8), (3, 6))}
    arrays = checkpoint_arrays({0: master}, members)
    write_whole(tmp_path / "threshold.npz", npz_bytes(arrays))
    write_whole(tmp_path / "threshold.yaml", (recipe_path.parent / "threshold.yaml").read_bytes())
    form = read_spec(NetworkFile, tmp_path / "threshold.yaml")
    for widths, (_, member) in members.items():
        network = load_family(tmp_path).network("threshold", *widths)
        made = member_network(master, member, form, *widths)
        assert [layer.residual_shift for layer in network.layers] == list(member.residual_shifts)
        assert network.layers == made.layers
        seen = network.input_map.apply(data.pixels[:8], widths[0], True)
        assert np.array_equal(network.predict(seen), made.predict(seen))
    assert (
        arrays["a2.residual_shift"].shape == (7, 7)
        and (arrays["a2.residual_shift"] + arrays["b2.residual_shift"]).any()
    )


def test_fine_tuning_rounds_what_is_added_to_the_grid_of_its_readers(recipe_path, data):
    """The forward pass on a grid is the integer network's, in real units, up to biases."""
    layers = layers_of(recipe_path, "threshold", data)
    master, _ = train_master(layers, Course(read_spec(Recipe, recipe_path), "threshold", 0, data))
    grids = quantise_member(calibrated(master, data), 3, 3).grids
    (exponent, signed) = grids[2].residual
    assert (exponent, signed) == (grids[1].x_exponent, True) and grids[5].residual is not None
    tuned = fine_tune(master, grids, Course(read_spec(Recipe, recipe_path), "threshold", 0, data), 0.1)
    assert not np.array_equal(tuned[2].weights, master[2].weights)
    x = batch_innermost(real_inputs(data.pixels[:64], data.levels, True))
    chain = training.unfold(tuned, real_inputs(data.pixels[:64], data.levels, True))
    for part, grid in zip(chain, grids, strict=True):
        part.grid = grid
    _, tape = training.forward(chain, x)
    added = tape[2].y - tape[2].normal * tape[2].factor[:, None] - chain[2].bias[:, None]
    steps = added / 2.0**exponent
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
    assert np.abs(steps).max() <= 4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "residual: stem",
            "residual: stem, residual_shift: 2",
            r"layer a2: residual_shift: 2 is not allowed: training",
        ),
        ("residual: stem", "residual: stam", r"layer a2: residual: 'stam' is not allowed: no layer writes it"),
        (
            "residual: projection",
            "residual: stem",
            r"yaml: layer b2: residual: 'stem' is not allowed: it is \[4, 4, 4\], the layer's output \[2, 2, 6\]",
        ),
    ],
)
def test_residuals_that_do_not_fit_are_refused(recipe_path, data, old, new, message):
    path = recipe_path.parent / "threshold.yaml"
    text = path.read_text()
    text = text.replace(old, new, 1)
    if new == "residual: stem":
        text = text.replace("  - {name: projection, kind: conv2d, input: a2, out_channels: 6, stride: [2, 2]}\n", "")
    path.write_text(text)
    with pytest.raises(LimenError, match=message) as caught:
        layers_of(recipe_path, "threshold", data)
    assert "\n" not in str(caught.value)


def test_grids_that_do_not_meet_name_both_layers(recipe_path, data):
    """Sums of a unit 2^40 times finer would need a left shift that the machine doesn't have."""
    layers = layers_of(recipe_path, "threshold", data)
    x = real_inputs(data.pixels[:64], data.levels, True)
    master = training.fold(training.initialise(layers, x, np.random.default_rng(0)))
    master[2] = replace(master[2], output_shift=master[2].output_shift + 40)
    message = r"layer a2: residual: the grid of layer stem doesn't meet that of its sums: it takes a left shift of \d\d"
    with pytest.raises(LimenError, match=message) as one:
        quantise_member(calibrated(master, data), 8, 8)
    assert "\n" not in str(one.value)


def test_weights_are_coarser_where_a_residual_would_be_shifted_too_far(recipe_path, data):
    """Op shift's finest weights are 2^-14 of its largest: beside small ones a residual needs more than 15 bits."""
    layers = layers_of(recipe_path, "shift", data)
    x = real_inputs(data.pixels[:64], data.levels, False)
    master = training.fold(training.initialise(layers, x, np.random.default_rng(0)))
    master[2] = replace(master[2], weights=master[2].weights / 64)
    member = quantise_member(calibrated(master, data), 8, 5)
    assert member.residual_shifts[2] == 15 and member.choices[2].finer < 0
