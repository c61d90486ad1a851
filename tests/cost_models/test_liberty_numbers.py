"""Numbers of a Liberty file that can't be, those that only look so, and one that is said twice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cost_models.liberty.liberty_reader import read_files, read_library
from tests.cost_models.test_liberty_constructs import INV_A, LEAK
from tests.cost_models.tiny_library import AXES, TINY, changed, exchanged, written
from workloads.errors import LimenError


class TestNumbers:
    """One that can't be stops with a line that names file, cell, pin and construct; what kits have is read."""

    @pytest.mark.parametrize(
        ("old", "new", "line"),
        [
            ("area : 1;", "area : inf;", "cell tiny_inv: area: 'inf' is not allowed: a number"),
            ("area : 1;", "area : 1e61;", "cell tiny_inv: area: '1e61' is not allowed: a number, at most 1e+60"),
            ("cell_leakage_power : 1;", "cell_leakage_power : -1;", "cell tiny_inv: cell_leakage_power: -1 is not all"),
            ("cell_leakage_power : 1;", "leakage_power () { value : -1; }",
             "cell tiny_inv: leakage_power of line 20: value: -1 is not allowed: 0 or more"),
            ("cell_leakage_power : 1;", "leakage_power () { value : 1; } leakage_power () { when : A; value : -1; }",
             "cell tiny_inv: leakage_power of line 20: value: -1 is not allowed: 0 or more"),
            ("cell_leakage_power : 1;", LEAK.replace("3", "-3") % ("", "related_pg_pin : V;"),
             "cell tiny_inv: leakage_power: the mean of all supplies, -2, is not allowed: 0 or more"),
            ("delay_model", "default_cell_leakage_power : -1; delay_model", "default_cell_leakage_power: -1 is not al"),
            ("delay_model", "default_leakage_power_density : -1; delay_model", "default_leakage_power_density: -1 is"),
            ("delay_model", "default_input_pin_cap : -1; delay_model", "default_input_pin_cap: -1 is not allowed: 0 o"),
            ("delay_model", "default_output_pin_cap : -1; delay_model", "default_output_pin_cap: -1 is not allowed"),
            ("default_max_transition : 10", "default_max_transition : -1", "default_max_transition: -1"),
            (INV_A, INV_A + "rise_capacitance : x;", "cell tiny_inv: pin A: rise_capacitance: 'x' is not allowed"),
            (INV_A, "direction : input; rise_capacitance : 5; fall_capacitance : -1;", "pin A: fall_capacitance: -1 i"),
            ('function : "!A";', 'function : "!A"; capacitance : -1;', "cell tiny_inv: pin Y: capacitance: -1 is not"),
            ('function : "!A";', 'function : "!A"; max_capacitance : -1;', "cell tiny_inv: pin Y: max_capacitance: -1"),
            ('function : "!A";', 'function : "!A"; max_transition : x;', "cell tiny_inv: pin Y: max_transition: 'x'"),
            ("nom_voltage : 1.0", "nom_voltage : -1", "voltage: -1 is not allowed: more than 0"),
            ('time_unit : "1ns"', f'time_unit : "{"9" * 400}ns"', "time_unit: '999"),
            ("voltage_unit", 'time_unit : "1ps"; voltage_unit', "time_unit has several values (1ns, 1ps); expected on"),
            ("delay_model", "voltage_map (V, x); delay_model", "voltage_map V: 'x' is not allowed: a number"),
            (AXES, 'index_1 ("-1, 1"); index_2 ("0, 1");', "pin Y: timing of line 27: cell_rise: index_1: -1 is not a"),
            (AXES, 'index_1 ("0, 0"); index_2 ("0, 1");', "cell_rise: index_1 is not allowed: at least one number, as"),
            (AXES, 'indx_1 ("0, 1"); index_2 ("0, 1");', "'indx_1' is not one of Liberty's attributes; did you mean i"),
            (AXES, 'index_1 ("0, 1, 2, 3"); index_2 ("5");', "cell_rise: values: a row of 2 on axes of 4 x 1"),
            ('values ("0.1, 0.3", "0.2, 0.4")', 'values ("0.1")', "cell_rise: 1 values on axes of 2 x 2"),
            ('values ("0.1, 0.3", "0.2, 0.4")', 'values ("1, 2, 3", "4")', "cell_rise: values: a row of 3 on axes of"),
            ('values ("0.1, 0.3", "0.2, 0.4")', 'values ("1", "2", "3", "4")', None),
            ('values ("0.1, 0.3", "0.2, 0.4")', 'values ("-1, 0.3", "0.2, 0.4")', None),
            ('values ("0.0, 0.2", "0.0, 0.2")', 'values ("-1, 0.2", "0.0, 0.2")',
             "pin Y: timing of line 27: rise_transition: values: -1 is not allowed: a slew of 0 or more"),
            ('rise_power (scalar) { values ("0.002")', 'rise_power (scalar) { values ("-0.002")', None),
            ('rise_constraint (scalar) { values ("0.05")', 'rise_constraint (scalar) { values ("-0.05")', None),
            ("cell_leakage_power : 1;", LEAK.replace("1", "-1") % ("", "related_pg_pin : V;"), None),
            ("variable_2 :", "variable_3 :", "cell_rise: template 'delay': variables are not 1, 2, 3 in this order"),
            ("variable_2 :", "variable_2 : input_net_transition; variable_2 :", "variable_2 has several values"),
            ("delay_model", "wire_load (w) { capacitance : -1; } delay_model", "wire_load w: capacitance: -1 is not a"),
            ("delay_model", "wire_load (w) { slope : -1; } delay_model", "wire_load w: slope: -1 is not allowed: 0 or"),
            ("delay_model", "wire_load (w) { fanout_length (1, -1); } delay_model", "wire_load w: fanout_length is no"),
            ("delay_model", "wire_load (w) { fanout_length (1, 1); fanout_length (1, 2); } delay_model",
             "wire_load w: fanout_length is not allowed: 0 or more, each fanout once"),
            ("delay_model", "wire_load (w) { fanout_lenght (1, 1); } delay_model", "did you mean fanout_length?"),
            ("pin (A) {", "include_file (pins.lib); pin (A) {", "line 21: include_file is not read; put that file's"),
            ("cell (tiny_inv)", "cells (tiny_inv)", "line 18: 'cells' is not allowed: cell, in small letters"),
        ],
    )  # fmt: skip
    def test_that_can_not_be(self, tmp_path: Path, old: str, new: str, line: str | None) -> None:
        path = written(tmp_path, exchanged(old, new))
        if line is None:
            read_library(path)
            return
        with pytest.raises(LimenError, match=rf"own\.lib: .*{re.escape(line)}"):
            read_library(path)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("area : 1;", "area : 1; area : 1.0;"),
            ("area : 1;", "area : 1e0; area (+1);"),
            ("cell_leakage_power : 1;", "cell_leakage_power : 1.00; cell_leakage_power : 1;"),
            ("capacitance : 2.0;", "capacitance : 2; capacitance : 2.0;"),
            ("nom_voltage : 1.0;", "nom_voltage : 1; nom_voltage : 1.0;"),
            ("(1, ff);", "(1, ff); capacitive_load_unit (1.0, ff);"),
            ('time_unit : "1ns"', 'time_unit : "1 NS"; time_unit : "1.0ns"'),
            (
                "lu_table_template (delay) {",
                "lu_table_template (delay) { variable_1 : input_net_transition;"
                ' variable_2 : total_output_net_capacitance; index_1 ("0, 1"); index_2 ("0, 1e2"); }'
                " lu_table_template (delay) {",
            ),
        ],
    )
    def test_said_twice_in_other_words(self, tmp_path: Path, old: str, new: str) -> None:
        assert read_library(written(tmp_path, exchanged(old, new))) == read_library(TINY)

    def test_files_of_one_kit_measure_at_the_same_thresholds(self, tmp_path: Path) -> None:
        """Liberty's own default is 50."""
        other = changed(r"cell \(tiny_", "cell (more_")
        name = "input_threshold_pct_rise"
        same, odd = (
            written(tmp_path, other.replace("delay_model", f"{name} : {threshold}; delay_model"), f"{threshold}.lib")
            for threshold in (50, 40)
        )
        assert len(read_files([TINY, same])) == 2
        with pytest.raises(LimenError, match=r"40\.lib: input_threshold_pct_rise: 40 is not the 50 of .*tiny\.lib"):
            read_files([TINY, odd])
