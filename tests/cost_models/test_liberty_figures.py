"""What is computed from Liberty's groups: energies, leakage, tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from cost_models.derive.characterise import measure
from cost_models.gates.static_timing import analyse, smallest_flip_flop
from cost_models.gates.switching import prices
from cost_models.gates.synthesis import open_kit, synthesise
from cost_models.liberty.liberty_reader import read_library
from cost_models.sources.unit_sources import unit_source
from cost_models.units.catalogue import pe_units
from tests.cost_models.netlists import small_netlist
from tests.cost_models.tiny_library import TEXT, changed, written
from tests.support.tools import needs_yosys


class TestEnergies:
    """One inverter, energies in fJ; an internal_power group is (attributes, rise, fall)."""

    @pytest.mark.parametrize(
        ("groups", "rise", "fall"),
        [
            ([("", "1", "2")], 1, 2),
            ([("related_pin : A;", "1", "2"), ("related_pin : A; when : A;", "3", "4")], 2, 3),
            ([("related_pin : A;", "1", ""), ("related_pin : A;", "", "4")], 1, 4),
            ([("related_pg_pin : D; when : A;", "1", "1"), ("related_pg_pin : D; when : !A;", "2", "2"),
              ("related_pg_pin : S; when : A;", "4", "4"), ("related_pg_pin : S; when : !A;", "8", "8")], 7.5, 7.5),
            ([("related_pg_pin : D; when : A;", "1", "1"), ("related_pg_pin : D; when : !A;", "2", "2"),
              ("related_pg_pin : S;", "4", "4")], 5.5, 5.5),
            ([('related_pg_pin : D; when : "A";', "1", "1"), ('related_pg_pin : S; when : "(A)";', "4", "4")], 5, 5),
        ],
    )  # fmt: skip
    def test_are_a_mean_of_those_of_an_edge(
        self, tmp_path: Path, groups: list[tuple[str, str, str]], rise: float, fall: float
    ) -> None:
        def table(name: str, value: str) -> str:
            return f'{name} (scalar) {{ values ("{value}"); }}' if value else ""

        text = "".join(
            f"internal_power () {{ {attributes} {table('rise_power', up)} {table('fall_power', down)} }}"
            for attributes, up, down in groups
        )
        power = r"internal_power \(\) \{[^{}]*\{[^{}]*\}[^{}]*\{[^{}]*\}\s*\}"
        altered = read_library(written(tmp_path, changed(power, text, count=1)))
        netlist = small_netlist(altered)
        edges = prices(netlist, altered, analyse(netlist, altered, smallest_flip_flop(altered))).edges_pj
        inverter = next(gate for gate in netlist.gates if gate.cell.name == "tiny_inv")
        assert (edges[inverter.net] - 0.5 * 0.002) * 1000 == pytest.approx([rise, fall])

    def test_of_a_clock_pulse_are_those_that_hold_of_each_supply(self, tmp_path: Path) -> None:
        """A pulse that finds D at 0 costs 2 (1 + 4) fJ, at 1 2 (2 + 4); ½ C V² twice is 2."""
        groups = "".join(
            f'internal_power () {{ {attributes} power (scalar) {{ values ("{value}"); }} }}'
            for attributes, value in (
                ('related_pg_pin : V; when : "!D";', 1),
                ('related_pg_pin : V; when : "(D)";', 2),
                ("related_pg_pin : S;", 4),
            )
        )
        text = changed(r"(clock : true;)\s*internal_power \(\) \{[^{}]*\{[^{}]*\}[^{}]*\{[^{}]*\}\s*\}", rf"\1{groups}")
        altered = read_library(written(tmp_path, text))
        netlist = small_netlist(altered)
        pulses = prices(netlist, altered, analyse(netlist, altered, smallest_flip_flop(altered))).pulses_pj[0]
        assert (pulses - 0.002) * 1000 == pytest.approx([10, 10, 12, 12])


class TestLeakage:
    @pytest.mark.parametrize(
        ("states", "expected"),
        [
            ("value : 7;", 7),
            ('related_pg_pin : D; value : "7";} leakage_power () { related_pg_pin : S; value : 2;', 9),
            (
                'when : "A"; value : 3; } leakage_power () { when : "!A"; value : 5; } leakage_power () { value : 100;',
                4,
            ),
            ('when : "A"; value : 3; } leakage_power () { value : 5;', 4),
        ],
    )
    def test_of_states_and_of_all_others(self, tmp_path: Path, states: str, expected: float) -> None:
        text = TEXT.replace("cell_leakage_power : 1;", f"leakage_power () {{ {states} }}", 1)
        assert read_library(written(tmp_path, text)).cells["tiny_inv"].leakage_nw == expected

    @pytest.mark.parametrize(
        ("cell", "states", "expected"),
        [
            ("tiny_nand2", {"A": 4, "!A&B": 8, "!A&!B": 8}, 6),
            ("tiny_nand2", {"Y": 4, "": 8}, 5),
            ("tiny_nand2", {"A": 4, "B": 8, "": 2}, (6 + 4 + 8 + 2) / 4),  # both hold in one of four states
            ("tiny_nand2", {"A": 4, "!A B": 7}, 5),  # nothing is said of one of four
            ("tiny_dff", {"D Q": 4, "": 8}, 7),
            ("tiny_dff", {"D IQ": 4, "IQN": 10, "": 8}, (4 + 8 + 10 + 10) / 4),
        ],
    )
    def test_of_a_condition_counts_by_the_states_in_which_it_holds(
        self, tmp_path: Path, cell: str, states: dict[str, float], expected: float
    ) -> None:
        groups = "".join(f'leakage_power () {{ when : "{when}"; value : {nw}; }}' for when, nw in states.items())
        text = changed(rf"(cell \({cell}\) \{{\s*area : \d;\s*)cell_leakage_power : \d;", rf"\1{groups}")
        assert read_library(written(tmp_path, text)).cells[cell].leakage_nw == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("default", "expected"),
        [("default_cell_leakage_power : 4;", 4), ("default_leakage_power_density : 3;", 6), ("", 0)],
    )
    def test_defaults(self, tmp_path: Path, default: str, expected: float) -> None:
        text = TEXT.replace("area : 2;\n    cell_leakage_power : 1;", "area : 2;", 1)
        text = text.replace("delay_model", f"{default} delay_model")
        assert read_library(written(tmp_path, text)).cells["tiny_buf"].leakage_nw == expected


def one_axis(variable: str, axis: str, values: str) -> str:
    """Return tiny.lib with tables over one axis; values: which of a table's four, as backward references."""
    template = f'lu_table_template (line) {{ variable_1 : {variable}; index_1 ("{axis}"); }} cell (tiny_inv)'
    text = changed(
        r'\(delay\) \{ .*?values \("(.*?), (.*?)", "(.*?), (.*?)"\); \}', rf'(line) {{ values ("{values}"); }}'
    )
    return text.replace("cell (tiny_inv)", template)


