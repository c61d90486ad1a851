"""The best devices under budgets of memory: against a search in plain Python, priced one by one; the command."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from cost_models.price.price import price
from dse.report.device_plot import plot_devices
from dse.report.device_table import (
    LEAST_ENERGY,
    MOST_ACCURATE,
    DeviceTable,
    Trials,
    device_table,
    table_csv,
    table_latex,
    table_markdown,
    table_of_csv,
)
from dse.space.study_spec import load_study
from dse.study.study import Study
from dse.study.tasks import datasets_of
from simulator.run import simulate
from tests.support.command import refused, run_command
from tests.support.manifests import results, unnamed
from workloads.errors import LimenError
from workloads.networks.widths import families_of_widths

PAGE = """version: 1
workloads: [digits, digits-generated, spoken-digits]
space:
  {workload: [digits, digits-generated, spoken-digits], memory: [sram, sram 12, dram], rows: [4], cols: [8],
   op: [threshold, mac], dataflow: [os], bits: {x: 4..5, w: [3, 5]}, ifmap_kib: [1], filter_kib: [1, 4],
   ofmap_kib: [2], operand_depth: [64], acc_policy: [weights]}
objectives: {energy_uj: min, accuracy: max}
sampler: {name: exhaustive}
"""

BUDGETS = (15.0, 19.0, 64.0)
"""Of the first nothing fits for spoken digits; the last fits all."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("devices")
    (folder / "page.yaml").write_text(PAGE)
    return Study(folder / "page.yaml", folder / "out", quiet=True).run()


@pytest.fixture(scope="module")
def table(study: Study) -> DeviceTable:
    rows = study.trials()
    return device_table(Trials(rows, "out", datasets_of(study, rows), study.space_size), BUDGETS, 0.5)


DATASETS = {"digits": "digits", "digits-generated": "digits", "spoken-digits": "spoken-digits"}

