"""`price`: totals and their parts, what it refuses, which way it moves, and the events behind it counted one by one."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from cost_models.accesses import count_events
from cost_models.price import Cost, price, with_memory
from cost_models.table import load_table
from simulator.design import Design
from simulator.run import Run, simulate
from simulator.schedule import schedule_network
from tests.cases import DATAFLOWS
from tests.random_pairs import random_pair
from workloads.errors import LimenError
from workloads.family import find_network
from workloads.numbers import OPS, SHIFT_WEIGHT_BITS


def run_digits(op: str = "threshold", bits: int = 8, **fields: Any) -> Run:
    """Run the digits network at these widths; op shift has weights of at most 5 bits."""
    w_bits = min(bits, SHIFT_WEIGHT_BITS[1]) if op == "shift" else bits
    network = find_network("digits", op=op, x_bits=bits, w_bits=w_bits)
    settings = {"rows": 16, "cols": 16, "dataflow": "os", "op": op, "x_bits": bits, "w_bits": w_bits} | fields
    return simulate(network, Design(**settings))


def area_of(cost: Cost, component: str) -> float:
    frame = cost.breakdown
    return float(frame.loc[frame["component"].str.startswith(component), "area_mm2"].sum())


def energy_of(cost: Cost, component: str) -> float:
    frame = cost.breakdown
    return float(frame.loc[frame["component"].str.startswith(component), "energy_uj"].sum())


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("op", OPS)
class TestTotals:
    def test_breakdown_sums_to_the_totals(self, op: str, dataflow: str) -> None:
        for rows, cols, bits in ((16, 16, 8), (4, 32, 2), (1, 1, 5), (64, 8, 3)):
            cost = price(run_digits(op, bits, rows=rows, cols=cols, dataflow=dataflow))
            frame = cost.breakdown
            assert math.fsum(frame["area_mm2"]) == cost.area_mm2
            assert math.fsum(frame["energy_uj"]) == cost.energy_uj
            assert (frame[["area_mm2", "energy_uj"]] >= 0).all(axis=None)
            assert cost.power_mw == pytest.approx(cost.energy_uj / cost.latency_us * 1000)
            assert cost.assumed_share == max(cost.energy_assumed_share, cost.area_assumed_share) <= 1
            groups = frame.groupby("group")["energy_uj"].sum() / cost.energy_uj
            for group in ("array", "memory", "dram"):
                assert getattr(cost, f"{group}_share") == pytest.approx(groups[group])
            assert area_of(cost, "dram") == 0

    def test_latency_is_cycles_times_clock(self, op: str, dataflow: str) -> None:
        run = run_digits(op, 4, dataflow=dataflow)
        cost = price(run)
        assert cost.latency_us == pytest.approx(run.cycles * cost.clock_ns / 1000)

    def test_levels_cost_the_same(self, op: str, dataflow: str) -> None:
        run = run_digits(op, 3, rows=8, cols=8, dataflow=dataflow)
        cycle = simulate(run.network, run.design, level="cycle")
        assert price(cycle) == price(run)

    def test_it_moves_the_right_way(self, op: str, dataflow: str) -> None:
        costs = [price(run_digits(op, bits, dataflow=dataflow)) for bits in (2, 4, 6, 8)]
        for name in ("energy_uj", "latency_us"):
            values = [getattr(cost, name) for cost in costs]
            assert values == sorted(values), name
        areas = [cost.area_mm2 - area_of(cost, "ifmap memory") for cost in costs]
        small, large = (price(run_digits(op, 4, rows=n, cols=n, dataflow=dataflow)) for n in (4, 32))
        assert areas[0] < areas[-1] and area_of(small, "pe") < area_of(large, "pe")

    def test_larger_buffers_cost_area(self, op: str, dataflow: str) -> None:
        for field, memory in (("ifmap_kib", "ifmap"), ("filter_kib", "weight"), ("ofmap_kib", "ofmap")):
            areas = [
                area_of(price(run_digits(op, 8, dataflow=dataflow, **{field: kib})), f"{memory} memory")
                for kib in (16, 64, 256)
            ]
            assert areas == sorted(areas) and areas[0] < areas[-1], field

    def test_a_wider_port_stalls_less_and_costs_logic(self, op: str, dataflow: str) -> None:
        runs = [run_digits(op, 8, dataflow=dataflow, port_bits=bits) for bits in (32, 64, 256)]
        stalls = [sum(own.stall_ifmap + own.stall_filter + own.stall_ofmap for own in run.counts) for run in runs]
        assert stalls == sorted(stalls, reverse=True) and stalls[0] > stalls[-1]
        areas = [area_of(price(run), "control") + area_of(price(run), "ifmap unpacker") for run in runs]
        assert areas == sorted(areas) and areas[0] < areas[-1]


class TestDram:
    def test_every_bit_is_paid_once(self) -> None:
        run = run_digits("mac")
        bit = load_table("ihp130").quantity("dram_lpddr4", "energy_per_bit_pj").value
        beats = sum(own.beats for own in run.counts)
        assert energy_of(price(run), "dram") == pytest.approx(beats * 64 * bit / 1e6)
        filters = sum(own.beats_filter for own in run.counts)
        assert energy_of(price(run), "dram filter") == pytest.approx(filters * 64 * bit / 1e6)
        assert energy_of(price(run, dram="ddr3"), "dram") > energy_of(price(run), "dram")
        with pytest.raises(LimenError, match=r"dram_gold"):
            price(run, dram="gold")

    def test_a_memory_has_its_own_time(self) -> None:
        """Bytes a second and ns turn into cycles of the design's own clock."""
        network = find_network("digits", op="mac", x_bits=8, w_bits=8)
        design = Design(rows=4, cols=4, dataflow="os", op="mac", x_bits=8, w_bits=8)
        clock = price(simulate(network, design)).clock_ns
        for rate, latency in ((6.4, 100.0), (0.1, 50.0), (0.35, 1000.0)):
            own = with_memory(design, network, dram_gb_per_s=rate, latency_ns=latency)
            assert own.port_interval == math.ceil(8 / (rate * clock)) and own.memory_latency == math.ceil(
                latency / clock
            )
            assert price(simulate(network, own)).clock_ns == clock
        slow = with_memory(design, network, dram_gb_per_s=0.1)
        assert simulate(network, slow).cycles > simulate(network, own).cycles
        with pytest.raises(LimenError, match="dram_gb_per_s: 0 is not allowed"):
            with_memory(design, network, dram_gb_per_s=0)


