"""What kits spell differently: tiny.lib changed in one respect, its numbers as they have to be."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from cost_models.derive.characterise import measure
from cost_models.gates.static_timing import analyse, smallest_flip_flop
from cost_models.gates.switching import prices
from cost_models.gates.synthesis import open_kit, synthesise
from cost_models.liberty.liberty_cells import Library
from cost_models.liberty.liberty_reader import read_library
from cost_models.sources.unit_sources import unit_source
from cost_models.units.catalogue import pe_units
from dse.cli.commands import commands
from tests.cost_models.netlists import small_netlist
from tests.cost_models.tiny_library import AXES, OPERATING, TEXT, TINY, changed, written
from tests.support.tools import needs_yosys
from workloads.errors import LimenError

GROUP = re.compile(
    r"timing \(\) \{(?P<head>[^{}]*?timing_sense : \w+;)\s*"
    r"(?P<rise>cell_rise.*?\n)\s*(?P<fall>cell_fall.*?\n)\s*(?P<up>rise_transition.*?\n)\s*(?P<down>fall_tr.*?\n)\s*\}"
)
SCALARS = re.compile(r"rise_power (\(scalar\) .*)\s*fall_power \(scalar\) .*")


def in_halves(match: re.Match[str]) -> str:
    """A gate's delays as one group of rises and one of falls."""
    if "rising_edge" in match["head"]:
        return match[0]
    rise = f"timing () {{ {match['head']} timing_type : combinational_rise; {match['rise']} {match['up']} }}"
    return f"{rise} timing () {{ {match['head']} timing_type : combinational_fall; {match['fall']} {match['down']} }}"


SPLIT = GROUP.sub(in_halves, TEXT)
ONE_NAME = changed(
    r"  cell \(tiny_inv\)",
    "power_lut_template (delay) { variable_1 : total_output_net_capacitance; variable_2 : input_transition_time;"
    ' index_1 ("0.0, 100"); index_2 ("0.0, 1.0"); }\n  cell (tiny_inv)',
)
PINS = changed(r"pin \(A\) (\{[^}]*\})\s+pin \(B\) \{[^}]*\}", r"pin (A, B) \1")
LEAKAGE = changed(r"cell_leakage_power : (\d);", r"leakage_power () { value : \1; }")
UNCHANGED = (696, 582, 4.076, 0.256434)
QUANTITIES = ("area_um2", "leakage_nw", "min_clock_ns", "energy_per_op_pj")
"""Of the os PE of a threshold op of 3 x 3 bits at its widest accumulator."""

ROWS = {
    "unchanged": (TEXT, UNCHANGED),
    "delays in groups of one edge": (SPLIT, UNCHANGED),
    "leakage without a condition": (LEAKAGE, UNCHANGED),
    "power of both edges": (SCALARS.sub(r"power \1", TEXT), (*UNCHANGED[:3], 0.256482)),
    "falls as rises": (SCALARS.sub(r"rise_power \1 fall_power \1", TEXT), (*UNCHANGED[:3], 0.256482)),
    "voltage of the operating conditions": (changed(r"nom_voltage : 1.0;", OPERATING), (*UNCHANGED[:3], 0.829965)),
    "two pins of one group": (PINS, UNCHANGED),
    "templates of one name": (ONE_NAME, UNCHANGED),
}  # fmt: skip


class TestNumbers:
    @pytest.mark.parametrize("row", ROWS)
    def test_of_a_processing_element(self, tmp_path: Path, row: str) -> None:
        needs_yosys()
        text, expected = ROWS[row]
        unit = pe_units("threshold", 3, 3, "os")[-1]
        kit = open_kit(written(tmp_path, text), tmp_path)
        values = measure(synthesise(kit, unit_source(unit)), unit, kit)
        assert (
            tuple(values[name] for name in ("area_um2", "leakage_nw", "min_clock_ns", "energy_per_op_pj")) == expected
        )


