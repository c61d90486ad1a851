"""`price`: totals and their parts, what it refuses, which way it moves, and the events behind it counted one by one."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cost_models.accesses import bank_depths, count_events
from cost_models.price import Cost, price
from simulator.design import Design
from simulator.export import address_bits
from simulator.mapping import array_sizes
from simulator.run import Run, simulate
from simulator.timing import count_layer
from simulator.vectors import layer_banks
from tests.cases import DATAFLOWS, OPS, random_case
from workloads.errors import LimenError
from workloads.family import find_network


def run_digits(op: str = "threshold", bits: int = 8, **fields: Any) -> Run:
    network = find_network("digits", op=op, x_bits=bits, w_bits=bits)
    settings = {"rows": 16, "cols": 16, "dataflow": "os", "op": op, "x_bits": bits, "w_bits": bits} | fields
    return simulate(network, Design(**settings))


@pytest.mark.parametrize("dataflow", DATAFLOWS)
@pytest.mark.parametrize("op", OPS)
class TestTotals:
    def test_breakdown_sums_to_the_totals(self, op: str, dataflow: str) -> None:
        for rows, cols, bits in ((16, 16, 8), (4, 32, 2), (1, 1, 5), (64, 8, 3)):
            cost = price(run_digits(op, bits, rows=rows, cols=cols, dataflow=dataflow))
            assert math.fsum(cost.breakdown["area_mm2"]) == cost.area_mm2
            assert math.fsum(cost.breakdown["energy_uj"]) == cost.energy_uj
            assert (cost.breakdown[["area_mm2", "energy_uj"]] >= 0).all(axis=None)
            assert cost.power_mw == pytest.approx(cost.energy_uj / cost.latency_us * 1000)
            assert 0 <= cost.assumed_share <= 1
            assert cost.assumed_share == max(cost.energy_assumed_share, cost.area_assumed_share)

    def test_latency_is_cycles_times_clock(self, op: str, dataflow: str) -> None:
        run = run_digits(op, 4, dataflow=dataflow)
        cost = price(run)
        assert cost.latency_us == pytest.approx(run.cycles * cost.clock_ns / 1000)
        assert cost.compute_only

    def test_levels_cost_the_same(self, op: str, dataflow: str) -> None:
        run = run_digits(op, 3, rows=8, cols=8, dataflow=dataflow)
        cycle = simulate(run.network, run.design, level="cycle")
        assert price(cycle) == price(run)

    def test_it_moves_the_right_way(self, op: str, dataflow: str) -> None:
        costs = [price(run_digits(op, bits, dataflow=dataflow)) for bits in (2, 4, 6, 8)]
        for name in ("energy_uj", "area_mm2", "latency_us"):
            values = [getattr(cost, name) for cost in costs]
            assert values == sorted(values), name
        small, large = (price(run_digits(op, 4, rows=n, cols=n, dataflow=dataflow)) for n in (4, 32))
        assert area_of(small, "pe") < area_of(large, "pe") and small.latency_us > large.latency_us


def area_of(cost: Cost, component: str) -> float:
    frame = cost.breakdown
    return float(frame.loc[frame["component"] == component, "area_mm2"].iloc[0])


class TestEvents:
    @pytest.mark.parametrize("seed", range(30))
    def test_closed_forms_equal_loops_over_folds(self, seed: int) -> None:
        case = random_case(seed)
        design, layer = case.design, case.layer
        rows, cols, time = array_sizes(layer, design.dataflow)
        counted: Counter[str] = Counter()
        for row_start in range(0, rows, design.rows):
            for col_start in range(0, cols, design.cols):
                used_rows, used_cols = min(design.rows, rows - row_start), min(design.cols, cols - col_start)
                counted["tag_steps"] += time
                counted["row_reads"] += used_rows * time
                if design.dataflow == "os":
                    counted["col_reads"] += used_cols * time
                    counted["requantises"] += used_rows * used_cols
                    counted["channel_reads"] += used_cols
                    continue
                counted["col_reads"] += used_cols * used_rows
                counted["channel_reads"] += time if design.dataflow == "is" else used_cols
                last, first = row_start + design.rows >= rows, row_start == 0
                counted["requantises" if last else "accumulates"] += time * used_cols
                counted["ofmap_reads"] += 0 if first else time * used_cols
        events = vars(count_events(layer, count_layer(layer, design), design))
        assert {name: events[name] for name in counted} == dict(counted)
        assert events["busy"] == layer.pairs

    @pytest.mark.parametrize("seed", range(30))
    def test_banks_are_those_of_the_export(self, seed: int) -> None:
        case = random_case(seed)
        built = address_bits(layer_banks(case.network, case.design), case.design)
        depths = bank_depths(case.network.layers, case.design)
        assert [1 << bits for bits in built.values()] == [depths.row, depths.col, depths.out, depths.channel]


class TestRefusals:
    def test_widths_beyond_the_table(self) -> None:
        run = run_digits(bits=8)
        with pytest.raises(
            LimenError, match=r"ihp130\.csv: x_bits: 9 of component 'pe' is missing: the table has 2, 3"
        ):
            price(dataclasses.replace(run, design=run.design.model_copy(update={"x_bits": 9, "w_bits": 9})))
        with pytest.raises(LimenError, match="acc_bits: 48 is not allowed"):
            price(run_digits(acc_bits=48))

    def test_signed_mac_activations(self) -> None:
        run = run_digits("mac", 8)
        with pytest.raises(LimenError, match="x_signed: true is not allowed for op mac"):
            price(dataclasses.replace(run, design=run.design.model_copy(update={"x_signed": True})))

    def test_unknown_table(self, tmp_path: Path) -> None:
        with pytest.raises(LimenError, match="costs: 'gold'"):
            price(run_digits(), "gold")
