"""What a study seeks and bounds: every figure, several at once; points that don't fit; none that is feasible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from dse.study.figures import CATALOGUE, CONSTRAINABLE, OBJECTIVES
from dse.study.front import gains
from dse.study.study import Study
from tests.dse.quadratic_front import quadratic_front
from tests.dse.study_files import rows_of
from workloads.errors import LimenError

SPEC = """version: 1
workloads: [digits]
space: {rows: [2, 4, 8], cols: [2, 4], op: [threshold, mac], bits: {x: 4, w: same}, dataflow: [os, ws], BUFFERS}
objectives: {OBJECTIVES}
constraints: {BOUNDS}
sampler: {name: SAMPLER}
"""


def write_study(
    path: Path, objectives: str, bounds: str = "", sampler: str = "exhaustive", buffers: str = "filter_kib: [16]"
) -> Path:
    """Write a study of 24 points on digits."""
    text = SPEC.replace("OBJECTIVES", objectives).replace("BOUNDS", bounds).replace("BUFFERS", buffers)
    text = text.replace("SAMPLER", sampler) + ("" if sampler == "exhaustive" else "trials: 24\n")
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("sampler", ["exhaustive", "random"])
def test_all_figures_are_sought_and_bounded(sampler: str, tmp_path: Path) -> None:
    """Their formulas; a bound that holds for some; the front in twelve objectives by its definition; knee, picture."""
    objectives = ", ".join(f"{name}: {CATALOGUE[name].direction}" for name in OBJECTIVES)
    bounds = ", ".join(f'{name}: "{bound}"' for name, bound in dict.fromkeys(CONSTRAINABLE, ">= 0").items())
    bounds = bounds.replace('pes: ">= 0"', 'pes: "<= 8"')
    study = Study(write_study(tmp_path / "all.yaml", objectives, bounds, sampler), tmp_path / "out", quiet=True).run()
    table = study.trials()
    energy, latency, area = (table[name] for name in ("energy_uj", "latency_us", "area_mm2"))
    assert np.allclose(table["edp_uj_us"], energy * latency, rtol=1e-15, atol=0)
    assert np.allclose(table["ed2p_uj_us2"], energy * latency**2, rtol=1e-15, atol=0)
    assert np.allclose(table["tops_per_w"], table["operations"] / (energy * 1e-6) / 1e12, rtol=1e-15, atol=0)
    assert np.allclose(table["tops_per_mm2"], table["operations"] / (latency * 1e-6) / area / 1e12, rtol=1e-15, atol=0)
    assert np.allclose(table["inferences_per_j"], 1 / (energy * 1e-6), rtol=1e-15, atol=0)
    assert {*table["operations"]} == {2 * sum(layer.pairs for layer in study.points[0].network.layers)}
    feasible = table[table["feasible"]]
    assert 0 < len(feasible) < len(table) == 24
    wanted = feasible[quadratic_front(gains(feasible, study.spec.objectives))]
    assert sorted(study.front()["trial"]) == sorted(wanted["trial"])
    assert {int(row["trial"]) for row in rows_of(tmp_path / "out" / "front.csv")} == {*wanted["trial"]}
    assert study.knee().trial in {*wanted["trial"]}
    axes = Figure().add_subplot()
    assert study.plot_front("tops_per_w", "ed2p_uj_us2", axes=axes).get_xlabel() == "efficiency (TOPS/W)"
    assert (axes.get_ylabel(), axes.get_yscale()) == ("energy-delay² product (µJ·µs²)", "log")


@pytest.mark.parametrize("sampler", ["exhaustive", "random"])
def test_an_infeasible_study_says_how_far_its_nearest_point_is_from_each_bound(sampler: str, tmp_path: Path) -> None:
    """The nearest by shares of the limits, of all designs and of an op; and all trials are written."""
    bounds = {"area_mm2": 0.9, "accuracy": 0.99, "cycles": 9000.0}
    texts = ", ".join(f'{name}: "{">=" if name == "accuracy" else "<="} {limit}"' for name, limit in bounds.items())
    file = write_study(tmp_path / "none.yaml", "energy_uj: min", texts, sampler)
    study = Study(file, tmp_path / "out", quiet=True)
    with pytest.raises(LimenError) as caught:
        study.run()
    table, lines = study.trials(), {None: str(caught.value)}
    assert len(table) == 24 and not table["feasible"].any()
    for op in ("threshold", "mac"):
        with pytest.raises(LimenError) as caught:
            study.front(op)
        lines[op] = str(caught.value)
    for op, line in lines.items():
        rows = table if op is None else table[table["op"] == op]
        too_much = rows["area_mm2"] - 0.9, 0.99 - rows["accuracy"], rows["cycles"] - 9000
        shares = zip(too_much, bounds.values(), strict=True)
        nearest = rows.loc[sum(beyond.clip(lower=0) / limit for beyond, limit in shares).idxmin()]
        assert f"the nearest, trial {nearest['trial']}, {nearest['design']}: area_mm2 {nearest['area_mm2']:.6g}" in line
        for name, beyond in zip(bounds, too_much, strict=True):
            far = beyond[nearest.name]
            words = f"{far:.4g} too {'little' if name == 'accuracy' else 'much'}" if far > 0 else "within its bound"
            assert f"{name} {nearest[name]:.6g}, {words}" in line
    assert " too much" in lines[None] and " too little" in lines[None] and "within" in lines[None]
    assert lines[None].endswith("trials.csv" if sampler == "random" else "points")
    assert len(rows_of(tmp_path / "out" / "trials.csv")) == 24 if sampler == "random" else True
