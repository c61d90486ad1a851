"""Static timing against OpenSTA, where it is installed: periods, and every edge's arrival and slew of every net.

Both interpolate the same tables and merge the worst slew of all arcs into each edge, so what differs is rounding:
OpenSTA counts in 32-bit floats, whose steps are 0.0005 ps at 4 ns, and it adds up dozens of them along a path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from cost_models.derive.characterise import BEHIND
from cost_models.gates import static_timing, synthesis
from cost_models.gates.netlist import Netlist, Register
from cost_models.gates.static_timing import analyse, smallest_flip_flop
from cost_models.gates.synthesis import Kit, open_kit, synthesise
from cost_models.liberty.full_adders import FULL_ADDERS, full_adder
from cost_models.liberty.liberty_cells import Grid
from cost_models.liberty.liberty_text import read_text
from cost_models.sources.unit_sources import unit_source
from cost_models.units.catalogue import pe_units
from cost_models.units.unit import Edge, Neuron, Operator, Packer, RegisterBank, Tag, Unit
from tests.cost_models.opensta import STA, Pins, Report, beside_period_ns, report
from tests.support.paths import TINY
from tests.support.tools import needs_yosys
from workloads.errors import LimenError

pytestmark = pytest.mark.skipif(STA is None, reason="OpenSTA is not installed: no sta on PATH (Debian: opensta)")

LIBRARIES = {"tiny": None, "sg13g2": "ihp130", "sky130hd": "sky130hd"}
"""The shipped tables that they are of; None: the one written by hand."""

ROUNDING_NS = 1e-5
"""0.01 ps. The largest differences found: 0.0012 ps of a period, 0.0019 ps of an arrival, 0.0003 ps of a slew."""

OPS = ("threshold", "mac", "adder")
UNITS: dict[str, Unit] = {f"os_{op}_{bits}": pe_units(op, bits, bits, "os")[-1] for op in OPS for bits in (4, 8)}
UNITS |= {f"os_shift_{bits}": pe_units("shift", bits, 4, "os")[-1] for bits in (4, 8)}
UNITS |= {
    "ws_threshold_4": pe_units("threshold", 4, 4, "ws")[-1],
    "neuron_threshold_4": Neuron("threshold", 4, 4, "neuron_3x3", 9),
    "neuron_mac_3_full_adders": Neuron("mac", 3, 3, "neuron_3x3", 10),
    "op_threshold_8": Operator("threshold", 8, 8),
    "tag": Tag(16),
    "edge": Edge(4, 16),
    "packer": Packer(4, 12, "os", 2, 2, 64),
    "bank": RegisterBank(4, 3),
}


def multiplier_of(name: str) -> str:
    return FULL_ADDERS if name.endswith(FULL_ADDERS) else "booth" if UNITS[name].multiplies else "partial_products"


@dataclass
class Bench:
    """A library with the netlists mapped on it, each with Yosys' Verilog of it, and OpenSTA's reports."""

    kit: Kit
    text: str
    scratch: Path
    netlists: dict[str, tuple[Netlist, str]] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)

    def mapped(self, name: str) -> tuple[Netlist, str]:
        """Return a netlist and its Verilog, or skip where the library can't have it."""
        if name.endswith(FULL_ADDERS) and full_adder(self.kit.cells) is None:
            pytest.skip("the library has no full-adder cell")
        if name not in self.netlists:
            out = self.scratch / "unit.v"
            with pytest.MonkeyPatch.context() as patch:
                write = f"write_verilog -noattr -noexpr -simple-lhs {out}"
                patch.setattr(synthesis, "FINISH", [*synthesis.FINISH, write])
                try:
                    netlist = synthesise(self.kit, unit_source(UNITS[name]), multiplier_of(name))
                except LimenError as error:
                    if "is not in" not in str(error):
                        raise
                    pytest.skip(str(error))
            self.netlists[name] = netlist, out.read_text(encoding="utf-8")
        return self.netlists[name]

    def report(self, name: str) -> Report:
        if name not in self.reports:
            self.reports[name] = report(self.mapped(name)[0], self.kit.cells, self.text, self.scratch)
        return self.reports[name]

    def beside_ns(self, name: str, pins: Pins = "one") -> float:
        netlist, verilog = self.mapped(name)
        return beside_period_ns(verilog, netlist, self.kit.cells, self.text, self.scratch, pins)

    def analyse(self, netlist: Netlist, only: list[str] | None = None) -> static_timing.Timing:
        return analyse(netlist, self.kit.cells, smallest_flip_flop(self.kit.cells), only)


def open_bench(liberty: Path, scratch: Path) -> Bench:
    needs_yosys()
    kit = open_kit(liberty, scratch)
    return Bench(kit, read_text(liberty), scratch)


