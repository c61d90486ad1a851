"""From Liberty text to numbers: parsing, simulation, timing, and our PEs on a library written by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from cost_models.derive.characterise import characterise, measure
from cost_models.gates.multipliers import MULTIPLIERS
from cost_models.gates.netlist import Netlist, read_netlist
from cost_models.gates.static_timing import analyse, smallest_flip_flop
from cost_models.gates.switching import LANES, energy_pj, pack, prices, run_stimulus, unpack, wires_pj
from cost_models.gates.synthesis import Kit, open_kit, synthesise
from cost_models.library.liberty_cells import Grid, Library, WireLoad
from cost_models.library.liberty_functions import truth_table
from cost_models.library.liberty_reader import read_library
from cost_models.library.liberty_text import parse_liberty
from cost_models.sources.unit_sources import unit_source
from cost_models.stimuli.streams import streams
from cost_models.units.catalogue import DATAFLOWS, pe_units
from cost_models.units.unit import Unit
from tests.support.paths import TINY
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.layers.layer import Layer, LayerParameters
from workloads.ops.names import OPS
from workloads.ops.registry import operation


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
    def changed(self, folder: Path, old: str, new: str) -> Path:
        text = TINY.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path = folder / "own.lib"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path

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
            read_library(self.changed(tmp_path, old, new))

    def test_others_are_converted(self, tmp_path: Path, library: Library) -> None:
        """In millivolts, the same numbers are a millionth of the energy, and a nominal voltage a thousandth."""
        own = read_library(self.changed(tmp_path, 'voltage_unit : "1V"', 'voltage_unit : "1mV"'))
        energies = [each.cells["tiny_inv"].outputs["Y"].energies[0].edges_pj[0].at(0, 0) for each in (own, library)]
        assert own.voltage_v == library.voltage_v / 1000 and energies[0] == pytest.approx(energies[1] * 1e-6)

    def test_a_library_without_a_flip_flop_is_refused(self, tmp_path: Path) -> None:
        path = self.changed(tmp_path, 'clocked_on : "C"', 'clocked_on : "!C"')
        with pytest.raises(LimenError, match=r"own\.lib: holds no flip-flop with a positive clock edge"):
            open_kit(path, tmp_path)


class TestWires:
    def test_energy_by_hand(self, library: Library) -> None:
        """½ C V² an edge and pin: one pin on x and on the inverter's input; two on none; y has its port."""
        netlist = small_netlist(library)
        random = np.random.default_rng(3)
        activity = run_stimulus(netlist, dict(zip("ab", random.integers(0, 2, (2, 40, LANES)), strict=True)), 5)
        assert wires_pj(netlist, library, activity) is None
        wired = replace(library, wires=WireLoad("w", (1.0, 2.0), (0.3, 0.5), 0.1))
        register = netlist.registers[0].output  # read by the inverter and by port y
        edges = activity.rises + activity.falls
        expected = 0.5 * (0.3 * (edges.sum() - edges[register]) + 0.5 * edges[register]) / activity.cycles
        assert wires_pj(netlist, wired, activity) == pytest.approx(expected)


def small_netlist(library: Library) -> Netlist:
    """y = register of (a XOR b) NAND (NOT register): every cell kind, and a loop through the register."""
    cells = {
        "g0": {"type": "tiny_xor2", "connections": {"A": [2], "B": [3], "Y": [5]}},
        "g1": {"type": "tiny_inv", "connections": {"A": [7], "Y": [6]}},
        "g2": {"type": "tiny_nand2", "connections": {"A": [5], "B": [6], "Y": [8]}},
        "r0": {"type": "tiny_dff", "connections": {"C": [4], "D": [8], "Q": [7]}},
    }
    ports = {"a": ([2], "input"), "b": ([3], "input"), "clk": ([4], "input"), "y": ([7], "output")}
    named = {name: {"direction": direction, "bits": bits} for name, (bits, direction) in ports.items()}
    return read_netlist({"modules": {"top": {"ports": named, "cells": cells}}}, "top", library)


