"""Every construct of docs/costs.md's table of Liberty, put into tiny.lib: what its column says holds."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Collection
from pathlib import Path

import pytest
from click.testing import CliRunner

from cost_models.gates.netlist import read_netlist
from cost_models.gates.synthesis import open_kit, say_notes
from cost_models.liberty.liberty_cells import Library
from cost_models.liberty.liberty_reader import read_library
from dse.cli.commands import commands
from tests.cost_models.tiny_library import AXES, OPERATING, TEXT, TINY, written
from tests.support.paths import ROOT
from workloads.errors import LimenError

DOCS = ROOT / "docs" / "costs.md"
MARKS = {
    "the file": "delay_model : table_lookup;",
    "a cell": "area : 1;",
    "a pin": "direction : input;",
    "an output": 'function : "!A";',
    "timing": "timing_sense : negative_unate;",
    "energy": 'related_pin : "A";\n        rise_power',
    "leakage": "cell_leakage_power : 1;",
    "ff": 'clocked_on : "C";',
}
"""Where in the file a construct is put, before the first of these: all but the last are the inverter's."""

EDGE = f'(delay) {{ {AXES}values ("0.7, 0.7", "0.7, 0.7"); }}'
LOAD = "wire_load (w) { %s fanout_length (1, 1); fanout_length (2, 2); }"

PASSED: dict[tuple[str, str], str] = {
    ("the file", "revision"): 'revision : "1.0";',
    ("the file", "comment"): 'comment : "own";',
    ("the file", "k_*"): "k_volt_cell_rise : 2; k_temp_leakage_power : 3;",
    ("the file", "scaling_factors"): "scaling_factors (s) { k_volt_cell_rise : 2; }",
    ("the file", "nom_temperature"): "nom_temperature : 125;",
    ("the file", "default_fanout_load"): "default_fanout_load : 9;",
    ("the file", "default_inout_pin_cap"): "default_inout_pin_cap : 9;",
    ("the file", "current_unit"): 'current_unit : "1uA";',
    ("the file", "type"): "type (b) { base_type : array; bit_width : 2; }",
    ("the file", "input_voltage"): "input_voltage (v) { vil : 0; vih : 1; }",
    ("the file", "normalized_driver_waveform"): "normalized_driver_waveform (w) { index_1 (1); }",
    ("the file", "ocv_derate"): "ocv_derate (o) { }",
    ("the file", "wire_load_selection"): "wire_load_selection (s) { wire_load_from_area (0, 1, w); }",
    ("a cell", "cell_footprint"): 'cell_footprint : "inv";',
    ("a cell", "dont_touch"): "dont_touch : true;",
    ("a cell", "test_cell"): "test_cell () { odd () { } }",
    ("a cell", "pg_pin"): "pg_pin (VDD) { pg_type : primary_power; voltage_name : VDD; }",
    ("a cell", "dynamic_current"): "dynamic_current () { }",
    ("a cell", "intrinsic_parasitic"): "intrinsic_parasitic () { }",
    ("a cell", "sensitization"): "sensitization (s) { }",
    ("a cell", "char_config"): "char_config () { }",
    ("a pin", "rise_capacitance_range"): "rise_capacitance_range (1, 9);",
    ("a pin", "min_capacitance"): "min_capacitance : 9;",
    ("a pin", "max_fanout"): "max_fanout : 1;",
    ("a pin", "fanout_load"): "fanout_load : 9;",
    ("a pin", "clock"): "clock : true;",
    ("a pin", "x_function"): 'x_function : "A";',
    ("a pin", "power_down_function"): 'power_down_function : "VSS";',
    ("a pin", "related_power_pin"): "related_power_pin : VDD;",
    ("a pin", "min_pulse_width_high"): "min_pulse_width_high : 9;",
    ("a pin", "electromigration"): "electromigration () { }",
    ("a pin", "min_pulse_width"): "min_pulse_width () { }",
    ("a pin", "receiver_capacitance"): "receiver_capacitance () { }",
    ("a pin", "ccsn_first_stage"): "ccsn_first_stage () { dc_current () { } }",
    ("a pin", "ecsm_capacitance"): "ecsm_capacitance (rise) { }",
    ("timing", "when"): 'when : "A";',
    ("timing", "sdf_cond"): 'sdf_cond : "A == 1";',
    ("timing", "hold_rising"): "timing () { related_pin : A; timing_type : hold_rising; }",
    ("timing", "cell_degradation"): "cell_degradation (delay) { }",
    ("timing", "retaining_rise"): "retaining_rise (delay) { }",
    ("timing", "output_current_rise"): "output_current_rise () { vector (v) { } }",
    ("timing", "ocv_sigma_cell_rise"): "ocv_sigma_cell_rise (delay) { }",
    ("timing", "ecsm_waveform"): "ecsm_waveform (w) { }",
    ("energy", "switching_interval"): "switching_interval : 1;",
    ("energy", "equal_or_opposite_output"): "equal_or_opposite_output : Y;",
    ("ff", "clear_preset_var1"): "clear_preset_var1 : L;",
    ("ff", "power_down_function"): 'power_down_function : "VSS";',
}

