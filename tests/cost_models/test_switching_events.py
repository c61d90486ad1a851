"""Simulation with event times against a textbook event queue, net by net, and against counts worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cost_models.derive.characterise import measure, with_ports
from cost_models.gates.netlist import Netlist, read_netlist
from cost_models.gates.static_timing import analyse, delays_ps, smallest_flip_flop
from cost_models.gates.switching import LANES, Activity, run_stimulus
from cost_models.gates.synthesis import Kit, open_kit, synthesise
from cost_models.liberty.liberty_cells import Library
from cost_models.liberty.liberty_reader import read_library
from cost_models.sources.unit_sources import unit_source
from cost_models.stimuli.streams import streams
from cost_models.units.unit import Edge, Pe, Unit
from tests.cost_models.event_queue import EventQueue, Result
from tests.support.paths import TINY
from tests.support.tools import needs_yosys
from workloads.errors import LimenError

STEPS, WARM_UP = 12, 3
LOW, HIGH = [0] * LANES, [1] * LANES


@pytest.fixture(scope="module")
def real_kit(liberty: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Kit:
    path = liberty("ihp130")
    needs_yosys()
    return open_kit(path, tmp_path_factory.mktemp("kit"))


def by_event_queue(netlist: Netlist, stimulus: dict[str, np.ndarray], warm_up: int, delays: np.ndarray) -> list[Result]:
    """Return the results of all sequences, from nothing but truth tables, net numbers and delays."""
    gates = [(gate.cell.outputs[gate.output].table, gate.inputs, gate.net) for gate in netlist.gates]
    registers = [(register.data, register.output, int(register.inverts)) for register in netlist.registers]
    pairs = [(int(rise), int(fall)) for rise, fall in delays]
    results = []
    for lane in range(LANES):
        steps: list[dict[int, int]] = [{} for _ in next(iter(stimulus.values()))]
        for name, values in stimulus.items():
            for step, value in enumerate(values[:, lane].tolist()):
                steps[step] |= {net: value >> place & 1 for place, net in enumerate(netlist.inputs[name])}
        results.append(EventQueue(netlist.nets, gates, registers, pairs).run(steps, warm_up))
    return results


def assert_equal(netlist: Netlist, stimulus: dict[str, np.ndarray], delays: np.ndarray) -> Activity:
    """Compare edges of every net and settled outputs with the event queue's and with those of zero delay."""
    activity = run_stimulus(netlist, stimulus, WARM_UP, delays)
    results = by_event_queue(netlist, stimulus, WARM_UP, delays)
    assert activity.rises.tolist() == np.sum([result.rises for result in results], axis=0).tolist()
    assert activity.falls.tolist() == np.sum([result.falls for result in results], axis=0).tolist()
    settled = run_stimulus(netlist, stimulus, WARM_UP)
    ends = np.array([result.settled for result in results])  # [lanes, steps, nets]
    for name, nets in netlist.outputs.items():
        values = sum(ends[:, :, net].T << place for place, net in enumerate(nets))
        assert np.array_equal(activity.outputs[name], values), name
        assert np.array_equal(activity.outputs[name], settled.outputs[name]), name
    assert np.array_equal(activity.register_states, settled.register_states)
    # Glitches come in pairs of edges: what is left of them is the change of settled values.
    assert np.array_equal(activity.rises - activity.falls, settled.rises - settled.falls)
    assert (activity.rises >= settled.rises).all() and activity.rises.sum() > settled.rises.sum()
    return activity


def driven(unit: Unit, kit: Kit, multiplier: str) -> tuple[Netlist, dict[str, np.ndarray], np.ndarray]:
    """Return a unit's netlist, a few steps of its first stream, and the library's delays."""
    netlist = synthesise(kit, unit_source(unit), multiplier)
    delays = delays_ps(netlist, kit.cells, analyse(netlist, kit.cells, smallest_flip_flop(kit.cells)))
    stream = streams(unit, 0)[0]
    return with_ports(netlist, stream), {name: rows[:STEPS] for name, rows in stream.inputs.items()}, delays


UNITS = {
    "os threshold": (Pe("threshold", 3, 3, 6, "os"), "partial_products"),
    "ws threshold": (Pe("threshold", 3, 2, 6, "ws"), "partial_products"),
    "os mac": (Pe("mac", 3, 3, 8, "os"), "booth"),
    "ws mac": (Pe("mac", 2, 3, 7, "ws"), "partial_products"),
    "os adder": (Pe("adder", 3, 3, 6, "os"), "partial_products"),
    "ws adder": (Pe("adder", 2, 3, 6, "ws"), "partial_products"),
    "os shift": (Pe("shift", 3, 3, 8, "os"), "partial_products"),
    "ws shift": (Pe("shift", 2, 3, 7, "ws"), "partial_products"),
    "edge": (Edge(2, 3), "partial_products"),
}
"""Each with a multiplier."""


