"""Axes: in order where there is one, and applied where an op has them; studies of earlier versions go on."""

from __future__ import annotations

import itertools
import json
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
)

from dse.search.parameters import Places, Ranges, stored_distribution
from dse.search.tpe import Tpe
from dse.space.space import Space
from dse.space.study_spec import SpaceSpec
from dse.study.study import Study
from tests.dse.study_files import SPEC
from tests.support.command import refused, run_command

AXES = "dataflow: [os, ws, is]"
GATED = f"{AXES}, pe_stages: [1, 2], zero_gating: [false, true], polarity: [synapse, input], x_signed: [network, true]"


def space_of(**axes: Any) -> Space:
    given = {"rows": [4], "cols": [4], "op": ["threshold", "mac"], "bits": {"x": [4, 6]}, "dataflow": ["os"]}
    spec = SpaceSpec.model_validate(given | axes)
    return Space(spec, [(op, bits, bits) for op in spec.op for bits in spec.bits.x])


@pytest.mark.parametrize(
    ("values", "distribution"),
    [
        ([2, 3, 4], IntDistribution(2, 4)),
        ([16, 4], IntDistribution(4, 16, step=12)),
        ([8, 16, 32], IntDistribution(8, 32, log=True)),
        ([4.0, 16.0], FloatDistribution(4.0, 16.0, step=12.0)),
        ([0.1, 0.2, 0.3], FloatDistribution(0.1, 0.3, step=0.1)),
        ([0.5, 1.0, 2.0, 3.0], FloatDistribution(0.5, 3.0, log=True)),
        ([False, True], CategoricalDistribution([False, True])),
        (["ws", "os"], CategoricalDistribution(["ws", "os"])),
        (["sram 8", "sram 4"], CategoricalDistribution(["sram 8", "sram 4"])),
    ],
)
def test_numbers_are_ranges(values: list[Any], distribution: BaseDistribution) -> None:
    """With every value of the axis in them, as it is read again."""
    assert stored_distribution(values) == distribution
    for value in values:
        assert distribution.to_external_repr(distribution.to_internal_repr(value)) == value


def test_samplers_draw_places_in_order() -> None:
    space = space_of(rows=[16, 4, 8], dataflow=["ws", "os"])
    places = Places(space)
    assert places.distributions["rows"] == IntDistribution(0, 2)
    assert isinstance(places.distributions["dataflow"], CategoricalDistribution)
    assert dict(zip(places.distributions, places.ordered, strict=True))["rows"]
    for values in itertools.product(*space.free.values()):
        parameters = dict(zip(space.free, values, strict=True))
        assert places.parameters(places.drawn(parameters)) == parameters
    assert [places.drawn({**parameters, "rows": rows})["rows"] for rows in (4, 8, 16)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("axis", "values", "ordered"),
    [
        ("memory", ["sram 64", "dram", "sram 8", "sram 16.5"], ["sram 8", "sram 16.5", "sram 64", "dram"]),
        ("acc_policy", ["24", "8", "16"], ["8", "16", "24"]),
        ("acc_policy", ["weights", "8", "format"], None),
        ("stream", ["uniform", "own"], None),
    ],
)
def test_sizes_in_words_have_an_order(axis: str, values: list[str], ordered: list[str] | None) -> None:
    """For samplers; study.db has them as choices, as ever."""
    places = Places(space_of(**{axis: values}))
    assert dict(zip(places.distributions, places.ordered, strict=True))[axis] is (ordered is not None)
    drawn = [{name: 0 for name in places.distributions} | {axis: place} for place in range(len(values))]
    assert [places.parameters(each)[axis] for each in drawn] == (ordered or values)


def test_what_a_sampler_of_the_users_own_draws_moves_to_a_value() -> None:
    """The nearest in proportion; what its axis has stays, as of a grid."""
    ranges = Ranges(space_of(rows=[4, 8, 32], filter_kib=[1.0, 4.0, 32.0]))
    assert ranges.distributions["rows"] == IntDistribution(4, 32, log=True)
    moved = {(rows, kib): ranges.parameters({"rows": rows, "filter_kib": kib}) for rows, kib in ((5, 1.9), (17, 2.1))}
    assert moved == {(5, 1.9): {"rows": 4, "filter_kib": 1.0}, (17, 2.1): {"rows": 32, "filter_kib": 4.0}}
    assert ranges.parameters({"op": "mac", "rows": 8}) == ranges.drawn({"op": "mac", "rows": 8})


def test_tpe_takes_near_values_for_likelier() -> None:
    """Where there is an order; of all designs it has, the own value is the likeliest."""
    ordered, words = Tpe([6, 6], [True, False], [1.0])._kernels(20)
    assert ordered.sum(axis=1) == pytest.approx(1) and words.sum(axis=1) == pytest.approx(1)
    for own in range(6):
        assert (np.diff(ordered[own, own:]) < 0).all() and (np.diff(ordered[own, : own + 1]) > 0).all()
        assert len({*words[own]}) == 2 and words[own].argmax() == own


def test_points_differ_in_what_applies() -> None:
    """Stages and zero gating of a MAC, polarity of a threshold: three times and four, each point once."""
    space = space_of(
        dataflow=["os", "ws"], pe_stages=[1, 2], zero_gating=[False, True], polarity=["synapse", "input"],
        x_signed=["network", "true"],
    )  # fmt: skip
    everything = {
        space.at(dict(zip(space.free, values, strict=True))) for values in itertools.product(*space.free.values())
    }
    points = space.points(range(space.size))
    assert len(points) == len({*points}) == space.size == 2 * 2 * (2 * 2 + 3 * 2) and {*points} == everything
    assert len({point.key for point in points}) == space.size
    for start, stop in ((0, 7), (5, 33), (space.size - 1, space.size), (4, 4)):
        assert space.points(range(start, stop)) == points[start:stop]
    order = [(point.op, point.x_bits, point.dataflow, point.pe_stages, point.zero_gating) for point in points]
    assert order == sorted(order, key=lambda each: (each[0] != "threshold", *each[1:]))
    gated = [point for point in points if point.zero_gating]
    assert gated and all((point.op, point.pe_stages) == ("mac", 2) for point in gated)