LEFT_OUT: dict[tuple[str, str], str] = {
    ("the file", "scaled_cell"): "scaled_cell (tiny_inv, slow) { }",
    ("the file", "model"): "model (block) { }",
    ("a cell", "rail_connection"): "rail_connection (P, VIO);",
    ("a pin", "three_state"): 'three_state : "A";',
    ("a pin", "driver_type"): "driver_type : open_drain;",
    ("a pin", "complementary_pin"): "complementary_pin : B;",
    ("a pin", "is_pad"): "is_pad : true;",
    ("a pin", "is_analog"): "is_analog : true;",
    ("a pin", "input_signal_level"): "input_signal_level : VIO;",
    ("timing", "three_state_enable"): "timing_type : three_state_enable;",
    ("ff", "clocked_on_also"): 'clocked_on_also : "D";',
    **{
        ("a cell", kind): f"{kind} (q, n) {{ }}"
        for kind in ("latch", "latch_bank", "ff_bank", "statetable", "bus", "bundle", "mode_definition")
    },
    **{("a cell", kind): f"{kind} (A, B);" for kind in ("pin_equal", "pin_opposite")},
    **{
        ("a cell", flag): f"{flag} : true;"
        for flag in (
            *("dont_use", "pad_cell", "auxiliary_pad_cell", "is_macro_cell", "is_memory_cell", "is_isolation_cell"),
            *("is_clock_isolation_cell", "is_level_shifter", "always_on"),
        )
    },
    **{
        ("a cell", kind): f'{kind} : "A";'
        for kind in ("contention_condition", "clock_gating_integrated_cell", "retention_cell", "switch_cell_type")
    },
}

REFUSED: dict[tuple[str, str], str] = {
    ("the file", "include_file"): "include_file (more.lib);",
    ("the file", "delay_model"): "delay_model : polynomial;",
    ("the file", "wire_load_table"): "wire_load_table (w) { }",
    ("a cell", "leakage_current"): "leakage_current () { }",
    ("a pin", "pin_capacitance"): "pin_capacitance () { }",
    ("timing", "related_bus_pins"): "related_bus_pins : B;",
    ("timing", "min_delay_flag"): "min_delay_flag : true;",
    ("timing", "intrinsic_rise"): 'timing_type : combinational; intrinsic_rise : 1; } timing () { related_pin : "A";',
    ("timing", "rise_propagation"): 'rise_propagation (delay) { } } timing () { related_pin : "A";',
    **{
        ("energy", name): f'{name} : "A";'
        for name in ("falling_together_group", "rising_together_group", "switching_together_group", "related_bus_pins")
    },
    ("energy", "domain"): "domain (d) { }",
}

INV_A = "direction : input; capacitance : 2.0;"
TWO = 'internal_power () { %s power (scalar) { values ("4"); } }'
LEAK = "leakage_power () { %s value : 1; } leakage_power () { %s value : 3; }"
NO_LEAKAGE = ("cell_leakage_power : 1;", "")
PG_PIN = ("area : 1;", "area : 1; pg_pin (V) { pg_type : primary_power; voltage_name : VIO; }")
RAIL = ("area : 1;", "area : 1; rail_connection (P, VIO);")
Edit = tuple[str, str]

