"""`price`: totals and their parts, what it refuses, which way it moves, and the events behind it counted one by one."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from cost_models.price.price import Cost, events_of, price, with_memory
from cost_models.table.table import DATA, Row, load_table, table_text
from simulator.cuts.schedule import schedule_network
from simulator.designs.design import Design
from simulator.run import Run, simulate
from tests.cost_models.fused_rows import FUSED, fused_rows, without_fused
from tests.cost_models.price_oracle import price_alone
from tests.levels.cases import DATAFLOWS
from tests.levels.random_pairs import random_pair
from workloads.errors import LimenError
from workloads.networks.family import find_network
from workloads.networks.network import Network
from workloads.ops.names import OPS
from workloads.ops.shift import SHIFT


def run_digits(op: str = "threshold", bits: int = 8, **fields: Any) -> Run:
    """Run the digits network at these widths; op shift has weights of at most 5 bits."""
    w_bits = min(bits, SHIFT.weight_bits[1]) if op == "shift" else bits
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
        # Tiles begin on beats: words of other widths leave fewer cuts to choose from.
        costs = [price(run_digits(op, bits, dataflow=dataflow)) for bits in (2, 4, 8)]
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
        stalls = [sum(row.stall_ifmap + row.stall_filter + row.stall_ofmap for row in run.counts) for run in runs]
        assert stalls == sorted(stalls, reverse=True) and stalls[0] > stalls[-1]
        areas = [area_of(price(run), "control") + area_of(price(run), "ifmap unpacker") for run in runs]
        assert areas == sorted(areas) and areas[0] < areas[-1]


class TestDram:
    def test_every_bit_is_paid_once(self) -> None:
        run = run_digits("mac")
        bit = load_table("ihp130").quantity("dram_lpddr4", "energy_per_bit_pj").value
        beats = sum(row.beats for row in run.counts)
        assert energy_of(price(run), "dram") == pytest.approx(beats * 64 * bit / 1e6)
        filters = sum(row.beats_filter for row in run.counts)
        assert energy_of(price(run), "dram filter") == pytest.approx(filters * 64 * bit / 1e6)
        assert energy_of(price(run, dram="ddr3"), "dram") > energy_of(price(run), "dram")
        with pytest.raises(LimenError, match=r"ihp130\.csv: dram: 'gold' is not allowed: lpddr4, "):
            price(run, dram="gold")

    def test_a_memory_has_its_own_time(self) -> None:
        """Bytes a second and ns turn into cycles of the design's own clock."""
        network = find_network("digits", op="mac", x_bits=8, w_bits=8)
        design = Design(rows=4, cols=4, dataflow="os", op="mac", x_bits=8, w_bits=8)
        clock = price(simulate(network, design)).clock_ns
        for rate, latency in ((6.4, 100.0), (0.1, 50.0), (0.35, 1000.0)):
            timed = with_memory(design, network, dram_gb_per_s=rate, latency_ns=latency)
            assert timed.port_interval == math.ceil(8 / (rate * clock)) and timed.memory_latency == math.ceil(
                latency / clock
            )
            assert price(simulate(network, timed)).clock_ns == clock
        slow = with_memory(design, network, dram_gb_per_s=0.1)
        assert simulate(network, slow).cycles > simulate(network, timed).cycles
        with pytest.raises(LimenError, match="dram_gb_per_s: 0 is not allowed"):
            with_memory(design, network, dram_gb_per_s=0)
        for rate, latency, field in ((5e-324, 100.0, "dram_gb_per_s: 5e-324"), (6.4, 1e308, r"latency_ns: 1e\+308")):
            with pytest.raises(LimenError, match=rf"^{field} is not allowed: .* clock; at most 4096$"):
                with_memory(design, network, dram_gb_per_s=rate, latency_ns=latency)


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
        events = events_of(run)
        streaming = rows = final = beyond_cols = beyond_rows = beyond_both = 0
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
                    for first in range(0, along, design.cols):
                        used, more = min(design.rows, down - start), design.cols - min(design.cols, along - first)
                        beyond_cols += shape.groups * time * used * more
                        beyond_rows += shape.groups * time * (design.rows - used) * (design.cols - more)
                        beyond_both += shape.groups * time * (design.rows - used) * more
                        streaming += shape.groups * time
                        rows += shape.groups * (min(design.rows, down - start) if design.dataflow == "is" else time)
                final += shape.pixels * shape.outputs if step.last_k else 0
        assert events.streaming == streaming
        assert (events.beyond_cols, events.beyond_rows, events.beyond_both) == (beyond_cols, beyond_rows, beyond_both)
        assert events.requantises == final
        assert events.operand_rows == rows


