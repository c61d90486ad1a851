"""The study of seeds: what it trains, keeps and says; and the rows that ship beside families."""

import pytest

from tests.workloads.tiny_recipes import RECIPE, write_recipe  # noqa: F401
from workloads.errors import LimenError
from workloads.networks.accuracy import read_accuracies
from workloads.studies import seeds
from workloads.studies.seeds import SeedRow, run_study, summarise
from workloads.training.make_family import train_family

OPS = ["mac", "threshold"]


def test_a_study_stopped_goes_on_to_the_same_bytes(recipe_path, tmp_path):
    """Who teaches is trained first; stopped within a training, what was done is kept; further seeds join."""
    recipe_path.write_text(RECIPE.replace("epochs: 2", "epochs: 2\ndistillation: 0.5"))
    whole = run_study(recipe_path, 2, tmp_path / "whole", ["threshold"])
    assert [(row.op, row.seed) for row in whole] == [("mac", 0), ("mac", 1), ("threshold", 0), ("threshold", 1)]
    assert whole[0][2:5] != whole[1][2:5]
    run_study(recipe_path, 1, tmp_path / "broken", OPS)
    started = []

    def stop(what, done, total):
        started.append(what)
        if (what, done) == ("training threshold, seed 1", 1):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(recipe_path, 2, tmp_path / "broken", OPS, progress=stop)
    assert "training mac, seed 1" in started and not any("seed 0" in what for what in started)
    resumed = []
    assert run_study(recipe_path, 2, tmp_path / "broken", OPS, progress=lambda *step: resumed.append(step)) == whole
    assert resumed == [("training threshold, seed 1", 2, 2), ("seeds", 4, 4)]
    assert [path.name for path in (tmp_path / "broken").iterdir()] == [seeds.FILE]
    assert (tmp_path / "broken" / seeds.FILE).read_bytes() == (tmp_path / "whole" / seeds.FILE).read_bytes()
    recipe_path.write_text(RECIPE)
    with pytest.raises(LimenError, match=r"seeds.csv: settings: '[0-9a-f]{12}' is not allowed: this study's are"):
        run_study(recipe_path, 2, tmp_path / "broken", OPS)


def test_the_master_of_a_family_is_not_trained_again(recipe_path, tmp_path, monkeypatch):
    family = train_family(recipe_path, recipe_path.parent, ["mac"])
    monkeypatch.setattr(seeds, "train_master", None)
    (row,) = run_study(recipe_path, 1, tmp_path / "seeds", ["mac"])
    expected = read_accuracies(family)["mac", 8, 8]
    assert row.validation_accuracy_8_bits == pytest.approx(expected.validation_accuracy, abs=5e-7)
    assert row.test_accuracy_8_bits == pytest.approx(expected.test_accuracy, abs=5e-7)
    last = (family.folder / "mac-curve.csv").read_text().splitlines()[-1]
    assert f"{row.validation_accuracy_float:.6f}" == last.split(",")[-1]
    with pytest.raises(TypeError, match="NoneType"):
        run_study(recipe_path, 2, tmp_path / "seeds", ["mac"])


def test_best_seed_is_chosen_by_validation_and_ties_go_to_the_lowest():
    rows = [
        *(SeedRow("mac", 2, 0.9, 0.8, 0.7, ""), SeedRow("mac", 1, 0.9, 0.8, 0.5, "")),
        SeedRow("mac", 0, 0.9, 0.7, 0.9, ""),
    ]
    (summary,) = summarise(rows)
    assert (summary.op, summary.seeds, summary.best_seed) == ("mac", 3, 1)
    assert (summary.test_mean, summary.test_deviation) == (pytest.approx(0.7), pytest.approx(0.2))