READ: dict[tuple[str, str], tuple[Edit, ...]] = {
    ("the file", "nom_voltage"): (("nom_voltage : 1.0", "nom_voltage : 2"),),
    ("the file", "operating_conditions"): (("nom_voltage : 1.0;", OPERATING),),
    ("the file", "lu_table_template"): ((AXES, ""), ('("0.0, 100");\n  }', '("0.0, 50");\n  }')),
    ("the file", "power_lut_template"): (
        ("delay_model", 'power_lut_template (p) { variable_1 : input_transition_time; index_1 ("0, 1"); } delay_model'),
        ('rise_power (scalar) { values ("0.002")', 'rise_power (p) { values ("0.002, 0.1")'),
    ),
    ("the file", "wire_load"): (("delay_model", LOAD % "capacitance : 1;" + "delay_model"),),
    ("the file", "default_wire_load_capacitance"): (
        ("delay_model", LOAD % "" + "delay_model"),
        ("delay_model", "default_wire_load_capacitance : 1; delay_model"),
    ),
    ("the file", "default_cell_leakage_power"): (
        NO_LEAKAGE,
        ("delay_model", "default_cell_leakage_power : 4; delay_model"),
    ),
    ("the file", "default_leakage_power_density"): (
        NO_LEAKAGE,
        ("delay_model", "default_leakage_power_density : 4; delay_model"),
    ),
    ("the file", "default_input_pin_cap"): (
        (INV_A, "direction : input;"),
        ("delay_model", "default_input_pin_cap : 4; delay_model"),
    ),
    ("the file", "default_output_pin_cap"): (("delay_model", "default_output_pin_cap : 1; delay_model"),),
    ("the file", "default_max_transition"): (("default_max_transition : 10", "default_max_transition : 9"),),
    ("the file", "voltage_map"): (PG_PIN, ("delay_model", "voltage_map (VIO, 3.3); delay_model")),
    ("the file", "power_supply"): (RAIL, ("delay_model", "power_supply (s) { power_rail (VIO, 3.3); } delay_model")),
    ("the file", "define"): (
        ("area : 1;", "area : 1; areas : 2;"),
        ("delay_model", "define (areas, cell, float); delay_model"),
    ),
    ("the file", "define_group"): (
        ("area : 1;", "area : 1; o () { }"),
        ("delay_model", "define_group (o, cell); delay_model"),
    ),
    ("a cell", "area"): (("area : 1;", "area : 9;"),),
    ("a cell", "cell_leakage_power"): (("cell_leakage_power : 1;", "cell_leakage_power : 9;"),),
    ("a cell", "leakage_power"): (("cell_leakage_power : 1;", "leakage_power () { value : 9; }"),),
    ("a cell", "pin"): (("pin (A) {", "pin (E) { " + INV_A + " } pin (A) {"),),
    ("a cell", "ff"): (("ff (IQ, IQN)", "odd (IQ, IQN)"),),
    ("a pin", "direction"): (("direction : input;", "direction : output;"),),
    ("a pin", "function"): (('function : "!A"', 'function : "A"'),),
    ("a pin", "capacitance"): (("capacitance : 2.0", "capacitance : 3"),),
    ("a pin", "rise_capacitance"): (
        (INV_A, "direction : input; fall_capacitance : 3;"),
        ("fall_capacitance", "rise_capacitance : 5; fall_capacitance"),
    ),
    ("a pin", "fall_capacitance"): (
        (INV_A, "direction : input; rise_capacitance : 3;"),
        ("rise_capacitance", "fall_capacitance : 5; rise_capacitance"),
    ),
    ("a pin", "timing"): (("timing () {", "defined () {"), ("delay_model", "define_group (defined, pin); delay_model")),
    ("a pin", "internal_power"): (("internal_power () {", TWO % "" + "internal_power () {"),),
    ("a pin", "max_capacitance"): (('function : "!A";', 'function : "!A"; max_capacitance : 5;'),),
    ("a pin", "max_transition"): (('function : "!A";', 'function : "!A"; max_transition : 5;'),),
    ("timing", "related_pin"): (('related_pin : "A"', 'related_pin : "Y"'),),
    ("timing", "timing_type"): (("timing_sense", "timing_type : combinational_rise; timing_sense"),),
    ("timing", "timing_sense"): (("negative_unate", "non_unate"),),
    ("timing", "cell_rise"): (('("0.1, 0.3"', '("0.2, 0.3"'),),
    ("timing", "rise_transition"): (('("0.0, 0.2"', '("0.1, 0.2"'),),
    ("timing", "rise_constraint"): (('("0.05")', '("0.07")'),),
    ("energy", "related_pin"): (
        ("internal_power () {", TWO % "" + "internal_power () {"),
        (TWO % "", TWO % "related_pin : Y;"),
    ),
    ("energy", "when"): (("internal_power () {", TWO % "" + "internal_power () {"), (TWO % "", TWO % "when : A;")),
    ("energy", "related_pg_pin"): (
        ("internal_power () {", TWO % "" + "internal_power () {"),
        (TWO % "", TWO % "related_pg_pin : V;"),
    ),
    ("energy", "power_level"): (
        ("internal_power () {", TWO % "" + "internal_power () {"),
        (TWO % "", TWO % "power_level : V;"),
    ),
    ("energy", "rise_power"): (('("0.002")', '("0.003")'),),
    ("energy", "fall_power"): (('("0.001")', '("0.003")'),),
    ("energy", "power"): (("internal_power () {", TWO % "" + "internal_power () {"), ('("4")', '("5")')),
    ("leakage", "value"): (("cell_leakage_power : 1;", LEAK % ("", "")), ("value : 3", "value : 4")),
    ("leakage", "when"): (
        ("cell_leakage_power : 1;", LEAK % ("", "")),
        (LEAK % ("", ""), LEAK % ("", "when : A; related_pg_pin : V;")),
    ),
    ("leakage", "related_pg_pin"): (
        ("cell_leakage_power : 1;", LEAK % ("", "")),
        (LEAK % ("", ""), LEAK % ("", "related_pg_pin : V;")),
    ),
    ("leakage", "power_level"): (
        ("cell_leakage_power : 1;", LEAK % ("", "")),
        (LEAK % ("", ""), LEAK % ("", "power_level : V;")),
    ),
    ("ff", "clocked_on"): (('clocked_on : "C"', 'clocked_on : "D"'),),
    ("ff", "next_state"): (('next_state : "D"', 'next_state : "!D"'),),
    ("ff", "clear"): (
        ("pin (C) {", "pin (R) { " + INV_A + " } pin (C) {"),
        ('next_state : "D";', 'next_state : "D"; clear : "!R";'),
    ),
    ("ff", "preset"): (
        ("pin (C) {", "pin (R) { " + INV_A + " } pin (C) {"),
        ('next_state : "D";', 'next_state : "D"; preset : "!R";'),
    ),
}
"""Changes to tiny.lib, one after another; the last one matters."""

