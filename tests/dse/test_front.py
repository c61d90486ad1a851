"""The front: exact, whatever the ties, and in no quadratic time."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from dse.front import front
from dse.front.front import front_rows, non_dominated
from dse.front.front_kernels import SEGMENT
from tests.dse.quadratic_front import quadratic_front

VALUES = np.array([-1e9, -3.5, -0.0, 0.0, 1e-300, 1.0, 2.0, 2.0000000000000004, 7.0, 1e300])


@pytest.mark.parametrize("block", [3, SEGMENT, 100, front.BLOCK])
def test_random_tables_with_many_ties(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the definition: few values a column, some rows twice, some columns turned so that most survive."""
    monkeypatch.setattr(front, "BLOCK", block)
    random = np.random.default_rng(block)
    survivors = []
    for _ in range(150):
        rows, columns = int(random.choice([0, 1, 2, 31, 32, 33, 64, 65, 97, 200, 400])), int(random.integers(1, 8))
        better = random.choice(VALUES[: random.integers(2, len(VALUES) + 1)], (rows, columns))
        if columns > 1 and random.random() < 0.5:
            better[:, -1] = -better[:, :-1].sum(axis=1)
        if random.random() < 0.3:
            better += random.random(better.shape)
        better = np.concatenate([better, better[: rows // 3]])
        wanted = quadratic_front(better)
        assert (front_rows(better) == wanted).all(), better.tolist()
        survivors.append(wanted.mean() if rows else 0)
    assert min(survivors) < 0.05 and max(survivors) > 0.9


def test_directions() -> None:
    table = pandas.DataFrame({"energy_uj": [1.0, 2.0, 1.0, 3.0], "accuracy": [0.5, 0.9, 0.5, 0.9], "pes": [9] * 4})
    assert non_dominated(table, {"energy_uj": "min", "accuracy": "max"}).tolist() == [True, True, True, False]
    assert non_dominated(table, {"energy_uj": "max"}).tolist() == [False, False, False, True]


@pytest.mark.parametrize("columns", [1, 2, 3, 4])
def test_the_worst_case(columns: int) -> None:
    """60,000 rows of which none beats another, and one behind each: each with each would be 10¹⁰ comparisons."""
    outside = np.abs(np.random.default_rng(columns).normal(size=(60000, columns)))
    outside /= np.linalg.norm(outside, axis=1, keepdims=True)
    found = front_rows(np.concatenate([outside, outside * 0.999]))
    assert found[:60000].all() and not found[60000:].any()