class TestOperands:
    def test_captured_operands_price_their_own_network_alone(self) -> None:
        """Another family, other widths than the design's, a file of digits' name with other weights: one line."""
        captured = run_digits("mac", 4)
        wide = Design(**{**captured.design.model_dump(), "acc_bits": None})
        assert energy_of(price(captured, stream="network"), "pe") < energy_of(price(captured), "pe")
        others = {
            "mnist-mac-x4-w4": simulate(find_network("mnist", op="mac", x_bits=4, w_bits=4), wide),
            "digits-mac-x3-w3": simulate(find_network("digits", op="mac", x_bits=3, w_bits=3), wide),
            "digits-mac-x4-w4": dataclasses.replace(captured, network=_retrained(captured.network)),
        }
        for name, run in others.items():
            for stream in ("network", "network_sorted"):
                with pytest.raises(LimenError, match=f"stream: '{stream}' is not allowed for {name}: rows of mac 4 4"):
                    price(run, stream=stream)
            assert price(run, stream="gaussian_relu").energy_uj > 0


def _retrained(network: Network) -> Network:
    """Return a network with one weight turned."""
    first, *rest = network.trained()
    weights = first.weights.copy()
    weights.flat[0] ^= 1
    return dataclasses.replace(network, parameters=(dataclasses.replace(first, weights=weights), *rest))


@pytest.mark.parametrize(("op", "zero_gating"), [("threshold", False), ("mac", False), ("mac", True)])
@pytest.mark.parametrize("dataflow", DATAFLOWS)
class TestStages:
    def test_two_stages_have_rows_of_their_own(self, op: str, zero_gating: bool, dataflow: str, tmp_path: Path) -> None:
        """In a table where those of two stages are those of one, three times as slow and twice as large."""
        staged = Path(tmp_path / "staged.csv")
        staged.write_text(table_text(_with_two_stages(op, zero_gating)), encoding="utf-8")
        plain = run_digits(op, 4, rows=8, cols=4, dataflow=dataflow)
        run = run_digits(op, 4, rows=8, cols=4, dataflow=dataflow, pe_stages=2, zero_gating=zero_gating)
        one, two = price(plain, str(staged)), price(run, str(staged))
        assert area_of(two, "pe") == pytest.approx(2 * area_of(one, "pe"))
        assert two.clock_component.startswith("pe") and two.clock_ns > one.clock_ns
        folds = sum(counts.folds for counts in run.counts)
        assert sum(counts.stream for counts in run.counts) == sum(counts.stream for counts in plain.counts) + folds
        assert events_of(run).streaming == events_of(plain).streaming
        parts = [tuple(vars(part).values()) for part in two.parts]
        expected = price_alone(run, load_table(staged))
        assert {name: getattr(two, name) for name in expected} | {"parts": parts} == expected


def _with_two_stages(op: str, zero_gating: bool) -> list[Row]:
    rows = list(load_table("ihp130").rows)
    changes = {"min_clock_ns": 3.0, "area_um2": 2.0}
    own = [row for row in rows if (row["component"], row["op"], row["x_bits"], row["stages"]) == ("pe", op, "4", "1")]
    kept = [row for row in rows if row["stages"] != "2" or (row["op"], row["x_bits"]) != (op, "4")]
    component = "pe_zero_gated" if zero_gating else "pe"
    return kept + [
        {
            **row,
            "component": component,
            "stages": "2",
            "value": str(float(row["value"]) * changes.get(row["quantity"], 1)),
        }
        for row in own
    ]


