"""Training: determinism, checkpoints and resuming, and recipes that can't be."""

import json

import numpy as np
import pytest

from tests.workloads.tiny_recipes import RECIPE, write_recipe  # noqa: F401
from workloads.errors import LimenError
from workloads.host.files import npz_bytes, read_arrays, write_whole
from workloads.host.specfile import read_spec
from workloads.training import loop
from workloads.training.classifier import Classifier, load_data
from workloads.training.make_family import op_layers, train_family
from workloads.training.recipe import Recipe
from workloads.training.train_and_tune import Course, train_master


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
        train_master(layers, Course(recipe, "threshold", 0, data), path, stop)
    return recipe, layers, data, path


def resume(stopped, **changes):
    recipe, layers, data, path = stopped
    recipe = recipe.model_copy(update={key: value for key, value in changes.items() if key != "seed"})
    return train_master(layers, Course(recipe, "threshold", changes.get("seed", 0), data), path)


def test_resuming_takes_the_curve_along(stopped):
    recipe, layers, data, _ = stopped
    master, curve = resume(stopped)
    unbroken, full = train_master(layers, Course(recipe, "threshold", 0, data))
    assert curve == full and len(curve) == 2
    for layer, other in zip(master, unbroken, strict=True):
        assert np.array_equal(layer.weights, other.weights) and np.array_equal(layer.bias, other.bias)


def test_checkpoints_that_do_not_fit_are_refused(stopped):
    recipe, layers, data, path = stopped
    with pytest.raises(LimenError, match=r"checkpoint: seed: 0 is not allowed: this training has 1; delete the file"):
        resume(stopped, seed=1)
    with pytest.raises(LimenError, match=r"checkpoint: batch: 64 is not allowed: this training has 32"):
        resume(stopped, batch=32)
    wider = tuple(layer.model_copy(update={"x_bits": 9}) for layer in layers)
    with pytest.raises(LimenError, match=r"checkpoint: network: '[0-9a-f]{64}' is not allowed: this training has"):
        train_master(wider, Course(recipe, "threshold", 0, data), path)
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


def test_a_checkpoint_of_other_code_is_refused(stopped, monkeypatch):
    """Half of a network trained by the code of before and half by that of now would be of neither."""
    monkeypatch.setattr(loop, "training_code", lambda: "of now")
    with pytest.raises(LimenError, match=r"checkpoint: code_digest: '[0-9a-f]{64}' is not allowed: this training has"):
        resume(stopped)


def test_a_finished_op_is_of_its_recipe_whatever_the_code(recipe_path, tmp_path, monkeypatch):
    before = (train_family(recipe_path, tmp_path, ["shift-adder"]).folder / "shift-adder.npz").read_bytes()
    monkeypatch.setattr(loop, "training_code", lambda: "of now")
    monkeypatch.setattr("workloads.training.make_family.train_master", None)
    assert (train_family(recipe_path, tmp_path, ["shift-adder"]).folder / "shift-adder.npz").read_bytes() == before
    assert b"code_digest" not in read_arrays(tmp_path / "shift-adder.npz")["described"].tobytes()


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
    seen = set()
    for x, (labels, taught) in task.batches(np.random.default_rng(0)):
        assert x.shape == (8, 8, 1, 64) and x.dtype == np.float32 and taught is None
        for image, label in zip(x.transpose(3, 0, 1, 2), labels, strict=True):
            pixels = (image * 8 + 8).astype(np.int64)
            for turned in (False, True):
                source = data.pixels[data.labels == label]
                padded = np.pad(source[:, :, ::-1] if turned else source, ((0, 0), (2, 2), (2, 2), (0, 0)))
                for down in range(5):
                    for across in range(5):
                        if np.any(np.all(padded[:, down : down + 8, across : across + 8] == pixels, axis=(1, 2, 3))):
                            seen.add((turned, down, across))
    assert task.steps == 2 and len(seen) > 40


def test_cutout_covers_a_square_with_background():
    """Beside the same images without it: a square, smaller at an edge, is 0, and all else as it was."""
    data = load_data("digits", images=130)
    settings = {"version": 1, "name": "r", "dataset": "digits", "epochs": 1, "batch": 64, "mirror": True}
    recipes = (Recipe(**settings, cutout_pixels=side, ops={"mac": {"learning_rate": 1.0}}) for side in (0, 3))
    plain, cut = (next(Classifier(data, recipe, False).batches(np.random.default_rng(0)))[0] for recipe in recipes)
    covered = set()
    for image in range(64):
        before, after = plain[..., 0, image], cut[..., 0, image]
        fits = [
            (i, j)
            for i, j in np.ndindex(8, 8)
            if not after[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].any()
            and np.count_nonzero(before != after)
            == np.count_nonzero(before[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2])
        ]
        assert fits
        covered.update(fits)
    assert not np.array_equal(plain, cut) and len(covered) > 30


