"""`limen price`, `limen costs` and `limen describe`, as typed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import limen
from cost_models.price.price import with_memory
from tests.support.command import refused, run_command
from tests.support.tools import needs_yosys


def test_price_is_that_of_the_public_api(tmp_path: Path) -> None:
    outcome = run_command("price", "--json", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    shown = json.loads(outcome.stdout)
    network = limen.network("digits", op="threshold", x_bits=8, w_bits=8)
    cost = limen.price(limen.simulate(network, limen.load_design("threshold-16x16")))
    for name in ("energy_uj", "latency_us", "area_mm2", "clock_ns", "power_mw", "assumed_share", "dram_share"):
        assert shown[name] == getattr(cost, name)
    for name in ("energy_uj", "area_mm2"):
        assert math.fsum(row[name] for row in shown["breakdown"]) == pytest.approx(shown[name], rel=1e-12)
    text = run_command("price", cwd=tmp_path).stdout
    assert "DRAM" in text and "dram filter" in text and "scaled or assumed" in text


def test_a_memory_in_gb_per_s_and_ns(tmp_path: Path) -> None:
    """As studies have it, the other one their default; and the prices of a network of two ops name both."""
    network = limen.network("digits", op="mac-threshold", x_bits=8, w_bits=8)
    design = limen.load_design("mac-threshold-16x16")
    for options, memory in (
        (("--dram-gb-per-s", "0.2", "--latency-ns", "300"), {"dram_gb_per_s": 0.2, "latency_ns": 300.0}),
        (("--latency-ns", "40"), {"latency_ns": 40.0}),
    ):
        outcome = run_command("price", "-d", "mac-threshold-16x16", *options, cwd=tmp_path)
        run = limen.simulate(network, with_memory(design, network, **memory))
        assert f"{limen.price(run).latency_us:.4g} us" in outcome.stdout and f"{run.cycles} cycles" in outcome.stdout
        assert (
            "os threshold and mac, costs ihp130" in outcome.stdout
            and run.cycles != limen.simulate(network, design).cycles
        )


def test_costs_show(tmp_path: Path) -> None:
    outcome = run_command("costs", "show", "--component", "pe", "--op", "mac", "--json", cwd=tmp_path)
    rows = json.loads(outcome.stdout)
    assert rows and {(row["component"], row["op"]) for row in rows} == {("pe", "mac")}
    assert all(row["unit"] and row["method"] and row["source"] for row in rows)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("price", "--costs", "tsmc3"), ("costs", "'tsmc3'", "ihp130")),
        (
            ("price", "-d", "mac-threshold-16x16", "--stream", "network"),
            ("stream: 'network' is not allowed for digits-mac-threshold-x8-w8", "rows of threshold 8 8 have"),
        ),
        (("price", "--latency-ns", "0"), ("latency_ns: 0.0 is not allowed", "more than 0")),
        (("price", "--dram-gb-per-s", "nan"), ("dram_gb_per_s: nan is not allowed", "more than 0")),
        (("price", "--costs", "gone.csv"), ("gone.csv", "cannot be read")),
        (("costs", "show", "tsmc3"), ("costs", "'tsmc3'", "ihp130")),
        (("costs", "show", "--component", "alu"), ("component", "'alu'", "pe")),
        (("costs", "build", "--liberty", "gone.lib", "--out", "new.csv"), ("gone.lib",)),
        (("costs", "check", "--liberty", "gone.lib"), ("gone.lib",)),
        (("describe", "cifar"), ("'cifar'", "a name that limen describe lists")),
        (("describe", "gone.yaml"), ("gone.yaml", "cannot be read")),
    ],
)
def test_bad_input(tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    if "--liberty" in arguments:
        needs_yosys()
    refused(run_command(*arguments, cwd=tmp_path), *words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (
            "digits",
            ("family digits", "conv1", "ops mac, threshold: for designs", "study digits", '"name": "exhaustive"'),
        ),
        ("mac-16x16", ("design mac-16x16", "rows: 16")),
        ("mac-threshold-16x16", ("mac-threshold-16x16: fused PEs, ops threshold, mac", 'extra_ops: ["mac"]')),
        ("ihp130", ("cost table ihp130", "pe: ", "synthesis", "sources")),
        ("mine.yaml", ("study mine.yaml", '"name": "exhaustive"')),
        ("gemm.csv", ("SCALE-Sim topology gemm.csv: 2 layers; as a network: limen net import gemm.csv",)),
    ],
)
def test_describe(tmp_path: Path, what: str, words: tuple[str, ...]) -> None:
    assert run_command("study", "init", "mine.yaml", cwd=tmp_path).returncode == 0
    (tmp_path / "gemm.csv").write_text("Layer, M, N, K,\nfc1, 1, 2, 3,\nfc2, 4, 5, 6,\n")
    outcome = run_command("describe", what, cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    assert all(word in outcome.stdout for word in words), outcome.stdout


def test_describe_a_csv_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "trials.csv").write_text("trial,op,x_bits,w_bits,dataflow\n0,mac,8,8,ws\n")
    outcome = run_command("describe", "trials.csv", cwd=tmp_path)
    refused(outcome, "trials.csv: neither a cost table (its columns are component", "SCALE-Sim topology (line 2: M:")


def test_describe_lists_what_there_is(tmp_path: Path) -> None:
    text = run_command("describe", cwd=tmp_path).stdout
    assert all(name in text for name in ("digits", "mac-16x16", "threshold-16x16", "ihp130"))