class TestReach:
    """What a table has beside the widths of all pairs."""

    @pytest.mark.parametrize(("op", "dataflow"), [("threshold", "os"), ("mac", "ws")])
    @pytest.mark.parametrize("bits", [10, 12, 16])
    def test_wide_operands(self, op: str, dataflow: str, bits: int) -> None:
        """The whole machine: the network of 8 bits on a wider design, no unit of logic beyond the range of its fit."""
        network = find_network("digits", op=op, x_bits=8, w_bits=8)
        run = simulate(network, Design(rows=8, cols=8, dataflow=dataflow, op=op, x_bits=bits, w_bits=bits))
        cost, expected = price(run), price_alone(run, load_table("ihp130"))
        assert {name: getattr(cost, name) for name in expected if name != "parts"} == {
            name: value for name, value in expected.items() if name != "parts"
        }
        assert [part.component for part in cost.parts if part.group == "logic" and part.method == "assumed"] == []
        assert area_of(cost, "edge") > area_of(price(run_digits(op, rows=8, cols=8, dataflow=dataflow)), "edge")

    @pytest.mark.parametrize("op", OPS)
    def test_wide_sums_at_the_edge(self, op: str) -> None:
        costs = [price(run_digits(op, dataflow="ws", acc_bits=bits)) for bits in (32, 40, 48)]
        areas = [area_of(cost, "edge") for cost in costs]
        assert areas == sorted(areas) and areas[0] < areas[-1]

    @pytest.mark.parametrize("dataflow", DATAFLOWS)
    def test_signed_activations(self, dataflow: str) -> None:
        """Rows of their own; with two stages, or where x isn't as wide as w, there are none."""
        network = find_network("digits", op="mac", x_bits=7, w_bits=8)
        design = Design(rows=8, cols=8, dataflow=dataflow, op="mac", x_bits=8, w_bits=8, x_signed=True)
        run = simulate(network, design)
        cost = price(run)
        assert cost.energy_uj == price_alone(run, load_table("ihp130"))["energy_uj"]
        unsigned = price(simulate(network, Design(**{**design.model_dump(), "x_signed": False})))
        assert 0.8 < area_of(cost, "pe") / area_of(unsigned, "pe") < 1.25 and cost != unsigned
        for field, value, line in (
            ("pe_stages", 2, "x_signed: true is not allowed for op mac with pe_stages 2"),
            ("w_bits", 7, "w_bits: 7 of component 'pe_signed' is missing: the table has 8$"),
        ):
            with pytest.raises(LimenError, match=line):
                price(dataclasses.replace(run, design=run.design.model_copy(update={field: value})))


MIXED_WIDTHS = Design(rows=4, cols=4, dataflow="os", op="threshold", extra_ops=("mac",), x_bits=8, w_bits=5)


@pytest.mark.parametrize("mix", FUSED)
@pytest.mark.parametrize(
    ("dataflow", "polarity"),
    [("os", "synapse"), ("os", "input"), ("ws", "synapse"), ("is", "neuron"), ("is", "generated")],
)
class TestFused:
    def test_each_layer_is_priced_by_its_own_op(self, mix: str, dataflow: str, polarity: str, tmp_path: Path) -> None:
        """In a table where an op of either costs another made-up energy: what plain Python says of it."""
        fused = Path(tmp_path / "fused.csv")
        fused.write_text(table_text([*without_fused(), *fused_rows(FUSED[mix], (5,))]), encoding="utf-8")
        network = find_network("digits", op=mix, x_bits=5, w_bits=5)
        op, extra = FUSED[mix].split("+")
        polarity = polarity if op == "threshold" else "synapse"
        design = Design(
            rows=7, cols=5, dataflow=dataflow, op=op, extra_ops=(extra,), x_bits=5, w_bits=5, polarity="synapse"
        )
        run = simulate(network, design)
        run = dataclasses.replace(run, design=run.design.model_copy(update={"polarity": polarity}))
        cost = price(run, str(fused))
        expected = price_alone(run, load_table(fused))
        parts = [tuple(vars(part).values()) for part in cost.parts]
        assert {name: getattr(cost, name) for name in expected} | {"parts": parts} == expected
        busy = dict.fromkeys((op, extra), 0)
        for counts, layer in zip(run.counts, network.layers, strict=True):
            busy[layer.op] += counts.busy
        assert [cycles.op[0] for cycles in events_of(run).pe_cycles] == [*busy.values()] and min(busy.values()) > 0
        with pytest.raises(LimenError, match="stream: 'gaussian_relu' is missing for pe_fused"):
            price(run, str(fused), stream="gaussian_relu")