class TestSimulation:
    def test_edges_equal_those_of_plain_python(self, library: Library) -> None:
        netlist = small_netlist(library)
        random = np.random.default_rng(3)
        a, b = random.integers(0, 2, (2, 40, LANES))
        activity = run_stimulus(netlist, {"a": a, "b": b}, warm_up=5)
        edges, states, outputs = {"rise": 0, "fall": 0}, [0, 0, 0, 0], np.zeros((40, LANES), dtype=np.int64)
        for lane in range(LANES):
            register, before = 0, (0, 0, 0, 0, 0, 0)
            for step in range(40):
                exclusive, inverse = int(a[step, lane] != b[step, lane]), 1 - register
                data = 1 - exclusive * inverse
                now = (int(a[step, lane]), int(b[step, lane]), exclusive, inverse, data, register)
                outputs[step, lane] = register
                if step >= 5:
                    edges["rise"] += sum(new > old for new, old in zip(now, before, strict=True))
                    edges["fall"] += sum(new < old for new, old in zip(now, before, strict=True))
                    states[2 * data + register] += 1
                register, before = data, now
        assert (activity.rises.sum(), activity.falls.sum()) == (edges["rise"], edges["fall"])
        assert activity.register_states[0].tolist() == states
        assert np.array_equal(activity.outputs["y"], outputs)
        assert activity.cycles == 35 * LANES

    def test_energy_by_hand(self, library: Library) -> None:
        netlist = small_netlist(library)
        zeros = np.zeros((6, LANES), dtype=np.int64)
        # a = b: data is always 1, the register rises once, in a step that isn't counted; only the clock is left.
        activity = run_stimulus(netlist, {"a": zeros, "b": zeros}, warm_up=3)
        timing = analyse(netlist, library, smallest_flip_flop(library))
        clock_pin, clock_internal = 0.002 * 1.0**2, 7e-6
        assert energy_pj(prices(netlist, library, timing), activity) == pytest.approx(clock_pin + clock_internal)

    def test_packing(self) -> None:
        values = np.random.default_rng(0).integers(0, 1 << 17, (9, LANES))
        assert np.array_equal(unpack(pack(values, 17)), values)

    def test_a_net_with_two_drivers_and_a_loop_are_refused(self, library: Library) -> None:
        for cells in (
            {n: {"type": "tiny_inv", "connections": {"A": [2], "Y": [3]}} for n in ("g0", "g1")},
            {n: {"type": "tiny_inv", "connections": {"A": [b], "Y": [5 - b]}} for n, b in (("g0", 2), ("g1", 3))},
        ):
            ports = {"a": {"direction": "input", "bits": [2] if len({str(c) for c in cells.values()}) == 1 else [9]}}
            with pytest.raises(LimenError, match=r"two drivers|loop"):
                read_netlist({"modules": {"top": {"ports": ports, "cells": cells}}}, "top", library)


class TestTiming:
    def test_path_by_hand(self, library: Library) -> None:
        """Register, inverter, NAND, register; pins of 2 fF on an axis of 100 fF, slews from 0 to 1 ns."""
        netlist = small_netlist(library)
        timing = analyse(netlist, library, smallest_flip_flop(library))
        part = 0.002 / 0.1  # of the load axis

        def rise(slew: float) -> float:
            return 0.1 + 0.1 * slew + 0.2 * part

        def fall(slew: float) -> float:
            return (0.1 + 0.1 * part) + slew * (0.2 + 0.0 * part)

        rise_slew, fall_slew, clock_slew = 0.2 * part, 0.4 * part, 1.0
        launch = {"rise": rise(clock_slew), "fall": fall(clock_slew)}
        inverted = {"rise": launch["fall"] + rise(fall_slew), "fall": launch["rise"] + fall(rise_slew)}
        xor = {
            "rise": max(launch["rise"] + rise(rise_slew), launch["fall"] + rise(fall_slew)),
            "fall": max(launch["rise"] + fall(rise_slew), launch["fall"] + fall(fall_slew)),
        }
        # a and b drive one XOR pin each, like the register's one inverter pin
        data_rise = max(inverted["fall"], xor["fall"]) + rise(fall_slew)
        data_fall = max(inverted["rise"], xor["rise"]) + fall(rise_slew)
        assert timing.period_ns == pytest.approx(max(data_rise + 0.05, data_fall + 0.06))


