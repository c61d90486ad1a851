"""The one way out of the repository, for all tests, and how often it was closed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

import simulator.rtl.kept_builds
import simulator.rtl.verify
from tests.support.builds import build_quickly
from tests.support.paths import ROOT
from tests.support.tools import needs_verilator

BESIDE = "../shared"
"""Libraries and data sets that are no part of the repository, as seen from it."""

COMPILED = (
    *("simulator.timing.search_kernels", "simulator.timing.ready_mask_kernels", "cost_models.gates.event_kernels"),
    *("dse.front.front_kernels", "workloads.ops.sum_kernels", "simulator.cycle.top"),
)
"""Modules whose kernels are compiled as they are imported: the last takes half of the time."""


def pytest_configure(config: pytest.Config) -> None:
    """Let two processes of the tests begin with other kernels: each finds then what the other has compiled."""
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    if worker:
        for name in COMPILED[:: 1 if worker[-1] in "02468" else -1]:
            importlib.import_module(name)


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Return a function: the path of what has this name in ../shared; a test that it isn't there for is skipped."""

    def find(name: str) -> Path:
        path = ROOT / BESIDE / name
        if not path.exists():
            pytest.skip(f"{BESIDE}/{name} is not available")
        return path

    return find


@pytest.fixture
def quick_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Testbenches that this process builds are built quickly, and once for the same sources."""
    needs_verilator()
    for module in (simulator.rtl.kept_builds, simulator.rtl.verify):
        monkeypatch.setattr(module, "kept_testbench", build_quickly)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped for lack of what lies beside the repository."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if f"{BESIDE}/" in str(report.longrepr)]
    terminalreporter.write_line(f"skipped for lack of {BESIDE}: {len(skipped)}")