Priced = dict[tuple[str, str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def priced(study: Study) -> Priced:
    """Every device by network and op: priced alone, its memory summed by hand, accuracy as a count of images."""
    found: Priced = {}
    for point in study.points:
        design, name = point.design, point.coordinates.workload
        if not design.on_chip:
            continue
        cost = price(simulate(point.network, design), stream=point.coordinates.stream)
        images = {"digits": 225, "digits-generated": 225, "spoken-digits": 300}[name]
        right = round(point.evaluator.accuracies(point.coordinates)["accuracy"] * images)
        found.setdefault((name.removesuffix("-generated"), design.op), []).append(
            {"network": name, "trial": point.trial, "kib": design.buffers_kib + design.memory_kib,
             "accuracy": Fraction(right, images), "energy_uj": cost.energy_uj, "latency_us": cost.latency_us,
             "area_mm2": cost.area_mm2}
        )  # fmt: skip
    return found


def rank(device: dict[str, Any]) -> tuple[float, ...]:
    return device["energy_uj"], device["latency_us"], device["area_mm2"], device["trial"]


def expected(priced: Priced) -> Iterator[tuple[str, float, str, str, dict[str, Any], int]]:
    for network in ("digits", "spoken-digits"):
        for kib in BUDGETS:
            fitting = {op: [each for each in priced[network, op] if each["kib"] <= kib] for op in ("threshold", "mac")}
            reached = [max(each["accuracy"] for each in some) for some in fitting.values() if some]
            for best in (MOST_ACCURATE, LEAST_ENERGY):
                for op, some in fitting.items():
                    if not some:
                        least = min(priced[network, op], key=lambda each: (each["kib"], each["trial"]))
                        yield network, kib, best, op, least, math.ceil(1024 * (least["kib"] - kib))
                        continue
                    bar = min(reached) - Fraction(1, 200)
                    if best == MOST_ACCURATE:
                        bar = max(each["accuracy"] for each in some)
                    yield network, kib, best, op, min((e for e in some if e["accuracy"] >= bar), key=rank), 0


def test_the_best_are_those_of_a_search_in_plain_python(table: DeviceTable, priced: Priced) -> None:
    """The same trials, with the figures that `price` gives of each design alone."""
    rows = [*expected(priced)]
    assert len(rows) == len(table.devices) == 2 * 3 * 2 * 2
    for (network, kib, best, op, one, lacks), device in zip(rows, table.devices, strict=True):
        assert (device.dataset, device.budget_kib, device.best, device.op) == (network, kib, best, op)
        assert (device.trial, device.lacks_bytes, device.on_chip_kib) == (one["trial"], lacks, one["kib"])
        for name in ("network", "energy_uj", "latency_us", "area_mm2"):
            assert getattr(device, name) == one[name]
    by_rule = {(row.dataset, row.budget_kib, row.best, row.op): row for row in table.devices}
    for (network, kib, best, op), device in by_rule.items():
        mac = by_rule[network, kib, best, "mac"]
        there = op == "threshold" and not device.lacks_bytes and not mac.lacks_bytes
        assert device.energy_ratio == (mac.energy_uj / device.energy_uj if there else None)
    lacking = [row for row in table.devices if row.lacks_bytes]
    assert lacking and len({row.trial for row in table.devices}) > 6


def test_formats(table: DeviceTable, tmp_path: Path) -> None:
    text = table_csv(table)
    assert table_of_csv(text, table.source) == table
    assert len([*csv.DictReader(io.StringIO(text))]) == len(table.devices)
    markdown, latex = table_markdown(table), table_latex(table, 1)
    lacking = next(row for row in table.devices if row.lacks_bytes)
    assert f"{lacking.lacks_bytes:,} bytes too much" in markdown
    assert "| 19, 64 |" in markdown or "| 15, 19, 64 |" in markdown  # budgets of one best device
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") >= 2 and r"\label{tab:devices-digits" in latex
    for name in ("devices.svg", "devices.png"):
        plot_devices(table, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
    with pytest.raises(LimenError, match="7 budgets are not allowed with --plot: at most 6"):
        many = [row._replace(budget_kib=kib) for row in table.devices for kib in range(7)]
        plot_devices(table._replace(devices=tuple(many)), tmp_path / "many.svg")


def test_mistakes_are_a_line(study: Study, tmp_path: Path) -> None:
    rows = study.trials()
    least = rows[rows["memory"] == "sram"].sort_values(["device_kib", "trial"]).iloc[0]["design"]
    for budgets, within, words in (
        ((64.0, 3.0), 0.5, f"kib: 3 is not allowed: nothing fits; the nearest, trial .*{least}, has .* bytes too much"),
        ((-1.0,), 0.5, "kib: -1 is not allowed: a number of at least 0"),
        ((64.0,), math.nan, "within: nan is not allowed"),
    ):
        with pytest.raises(LimenError, match=words):
            device_table(Trials(rows, "out", DATASETS, study.space_size), budgets, within)
    with pytest.raises(LimenError, match="out: accuracy: nothing is not allowed"):
        device_table(Trials(rows.drop(columns="accuracy"), "out", DATASETS, 1), BUDGETS, 0.5)
    with pytest.raises(LimenError, match="out: memory: dram alone is not allowed"):
        device_table(Trials(rows[rows["memory"] == "dram"], "out", DATASETS, 1), BUDGETS, 0.5)


def test_the_command(study: Study, tmp_path: Path) -> None:
    folder = str(study.folder)
    outcome = run_command("study", "tables", "devices", folder, cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    assert max(map(len, outcome.stdout.splitlines())) <= 120 + len(folder)
    assert f"all {study.space_size:,} points" in " ".join(outcome.stdout.split())
    files = ("--format", "md", "--out", "table.md", "--plot", "table.svg")
    (tmp_path / "written").mkdir()
    assert run_command("study", "tables", "devices", folder, *files, cwd=tmp_path / "written").returncode == 0
    assert len(results(tmp_path / "written")) == 2 and unnamed(tmp_path / "written") == []
    tiny = ("study", "tables", "devices", folder, "--kib", "2", "--out", "table.md", "--plot", "table.svg")
    refused(run_command(*tiny, cwd=tmp_path), "kib: 2 is not allowed", "the nearest, trial")
    assert [path.name for path in tmp_path.iterdir()] == ["written"]


def test_the_built_in_study_is_fair() -> None:
    """What is best for either op is in the space: threshold filters are wider, so their buffers may be larger, too.

    Networks have all widths that they were trained at, and a threshold network its signs stored or generated.
    """
    space = load_study("small").space
    widths = [families_of_widths(name) for name in ("digits", "digits-generated", "mnist", "mnist-generated")]
    assert {len(names) for names in widths} == {2, 3} and {name for names in widths for name in names} < {
        *space.workload
    }
    assert min(map(len, (space.ifmap_kib, space.filter_kib, space.ofmap_kib))) > 2
    assert (space.op, space.bits.x, space.bits.w) == (["threshold", "mac"], [*range(2, 9)], [*range(2, 9)])
    assert (space.acc_policy, space.stream, space.memory) == (["weights"], ["own"], ["sram"])
    assert (space.pe_stages, space.zero_gating) == ([1, 2], [False, True]) and len(space.filter_kib) == 4
