"""Fine-tuning: which master and rate each width takes, and that a tuned master is sound."""

from dataclasses import replace

import numpy as np
import pytest

from tests.workloads.tiny_recipes import RECIPE, write_recipe  # noqa: F401
from workloads.host.files import read_arrays
from workloads.host.specfile import read_spec
from workloads.networks.family import SHIPPED
from workloads.networks.network import NetworkFile
from workloads.training.classifier import load_data
from workloads.training.make_family import (
    calibrated,
    master_of,
    member_network,
    network_path,
    op_layers,
    quantise_family,
    train_family,
)
from workloads.training.quantise import quantise_member
from workloads.training.recipe import Recipe
from workloads.training.train_and_tune import Course, fine_tune, master_hash


def test_another_tuning_keeps_the_float_master(recipe_path, tmp_path, monkeypatch):
    """What becomes of it are the very files of a family trained whole; another rate trains anew."""
    train_family(recipe_path, tmp_path / "kept", ["threshold"])
    recipe_path.write_text(RECIPE.replace("tuning_epochs: 1", "tuning_epochs: 2\ntuning_rate: [0.3, 0.05]"))
    whole = train_family(recipe_path, tmp_path / "whole", ["threshold"])
    seen = []
    kept = train_family(
        recipe_path, tmp_path / "kept", ["threshold"], progress=lambda what, done, total: seen.append(what)
    )
    assert "training threshold, seed 0" not in seen and "training threshold at 4 bits, seed 0" in seen
    for path in whole.folder.iterdir():
        assert path.read_bytes() == (kept.folder / path.name).read_bytes(), path.name
    recipe_path.write_text(RECIPE.replace("threshold: {learning_rate: 0.08}", "threshold: {learning_rate: 0.07}"))
    monkeypatch.setattr("workloads.training.make_family.train_master", None)
    with pytest.raises(TypeError, match="NoneType"):
        train_family(recipe_path, tmp_path / "kept", ["threshold"])


def on_validation(master, data, recipe_path, bits):
    """Wrong answers and cross-entropy of the integers that a master gives, on the split as the network reads it."""
    member = quantise_member(calibrated(master, data), bits, bits)
    form = read_spec(NetworkFile, network_path(recipe_path, "threshold"))
    network = member_network(master, member, form, bits, bits)
    x, labels = network.inputs("validation")
    scores = network.predict(x) * 2.0**member.units
    exact = np.take_along_axis(scores, labels[:, None], axis=1)[:, 0] - scores.max(axis=1)
    loss = np.mean(np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)) - exact)
    return len(x) - round(network.accuracy("validation") * len(x)), loss


def test_members_are_of_the_master_that_is_judged_better(recipe_path, tmp_path):
    """At each width, by whatever judges; the tuned one where the narrower operand has its bits."""
    data = load_data("digits")
    layers = op_layers(read_spec(Recipe, recipe_path), "mac", recipe_path, data)
    master = master_of(read_arrays(train_family(recipe_path, tmp_path / "out", ["mac"]).folder / "mac.npz"), layers)
    calibrations = {0: calibrated(master, data), 4: calibrated(master, data)}
    for better in (0, 4):

        def judge(calibration, *_, better=better):
            return float(calibration is not calibrations[better]), 0.0

        members = quantise_family("mac", calibrations, judge=judge)
        tags = {widths: tag for widths, (tag, _) in members.items()}
        assert tags == {widths: better if min(widths) == 4 else 0 for widths in tags}


def test_of_several_rates_each_width_takes_the_best(recipe_path, tmp_path, monkeypatch):
    """Those of fewest wrong answers, then least loss on validation images, from the one that the width before took."""
    recipe_path.write_text(RECIPE.replace("tuning_epochs: 1", "tuning_epochs: 1\ntuning_rate: [0.001, 1.0, 0.2]"))
    tried, recipe = [], read_spec(Recipe, recipe_path)

    def seen(master, grids, course, rate, *rest):
        tried.append((grids[0].x_bits, rate, master, fine_tune(master, grids, course, rate, *rest)))
        return tried[-1][-1]

    monkeypatch.setattr("workloads.training.make_family.fine_tune", seen)
    data = load_data("digits")
    layers = op_layers(recipe, "threshold", recipe_path, data)
    master = master_of(
        read_arrays(train_family(recipe_path, tmp_path / "out", ["threshold"]).folder / "threshold.npz"), layers
    )
    assert [(bits, rate) for bits, rate, _, _ in tried] == [
        (bits, rate) for bits in (4, 3, 2) for rate in recipe.tuning_rate
    ]
    taken, rates = master, set()
    for bits in (4, 3, 2):
        here = [(rate, before, after) for each, rate, before, after in tried if each == bits]
        assert all(master_hash(before) == master_hash(taken) for _, before, _ in here)
        judged = [on_validation(after, data, recipe_path, bits) for *_, after in here]
        rate, _, taken = here[judged.index(min(judged))]
        rates.add(rate)
    assert recipe.tuning_rate[0] not in rates and recipe.tuning_rate[-1] not in rates, "neither end is just taken"


@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_tuning_leaves_a_sound_master_where_operands_saturate(op):
    """Its means are those of real numbers: a threshold cut off by its grid is a constant of the sum, rounded or not."""
    recipe_path, data = SHIPPED / "digits" / "recipe.yaml", load_data("digits")
    recipe = read_spec(Recipe, recipe_path).model_copy(update={"tuning_epochs": 1})
    layers = op_layers(recipe, op, recipe_path, data)
    master = master_of(read_arrays(SHIPPED / "digits" / f"{op}.npz"), layers)
    grids = quantise_member(calibrated(master, data), 4, 4).grids
    narrow = [replace(grid, x_exponent=grid.x_exponent - 1, w_exponent=grid.w_exponent - 1) for grid in grids]
    course = Course(recipe, op, 0, data)
    tuned = fine_tune(master, narrow, course, 0.1)
    assert course.task(layers).validate(master) > 0.98 and course.task(layers).validate(tuned) > 0.9
    assert quantise_member(calibrated(tuned, data), 4, 4).loss < 0.2