class TestAgainstTheEventQueue:
    @pytest.mark.parametrize("name", UNITS)
    def test_units(self, kit: Kit, name: str) -> None:
        """With the library's delays, and with short random ones, where simultaneous events and ties are common."""
        unit, multiplier = UNITS[name]
        netlist, stimulus, delays = driven(unit, kit, multiplier)
        assert_equal(netlist, stimulus, delays)
        random = np.random.default_rng(7)
        for longest in (4, 60):
            delays = random.integers(1, longest + 1, delays.shape)
            for nets in netlist.inputs.values():
                delays[list(nets)] = random.integers(0, longest + 1, (len(nets), 2))
            assert_equal(netlist, stimulus, delays)

    @pytest.mark.parametrize(
        ("unit", "multiplier"),
        [
            (Pe("threshold", 4, 4, 8, "os"), "partial_products"),
            (Pe("mac", 4, 4, 12, "os"), "booth"),
        ],
    )
    def test_units_on_a_real_library(self, real_kit: Kit, unit: Unit, multiplier: str) -> None:
        assert_equal(*driven(unit, real_kit, multiplier))


INVERTING = ('next_state : "D"', 'next_state : "!D"')
"""What makes tiny_dff a flip-flop whose output is the complement of its data."""


@pytest.fixture(scope="module")
def inverting_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """tiny.lib, its only flip-flop inverting, as ASAP7's."""
    needs_yosys()
    folder = tmp_path_factory.mktemp("inverting")
    text = TINY.read_text(encoding="utf-8")
    assert text.count(INVERTING[0]) == 1
    (folder / "inverting.lib").write_text(text.replace(*INVERTING), encoding="utf-8")
    return open_kit(folder / "inverting.lib", folder)


class TestInvertingFlipFlops:
    @pytest.mark.parametrize("name", ["os threshold", "ws threshold", "os mac"])
    def test_units(self, inverting_kit: Kit, name: str) -> None:
        """They compute what the definition says, and the event queue agrees on every edge."""
        unit, multiplier = UNITS[name]
        netlist, stimulus, delays = driven(unit, inverting_kit, multiplier)
        assert netlist.registers and all(register.inverts for register in netlist.registers)
        assert_equal(netlist, stimulus, delays)
        measure(synthesise(inverting_kit, unit_source(unit), multiplier), unit, inverting_kit)

    def test_taken_for_one_that_follows_it_computes_something_else(self, inverting_kit: Kit) -> None:
        unit, _ = UNITS["os threshold"]
        netlist = synthesise(inverting_kit, unit_source(unit))
        plain = read_library(TINY).cells["tiny_dff"]
        wrong = replace(netlist, registers=tuple(replace(register, cell=plain) for register in netlist.registers))
        with pytest.raises(LimenError, match="vectors differ"):
            measure(wrong, unit, inverting_kit)


def made_by_hand(library: Library, gates: list[tuple[str, str, str]]) -> tuple[Netlist, dict[str, int]]:
    """Return a netlist of (cell, operands, output), nets named by letters, and the number of each net.

    Small letters are input ports; every output is a port too.
    """
    outputs = [output for _, _, output in gates]
    letters = sorted({letter for _, operands, _ in gates for letter in operands} - set(outputs)) + outputs
    bits = {letter: index + 2 for index, letter in enumerate(letters)}
    ports = {
        letter: {"direction": "output" if letter in outputs else "input", "bits": [bit]} for letter, bit in bits.items()
    }
    cells = {}
    for index, (cell, operands, output) in enumerate(gates):
        pins = {pin: [bits[letter]] for pin, letter in zip("AB", operands, strict=False)}
        cells[f"g{index}"] = {"type": cell, "connections": {**pins, "Y": [bits[output]]}}
    netlist = read_netlist({"modules": {"top": {"ports": ports, "cells": cells}}}, "top", library)
    return netlist, {name: nets[0] for name, nets in (netlist.inputs | netlist.outputs).items()}


