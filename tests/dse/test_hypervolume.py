"""Hypervolumes: against Optuna's, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from optuna._hypervolume import compute_hypervolume

from dse.front.hypervolume import hypervolume, scale_of


@pytest.mark.parametrize("objectives", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("points", [1, 2, 40])
def test_as_optuna_has_it(objectives: int, points: int) -> None:
    """Also where points are equal, beaten, or share coordinates."""
    chance = np.random.default_rng(10 * objectives + points)
    for step in (0.2, 0.001):
        room = np.ceil(chance.random((points, objectives)) / step) * step
        theirs = compute_hypervolume(-room, np.zeros(objectives))
        assert hypervolume(room) == pytest.approx(theirs, rel=1e-12)
    assert hypervolume(np.vstack([room, room / 2, np.zeros((3, objectives))])) == pytest.approx(hypervolume(room))


def test_scale_by_hand() -> None:
    """From best to worst on the front energy has a factor of 16, accuracy 0.1; both are 1 there."""
    front = np.array([[1.0, 0.9], [16.0, 1.0]])
    scale = scale_of(front, {"energy_uj": "min", "accuracy": "max"})
    assert scale.room(front) == pytest.approx(np.array([[1.1, 0.1], [0.1, 1.1]]))
    assert scale.volume(front) == pytest.approx(0.11 + 0.11 - 0.01)
    assert scale.room(np.array([[4.0, 0.95]])) == pytest.approx(np.array([[0.6, 0.6]]))
    assert scale.room(np.array([[100.0, 0.5]])).tolist() == [[0.0, 0.0]]
    assert scale.volume(np.empty((0, 2))) == 0.0
    same = scale_of(front[:1], {"energy_uj": "min", "accuracy": "max"})  # nothing to scale by
    assert same.volume(front[:1]) == pytest.approx(1.21)