UPPER = TEXT.replace('"1ns"', '" 1 NS"').replace('"1V"', '"1v"').replace('"1nW"', '"1nw"').replace("1, ff", '1, "FF"')
QUOTES = 'comment : "a \\"name\\" { see http://own.example /* and */ more";\n  delay_model'
B_GROUP = r'(timing|internal_power) \(\) \{\s*related_pin : "B";([^{}]*\{[^{}]*\})*\s*\}'
BOTH = re.sub(  # gates of two inputs come after those of one
    r"(?<=tiny_nand2)(.*)(?=cell \(tiny_dff)",
    lambda match: re.sub(B_GROUP, "", match[0]).replace('related_pin : "A"', 'related_pin : "A B"'),
    TEXT,
    flags=re.DOTALL,
)
SPELLINGS = {
    "a comment ends the file": TEXT.rstrip() + " /* end of library */",
    "a line comment ends the file": TEXT.rstrip() + " // end",
    "blanks end the file": TEXT.rstrip() + "  ",
    "units of any case": UPPER,
    "axes in the template alone": TEXT.replace(AXES, ""),
    "a byte-order mark": "\ufeff" + TEXT,
    "lines of another system": TEXT.replace("\n", "\r\n"),
    "marks in a string": TEXT.replace("delay_model", QUOTES),
    "comments": TEXT.replace("delay_model", "// a { comment\n /* and\n another } */ delay_model"),
    "parentheses around names": changed(r'"C";\s+next_state : "D"', r'"(C)"; next_state : " (D) "'),
    "spaces around names": changed(r'"C";\s+next_state : "D"', r'" C "; next_state : " D"').replace('"IQ"', '"( IQ)"'),
    "dont_use is false": TEXT.replace("area :", 'dont_use : "false"; area :'),
    "no semicolons": TEXT.replace("capacitance : 2.0;", "capacitance : 2.0"),
    "nor one before a brace": changed(r"capacitance : 2.0;\s*\}", "capacitance : 2.0 }"),
    "pins of one group": PINS,
    "a list of related pins": BOTH,
    "names without quotation marks": changed(r'related_pin : "(\w)"', r"related_pin : \1"),
    "primes and spaces": TEXT.replace('"!(A*B)"', '"(A B)\'"').replace('"!(A+B)"', '"(A|B)\'"'),
    "another order of axes": changed(
        r'\(delay\) \{ .*?values \("(.*?), (.*?)", "(.*?), (.*?)"\); \}', r'(turned) { values ("\1, \3", "\2, \4"); }'
    ).replace(
        "cell (tiny_inv)",
        "lu_table_template (turned) { variable_1 : total_output_net_capacitance; variable_2 : input_net_transition;"
        ' index_1 ("0.0, 100"); index_2 ("0.0, 1.0"); } cell (tiny_inv)',
    ),
}  # fmt: skip


class TestSpellings:
    @pytest.mark.parametrize("spelling", SPELLINGS)
    def test_is_the_same_library_to_us_and_to_mapping(self, tmp_path: Path, library: Library, spelling: str) -> None:
        text = SPELLINGS[spelling]
        assert text != TEXT
        kit = open_kit(written(tmp_path, text), tmp_path)
        mapped, expected = (each.path.read_text(encoding="utf-8") for each in (kit, open_kit(TINY, tmp_path)))
        assert replace(kit.cells, left_out={}) == replace(library, left_out={})
        assert re.sub(r'function : "[^"]*"', "", mapped) == re.sub(r'function : "[^"]*"', "", expected)


QN = """pin (QN) { direction : output; function : "IQN";
  timing () { related_pin : C; timing_type : rising_edge;
    cell_rise (scalar) { values ("1"); } rise_transition (scalar) { values ("1"); }
    cell_fall (scalar) { values ("1"); } fall_transition (scalar) { values ("1"); } }
  internal_power () { rise_power (scalar) { values ("0.25"); } fall_power (scalar) { values ("0.5"); } } }"""
TWO_OUTPUTS = TEXT.replace("pin (Q) {", f"{QN} pin (Q) {{")
CLOCK = re.compile(r"(clock : true;\s*)internal_power \(\) \{[^{}]*\{[^{}]*\}[^{}]*\{[^{}]*\}\s*\}")


class TestFlipFlopsOfTwoOutputs:
    def test_one_is_used_and_mapping_knows_of_no_other(self, tmp_path: Path) -> None:
        needs_yosys()
        kit = open_kit(written(tmp_path, TWO_OUTPUTS), tmp_path)
        pins = kit.cells.cells["tiny_dff"].flip_flop
        assert pins is not None and (pins.output, pins.inverts, pins.open) == ("Q", False, {"QN": True})
        assert "QN" not in kit.path.read_text(encoding="utf-8").replace("IQN", "")
        unit = pe_units("threshold", 3, 3, "os")[-1]
        values = measure(synthesise(kit, unit_source(unit)), unit, kit)
        assert tuple(values[name] for name in QUANTITIES[:3]) == UNCHANGED[:3]

    def test_the_open_one_switches_the_other_way(self, tmp_path: Path, library: Library) -> None:
        """A rise of Q is a fall of QN, whose energies are 0.25 and 0.5 fJ: pF V² of a library in fF and V."""
        double = read_library(written(tmp_path, TWO_OUTPUTS))
        edges = []
        for each in (library, double):
            netlist = small_netlist(each)
            timing = analyse(netlist, each, smallest_flip_flop(each))
            edges.append(prices(netlist, each, timing).edges_pj[netlist.registers[0].output])
        assert edges[1] - edges[0] == pytest.approx([0.0005, 0.00025])

    def test_conditions_may_be_on_the_open_one(self, tmp_path: Path) -> None:
        """A clock pulse that finds Q at 0, and so QN at 1, costs 3 fJ; another one 7; ½ C V² twice is 2."""
        groups = "".join(
            f'internal_power () {{ when : "{when}"; power (scalar) {{ values ("{value}"); }} }}'
            for when, value in (("QN", 0.0015), ("!QN", 0.0035))
        )
        double = read_library(written(tmp_path, CLOCK.sub(rf"\1{groups}", TWO_OUTPUTS)))
        netlist = small_netlist(double)
        pulses = prices(netlist, double, analyse(netlist, double, smallest_flip_flop(double))).pulses_pj[0]
        assert pulses * 1000 == pytest.approx([2 + 0.003, 2 + 0.007] * 2)

    def test_it_is_left_out_where_others_have_one(self, tmp_path: Path) -> None:
        double = TWO_OUTPUTS[TWO_OUTPUTS.index("  cell (tiny_dff)") : TWO_OUTPUTS.index("  cell (tiny_latch)")]
        both = TEXT.replace("  cell (tiny_latch)", double.replace("tiny_dff", "tiny_double") + "  cell (tiny_latch)")
        both_kinds = read_library(written(tmp_path, both))
        assert "tiny_dff" in both_kinds.cells
        assert both_kinds.left_out["tiny_double"] == "pin QN: an output more; other flip-flops of the kit have one"

    def test_the_slowest_of_several_setups_counts(self, tmp_path: Path, library: Library) -> None:
        """Setups of 2 and 1 ns beside those of 0.05 and 0.06, each in a group of its own."""
        more = ""
        for edge, ns in (("rise", 2), ("fall", 1)):
            table = f'{edge}_constraint (scalar) {{ values ("{ns}"); }}'
            more += f"timing () {{ related_pin : C; timing_type : setup_rising; {table} }}"
        slower = read_library(written(tmp_path, TEXT.replace("pin (D) {", f"pin (D) {{ {more}", 1)))
        plain, slow = (analyse(small_netlist(each), each, smallest_flip_flop(each)) for each in (library, slower))
        data = small_netlist(library).registers[0].data
        assert slow.period_ns == pytest.approx(max(plain.arrival_ns[data] + [2, 1]))