class TestTables:
    @pytest.mark.parametrize(
        ("variable", "axis", "values", "same"),
        [
            ("input_net_transition", "0.0, 1.0", r"\1, \3", r"\1, \1\", \"\3, \3"),
            ("total_output_net_capacitance", "0.0, 100", r"\1, \2", r"\1, \2\", \"\1, \2"),
        ],
    )
    def test_of_one_axis_are_those_of_two_along_which_one_nothing_changes(
        self, tmp_path: Path, variable: str, axis: str, values: str, same: str
    ) -> None:
        needs_yosys()
        unit = pe_units("threshold", 3, 3, "os")[0]
        flat = changed(
            r'values \("(.*?), (.*?)", "(.*?), (.*?)"\);', same.replace('\\"', '"').join(['values ("', '");'])
        )
        points = []
        for text in (one_axis(variable, axis, values), flat):
            kit = open_kit(written(tmp_path, text), tmp_path)
            points.append(measure(synthesise(kit, unit_source(unit)), unit, kit))
        assert points[0] == points[1]

    def test_the_load_of_another_output_is_nothing(self, tmp_path: Path) -> None:
        """Values 1 and 3 at loads of 10 and 20 fF of the other output go on to -1 at none."""
        template = (
            "power_lut_template (three) { variable_1 : input_transition_time;"
            " variable_2 : total_output_net_capacitance; variable_3 : equal_or_opposite_output_net_capacitance;"
            ' index_1 ("0, 1"); index_2 ("0, 1"); index_3 ("10, 20"); } cell (tiny_inv)'
        )
        text = changed(
            r"rise_power \(scalar\) \{ values \(.*?\);", 'rise_power (three) { values ("1,3", "1,3", "1,3", "1,3");', 1
        )
        altered = read_library(written(tmp_path, text.replace("cell (tiny_inv)", template)))
        grid = altered.cells["tiny_inv"].outputs["Y"].energies[0].edges_pj[0]
        assert grid is not None and grid.at(0.5, 0.0005) == pytest.approx(-0.001)