def edges(netlist: Netlist, stimulus: dict[str, list[list[int]]], delays: np.ndarray) -> list[tuple[int, int]]:
    """Return (rises, falls) of each net in one sequence, all sequences alike; the first step isn't counted."""
    values = {name: np.array(levels, dtype=np.int64) for name, levels in stimulus.items()}
    activity = run_stimulus(netlist, values, 1, delays)
    return [(int(rise) // LANES, int(fall) // LANES) for rise, fall in zip(activity.rises, activity.falls, strict=True)]


class TestByHand:
    @pytest.mark.parametrize(("nand_fall", "glitches"), [(20, 2), (49, 2), (50, 2), (51, 0), (90, 0)])
    def test_a_hazard_and_its_filter(self, library: Library, nand_fall: int, glitches: int) -> None:
        """Y = NAND(a, N), N = NOT a: settled it is always 1. When a rises both inputs are 1 until N falls 50 ps later:
        Y pulses unless its fall takes longer; a pulse as long as the delay passes. When a falls, N is still 0: none.
        """
        netlist, nets = made_by_hand(library, [("tiny_inv", "a", "N"), ("tiny_nand2", "aN", "Y")])
        delays = np.zeros((netlist.nets, 2), dtype=np.int64)
        delays[nets["N"]], delays[nets["Y"]] = (30, 50), (10, nand_fall)
        toggles = edges(netlist, {"a": [LOW, HIGH, LOW, HIGH, LOW]}, delays)
        assert toggles[nets["a"]] == (2, 2) and toggles[nets["N"]] == (2, 2)
        assert toggles[nets["Y"]] == (glitches, glitches)

    def test_a_chain_of_xors_toggles_ever_more(self, library: Library) -> None:
        """All inputs toggle at 0, all delays are alike. P sees both its inputs toggle at once and stays; Q toggles once
        for c; each later one toggles once for its own input and once for each edge of the one before it.
        """
        gates = [("tiny_xor2", "ab", "P"), ("tiny_xor2", "Pc", "Q"), ("tiny_xor2", "Qd", "R"), ("tiny_xor2", "Re", "S")]
        netlist, nets = made_by_hand(library, gates)
        delays = np.full((netlist.nets, 2), 25, dtype=np.int64)
        for name in "abcde":
            delays[nets[name]] = 0
        toggles = edges(netlist, {name: [LOW, HIGH, LOW, HIGH] for name in "abcde"}, delays)
        assert [sum(toggles[nets[name]]) for name in "PQRS"] == [0, 3, 6, 9]
        settled = run_stimulus(netlist, {n: np.array([LOW, HIGH, LOW, HIGH]) for n in "abcde"}, 1)
        assert [int((settled.rises + settled.falls)[nets[n]]) // LANES for n in "PQRS"] == [0, 3, 0, 3]

    def test_an_event_that_is_cancelled_starts_anew(self, library: Library) -> None:
        """Y = a XOR P takes 40 ps. a rises at 0 and P is 1 from 30 to 35 ps: Y rises at 75 ps, neither at 40 nor at 70.

        W = NAND(Y, d) tells when: d falls at 72 ps, and if Y had risen before W would pulse.
        """
        netlist, nets = made_by_hand(
            library, [("tiny_xor2", "bc", "P"), ("tiny_xor2", "aP", "Y"), ("tiny_nand2", "Yd", "W")]
        )
        delays = np.zeros((netlist.nets, 2), dtype=np.int64)
        for name, delay in {"b": 29, "c": 34, "d": 72, "P": 1, "Y": 40, "W": 1}.items():
            delays[nets[name]] = delay
        stimulus = {"a": [LOW, HIGH], "b": [LOW, HIGH], "c": [LOW, HIGH], "d": [HIGH, LOW]}
        toggles = edges(netlist, stimulus, delays)
        assert [toggles[nets[name]] for name in "PYW"] == [(1, 1), (1, 0), (0, 0)]
        delays[nets["d"]] = 80
        assert edges(netlist, stimulus, delays)[nets["W"]] == (1, 1)

    def test_readers_evaluate_after_all_events_of_a_time(self, library: Library) -> None:
        """Two buffers of equal delay reach an XOR together: not a pulse of no width, but nothing."""
        netlist, nets = made_by_hand(
            library, [("tiny_buf", "a", "P"), ("tiny_buf", "a", "Q"), ("tiny_xor2", "PQ", "Y")]
        )
        delays = np.zeros((netlist.nets, 2), dtype=np.int64)
        delays[nets["P"]] = delays[nets["Q"]] = 17
        delays[nets["Y"]] = 1
        stimulus = {"a": [LOW, HIGH, LOW]}
        assert edges(netlist, stimulus, delays)[nets["Y"]] == (0, 0)
        delays[nets["Q"], 0] = 18
        assert edges(netlist, stimulus, delays)[nets["Y"]] == (1, 1)


def test_delays_are_the_mean_over_arcs(library: Library) -> None:
    """A delay is 100 ps and a tenth (rise) or a fifth (fall) of the slew, which is here that of either input edge."""
    netlist, nets = made_by_hand(library, [("tiny_xor2", "ab", "Y")])
    timing = analyse(netlist, library, smallest_flip_flop(library))
    rise_slew, fall_slew = (timing.slew_ns[nets["a"], edge] for edge in (0, 1))
    mean = (rise_slew + fall_slew) / 2
    expected = [1000 * (0.1 + 0.1 * mean), 1000 * (0.1 + 0.2 * mean)]
    assert delays_ps(netlist, library, timing)[nets["Y"]].tolist() == [round(delay) for delay in expected]
    shorter = replace(timing, slew_ns=np.full_like(timing.slew_ns, -1))  # takes 100 ps off a rise, 200 off a fall
    assert delays_ps(netlist, library, shorter)[nets["Y"]].tolist() == [1, 1]