@pytest.fixture(scope="module", params=LIBRARIES)
def bench(
    request: pytest.FixtureRequest, liberty: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Bench:
    table = LIBRARIES[request.param]
    return open_bench(TINY if table is None else liberty(table), tmp_path_factory.mktemp(request.param))


def difference_ns(ours: static_timing.Timing, theirs: Report) -> float:
    """Return the largest difference of period, arrivals and slews; infinite where only one has an edge."""
    reached = np.isfinite(ours.arrival_ns)
    if not np.array_equal(reached, np.isfinite(theirs.arrival_ns)):
        return np.inf
    arrivals, slews = ours.arrival_ns - theirs.arrival_ns, ours.slew_ns - theirs.slew_ns
    edges = np.abs(np.concatenate([arrivals[reached], slews[reached]]))
    return max(float(edges.max()), abs(ours.period_ns - theirs.period_ns))


@pytest.mark.parametrize("name", UNITS)
def test_every_edge_of_every_net(bench: Bench, name: str) -> None:
    netlist, _ = bench.mapped(name)
    timing = bench.analyse(netlist)
    edges, period = int(np.isfinite(timing.arrival_ns).sum()), timing.period_ns
    assert edges > 40 and (period > 0) == (name != "op_threshold_8")
    difference = difference_ns(timing, bench.report(name))
    assert difference < ROUNDING_NS


@pytest.mark.parametrize("name", ["os_threshold_8", "os_mac_4", "ws_threshold_4", "neuron_mac_3_full_adders"])
def test_two_units_side_by_side(bench: Bench, name: str) -> None:
    """Yosys' Verilog of two units, wired as neighbours: reading netlists and what ports stand for are checked too."""
    period, theirs = bench.analyse(bench.mapped(name)[0]).period_ns, bench.beside_ns(name)
    assert theirs == pytest.approx(period, rel=0, abs=ROUNDING_NS)


@pytest.mark.parametrize("name", ["os_threshold_8", "os_mac_8", "os_shift_8", "neuron_threshold_4"])
def test_one_capacitance_a_pin(bench: Bench, name: str) -> None:
    """With capacitances of a rise and of a fall, periods differ by less than 1 %; with their upper ends by 0 to 8 %."""
    period = bench.analyse(bench.mapped(name)[0]).period_ns
    edges, ranges = bench.beside_ns(name, "edges"), bench.beside_ns(name, "ranges")
    assert edges == pytest.approx(period, rel=0.01)
    assert 0.99 < ranges / period < 1.08


@pytest.mark.parametrize("name", ["edge", "packer"])
def test_paths_behind_a_memory(bench: Bench, name: str) -> None:
    """Slews are those of the paths in question; OpenSTA has the worst of all paths, and is slower by up to 5 %."""
    netlist, _ = bench.mapped(name)
    starts = [port for port in netlist.inputs if re.search(BEHIND[type(UNITS[name])], port)]
    period = bench.analyse(netlist, starts).period_ns
    theirs = report(netlist, bench.kit.cells, bench.text, bench.scratch, starts).period_ns
    assert period - ROUNDING_NS < theirs < 1.05 * period


def without_setup(netlist: Netlist, _patch: pytest.MonkeyPatch) -> Netlist:
    def patient(register: Register) -> Register:
        assert register.cell.flip_flop is not None
        none = Grid((0.0,), (0.0,), ((0.0,),))
        flip_flop = replace(register.cell.flip_flop, setup_ns=((none,), (none,)))
        return replace(register, cell=replace(register.cell, flip_flop=flip_flop))

    return replace(netlist, registers=tuple(patient(register) for register in netlist.registers))


def without_slews(netlist: Netlist, patch: pytest.MonkeyPatch) -> Netlist:
    at = Grid.at
    patch.setattr(Grid, "at", lambda grid, first, second: at(grid, 0.0, second))
    return netlist


def without_neighbours(netlist: Netlist, patch: pytest.MonkeyPatch) -> Netlist:
    patch.setattr(static_timing, "port_loads_pf", lambda netlist: netlist.loads_pf)
    return netlist


@pytest.mark.parametrize("fault", [without_setup, without_slews, without_neighbours])
def test_faults_are_seen(
    bench: Bench, fault: Callable[[Netlist, pytest.MonkeyPatch], Netlist], monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = bench.report("os_threshold_4")
    timing = bench.analyse(fault(bench.mapped("os_threshold_4")[0], monkeypatch))
    difference = difference_ns(timing, theirs)
    assert difference > 100 * ROUNDING_NS


def test_a_flip_flop_with_two_arcs(tmp_path: Path) -> None:
    """The slower slew counts, in whatever order the library has the arcs."""
    text = TINY.read_text(encoding="utf-8")
    start = text.index('timing () {\n        related_pin : "C";\n        timing_type : rising_edge;')
    arc = text[start : text.index("internal_power", start)]
    slow = arc.replace('"0.0, 0.', '"0.5, 0.').replace("rising_edge;", 'rising_edge;\n when : "D";')
    two_arcs = tmp_path / "two_arcs.lib"
    two_arcs.write_text(text.replace(arc, slow + arc), encoding="utf-8")
    bench = open_bench(two_arcs, tmp_path)
    timing = bench.analyse(bench.mapped("os_threshold_4")[0])
    difference = difference_ns(timing, bench.report("os_threshold_4"))
    assert difference < ROUNDING_NS
