"""What is read of Liberty, what is left out with its reason, and the lines that say what isn't read."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest

from cost_models.gates.multipliers import DEFAULT_MULTIPLIER
from cost_models.gates.synthesis import open_kit, passes, synthesise
from cost_models.liberty.liberty_reader import read_library
from cost_models.sources.unit_sources import unit_source
from cost_models.units.unit import Nand2
from tests.cost_models.tiny_library import AXES, OPERATING, TEXT, TINY, changed, exchanged, written
from tests.support.tools import needs_yosys
from workloads.errors import LimenError

UP = f'rise_transition (delay) {{ {AXES}values ("0.0, 0.2", "0.0, 0.2"); }}'


LEFT_OUT = "left out: tiny_dff: pin "


def test_energies_of_a_flip_flop_that_its_clock_does_not_cause(tmp_path: Path) -> None:
    """They were dropped: what an output spends is told by the clock, or by a reset that never comes."""
    before, mark, after = TEXT.partition('internal_power () {\n        related_pin : "C";\n        rise_power')
    assert mark and mark not in after
    (tmp_path / "own.lib").write_text(before + mark.replace('"C"', '"D"') + after)
    with pytest.raises(LimenError, match=r"own.lib: cell tiny_dff: pin Q: internal_power: related_pin: 'D' is not re"):
        read_library(tmp_path / "own.lib")


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        (["D"], "D = 0 and Q = 0"),
        (["D", "!D * Q"], "D = 0 and Q = 0"),
        (["!D", "D * !Q"], "D = 1 and Q = 1"),
        (["D", "!D"], None),
        (["D", None], None),
    ],
)
def test_states_of_a_clock_without_an_energy(tmp_path: Path, conditions: list[str | None], state: str | None) -> None:
    """They cost nothing without a word."""
    before, mark, after = TEXT.partition('      internal_power () {\n        rise_power (scalar) { values ("0.003"); }')
    assert mark
    power, _, rest = after.partition("}\n      }")
    groups = [
        mark.replace("() {", "() {" + (f'when : "{condition}";' if condition else "")) + power + "}\n      }\n"
        for condition in conditions
    ]
    path = written(tmp_path, before + "".join(groups) + rest)
    if state is None:
        assert len(read_library(path).cells["tiny_dff"].input_energies["C"]) == len(conditions)
        return
    with pytest.raises(LimenError, match=f"cell tiny_dff: pin C: internal_power: no when holds at {state}, and none"):
        read_library(path)


class TestWhatIsNotRead:
    """A line that names file, cell, pin and construct, where `old` is changed to `new` once."""

    @pytest.mark.parametrize(
        ("old", "new", "line"),
        [
            ('related_pin : "A";', "", "cell tiny_inv: pin Y: timing of line 27: related_pin: it is missing"),
            ('related_pin : "A";', 'related_bus_pins : "A";', "related_pin: related_bus_pins is not read"),
            ('related_pin : "A";', 'related_pin : "A Z";', "related_pin: 'Z' is not allowed: one of A, Y"),
            ("timing_sense : negative_unate", "timing_sense : odd", "timing_sense: 'odd' is not allowed"),
            ("timing_sense :", "timing_type : sideways; timing_sense :", "timing_type: 'sideways' is not one of"),
            (UP, "", "rise_transition is missing beside cell_rise"),
            ("cell_rise (delay)", "cell_rise (other)", "cell_rise: template 'other' is not defined"),
            (AXES, 'index_1 ("0, 1, 2"); ', "cell_rise: 4 values on axes of 3 x 2"),
            (AXES, 'index_1 ("1, 0"); ', "cell_rise: index_1 is not allowed: at least one number, ascending"),
            ('("0.1, 0.3", "0.2, 0.4")', '("0.1, x", "0, 0")', "cell_rise: values: 'x' is not allowed: a number"),
            ('("0.1, 0.3", "0.2, 0.4")', '("0.1, nan", "0, 0")', "cell_rise: values: 'nan' is not allowed: a number"),
            ("cell_rise (delay)", "cell_rise () { } cell_rise (delay)", "cell_rise is there 2 times; expected once"),
            ("internal_power () {", "internal_power () { falling_together_group : A;", "falling_together_group is not"),
            ("internal_power () {", "internal_power () { } internal_power () {", "rise_power, fall_power and power"),
            ('"A";\n        rise_power', '"Z"; rise_power', "pin Y: internal_power of line 35: related_pin: 'Z' is"),
            ("cell_leakage_power : 1;", "leakage_power () { }", "leakage_power of line 20: value is missing; expected"),
            ("cell_leakage_power : 1;", "leakage_current () { }", "cell tiny_inv: leakage_current is not read"),
            ("internal_power ()", "internal_pwr ()", "cell tiny_inv: line 35: 'internal_pwr' in pin Y is not"),
            ("cell_fall (delay)", "cel_fall (delay)", "'cel_fall' in timing is not read"),
            ("fall_power (scalar)", "power_fall (scalar)", "'power_fall' in internal_power is not read"),
            ("area : 1;", "area : 1; internal_power () { }", "line 19: 'internal_power' in cell tiny_inv"),
            ("area : 1;", "area : big;", "cell tiny_inv: area: 'big' is not allowed: a number"),
            ("direction : input;", "", "cell tiny_inv: pin A: direction: '' is not allowed: input, output"),
            ("capacitance : 2.0", "capacitance : ", "cell tiny_inv: pin A: capacitance: '' is not allowed: a number"),
            ("cell (tiny_buf)", "cell (tiny_inv)", "cell tiny_inv: it is in"),
            ("cell (tiny_buf)", "cell (tiny_buf, more)", "a cell of 2 names"),
            ("pin (B)", "pin (A)", "cell tiny_nand2: pin A: it is there twice"),
            ("table_lookup", "generic_cmos", "delay_model: 'generic_cmos' is not read: delays come from tables"),
            ("nom_voltage : 1.0;", "", "the voltage is missing; expected nom_voltage, or operating_conditions"),
            ("nom_voltage : 1.0;", OPERATING + OPERATING.replace("typical", "other"), "the voltage is missing"),
            ("nom_voltage : 1.0;", "nom_voltage : 0;", "voltage: 0 is not allowed: more than 0"),
            ("delay_model", "include_file (more.lib); delay_model", "include_file is not read"),
            ("input_net_transition", "input_voltage", "cell_rise: variable_1: 'input_voltage' is not read"),
            ("cell (tiny_inv)", "lu_table_template (delay) { } cell (tiny_inv)", "lu_table_template delay: another"),
            ("  capacitive_load_unit (1, ff);\n", "", "capacitive_load_unit is missing; expected a number and a"),
            ("(1, ff);", "(1, ff); capacitive_load_unit (1, pf);", "capacitive_load_unit has several values (1ff, 1"),
            ('  leakage_power_unit : "1nW";\n', "", "leakage_power_unit is missing; expected a number and a"),
            ('time_unit : "1ns"', 'tme_unit : "1ps"', "'tme_unit' is not one of Liberty's attributes; did you mean"),
            ('time_unit : "1ns"', 'time_unit : "1"', "time_unit: '1' is not allowed: a number and a prefixed s"),
            ("area : 1;", "area : 1; area : 2;", "cell tiny_inv: line 18: cell: area has several values ('1', '2')"),
            ("area : 1;", "area (1, 2); area : 1;", "line 18: cell: area (1, 2) is not allowed: one value"),
            ('function : "!A";', 'function : "A"; function : "!A";', "line 24: pin: function has several values"),
            ("cell_leakage_power : 1;", "cel_leakage_power : 1;", "did you mean cell_leakage_power?"),
            ("timing_sense : n", "timing_sens : n", "did you mean timing_sense?"),
            ("area : 1;", "area : -1;", "cell tiny_inv: area: -1 is not allowed: 0 or more"),
            ("area : 1;", "area : 1_0;", "cell tiny_inv: area: '1_0' is not allowed: a number"),
            ('("0.1, 0.3", "0.2, 0.4")', '("0.1, 1_0", "0, 0")', "cell_rise: values: '1_0' is not allowed: a number"),
            ("capacitance : 2.0", "capacitance : -2.0", "cell tiny_inv: pin A: capacitance: -2 is not allowed: 0 or"),
            ("cell (tiny_inv)", "Cell (tiny_inv)", "line 18: 'Cell' is not allowed: cell, in small letters"),
            ("delay_model", "wire_load (w) { fanout_length (1, 1_0); } delay_model", "wire_load w: fanout_length is"),
            ("area : 1;", "area : 1; dont_use : maybe;", "cell tiny_inv: dont_use: 'maybe' is not allowed: true or"),
            ("clock : true;", 'internal_power () { when : "X"; power (scalar) { values ("1"); } }',
             "cell tiny_dff: pin C: internal_power of line 195: when: function: 'X' is not allowed"),
            ("clock : true;", 'internal_power () { when : "IQ"; power (scalar) { values ("1"); } }',
             "cell tiny_dff: pin C: internal_power: when: function: 'IQ' is not allowed"),
            ("internal_power () {", 'internal_power () { when : "Z";', "line 35: when: function: 'Z'"),
            ("internal_power () {", 'internal_power () { when : "A==1";', "when: function: 'A==1' is not allowed: '='"),
            ("cell_leakage_power : 1;", 'leakage_power () { when : "Z"; value : 1; }',
             "cell tiny_inv: leakage_power of line 20: when: function: 'Z' is not allowed: 'Z' is not one of A, Y"),
            ("cell_leakage_power : 1;", 'leakage_power () { when : "A @@"; value : 1; }', "when: function: 'A @@'"),
            ("cell_leakage_power : 1;", 'leakage_power () { when : "A Y"; value : 1; }', "no condition ever holds"),
        ],
    )  # fmt: skip
    def test_is_said(self, tmp_path: Path, old: str, new: str, line: str) -> None:
        with pytest.raises(LimenError, match=rf"own\.lib: .*{re.escape(line)}"):
            read_library(written(tmp_path, exchanged(old, new)))

    @pytest.mark.parametrize(
        ("old", "new", "reason"),
        [
            ("area : 1;", "", "no area"),
            ("area : 1;", "area : 1; dont_use : TRUE;", "dont_use"),
            ("area : 1;", "area : 1; dont_use : yes;", "dont_use"),
            ("area : 1;", "area : 1; dont_use : 1;", "dont_use"),
            ("area : 1;", 'area : 1; dont_use : " true ";', "dont_use"),
            ("area : 1;", "area : 1; dont_use (true);", "dont_use"),
            ("direction : input; capacitance : 2.0;", "direction : inout;", "pin A: direction inout"),
            ("direction : input; capacitance : 2.0;", "direction : input;", "pin A: no capacitance"),
            ('function : "!A";', 'function : "A @";', "pin Y: function: 'A @' is not allowed: '@' is no part of a"),
            ('function : "!A";', "", "pin Y: no function"),
            ("timing_sense :", "timing_type : combinational_rise; timing_sense :", "pin Y: no delay of a fall from A"),
            ("timing_sense :", "timing_type : rising_edge; timing_sense :", "pin Y: timing_type rising_edge"),
            ("timing_sense :", "timing_type : hold_rising; timing_sense :", "pin Y: no delay of a rise from A"),
            ("pin (A) {", "bus (B) { } pin (A) {", "bus"),
            ("pin (A) {", 'pin ("A*") {', "pin A*: its name is not a plain one"),
        ],
    )
    def test_or_leaves_the_cell_out_with_its_reason(self, tmp_path: Path, old: str, new: str, reason: str) -> None:
        left_out = read_library(written(tmp_path, exchanged(old, new))).left_out
        assert left_out.keys() == {"tiny_inv", "tiny_latch"} and left_out["tiny_inv"].startswith(reason)

    def test_groups_that_say_nothing_here_are_passed_over(self, tmp_path: Path) -> None:
        groups = (
            "pg_pin (VDD) { pg_type : primary_power; } test_cell () { odd () { } } ours () { odd () { } } pin (A) {"
            " electromigration () { } receiver_capacitance1_rise (delay) { } ccsn_first_stage () { dc_current () { } }"
        )
        text = TEXT.replace("pin (A) {", groups, 1).replace("delay_model", "define_group (ours, cell); delay_model")
        assert read_library(written(tmp_path, text)) == read_library(TINY)

    def test_names_never_reach_the_tools_as_commands(self, tmp_path: Path) -> None:
        text = TEXT.replace("cell (tiny_latch)", 'cell ("latch; shell touch here")')
        kit = open_kit(written(tmp_path, text), tmp_path)
        assert "latch; shell touch here" in kit.cells.left_out
        assert not any("shell" in step for step in passes(kit, unit_source(Nand2()), DEFAULT_MULTIPLIER))

    @pytest.mark.parametrize(
        ("pattern", "new", "line"),
        [
            (r"  cell \(tiny_inv\)[\s\S]*?\n(?=  cell)", "", "no inverter; mapping needs one"),
            (r"  cell \(tiny_buf\)[\s\S]*?\n(?=  cell)", "", "no buffer; mapping needs one"),
            (r"  cell \(tiny_nand2\)[\s\S]*?(?=  cell \(tiny_xor2)", "", "no gate of two inputs, such as nand or nor"),
            (
                r"timing_type : setup_rising;",
                "timing_type : hold_rising;",
                f"{LEFT_OUT}D: no setup_rising table of a rise",
            ),
            (r"fall_constraint[^}]*\}", "", f"{LEFT_OUT}D: no setup_rising table of a fall before C"),
            (r"timing_type : rising_edge;", "timing_type : preset;", f"{LEFT_OUT}Q: timing_type preset"),
            (r'clocked_on : "C"', 'clocked_on : "!C"', "left out: tiny_dff: ff: not clocked on the rising edge of one"),
            (r'clocked_on : "C"', "", "left out: tiny_dff: ff: clocked_on: function: '' is not allowed"),
            (r'next_state : "D"', 'next_state : "D C"', "left out: tiny_dff: ff: next_state: 'D C' is not one of C, D"),
            (
                r'"IQ"',
                '"IQ C"',
                f"{LEFT_OUT}Q: pin: function: function: 'IQ C' is not allowed: 'C' is not one of IQ, IQN",
            ),
        ],
    )
    def test_a_kit_that_lacks_what_mapping_needs(self, tmp_path: Path, pattern: str, new: str, line: str) -> None:
        path = written(tmp_path, changed(pattern, new, count=0 if "cell" in pattern else 1))
        with pytest.raises(LimenError, match=rf"own\.lib: holds no .*{re.escape(line.removeprefix('no '))}"):
            open_kit(path, tmp_path)


class TestAttributes:
    """Ways of writing that Liberty has beside the usual one."""

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("capacitive_load_unit (1, ff);", 'capacitive_load_unit : "1ff";'),
            ("capacitive_load_unit (1, ff);", 'capacitive_load_unit ("1ff");'),
            ("capacitive_load_unit (1, ff);", "capacitive_load_unit : 1,ff;"),
            ('time_unit : "1ns";', 'time_unit ("1ns");'),
            ('time_unit : "1ns";', "time_unit (1, ns);"),
            ('time_unit : "1ns";', ""),
            ('voltage_unit : "1V";', ""),
            ("nom_voltage : 1.0;", "nom_voltage (1.0);"),
            ("area : 1;", "area (1);"),
            ("area : 1;", "area : 1; area : 1;"),
            ("area : 1;", "area : 1; dont_use : no; dont_touch : true;"),
            ("area : 1;", "area : 1; user_area : 7;"),
            ("cell_leakage_power : 1;", "cell_leakage_power (1);"),
            ("direction : input; capacitance : 2.0;", "direction (input); capacitance (2.0);"),
        ],
    )
    def test_are_read_as_the_same(self, tmp_path: Path, old: str, new: str) -> None:
        assert read_library(written(tmp_path, exchanged(old, new))) == read_library(TINY)

    def test_a_unit_in_parentheses_counts(self, tmp_path: Path) -> None:
        """Delays of 0.1 in ps are 0.0001 ns."""
        altered = read_library(written(tmp_path, TEXT.replace('time_unit : "1ns"', 'time_unit ("1ps")')))
        grid = altered.cells["tiny_inv"].outputs["Y"].arcs[0].delay_ns[0]
        assert grid is not None and grid.at(0, 0) == pytest.approx(0.0001)

    def test_a_library_without_leakage_needs_no_unit_of_it(self, tmp_path: Path) -> None:
        text = changed(r"cell_leakage_power : \d;", "").replace('leakage_power_unit : "1nW";', "")
        assert read_library(written(tmp_path, text)).cells["tiny_inv"].leakage_nw == 0

    def test_names_the_library_defines_are_no_slips(self, tmp_path: Path) -> None:
        text = TEXT.replace("area : 1;", "area : 1; areas : 3;", 1)
        with pytest.raises(LimenError, match="'areas' is not one of Liberty's attributes; did you mean area"):
            read_library(written(tmp_path, text))
        text = text.replace("delay_model", "define (areas, cell, float); delay_model")
        assert read_library(written(tmp_path, text)) == read_library(TINY)

    def test_scaled_cells_are_listed_as_left_out(self, tmp_path: Path) -> None:
        text = TEXT.replace("cell (tiny_inv)", "scaled_cell (tiny_inv, slow) { area : 3; } cell (tiny_inv)", 1)
        scaled = read_library(written(tmp_path, text))
        assert scaled.cells == read_library(TINY).cells
        assert scaled.left_out["scaled_cell tiny_inv, slow"] == "scaled_cell: a cell at other operating conditions"

    @pytest.mark.parametrize("function", ["A^1", "!A*1", "0+A'", "1'+!A", "1!A"])
    def test_constants_within_functions_never_reach_the_tools(self, tmp_path: Path, function: str) -> None:
        needs_yosys()
        kit = open_kit(written(tmp_path, TEXT.replace('"!A"', f'"{function}"', 1)), tmp_path)
        gates = synthesise(kit, unit_source(Nand2())).gates
        assert [gate.cell.name for gate in gates] == ["tiny_nand2"]


class TestFiles:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (gzip.compress(TEXT.encode())[:-200], "it is cut or corrupt"),
            (gzip.compress(TEXT.encode())[:200], "it is cut or corrupt"),
            (gzip.compress(TEXT.encode())[:40] + b"\xff" * 40, "it is cut or corrupt"),
            (b"\x1f\x8b", "it is cut or corrupt"),
            (b"\x1f\x8bnonsense", "it is cut or corrupt"),
            (b"\x00\xff" * 50, "is not valid Liberty"),
            (b'library (l) { a : "b', "is not valid Liberty: line 1: a string is not closed"),
            (b"library (l) {\n /* a", "is not valid Liberty: line 2: a comment is not closed"),
            (b"a () {" * 2000, "is not valid Liberty: line 1: groups are nested more than 50 deep"),
            (b"library (l) { nom_voltage : 1; cell (c) { area : 1 {", "line 1: area: unexpected '{'"),
            (b"library (l) { nom_voltage : 1; capacitive_load_unit (1, pf); }", "holds no usable cell"),
        ],
        ids=lambda case: case if isinstance(case, str) else "",
    )
    def test_that_are_broken(self, tmp_path: Path, content: bytes, words: str) -> None:
        path = tmp_path / "own.lib.gz"
        path.write_bytes(content)
        with pytest.raises(LimenError, match=rf"own\.lib\.gz: .*{re.escape(words)}"):
            read_library(path)

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(LimenError, match="cannot be read: Is a directory; expected a Liberty file"):
            read_library(tmp_path)
