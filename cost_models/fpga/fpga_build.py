"""Cost tables of FPGAs, built unit by unit and checked again. Resumes where it was stopped, a unit at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cost_models.derive.table_rows import row
from cost_models.fpga.fpga import DSP, TABLES, Implementation, device_of, fingerprint, implement, recipes, tools
from cost_models.fpga.fpga_units import FPGA_UNITS, FpgaUnit, fpga_units, source_of, stored_rows
from cost_models.table.table import Row, table_text
from cost_models.units.unit import from_journal, journalled
from workloads.errors import LimenError
from workloads.host.children import end_children
from workloads.host.files import check_writable, write_whole
from workloads.host.journal import Journal, Results, code_digest, key_of

FABRIC = "fabric"
Build = tuple[str, FpgaUnit]
"""Kind (fabric or dsp) and unit."""

Progress = Callable[[int, int], None]
"""Called with (units done, units in all)."""


@dataclass(frozen=True)
class FpgaMismatch:
    """A row that doesn't come out again: what the table says, and what this machine gives."""

    table: str
    unit: FpgaUnit
    quantity: str
    table_value: str
    value: str


def build_fpga(
    target: str, folder: Path, jobs: int = 1, progress: Progress | None = None, units: Sequence[FpgaUnit] | None = None
) -> list[Path]:
    """Write the two tables of a target, of fabric and of DSP blocks, into `folder` and return their paths.

    A file TARGET.partial there holds finished units until both tables are whole: run again to resume. Results
    depend neither on `jobs` nor on where a build was stopped. units: all of the target's unless given.

    Raises:
        LimenError: a missing extra, an unknown target, jobs below 1, or a folder that can't be written.
    """
    versions = tools(target)
    if jobs < 1:
        raise LimenError(f"jobs: {jobs} is not allowed: at least 1")
    check_writable(folder)
    chosen = fpga_units(target) if units is None else units
    builds = [(FABRIC, unit) for unit in chosen] + [(DSP, unit) for unit in chosen if unit.multiplies]
    method = {"code": code_digest(), "tools": versions}
    keys = {build: build_key(target, build, method) for build in builds}
    journal = journal_of(target, folder)
    done = journal.finish(
        {key: build for build, key in keys.items()}, lambda missing: _implement_all(target, missing, jobs), progress
    )
    paths = []
    for kind, name in zip((FABRIC, DSP), TABLES[target], strict=True):
        results = [done[keys[kind if unit.multiplies else FABRIC, unit]] for unit in chosen]
        paths.append(folder / f"{name.replace('-', '_')}.csv")
        rows = [row for result in results for row in implementation_rows(target, result, versions)]
        write_whole(paths[-1], table_text(rows).encode())
    journal.remove()
    return paths


def journal_of(target: str, folder: Path) -> Journal[Implementation]:
    """Return the journal of a target's tables that are being built in a folder."""
    return Journal(folder / f"{target}.partial", _journalled, _implementation)


def _journalled(implementation: Implementation) -> dict[str, Any]:
    return asdict(implementation) | {"unit": journalled(implementation.unit)}


def _implementation(stored: Any) -> Implementation:
    unit = from_journal(stored["unit"], FPGA_UNITS)
    return Implementation(unit, stored["multiplier"], stored["digest"], dict(stored["values"]))


def build_key(target: str, build: Build, method: Mapping[str, str]) -> str:
    """Return the identity of a build's result: method, kind, unit and, of each way to build it, Verilog and passes."""
    kind, unit = build
    netlists = [fingerprint(target, unit, way) for way in recipes(unit, kind)]
    return key_of({"method": method, "kind": kind, "unit": repr(unit), "netlists": netlists})


def check_fpga(
    target: str, sample: int, seed: int, progress: Progress | None = None, systems: bool = False
) -> tuple[int, list[FpgaMismatch]]:
    """Implement `sample` random units of a target's built-in tables again; return rows compared and what differs.

    A unit is built the one way its rows name. systems: whole designs may be among the sample.

    Raises:
        LimenError: a missing extra, an unknown target, an unusable table, or a sample of less than one.
    """
    versions = tools(target)
    if sample < 1:
        raise LimenError(f"sample: {sample} is not allowed: at least 1")
    named_units = [
        (name, unit) for name in TABLES[target] for unit in fpga_units(target, systems) if stored_rows(name, unit)
    ]
    chosen = random.Random(seed).sample(named_units, min(sample, len(named_units)))
    compared, mismatches = 0, []
    for number, (name, unit) in enumerate(chosen):
        if progress:
            progress(number, len(chosen))
        stored = stored_rows(name, unit)
        compared += len(stored)
        mismatches += compare(target, name, unit, stored, versions)
    return compared, mismatches


def compare(target: str, name: str, unit: FpgaUnit, stored: Sequence[Row], versions: str) -> list[FpgaMismatch]:
    """Return every row of a unit that this machine gives another value or hash, or none."""
    kind = DSP if name.endswith(DSP) else FABRIC
    named = stored[0]["multiplier"] if stored else ""
    ways = (named,) if named else recipes(unit, kind)
    again = {row["quantity"]: row for row in implementation_rows(target, implement(target, unit, ways), versions)}
    before = {row["quantity"]: row for row in stored}
    return [
        FpgaMismatch(name, unit, f"{quantity} {field}", *sides)
        for quantity in sorted(again.keys() | before.keys())
        for field in ("value", "hash")
        if len(set(sides := tuple(rows.get(quantity, {}).get(field, "missing") for rows in (before, again)))) > 1
    ]


def implementation_rows(target: str, implementation: Implementation, versions: str) -> list[Row]:
    """Return a row per quantity of a unit on a target."""
    unit, top = implementation.unit, source_of(implementation.unit).top
    how = (
        "synth_xilinx, netlist cells"
        if target == "xc7"
        else f"synth_ecp5, nextpnr, {device_of(unit).name} out of context"
    )
    return [
        row(
            unit.component,
            quantity,
            value,
            "ns" if quantity.endswith("_ns") else "count",
            "synthesis",
            f"{top} on {target}, {how}",
            **unit.columns().texts(),
            multiplier=implementation.multiplier,
            tool_versions=versions,
            hash=implementation.digest,
        )
        for quantity, value in implementation.values.items()
    ]


def _implement_all(target: str, builds: Mapping[str, Build], jobs: int) -> Results[Implementation]:
    """Yield results as they come. A thread a job: the work is in processes of its own."""
    if jobs == 1:
        for key, (kind, unit) in builds.items():
            yield key, implement(target, unit, recipes(unit, kind))
        return
    with ThreadPoolExecutor(jobs) as pool:
        futures = {
            pool.submit(implement, target, unit, recipes(unit, kind)): key for key, (kind, unit) in builds.items()
        }
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            while wait(futures, timeout=0.1).not_done:  # stopped half-way; a thread may be between two programs
                end_children()