def halves() -> tuple[str, str]:
    """tiny.lib as two files: gates, and flip-flop and latch."""
    start = TEXT.index("  cell (tiny_inv)")
    middle = TEXT.index("  cell (tiny_dff)")
    return TEXT[:middle] + "}\n", TEXT[:start] + TEXT[middle:]


class TestSeveralFiles:
    def test_are_one_kit(self, tmp_path: Path, library: Library) -> None:
        gates, rest = halves()
        paths = [written(tmp_path, gates, "gates.lib"), tmp_path / "rest.lib.gz"]
        paths[1].write_bytes(gzip.compress(rest.encode()))
        kit = open_kit(paths, tmp_path)
        assert kit.cells == library and kit.liberty == tuple(paths)
        text = kit.path.read_text(encoding="utf-8")
        assert text == open_kit(TINY, tmp_path).path.read_text(encoding="utf-8")

    def test_may_have_other_units(self, tmp_path: Path, library: Library) -> None:
        """The flip-flop's file in ps and pF: times a thousand times as large as numbers, capacitances a thousandth."""
        gates, rest = halves()
        rest = rest.replace('time_unit : "1ns"', 'time_unit : "1000ps"').replace("(1, ff)", "(0.001, pf)")
        joined = read_library([written(tmp_path, gates, "gates.lib"), written(tmp_path, rest, "rest.lib")])
        assert joined.cells["tiny_dff"].capacitance_pf == pytest.approx(library.cells["tiny_dff"].capacitance_pf)
        assert joined.clock_slew_ns() == pytest.approx(library.clock_slew_ns())

    def test_of_other_corners_are_refused(self, tmp_path: Path) -> None:
        gates, rest = halves()
        paths = [
            written(tmp_path, gates, "a.lib"),
            written(tmp_path, rest.replace("voltage : 1.0", "voltage : 2"), "b.lib"),
        ]
        with pytest.raises(
            LimenError, match=r"b\.lib: voltage: 2 V is not the 1 V of .*a\.lib; expected files of one kit"
        ):
            read_library(paths)

    @pytest.mark.parametrize("command", [["build", "--out", "new.csv"], ["check", "ihp130"], ["multipliers"]])
    def test_all_reach_the_commands(self, command: list[str], tmp_path: Path) -> None:
        needs_yosys()
        second = written(tmp_path, TEXT, "own.lib")
        outcome = CliRunner().invoke(commands, ["costs", *command, "--liberty", str(TINY), "--liberty", str(second)])
        assert isinstance(outcome.exception, LimenError)
        assert str(outcome.exception) == f"{second}: cell tiny_inv: it is in {TINY} already; expected once in a kit"


class TestCommand:
    def test_cells_used_and_left_out(self) -> None:
        outcome = CliRunner().invoke(commands, ["costs", "show", str(TINY), "--cells"])
        lines = outcome.output.splitlines()
        assert lines[0] == "tiny: 6 cells used, 1 left out"
        assert "tiny_dff    used: flip-flop" in lines and lines[-1] == "tiny_latch  left out: latch"

    def test_as_json(self) -> None:
        outcome = CliRunner().invoke(commands, ["costs", "show", str(TINY), "--cells", "--json"])
        assert json.loads(outcome.output)["cells"][-1] == {"cell": "tiny_latch", "used": False, "why": "latch"}

    def test_of_what_is_no_library(self) -> None:
        outcome = CliRunner().invoke(commands, ["costs", "show", "ihp130", "--cells"])
        assert isinstance(outcome.exception, LimenError) and "ihp130: cannot be read" in str(outcome.exception)