def test_a_search_and_a_sweep_have_the_same_points(tmp_path: Path) -> None:
    text = SPEC.replace(AXES, GATED).replace("rows: [2, 4], cols: [2, 4]", "rows: [4], cols: [4]")
    text = text.replace("x: 4..5", "x: 4").replace("SEED", "0").replace(">= 0.97", ">= 0.5")
    (tmp_path / "search.yaml").write_text(text.replace("trials: 40", "trials: 99"))
    swept = text.replace("{name: nsga2, seed: 0}", "{name: exhaustive}").replace("trials: 40\n", "")
    (tmp_path / "sweep.yaml").write_text(swept)
    tables = [
        Study(tmp_path / f"{kind}.yaml", tmp_path / kind, quiet=True).run().trials() for kind in ("search", "sweep")
    ]
    assert len(tables[0]) == 3 * (2 * 2 + 3 * 2) and {*tables[0]["design"]} == {*tables[1]["design"]}
    energies = [table.set_index("design")["energy_uj"].sort_index() for table in tables]
    assert energies[0].equals(energies[1])


@pytest.mark.parametrize(
    ("ops", "axis", "line"),
    [
        ("[threshold]", "pe_stages: [2], zero_gating: [true]", "zero_gating: true is not allowed: PEs of op mac and"),
        (
            "[mac]",
            "zero_gating: [true, false]",
            "zero_gating: true is not allowed: PEs of op mac and pe_stages 2 alone",
        ),
        ("[mac, shift]", "polarity: [generated]", "polarity: 'generated' is not allowed: op mac, shift has none"),
        (
            "[threshold, adder]",
            "x_signed: [false]",
            "x_signed: 'false' is not allowed: op threshold, adder takes signed",
        ),
    ],
)
def test_axes_that_no_op_has(tmp_path: Path, ops: str, axis: str, line: str) -> None:
    text = SPEC.replace(AXES, f"{AXES}, {axis}").replace("[threshold, mac]", ops).replace("SEED", "0")
    (tmp_path / "odd.yaml").write_text(text)
    refused(run_command("study", "run", "odd.yaml", "--out", "out", cwd=tmp_path), f"odd.yaml: space: {line}")
    assert not (tmp_path / "out").exists()


EARLIER = {"acc_policy": "format", "ofmap_kib": 16.0}
"""Of the axes of one value that earlier versions stored, two."""


def as_earlier_versions_stored_it(database: Path, space: Space, kept: int) -> None:
    """Make every axis a choice, those of one value as well, and leave the first trials alone."""
    with sqlite3.connect(database) as file:
        file.execute("delete from trials where number >= ?", (kept,))
        tables = [
            name for (name,) in file.execute("select name from sqlite_master where name like 'trial\\_%' escape '\\'")
        ]
        for table in tables:
            file.execute(f"delete from {table} where trial_id not in (select trial_id from trials)")
        for name, values in space.free.items():
            stored = stored_distribution(values)
            for place, value in enumerate(values):
                row = float(place), distribution_to_json(CategoricalDistribution(values)), name
                file.execute(
                    "update trial_params set param_value = ?, distribution_json = ? where param_name = ? and "
                    "param_value = ? and distribution_json = ?",
                    (*row, stored.to_internal_repr(value), distribution_to_json(stored)),
                )
        for (trial,) in file.execute("select trial_id from trials").fetchall():
            for name, value in EARLIER.items():
                row = trial, name, 0.0, distribution_to_json(CategoricalDistribution([value]))
                file.execute(
                    "insert into trial_params (trial_id, param_name, param_value, distribution_json) "
                    "values (?, ?, ?, ?)",
                    row,
                )
        # Those trials were sealed with all their axes, by a version that this one can't be.
        file.execute("delete from trial_user_attributes where key = 'limen_sha256'")
    file.close()


def test_studies_of_earlier_versions_go_on(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(SPEC.replace("SEED", "3").replace("trials: 40", "trials: 12"))
    study = Study(tmp_path / "study.yaml", tmp_path / "out", quiet=True).run()
    first = study.trials()
    as_earlier_versions_stored_it(tmp_path / "out" / "study.db", study._space, kept=7)
    again = Study(tmp_path / "study.yaml", tmp_path / "out", quiet=True).run().trials()
    assert again.equals(first)
    trials = optuna.load_study(study_name="digits", storage=f"sqlite:///{tmp_path / 'out' / 'study.db'}").trials
    assert {json.dumps([*map(str, trial.distributions.values())]) for trial in trials} == {
        json.dumps([*map(str, trials[0].distributions.values())])
    }
    assert trials[-1].params.items() >= EARLIER.items()


def test_optunas_tools_see_the_order(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(
        SPEC.replace("SEED", "3").replace("trials: 40", "trials: 3").replace("[2, 4]", "[2, 4, 8]")
    )
    Study(tmp_path / "study.yaml", tmp_path / "out", quiet=True).run()
    trials = optuna.load_study(study_name="digits", storage=f"sqlite:///{tmp_path / 'out' / 'study.db'}").trials
    shared = optuna.search_space.intersection_search_space(trials)
    assert shared["rows"] == IntDistribution(2, 8, log=True) and shared["x_bits"] == IntDistribution(4, 5)
    assert [*shared] == ["cols", "dataflow", "op", "rows", "x_bits"]