def reference_ops(unit: Unit, x: np.ndarray, synapse: np.ndarray) -> np.ndarray:
    """Return the op of every (x, synapse) by workloads.exact.reference: one pixel, one synapse a neuron."""
    values = (synapse & ((1 << unit.w_bits) - 1)).astype(np.int64)
    weights = values - ((values >> (unit.w_bits - 1)) << unit.w_bits)
    signed = operation(unit.op).one_range
    operands = x - ((x >> (unit.x_bits - 1)) << unit.x_bits) if signed else x
    result = np.zeros(x.size, dtype=np.int64)
    for weight, polarity in sorted({(int(w), int(s) >> unit.w_bits) for w, s in zip(weights, synapse, strict=True)}):
        chosen = (weights == weight) & (synapse >> unit.w_bits == polarity)
        layer = Layer.model_construct(
            name="one", op=unit.op, x_bits=unit.x_bits, w_bits=unit.w_bits, x_signed=signed, kind="linear",
            height=1, width=1, channels=1, out_channels=1, kernel=(1, 1), stride=(1, 1), padding=(0, 0, 0, 0),
        )  # fmt: skip
        parameters = LayerParameters(
            weights=np.full((1, 1, 1, 1), weight),
            polarity=np.full((1, 1, 1, 1), -1 if polarity else 1) if unit.op == "threshold" else None,
            bias=np.zeros(1, dtype=np.int64),
            shift=np.zeros(1, dtype=np.int64),
        )
        own = operands[chosen].reshape(-1, 1, 1, 1)
        result[chosen] = reference.accumulate(layer, parameters, own).reshape(-1)
    return result


POINTS = [
    (op, *widths, "partial_products") for op in ("threshold", "adder", "shift") for widths in ((3, 3), (4, 2), (2, 4))
]
POINTS += [("mac", *widths, multiplier) for widths in ((3, 3), (2, 4)) for multiplier in MULTIPLIERS]


class TestProcessingElements:
    @pytest.mark.parametrize(("op", "x_bits", "w_bits", "multiplier"), POINTS)
    def test_netlist_is_the_op_on_every_pair(
        self, kit: Kit, op: str, x_bits: int, w_bits: int, multiplier: str
    ) -> None:
        """Every (x, {p, w}) through a ws PE, against the reference the networks are defined by."""
        unit = pe_units(op, x_bits, w_bits, "ws")[-1]
        netlist = synthesise(kit, unit_source(unit), multiplier)
        pairs = np.array(list(product(range(1 << x_bits), range(1 << unit.synapse_bits))))
        x, synapse = (
            np.resize(pairs[:, 0], (len(pairs) // LANES + 1) * LANES),
            np.resize(pairs[:, 1], (len(pairs) // LANES + 1) * LANES),
        )
        # Two steps a pair: load the synapse, then present the activation.
        rounds = len(x) // LANES
        moving, still = (np.repeat(own.reshape(rounds, LANES), 2, axis=0) for own in (x, synapse))
        preload = np.tile([1, 0], rounds)[:, None] + np.zeros((1, LANES), dtype=np.int64)
        stimulus = {"moving_in": moving, "still_in": still, "preload": preload, "psum_in": np.zeros_like(moving)}
        stimulus = {name: np.concatenate([own, own[:1]]) for name, own in stimulus.items()}
        outputs = run_stimulus(netlist, stimulus, warm_up=0).outputs["psum_out"][2::2].reshape(-1)
        assert np.array_equal(outputs, reference_ops(unit, x, synapse) & ((1 << unit.acc_bits) - 1))

    @pytest.mark.parametrize("dataflow", DATAFLOWS)
    def test_every_vector_of_every_stream_is_compared(self, kit: Kit, dataflow: str) -> None:
        for op in OPS:
            unit = pe_units(op, 3, 2, dataflow)[-1]
            compared = sum(own.size for stream in streams(unit, 0) for own in stream.expected.values())
            assert compared * 8 >= 4096
            values = characterise(unit, kit, "partial_products").values
            assert values["energy_per_op_pj"] > values["energy_per_idle_cycle_pj"] > 0
            assert values["energy_per_op_pj"] > values["energy_per_op_settled_pj"] > 0

    def test_a_wrong_netlist_is_caught(self, kit: Kit) -> None:
        """A threshold PE measured as the MAC PE of the same ports."""
        netlist = synthesise(kit, unit_source(Unit("pe", "threshold", 3, 3, 9, "os")))
        with pytest.raises(LimenError, match="vectors differ"):
            measure(netlist, Unit("pe", "mac", 3, 4, 9, "os"), kit)

    def test_wider_is_larger(self, kit: Kit) -> None:
        for op in OPS:
            small, large = (characterise(pe_units(op, b, b, "os")[-1], kit, "partial_products").values for b in (2, 4))
            for quantity in ("area_um2", "leakage_nw", "energy_per_op_pj", "energy_per_idle_cycle_pj"):
                assert small[quantity] < large[quantity], quantity
