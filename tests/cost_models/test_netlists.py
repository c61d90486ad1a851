"""Netlists on a library written by hand: wires, simulation and timing counted by hand, PEs against the reference."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from cost_models.derive.characterise import characterise, measure
from cost_models.gates.multipliers import MULTIPLIERS
from cost_models.gates.netlist import read_netlist
from cost_models.gates.static_timing import analyse, smallest_flip_flop
from cost_models.gates.switching import LANES, energy_pj, pack, prices, run_stimulus, unpack, wires_pj
from cost_models.gates.synthesis import Kit, synthesise
from cost_models.liberty.liberty_cells import Library, WireLoad
from cost_models.sources.unit_sources import unit_source
from cost_models.stimuli.streams import streams
from cost_models.units.catalogue import DATAFLOWS, pe_units
from cost_models.units.unit import Pe
from tests.cost_models.netlists import reference_ops, small_netlist
from workloads.errors import LimenError
from workloads.ops.names import OPS


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
        moving, still = (np.repeat(operand.reshape(rounds, LANES), 2, axis=0) for operand in (x, synapse))
        preload = np.tile([1, 0], rounds)[:, None] + np.zeros((1, LANES), dtype=np.int64)
        stimulus = {"moving_in": moving, "still_in": still, "preload": preload, "psum_in": np.zeros_like(moving)}
        stimulus = {name: np.concatenate([values, values[:1]]) for name, values in stimulus.items()}
        outputs = run_stimulus(netlist, stimulus, warm_up=0).outputs["psum_out"][2::2].reshape(-1)
        assert np.array_equal(outputs, reference_ops(unit, x, synapse) & ((1 << unit.sum_bits) - 1))

    @pytest.mark.parametrize("dataflow", DATAFLOWS)
    def test_every_vector_of_every_stream_is_compared(self, kit: Kit, dataflow: str) -> None:
        for op in OPS:
            unit = pe_units(op, 3, 2, dataflow)[-1]
            compared = sum(vectors.size for stream in streams(unit, 0) for vectors in stream.expected.values())
            assert compared * 8 >= 4096
            values = characterise(unit, kit, "partial_products").values
            assert values["energy_per_op_pj"] > values["energy_per_idle_cycle_pj"] > 0
            assert values["energy_per_op_pj"] > values["energy_per_op_settled_pj"] > 0

    def test_a_wrong_netlist_is_caught(self, kit: Kit) -> None:
        """A threshold PE measured as the MAC PE of the same ports."""
        netlist = synthesise(kit, unit_source(Pe("threshold", 3, 3, 9, "os")))
        with pytest.raises(LimenError, match="vectors differ"):
            measure(netlist, Pe("mac", 3, 4, 9, "os"), kit)

    def test_wider_is_larger(self, kit: Kit) -> None:
        for op in OPS:
            small, large = (characterise(pe_units(op, b, b, "os")[-1], kit, "partial_products").values for b in (2, 4))
            for quantity in ("area_um2", "leakage_nw", "energy_per_op_pj", "energy_per_idle_cycle_pj"):
                assert small[quantity] < large[quantity], quantity