def test_a_training_with_everything_on_resumes_to_the_same_bits(recipe_path, tmp_path):
    """Cutout, distillation and averaging, each of which changes what is trained; off, none is in its identity."""
    data = load_data("digits", images=256)
    recipe, layers = read_spec(Recipe, recipe_path), op_layers_of(recipe_path, data)
    teacher, _ = train_master(layers["mac"], Course(recipe, "mac", 0, data))

    def trained(changes, *place):
        changed = recipe.model_copy(update=changes)
        taught = teacher if changed.teaches("threshold") else None
        return train_master(layers["threshold"], Course(changed, "threshold", 0, data, taught), *place)

    everything = {"cutout_pixels": 3, "distillation": 0.5, "averaging": 0.9}
    results = [trained({key: value}) for key, value in everything.items()] + [trained({})]
    losses = [curve[-1].loss for _, curve in results]
    assert len(set(losses[:2] + losses[3:])) == 3 and losses[2] == losses[3]  # an average doesn't move what is trained
    assert not np.array_equal(results[2][0][0].weights, results[3][0][0].weights)
    path = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        trained(everything, path, interrupt)
    master, curve = trained(everything, path)
    unbroken, whole = trained(everything)
    assert curve == whole
    for one, other in zip(master, unbroken, strict=True):
        assert np.array_equal(one.weights, other.weights) and np.array_equal(one.bias, other.bias)
    identity = json.loads(read_arrays(path)["described"].tobytes())["identity"]
    assert identity["averaging"] == 0.9 and len(identity["teacher"]) == 64
    with pytest.raises(LimenError, match=r"checkpoint: averaging: 0.9 is not allowed: this training has 0.5"):
        trained(everything | {"averaging": 0.5}, path)


def interrupt(what, done, total):
    raise KeyboardInterrupt


def op_layers_of(recipe_path, data):
    recipe = read_spec(Recipe, recipe_path)
    return {op: op_layers(recipe, op, recipe_path, data) for op in ("threshold", "mac")}


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
        ("batch: 64", "batch: 64\naveraging: 1.0", r"averaging: 1.0 is not allowed: input should be less than 1"),
        (
            RECIPE[RECIPE.index("ops:") :],
            "distillation: 0.5\nops:\n  threshold: {learning_rate: 0.08}\n",
            r"distillation: 0.5 is not allowed: ops have no mac, the teacher",
        ),
        ("batch: 64", "batch: 64\ntuning_rate: []", r"tuning_rate: \[\] is not allowed: a list of at least 1 item"),
        (
            "batch: 64",
            f"batch: 64\ntuning_rate: {9 * [0.1]}",
            r"tuning_rate: \[0.1, .* is not allowed: a list of at most 8 items; this one has 9",
        ),
        (
            "batch: 64",
            "batch: 64\ntuning_rate: [0.1, 2]",
            r"tuning_rate.1: 2 is not allowed: .* less than or equal to 1",
        ),
        ("  threshold:", "  thresholds:", r"ops.thresholds.*'thresholds' is not allowed: input should be 'threshold'"),
        (RECIPE[RECIPE.index("ops:") :], "ops: {}\n", r"ops: {} is not allowed: a mapping of at least 1 key"),
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
        ("threshold", "name: conv,", "name: conv, groups: 1, polarity: sign,", r"polarity: 'sign' is not allowed"),
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


def test_an_op_that_is_made_is_not_made_again(recipe_path, tmp_path):
    """The same call again trains nothing; another seed, or another recipe, does."""
    seen = []
    arguments = {"progress": lambda what, done, total: seen.append(what)}
    first = train_family(recipe_path, tmp_path / "out", ["mac"], **arguments)
    before = (first.folder / "mac.npz").read_bytes()
    assert "training mac, seed 0" in seen
    seen.clear()
    train_family(recipe_path, tmp_path / "out", ["mac"], **arguments)
    assert set(seen) == {"evaluating mac"} and (first.folder / "mac.npz").read_bytes() == before
    train_family(recipe_path, tmp_path / "out", ["mac"], seed=1, **arguments)
    assert "training mac, seed 1" in seen and (first.folder / "mac.npz").read_bytes() != before
