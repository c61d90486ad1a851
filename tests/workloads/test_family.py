"""The shipped families: every member loads, is exact, and is as good as its folder says."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from workloads.errors import LimenError
from workloads.exact import reference
from workloads.host.files import read_arrays
from workloads.host.specfile import read_spec
from workloads.networks.accuracy import (
    FILE,
    check_accuracies,
    member_accuracy,
    network_hash,
    read_accuracies,
    store_accuracies,
)
from workloads.networks.family import FAMILY_BITS, SHIPPED, Family, family_ops, load_family, member_w_bits
from workloads.ops.integers import operand_range
from workloads.ops.shift import SHIFT
from workloads.training import trial
from workloads.training.classifier import load_data
from workloads.training.make_family import calibrated, described, is_made, master_of, next_member, op_layers
from workloads.training.quantise import quantise_member
from workloads.training.recipe import Recipe
from workloads.training.train_and_tune import Course, whole_identity

FOLDER = SHIPPED / "digits"
FAMILIES = sorted(path.parent.name for path in SHIPPED.glob("*/accuracy.csv"))
PAIRS = [(name, op) for name in FAMILIES for op in load_family(name).ops()]
DIGITS = [op for name, op in PAIRS if name == "digits"]


def test_what_ships():
    """Those that there are: each with its MAC twin, digits and MNIST of all widths with all ops; generated polarity."""
    widths = {"digits-half", "digits-double", "mnist-half"}
    generated = {"digits-generated", "digits-generated-half", "digits-generated-double"}
    generated |= {"mnist-generated", "mnist-generated-half"}
    plain = {"digits", "mnist", "fashion-mnist", "fashion-mnist-deep", "spoken-digits"}
    assert set(FAMILIES) == plain | widths | generated
    for name in ("digits", "mnist", *widths):
        assert set(load_family(name).ops()) == set(family_ops())
    for name in FAMILIES:
        assert ({"threshold"} if name in generated else {"threshold", "mac"}) <= set(load_family(name).ops())
        assert set(load_family(name).ops()) <= set(read_spec(Recipe, SHIPPED / name / "recipe.yaml").ops)


@pytest.mark.parametrize(("name", "op"), PAIRS)
def test_every_member_loads_and_checks(name, op):
    family = load_family(name)
    for x_bits, w_bits in family.widths(op):
        network = family.network(op, x_bits, w_bits)
        assert network.name == f"{name}-{op}-x{x_bits}-w{w_bits}"
        for layer, parameters in zip(network.layers, network.trained(), strict=True):
            parameters.check(layer)
            narrow = min(w_bits, SHIFT.weight_bits[1]) if layer.op == "shift" else w_bits
            assert (layer.x_bits, layer.w_bits) == (x_bits, narrow)


@pytest.mark.parametrize(("name", "op"), PAIRS)
def test_kernels_equal_the_reference_on_random_activations(name, op):
    family = load_family(name)
    widths = family.widths(op)
    for x_bits, w_bits in (widths[0], widths[len(widths) // 2], widths[-1]):
        network = family.network(op, x_bits, w_bits)
        first = network.layers[0]
        low, high = operand_range(x_bits, first.x_signed)
        x = np.random.default_rng(x_bits * 10 + w_bits).integers(low, high + 1, (3, *first.input_shape))
        expected = reference.run(network.layers, network.trained(), x)[-1]
        assert np.array_equal(network.predict(x), expected.reshape(len(x), -1))


@pytest.mark.parametrize(
    ("name", "op", "least"),
    [
        *(("digits", op, 0.975 if op in ("threshold", "mac") else 0.95) for op in family_ops()),
        *(("mnist", op, 0.99 if op in ("threshold", "mac") else 0.98) for op in family_ops()),
        *(("digits-half", op, 0.97 if op in ("mac", "shift") else 0.93) for op in family_ops()),
        *(("digits-double", op, 0.97 if "adder" in op else 0.98) for op in family_ops()),
        *(("digits-generated-half", "threshold", 0.95), ("digits-generated-double", "threshold", 0.98)),
        *(("digits-generated", "threshold", 0.97), ("mnist-generated", "threshold", 0.99)),
        *(("mnist-half", op, {"threshold": 0.985, "mac": 0.99}.get(op, 0.984)) for op in family_ops()),
        ("mnist-generated-half", "threshold", 0.985),
        ("fashion-mnist", "threshold", 0.903),
        ("fashion-mnist", "mac", 0.903),
        ("fashion-mnist-deep", "threshold", 0.92),
        ("fashion-mnist-deep", "mac", 0.93),
    ],
)
def test_widest_members_are_accurate(name, op, least):
    """By the stored table, which is of these very weights: data sets need not be available."""
    family = load_family(name)
    x_bits, w_bits = family.widths(op)[-1]
    row = read_accuracies(family)[op, x_bits, w_bits]
    assert row.network_sha256 == network_hash(family.network(op, x_bits, w_bits))
    assert row.test_accuracy >= least


@pytest.mark.parametrize("name", FAMILIES)
def test_every_member_has_a_valid_row(name):
    family = load_family(name)
    rows = read_accuracies(family)
    assert set(rows) == {(op, *widths) for op in family.ops() for widths in family.widths(op)}
    for (op, x_bits, w_bits), row in rows.items():
        assert row.network_sha256 == network_hash(family.network(op, x_bits, w_bits))
    assert len({row.data_sha256 for row in rows.values()}) == 1


@pytest.mark.parametrize("name", FAMILIES)
def test_stored_accuracies_are_those_of_fresh_inference(shared, name):
    """Digits come with the package."""
    folder = None if name == "digits" else shared("data")
    rows = check_accuracies(load_family(name), 12 if name == "digits" else 1, 3, folder)
    assert rows and all(each.equal for each in rows)


@pytest.mark.parametrize("op", ["threshold", "mac", "adder", "shift", "shift-adder"])
def test_integers_follow_from_the_shipped_masters(op):
    """The members of one x width, from the widest w down, from the float master and those tuned at few bits."""
    family, x_bits = load_family("digits"), 8
    shipped = read_arrays(FOLDER / f"{op}.npz")
    widest = member_w_bits(op)[-1]
    layers = family.form(op, x_bits, widest).build_layers()
    data = load_data("digits")
    known = {}
    for w_bits in reversed(member_w_bits(op)):
        at = (x_bits - FAMILY_BITS[0], w_bits - FAMILY_BITS[0])
        tag = int(shipped["tuned"][at])
        calibration = calibrated(master_of(shipped, layers, tag), data)
        known[x_bits, w_bits] = tag, next_member(calibration, tag, x_bits, w_bits, known)
        member = known[x_bits, w_bits][1]
        assert (shipped["input_offset"][at], shipped["input_shift"][at]) == tuple(
            member.input_map.model_dump().values()
        )
        for layer, integers in zip(layers, member.layers, strict=True):
            for part, values in integers._asdict().items():
                assert np.array_equal(shipped[f"{layer.name}.{part}"][at], values), (w_bits, layer.name, part)


@pytest.mark.parametrize("name", FAMILIES)
def test_shipped_networks_are_those_of_their_recipes(shared, name):
    """So `limen net train` of a shipped recipe trains nothing, and another tuning keeps the masters."""
    folder = SHIPPED / name
    recipe = read_spec(Recipe, folder / "recipe.yaml")
    data = load_data(recipe.dataset, None if recipe.dataset == "digits" else shared("data"))
    layers = {op: op_layers(recipe, op, folder / "recipe.yaml", data) for op in load_family(name).ops()}
    for op in layers:
        teacher = master_of(read_arrays(folder / "mac.npz"), layers["mac"]) if recipe.teaches(op) else None
        course = Course(recipe, op, recipe.ops[op].seed, data, teacher)
        assert is_made(folder / f"{op}.npz", described(whole_identity(layers[op], course))), op


def test_thresholds_of_a_layer_share_the_range_of_its_activations():
    shipped = read_arrays(FOLDER / "threshold.npz")
    for name in (name for name in shipped if name.endswith(".w_exponent")):
        assert (shipped[name] == shipped[name][..., :1]).all()


def test_shipped_files_are_small():
    for path in SHIPPED.rglob("*"):
        assert path.stat().st_size < 2 << 20, path


@pytest.fixture
def copied(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "digits")
    return Family("digits", tmp_path / "digits")


def test_damaged_checkpoint_is_refused(copied):
    path = copied.folder / "mac.npz"
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(LimenError, match=r"mac.npz: checkpoint: not a readable .npz file"):
        copied.network("mac", 8, 8)


def test_missing_checkpoint_is_refused(copied):
    (copied.folder / "mac.npz").unlink()
    with pytest.raises(LimenError, match=r"^family digits: op: 'mac' is not allowed: one of threshold, adder, "):
        copied.network("mac", 8, 8)


def test_checkpoint_of_other_values_is_refused(copied):
    path = copied.folder / "threshold.npz"
    arrays = read_arrays(path)
    arrays["conv1.shift"][:] = 32
    np.savez_compressed(path, **arrays)
    with pytest.raises(LimenError, match=r"conv1.shift: 32 is not allowed: must be 0 to 31$"):
        copied.network("threshold", 8, 8)


def test_members_that_do_not_exist_are_refused():
    family = load_family("digits")
    with pytest.raises(LimenError, match=r"^family digits: x_bits: 9 is not allowed: 2 to 8$"):
        family.network("mac", 9, 8)
    with pytest.raises(LimenError, match=r"^family digits: w_bits: 8 is not allowed: 2 to 5$"):
        family.network("shift", 8, 8)
    with pytest.raises(LimenError, match=r"^family digits: op: 'pool' is not allowed: one of threshold, mac, adder, "):
        family.network("pool", 8, 8)
    with pytest.raises(
        LimenError, match=r"^workload: 'letters' is not allowed: a family \(digits, .*\) or a network file"
    ):
        load_family("letters")
    with pytest.raises(LimenError, match=r"a network file \(.yaml\); the nearest is resnet50$"):
        load_family("resnet-50")
    with pytest.raises(LimenError, match=r"^workload: 'a b.onnx' is not allowed: .* limen net import 'a b.onnx' makes"):
        load_family("a b.onnx")


def test_checkpoint_without_an_array(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "digits", tmp_path / "digits")
    path = tmp_path / "digits" / "mac.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "conv2.bias"}
    np.savez(path, **arrays)
    with pytest.raises(LimenError, match=r"mac\.npz: conv2\.bias: missing"):
        load_family("digits", tmp_path).network("mac", 8, 8)


def test_choices_whose_biases_a_checkpoint_cannot_hold_are_passed_over(monkeypatch):
    family = load_family("digits")
    layers = family.form("shift", 8, 5).build_layers()
    calibration = calibrated(master_of(read_arrays(FOLDER / "shift.npz"), layers), load_data("digits"))

    def largest():
        return max(np.abs(layer.bias).max() for layer in quantise_member(calibration, 8, 5).layers)

    free = largest()
    monkeypatch.setattr(trial, "LARGEST_BIAS", free - 1)
    assert largest() < free
    monkeypatch.setattr(trial, "LARGEST_BIAS", 0)
    with pytest.raises(LimenError, match="quantising: x_bits 8, w_bits 5: no shift of 0 to 31 and no 32-bit bias fit"):
        largest()


def flip_one_bit(family):
    """Move one threshold of the 8 x 8 threshold member to the next integer."""
    path = family.folder / "threshold.npz"
    arrays = read_arrays(path)
    weights = arrays["conv2.float_weights"]
    exponent = float(arrays["conv2.w_exponent"][6, 6, 0])
    weights[0, 0, 0, 0] += 2**exponent if weights[0, 0, 0, 0] < 0 else -(2**exponent)
    np.savez_compressed(path, **arrays)


def test_one_changed_weight_voids_its_row(copied):
    before = member_accuracy(copied, "threshold", 8, 8)
    assert before == read_accuracies(copied)["threshold", 8, 8]
    flip_one_bit(copied)
    after = member_accuracy(copied, "threshold", 8, 8)  # measured afresh: digits are always available
    assert after.network_sha256 != before.network_sha256 and after.data_sha256 == before.data_sha256
    rows = check_accuracies(copied, 500, 0)
    wrong = {each.fresh.member for each in rows if not each.equal}
    assert ("threshold", 8, 8) in wrong and {op for op, _, _ in wrong} == {"threshold"}
    store_accuracies(copied)
    assert all(each.equal for each in check_accuracies(copied, 20, 1))
    assert read_accuracies(copied)["threshold", 8, 8].network_sha256 == after.network_sha256


def test_a_void_row_without_data_is_refused(copied, monkeypatch):
    flip_one_bit(copied)
    monkeypatch.setattr("workloads.networks.accuracy.available", lambda name: False)
    with pytest.raises(LimenError, match=r"accuracy.csv: threshold 8 x 8: no row of these weights, and digits is not"):
        member_accuracy(copied, "threshold", 8, 8)
    assert member_accuracy(copied, "mac", 8, 8).test_accuracy > 0.97  # its row still holds


def test_damaged_accuracy_tables_are_refused(copied):
    path = copied.folder / FILE
    text = path.read_text()
    path.write_text(text.replace("test_accuracy", "accuracy", 1))
    with pytest.raises(LimenError, match=r"accuracy.csv: columns: "):
        read_accuracies(copied)
    path.write_text(text.replace("\nmac,8,8,", "\nmac,8,eight,", 1))
    with pytest.raises(
        LimenError, match=r"accuracy.csv: line \d+: not a row of an accuracy table: \['mac', '8', 'eight'"
    ):
        read_accuracies(copied)