class TestEvents:
    @pytest.mark.parametrize("seed", range(30))
    def test_closed_forms_equal_loops_over_folds(self, seed: int) -> None:
        """Cycles that operands stream in, reads of the operand memory and final values, tile by tile."""
        try:
            program = random_pair(seed)[0]
        except LimenError:
            return  # no such pair
        network, design = program.network, program.design
        run = simulate(network, design)
        events = count_events(network.layers, run.counts, run.design)
        streaming = rows = final = 0
        for schedule in schedule_network(network, run.design):
            geometry = schedule.geometry
            for step in schedule.steps:
                if geometry.pool:
                    continue
                shape, k = step.shape, geometry.taps * step.shape.channels
                sizes = {"os": (shape.pixels, shape.group_outputs, k), "ws": (k, shape.group_outputs, shape.pixels)}
                sizes["is"] = (k, shape.pixels, shape.group_outputs)
                down, along, time = sizes[design.dataflow]
                for start in range(0, down, design.rows):
                    for _ in range(0, along, design.cols):
                        streaming += shape.groups * time
                        rows += shape.groups * (min(design.rows, down - start) if design.dataflow == "is" else time)
                final += shape.pixels * shape.outputs if step.last_k else 0
        assert events.streaming == streaming
        assert events.requantises == final
        tiled = any(schedule.parts[2] > 1 for schedule in schedule_network(network, run.design))
        if design.dataflow != "is" or not tiled:
            assert events.operand_rows == rows


class TestRefusals:
    def test_widths_beyond_the_table(self) -> None:
        run = run_digits(bits=8)
        with pytest.raises(
            LimenError,
            match=r"ihp130\.csv: x_bits: 9 of component 'pe' is missing: the table has 2, 3, 4, 5, 6, 7, 8, 10, 12, 16",
        ):
            price(dataclasses.replace(run, design=run.design.model_copy(update={"x_bits": 9, "w_bits": 9})))
        with pytest.raises(LimenError, match="acc_bits: 48 is not allowed"):
            price(run_digits(acc_bits=48))

    def test_unknown_table(self) -> None:
        with pytest.raises(LimenError, match="costs: 'gold'"):
            price(run_digits(), "gold")
