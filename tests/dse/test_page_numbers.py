"""What a study's page computes: shares of variance, the growth of the hypervolume, places on parallel axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest

from dse.front.front import non_dominated
from dse.front.growth import MOST_LOOKS, growth
from dse.front.hypervolume import scale_of
from dse.front.importance import epsilon_squared, variance_shares
from dse.study.page_of import page_data
from dse.study.study import Study

OBJECTIVES = {"energy_uj": "min", "latency_us": "min", "accuracy": "max"}


def random_trials(rows: int, seed: int = 0) -> pandas.DataFrame:
    random = np.random.default_rng(seed)
    trials = pandas.DataFrame(random.uniform(0.1, 1, (rows, 3)), columns=list(OBJECTIVES))
    return trials.assign(feasible=random.random(rows) < 0.7)


def front_of(trials: pandas.DataFrame) -> pandas.DataFrame:
    feasible = trials[trials["feasible"]]
    return feasible[non_dominated(feasible, OBJECTIVES)]


def test_growth_is_the_hypervolume_of_the_first_trials() -> None:
    trials = random_trials(60)
    front = front_of(trials)
    shares = growth(trials, front, OBJECTIVES)
    scale, names = scale_of(front[list(OBJECTIVES)].to_numpy(), OBJECTIVES), list(OBJECTIVES)
    assert list(shares) == list(range(1, 61))
    for looked, share in shares.items():
        first = trials.iloc[:looked]
        values = first.loc[first["feasible"], names].to_numpy()
        expected = scale.volume(values) / scale.volume(front[names].to_numpy())
        assert share == pytest.approx(expected, rel=1e-12)
    assert shares[60] == 1


def test_long_searches_are_looked_at_now_and_then() -> None:
    trials = random_trials(5000)
    shares = growth(trials, front_of(trials), OBJECTIVES)
    assert len(shares) <= MOST_LOOKS and list(shares)[-1] == 5000
    assert (np.diff([*shares.values()]) >= 0).all() and shares[5000] == 1


def test_shares_of_variance() -> None:
    """Groups that say all, nothing, and by hand: between 6 of 8, within 2; beyond chance (6 − 1 · 2 / 2) / 8."""
    assert epsilon_squared(np.array([1.0, 1, 5, 5]), np.array(["a", "a", "b", "b"])) == 1
    assert epsilon_squared(np.array([3.0, 3, 3]), np.array(["a", "b", "b"])) == 0
    assert epsilon_squared(np.array([1.0, 2, 3]), np.array(["a", "b", "c"])) == 0
    values, groups = np.sqrt(3) * np.array([-1, -1, 1, 1]) / np.sqrt(2), np.array(["a", "a", "b", "b"])
    assert epsilon_squared(values + np.array([1, -1, 1, -1]) / np.sqrt(2), groups) == pytest.approx(5 / 8)
    random = np.random.default_rng(0)
    chance = [epsilon_squared(random.normal(size=200), random.integers(0, 8, 200).astype(str)) for _ in range(50)]
    assert max(chance) < 0.15 and min(chance) == 0


def test_costs_count_as_logarithms() -> None:
    designs = pandas.DataFrame({"rows": [1, 1, 2, 2], "cost": np.exp([0.0, 1.0, 10.0, 11.0])})
    shares = variance_shares(designs, ["rows"], {"cost": True})
    assert shares["rows", "cost"] == epsilon_squared(np.array([0.0, 1, 10, 11]), np.array(["1", "1", "2", "2"]))


def test_places_of_designs_on_parallel_axes(small: Path) -> None:
    """The axes with several values at even steps, in their order; objectives from their least to their largest."""
    study = Study.open(small / "out")
    data = page_data(study)
    table = data.table()
    rows = pandas.DataFrame(table["rows"], columns=table["fields"])
    places = {place.label: place for place in data.places}
    assert [*places][:5] == ["op", "x_bits", "dataflow", "rows", "cols"]
    assert places["dataflow"].marks == {0.0: "os", 0.5: "ws", 1.0: "is"}
    of_design = study.trials().set_index("trial").loc[rows["trial"]]
    marks = {text: at for at, text in places["rows"].marks.items()}
    assert rows[places["rows"].field].tolist() == [marks[str(value)] for value in of_design["rows"]]
    energy = places["energy per image (µJ)"]
    assert rows.loc[of_design["energy_uj"].argmin(), energy.field] == 0
    assert rows.loc[of_design["energy_uj"].argmax(), energy.field] == 1
