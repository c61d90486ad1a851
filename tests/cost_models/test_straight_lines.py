"""Lines over accumulator widths: what stands between measured widths is straight, in random functions and in tables."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from cost_models.derive.straight_lines import LINEAR, residual, stretches
from cost_models.table.table import load_table
from tests.cost_models.line_check import MOST, by_hand, check_lines, pe_of

SEEDS = range(200)
NOISES = (0.0, 0.002, 0.01, 0.1)


class Curve:
    """A random curve with noise, that remembers where it was asked."""

    def __init__(self, seed: int) -> None:
        draw = random.Random(seed)
        self.knees = sorted(draw.sample(range(2, 48), draw.choice((2, 2, 3))))
        self.asked: set[int] = set()
        bend, noise = draw.choice((0.0, 0.01, 0.2)), draw.choice(NOISES)
        self.values = {
            width: {name: (10 + width + bend * width**2) * (1 + draw.uniform(-noise, noise)) for name in LINEAR}
            for width in range(50)
        }

    def __call__(self, width: int) -> dict[str, float]:
        self.asked.add(width)
        return self.values[width]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_width_is_measured_or_in_a_straight_stretch(seed: int) -> None:
    curve = Curve(seed)
    straight = stretches(curve.knees, curve)
    covered = {width for low, _, high in straight for width in range(low, high + 1)}
    assert curve.asked | covered == set(range(curve.knees[0], curve.knees[-1] + 1))
    assert set(curve.knees) <= curve.asked
    for stretch in straight:
        assert set(stretch) <= curve.asked and stretch[1] == sum(stretch[::2]) // 2
        assert not curve.asked & (set(range(stretch[0], stretch[2] + 1)) - set(stretch)), "measured for nothing"
        assert not set(range(stretch[0] + 1, stretch[2])) & set(curve.knees)
        for name in LINEAR:
            worst = by_hand(stretch, [curve.values[width][name] for width in stretch])
            assert worst <= MOST
            assert residual(stretch, name, curve) == pytest.approx(worst, rel=1e-6, abs=1e-12)


def test_a_line_needs_three_widths_and_a_steep_curve_all() -> None:
    def power(base: int) -> Callable[[int], dict[str, float]]:
        return lambda width: dict.fromkeys(LINEAR, float(base**width + width))

    assert stretches([4, 18], power(1)) == [(4, 11, 18)]
    assert stretches([4, 18], power(3)) == []


@pytest.mark.parametrize("name", ["ihp130", "sky130hd", "asap7"])
def test_shipped_accumulators_are_straight(name: str) -> None:
    rows = load_table(name).rows
    lines = [row for row in rows if row["component"] == "pe_line"]
    pes = {(*pe_of(row), row["acc_bits"]) for row in rows if row["component"] == "pe" and row["stages"] == "1"}
    assert {pe_of(row) for row in lines} == {pe[:-1] for pe in pes}
    assert len(lines) == len(LINEAR) * len({pe_of(row) for row in lines})
    check_lines(rows)
