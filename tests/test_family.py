"""The shipped family "digits": every member loads, is exact, and is as good as its folder says."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from workloads import reference
from workloads.errors import LimenError
from workloads.family import FAMILY_BITS, SHIPPED, Family, load_family
from workloads.network import NetworkFile, read_arrays
from workloads.numbers import operand_range
from workloads.quantise import calibrate, checkpoint_arrays, master_of, quantise_member
from workloads.recipe import Recipe
from workloads.specfile import read_spec
from workloads.train_family import SeedRow, summarise_seeds

OPS = ("threshold", "mac")
FOLDER = SHIPPED / "digits"


@pytest.mark.parametrize("op", OPS)
def test_every_member_loads_and_checks(op):
    family = load_family("digits")
    assert op in family.ops()
    for x_bits in FAMILY_BITS:
        for w_bits in FAMILY_BITS:
            network = family.network(op, x_bits, w_bits)
            assert network.name == f"digits-{op}-x{x_bits}-w{w_bits}"
            for layer, parameters in zip(network.layers, network.trained(), strict=True):
                parameters.check(layer)
                assert (layer.op, layer.x_bits, layer.w_bits) == (op, x_bits, w_bits)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(("x_bits", "w_bits"), [(8, 8), (4, 4), (2, 7), (7, 3), (2, 2)])
def test_kernels_equal_the_reference_on_random_activations(op, x_bits, w_bits):
    network = load_family("digits").network(op, x_bits, w_bits)
    low, high = operand_range(x_bits, op == "threshold")
    x = np.random.default_rng(x_bits * 10 + w_bits).integers(low, high + 1, (70, *network.layers[0].input_shape))
    expected = reference.run(network.layers, network.trained(), x)[-1]
    assert np.array_equal(network.predict(x), expected.reshape(len(x), -1))


@pytest.mark.parametrize("op", OPS)
def test_eight_bit_members_are_accurate(op):
    assert load_family("digits").network(op, 8, 8).accuracy("test") >= 0.975


def test_accuracies_are_those_of_the_stored_table():
    family = load_family("digits")
    with (FOLDER / "accuracy.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["op"], int(row["x_bits"]), int(row["w_bits"])) for row in rows} == {
        (op, x_bits, w_bits) for op in OPS for x_bits in FAMILY_BITS for w_bits in FAMILY_BITS
    }
    for row in rows[:: len(rows) // 14]:
        network = family.network(row["op"], int(row["x_bits"]), int(row["w_bits"]))
        for split in ("validation", "test"):
            assert f"{network.accuracy(split):.6f}" == row[f"{split}_accuracy"]


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize(("x_bits", "w_bits"), [(8, 8), (3, 5)])
def test_integers_follow_from_the_shipped_master(op, x_bits, w_bits):
    layers = read_spec(NetworkFile, FOLDER / f"{op}.yaml").build_layers()
    shipped = read_arrays(FOLDER / f"{op}.npz")
    master = master_of(shipped, layers)
    derived = checkpoint_arrays(master, {(x_bits, w_bits): quantise_member(master, calibrate(master), x_bits, w_bits)})
    assert derived.keys() == shipped.keys()
    at = (x_bits - FAMILY_BITS[0], w_bits - FAMILY_BITS[0])
    for name, array in derived.items():
        assert array.dtype == shipped[name].dtype
        if name.endswith((".w_exponent", ".bias", ".shift")) or name.startswith("input_"):
            assert np.array_equal(array[at], shipped[name][at]), name


def test_thresholds_of_a_layer_share_the_range_of_its_activations():
    shipped = read_arrays(FOLDER / "threshold.npz")
    for name in (name for name in shipped if name.endswith(".w_exponent")):
        assert (shipped[name] == shipped[name][..., :1]).all()


def test_shipped_seeds_are_the_best_on_validation():
    recipe = read_spec(Recipe, FOLDER / "recipe.yaml")
    with (FOLDER / "seeds.csv").open() as file:
        rows = [
            SeedRow(row["op"], int(row["seed"]), *(float(row[name]) for name in SeedRow._fields[2:]))
            for row in csv.DictReader(file)
        ]
    summaries = summarise_seeds(rows)
    assert [summary.op for summary in summaries] == list(OPS)
    for summary in summaries:
        assert summary.seeds == 5 and summary.test_mean >= 0.975
        own = recipe.for_op(summary.op)
        assert own is not None and own.seed == summary.best_seed


def test_shipped_files_are_small():
    for path in FOLDER.iterdir():
        assert path.stat().st_size < 1 << 20, path


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
    with pytest.raises(LimenError, match=r"^family digits: op: 'mac' is not allowed: one of threshold$"):
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
    with pytest.raises(LimenError, match=r"^family digits: op: 'adder' is not allowed: one of threshold, mac$"):
        family.network("adder", 8, 8)
    with pytest.raises(LimenError, match=r"^workload: 'letters' is not allowed: a family \(digits\) or a network file"):
        load_family("letters")


def test_checkpoint_without_an_array(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "digits", tmp_path / "digits")
    path = tmp_path / "digits" / "mac.npz"
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files if name != "conv2.bias"}
    np.savez(path, **arrays)
    with pytest.raises(LimenError, match=r"mac\.npz: conv2\.bias: missing"):
        load_family("digits", tmp_path).network("mac", 8, 8)
