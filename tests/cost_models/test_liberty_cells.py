"""Cells as a library has them: units, energies and leakage of several supplies, wires, functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cost_models.gates.synthesis import open_kit
from cost_models.liberty.liberty_cells import Grid, Library
from cost_models.liberty.liberty_functions import truth_table
from cost_models.liberty.liberty_reader import read_library
from cost_models.liberty.liberty_text import parse_liberty
from tests.cost_models.tiny_library import exchanged, written
from workloads.errors import LimenError


class TestLiberty:
    def test_units_are_converted(self, library: Library) -> None:
        inverter = library.cells["tiny_inv"]
        assert inverter.capacitance_pf == {"A": pytest.approx(0.002)}
        assert inverter.outputs["Y"].energies[0].edges_pj[0].at(0, 0) == pytest.approx(2e-6)
        assert (inverter.area_um2, inverter.leakage_nw, library.voltage_v) == (1, 1, 1)

    def test_cells_that_are_not_understood_are_named(self, library: Library) -> None:
        assert library.left_out == {"tiny_latch": "latch"}

    @pytest.mark.parametrize(
        ("expression", "column"),
        [("!A", 0b0101), ("A' + B", 0b1101), ("(A B)", 0b1000), ("A^B", 0b0110), ("!(A*B) | 0", 0b0111)],
    )
    def test_functions(self, expression: str, column: int) -> None:
        assert truth_table(expression, ("A", "B")) == column

    def test_interpolation_is_bilinear_and_goes_on_linearly(self) -> None:
        grid = Grid((0.0, 1.0), (0.0, 2.0), ((1.0, 3.0), (2.0, 6.0)))
        assert [grid.at(0, 0), grid.at(1, 2), grid.at(0.5, 1), grid.at(0, 4)] == [1, 6, 3, 5]

    def test_syntax(self) -> None:
        text = 'library (l) { a : "b c"; /* x : y; */ t (1, "2, \\\n 3"); cell (n) { area : 3\n } }'
        group = parse_liberty(text)
        assert (group.get("a"), group.numbers("t").tolist()) == ("b c", [1, 2, 3])
        assert group.named("cell")[0].get("area") == "3"

    @pytest.mark.parametrize(
        "text", ["", "library (l) {", "library (l) { } }", "library (l) { ( }", "library (l) { a }"]
    )
    def test_not_liberty(self, text: str, tmp_path: Path) -> None:
        path = tmp_path / "bad.lib"
        path.write_text(text)
        with pytest.raises(LimenError, match=r"bad\.lib: is not valid Liberty"):
            read_library(path)


SUPPLIES = """library (l) {{ capacitive_load_unit (1, pf); leakage_power_unit : 1nW; nom_voltage : 1; {wires}
  cell (inv) {{ area : 1; {leakage}
    pin (A) {{ direction : input; capacitance : 1; }}
    pin (Y) {{ direction : output; function : "!A";
      timing () {{ related_pin : "A"; timing_sense : negative_unate;
        cell_rise (scalar) {{ values ("1"); }} rise_transition (scalar) {{ values ("1"); }}
        cell_fall (scalar) {{ values ("1"); }} fall_transition (scalar) {{ values ("1"); }} }}
      internal_power () {{ related_pin : "A"; related_pg_pin : VDD;
        rise_power (scalar) {{ values ("0.5"); }} fall_power (scalar) {{ values ("0.25"); }} }}
      internal_power () {{ related_pin : "A"; related_pg_pin : VSS;
        rise_power (scalar) {{ values ("1"); }} fall_power (scalar) {{ values ("2"); }} }}
    }} }}
  cell (sky_lpflow_inv) {{ area : 1; pin (A) {{ direction : input; }}
    pin (Y) {{ direction : output; function : "!A"; }} }} }}