CASES: dict[str, Collection[tuple[str, str]]] = {
    "read": READ,
    "passed": PASSED,
    "left out": LEFT_OUT,
    "refused": REFUSED,
}


def table() -> dict[tuple[str, str], set[str]]:
    """Return the names in docs' table: by row and column."""
    text = DOCS.read_text(encoding="utf-8").partition("| in | is read |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    columns = ("read", "passed", "left out", "refused")
    return {
        (row[0], column): set(re.findall(r"`([^`]+)`", cell))
        for row in rows
        for column, cell in zip(columns, row[1:], strict=True)
    }


def with_construct(where: str, snippet: str, mark: str | None = None) -> str:
    mark = mark or MARKS[where]
    text = TEXT.replace("delay_model", "voltage_map (VIO, 3.3); delay_model", 1) if "VIO" in snippet else TEXT
    before, matched, after = text.partition(mark)
    assert matched
    return f"{before}{snippet} {matched}{after}"


def outcome(path: Path, folder: Path) -> str | tuple[Library, str]:
    """Return what is read and what mapping is given; or the line that says why nothing is."""
    try:
        kit = open_kit(path, folder)
    except LimenError as error:
        return str(error)
    return kit.cells, kit.path.read_text(encoding="utf-8")


def test_docs_name_what_is_tried_here() -> None:
    tried: dict[tuple[str, str], set[str]] = {key: set() for key in table()}
    for column, cases in CASES.items():
        for where, name in cases:
            tried[where, column].add(name)
    assert tried == table()


@pytest.mark.parametrize("case", PASSED, ids="-".join)
def test_what_is_passed_over(tmp_path: Path, case: tuple[str, str]) -> None:
    text = with_construct("an output" if case[1] == "hold_rising" else case[0], PASSED[case])
    assert outcome(written(tmp_path, text), tmp_path) == outcome(TINY, tmp_path)


@pytest.mark.parametrize("case", LEFT_OUT, ids="-".join)
def test_whose_cell_is_left_out(tmp_path: Path, case: tuple[str, str]) -> None:
    where, name = case
    output = "an output" if name in ("three_state", "driver_type") else where
    cell = {"the file": f"{name} ", "ff": "tiny_dff"}.get(where, "tiny_inv")
    left_out = read_library(written(tmp_path, with_construct(output, LEFT_OUT[case]))).left_out
    (reason,) = [reason for key, reason in left_out.items() if key.startswith(cell) and key != "tiny_latch"]
    known = {"rail_connection": "supply VIO: at 3.3 V, the tables are at 1 V", "clocked_on_also": "not clocked on"}
    assert known.get(name, name) in reason


@pytest.mark.parametrize("case", REFUSED, ids="-".join)
def test_what_stops_with_a_line(tmp_path: Path, case: tuple[str, str]) -> None:
    where, name = case
    text = with_construct(where, REFUSED[case])
    text = TEXT.replace("cell_leakage_power : 1;", REFUSED[case], 1) if name == "leakage_current" else text
    text = text.replace("delay_model : table_lookup;", "", 1) if name == "delay_model" else text
    place = "" if where == "the file" else "cell tiny_inv: "
    with pytest.raises(LimenError, match=rf"own\.lib: .*{place}.*{name}.* not ") as caught:
        read_library(written(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", READ, ids="-".join)
def test_what_is_read_matters(tmp_path: Path, case: tuple[str, str]) -> None:
    texts = [TEXT]
    for old, new in READ[case]:
        assert old in texts[-1]
        texts.append(texts[-1].replace(old, new, 1))
    before = outcome(written(tmp_path, texts[-2]), tmp_path)
    assert outcome(written(tmp_path, texts[-1]), tmp_path) != before


@pytest.mark.parametrize("place", ["a cell", "an output", "timing", "energy"])
def test_any_other_group_stops_with_a_line(tmp_path: Path, place: str) -> None:
    path = written(tmp_path, with_construct(place, "novel () { }"))
    with pytest.raises(LimenError, match=r"own\.lib: cell tiny_inv: line \d+: 'novel' in \w+.* is not read"):
        read_library(path)


def test_the_capacitance_of_an_output_is_part_of_its_net(tmp_path: Path) -> None:
    """Two inverters in a row: 2 fF of the second's input, and 3 fF of the first's own output, which has its own."""
    text = TEXT.replace('function : "!A";', 'function : "!A"; capacitance : 3;', 1)
    changed_library = read_library(written(tmp_path, text))
    cells = {
        name: {"type": "tiny_inv", "connections": {"A": [source], "Y": [target]}}
        for name, source, target in (("a", 2, 3), ("b", 3, 4))
    }
    ports = {"A": {"direction": "input", "bits": [2]}, "Y": {"direction": "output", "bits": [4]}}
    netlist = read_netlist({"modules": {"top": {"ports": ports, "cells": cells}}}, "top", changed_library)
    loads = {gate.net: netlist.loads_pf[gate.net] for gate in netlist.gates}
    assert sorted(loads.values()) == pytest.approx([0.003, 0.005])


class TestDelaysFromAnotherOutput:
    """A full adder whose sum's delays are told from its carry, too, as ASAP7's."""

    ARC = f"cell_rise {EDGE} cell_fall {EDGE} rise_transition {EDGE} fall_transition {EDGE}"
    NOTE = "pin S: delays from CO are not followed, those from inputs are"

    def adder(self) -> str:
        def timing(pins: str) -> str:
            return f'timing () {{ related_pin : "{pins}"; {self.ARC} }}'

        inputs = "".join(f"pin ({name}) {{ {INV_A} }}" for name in "ABC")
        carry = f'pin (CO) {{ direction : output; function : "A B + A C + B C"; {timing("A B C")} }}'
        total = f'pin (S) {{ direction : output; function : "A ^ B ^ C"; {timing("A B C")} {timing("CO")} }}'
        cell = f"cell (tiny_fa) {{ area : 9; cell_leakage_power : 1; {inputs} {carry} {total} }}"
        return TEXT.replace("cell (tiny_inv)", f"{cell} cell (tiny_inv)")

    def test_is_told_beside_the_cell(self, tmp_path: Path) -> None:
        path = written(tmp_path, self.adder())
        outcome = CliRunner().invoke(commands, ["costs", "show", str(path), "--cells", "--json"])
        whys = {row["cell"]: row["why"] for row in json.loads(outcome.output)["cells"]}
        assert whys["tiny_fa"] == f"gate; {self.NOTE}" and whys["tiny_inv"] == "gate"

    def test_is_said_once_by_what_maps_to_it(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        path = written(tmp_path, self.adder())
        with caplog.at_level(logging.WARNING, "limen"):
            say_notes(open_kit(path, tmp_path))
            say_notes(open_kit(TINY, tmp_path))
        assert [record.getMessage() for record in caplog.records] == [f"limen: {path}: cell tiny_fa: {self.NOTE}"]