@pytest.mark.parametrize("dataflow", DATAFLOWS)
class TestOverlap:
    @pytest.mark.parametrize(("op", "pe_stages"), [("threshold", 1), ("mac", 2)])
    def test_shadows_and_turns_are_paid_for(self, op: str, pe_stages: int, dataflow: str, tmp_path: Path) -> None:
        """In a table whose shadows are skew registers, and whose control costs as much as without them."""
        path = tmp_path / "overlap.csv"
        path.write_text(table_text(_with_overlap(_with_two_stages(op, False))), encoding="utf-8")
        fields = {"rows": 8, "cols": 4, "dataflow": dataflow, "pe_stages": pe_stages}
        plain, run = run_digits(op, 4, **fields), run_digits(op, 4, **fields, overlap=True)
        one, two = price(plain, str(path)), price(run, str(path))
        assert run.cycles < plain.cycles and two.clock_ns == one.clock_ns
        assert area_of(two, "shadows") > area_of(one, "shadows") == 0 and area_of(two, "column turns") > 0
        assert area_of(two, "control") == area_of(one, "control")
        parts = [tuple(vars(part).values()) for part in two.parts]
        expected = price_alone(run, load_table(path))
        assert {name: getattr(two, name) for name in expected} | {"parts": parts} == expected

    def test_a_table_without_them(self, dataflow: str, tmp_path: Path) -> None:
        """One of an earlier Limen."""
        path = tmp_path / "old.csv"
        rows = [row for row in load_table("ihp130").rows if row["component"] not in ("shadow", "control_overlap")]
        path.write_text(table_text(rows), encoding="utf-8")
        with pytest.raises(LimenError, match=r"old\.csv: quantity: .* of component '(control_overlap|shadow)'"):
            price(run_digits(dataflow=dataflow, overlap=True), str(path))
        assert price(run_digits(dataflow=dataflow), str(path)).energy_uj > 0


def _with_overlap(rows: list[Row]) -> list[Row]:
    """Return rows with those of shadows and of the control of folds that overlap."""
    kept = [row for row in rows if row["component"] not in ("shadow", "control_overlap")]
    skew = [row for row in kept if row["component"] == "skew"]
    shadows = [
        {
            **row,
            "component": "shadow",
            "dataflow": dataflow,
            "quantity": row["quantity"].replace("per_op_", "per_move_"),
        }
        for row in skew
        for dataflow in ("os", "ws")
    ]
    control = [{**row, "component": "control_overlap"} for row in kept if row["component"] == "control"]
    return [*kept, *shadows, *control]


class TestRefusals:
    def test_two_stages_of_widths_without_rows(self) -> None:
        """ihp130 has all pairs of widths, asap7 equal ones."""
        run = run_digits("mac", 8, pe_stages=2)
        unequal = run.design.model_copy(update={"x_bits": 6})
        with pytest.raises(LimenError, match=r"w_bits: 8 of component 'pe' is missing: the table has 6$"):
            price(dataclasses.replace(run, design=unequal), "asap7")

    def test_a_table_without_tails(self, tmp_path: Path) -> None:
        """One of an earlier Limen: nothing says what a PE beyond a fold's columns takes."""
        lines = (DATA / "ihp130.csv").read_text(encoding="utf-8").splitlines(keepends=True)
        old = tmp_path / "old.csv"
        old.write_text("".join(line for line in lines if "_left_cycle_" not in line), encoding="utf-8")
        with pytest.raises(
            LimenError, match=r"old\.csv: component 'pe': quantity: 'energy_per_left_cycle_pj' is missing"
        ):
            price(run_digits(), str(old))

    def test_widths_beyond_the_table(self) -> None:
        run = run_digits(bits=8)
        with pytest.raises(
            LimenError,
            match=r"ihp130\.csv: x_bits: 9 of component 'pe' is missing: the table has 2, 3, 4, 5, 6, 7, 8, 10, 12, 16",
        ):
            price(dataclasses.replace(run, design=run.design.model_copy(update={"x_bits": 9, "w_bits": 9})))
        with pytest.raises(LimenError, match=r"w_bits: 5 of component 'pe_fused' is missing|component: 'pe_fused'"):
            price(simulate(find_network("digits", op="mac-threshold", x_bits=8, w_bits=5), MIXED_WIDTHS))
        with pytest.raises(LimenError, match="component: 'pe_fused' of 2 stages is missing: the table has pe, pe_zero"):
            two = MIXED_WIDTHS.model_copy(update={"w_bits": 8, "pe_stages": 2})
            price(simulate(find_network("digits", op="mac-threshold", x_bits=8, w_bits=8), two))

    def test_unknown_table(self) -> None:
        with pytest.raises(LimenError, match="costs: 'gold'"):
            price(run_digits(), "gold")