"""


STATES = "".join(
    f'leakage_power () {{ value : {value}; when : "{when}"; related_pg_pin : {pin}; }}'
    for when, pin, value in (("A", "VDD", 2), ("A", "VSS", 1), ("!A", "VDD", 4), ("!A", "VSS", 0))
)


WIRES = (
    'wire_load ("zero") { capacitance : 1; fanout_length (1, 0); fanout_length (2, 0); }'
    'wire_load ("small") { capacitance : 0.5; slope : 4; fanout_length (1, 2); fanout_length (3, 8); }'
)


class TestWhatLibrariesDoDifferently:
    def write(self, folder: Path, leakage: str = "", wires: str = "") -> Library:
        path = folder / "own.lib"
        path.write_text(SUPPLIES.format(leakage=leakage, wires=wires), encoding="utf-8")
        return read_library(path)

    def test_energies_of_two_supplies_are_all_read(self, tmp_path: Path) -> None:
        """That they add up: test_liberty_figures.py."""
        energies = self.write(tmp_path).cells["inv"].outputs["Y"].energies
        assert [energy.supply for energy in energies] == ["VDD", "VSS"]
        assert [sum(energy.edges_pj[edge].at(0, 0) for energy in energies) for edge in (0, 1)] == [1.5, 2.25]

    @pytest.mark.parametrize(("leakage", "expected"), [(STATES, 3.5), ("cell_leakage_power : 7;" + STATES, 7), ("", 0)])
    def test_leakage_is_the_library_s_mean_or_that_of_the_states(
        self, tmp_path: Path, leakage: str, expected: float
    ) -> None:
        assert self.write(tmp_path, leakage).cells["inv"].leakage_nw == expected

    def test_cells_for_isolation_are_left_out(self, tmp_path: Path) -> None:
        assert self.write(tmp_path).left_out.keys() == {"sky_lpflow_inv"}

    def test_wire_load_is_that_of_the_smallest_blocks_with_wires(self, tmp_path: Path) -> None:
        assert self.write(tmp_path).wires is None
        wires = self.write(tmp_path, wires=WIRES).wires
        assert wires is not None and wires.name == "small"
        assert wires.at(np.array([0, 1, 2, 3, 5])).tolist() == [0, 1, 2.5, 4, 8]


class TestUnits:
    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            (
                "capacitive_load_unit (1, ff)",
                "capacitive_load_unit (1, xf)",
                "capacitive_load_unit: '1xf' is not allowed",
            ),
            ("capacitive_load_unit (1, ff)", "capacitive_load_unit (1)", "capacitive_load_unit: '1' is not allowed"),
            ('time_unit : "1ns"', 'time_unit : "1 parsec"', "time_unit: '1 parsec' is not allowed"),
            (
                'leakage_power_unit : "1nW"',
                'leakage_power_unit : "1horse"',
                "leakage_power_unit: '1horse' is not allowed",
            ),
            ('voltage_unit : "1V"', 'voltage_unit : "1A"', "voltage_unit: '1A' is not allowed"),
        ],
    )
    def test_unknown_ones_are_refused(self, tmp_path: Path, old: str, new: str, words: str) -> None:
        with pytest.raises(LimenError, match=rf"own\.lib: is not valid Liberty: {words}"):
            read_library(written(tmp_path, exchanged(old, new)))

    def test_others_are_converted(self, tmp_path: Path, library: Library) -> None:
        """In millivolts, the same numbers are a millionth of the energy, and a nominal voltage a thousandth."""
        converted = read_library(written(tmp_path, exchanged('voltage_unit : "1V"', 'voltage_unit : "1mV"')))
        inverters = [each.cells["tiny_inv"].outputs["Y"] for each in (converted, library)]
        energies = [inverter.energies[0].edges_pj[0].at(0, 0) for inverter in inverters]
        assert converted.voltage_v == library.voltage_v / 1000 and energies[0] == pytest.approx(energies[1] * 1e-6)

    def test_a_library_without_a_flip_flop_is_refused(self, tmp_path: Path) -> None:
        path = written(tmp_path, exchanged('clocked_on : "C"', 'clocked_on : "!C"'))
        with pytest.raises(LimenError, match=r"own\.lib: holds no flip-flop with a positive clock edge"):
            open_kit(path, tmp_path)
