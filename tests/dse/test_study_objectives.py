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
