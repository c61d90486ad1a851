"""The price of a main memory on the chip, and what the whole device holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from cost_models.price.banks import price_main_memory
from cost_models.price.price import Cost, price, with_least_memory, with_memory
from cost_models.table.table import Table, Value, load_priced_table
from dse.study.study import Study
from simulator.cuts.missing import DoesNotFit
from simulator.designs.design import Design, FittedDesign
from simulator.designs.memory import MOST_KIB, Memory
from simulator.run import Run, simulate
from tests.support.command import refused, run_command
from workloads.networks.family import find_network

FIELDS: dict[str, Any] = {"rows": 8, "cols": 8, "dataflow": "ws", "op": "threshold", "x_bits": 6, "w_bits": 6}
SRAM = {"kind": "sram", "kib": 96}


def digits(**fields: Any) -> Run:
    return simulate("digits", Design(**FIELDS, **fields))


def lines(cost: Cost, group: str) -> dict[str, Any]:
    return {part.component: part for part in cost.parts if part.group == group}


@pytest.mark.parametrize("costs", ["ihp130", "sky130hd", "asap7"])
def test_lines_of_the_breakdown(costs: str) -> None:
    """By hand: beats in cost a read, beats out a write; DRAM isn't there; everything else is as it was."""
    run = digits(memory=SRAM)
    same = digits(memory_latency=run.design.memory_latency)
    on_chip, beside, table = price(run, costs), price(same, costs), load_priced_table(costs)
    bank = price_main_memory(table, 64, 96 * 128)
    part = lines(on_chip, "memory")["main memory (sram)"]
    stored = sum(counts.beats_store for counts in run.counts)
    loaded = sum(counts.beats for counts in run.counts) - stored
    energy = (loaded * bank.read_pj + stored * bank.write_pj) / 1e6
    leakage = bank.leakage_nw * on_chip.latency_us * 1e-9
    main = [part.energy_uj for name, part in lines(on_chip, "memory").items() if name.startswith("main")]
    assert math.fsum(main) == pytest.approx(energy + leakage, rel=1e-12)
    assert (part.area_mm2, part.method) == (bank.area_um2 / 1e6, bank.method)
    assert on_chip.dram_share == 0 and not lines(on_chip, "dram") and len(lines(beside, "dram")) == 5
    assert [part for part in on_chip.parts if "main" not in part.component] == [
        part for part in beside.parts if part.group != "dram"
    ]
    assert on_chip.area_mm2 == pytest.approx(beside.area_mm2 + part.area_mm2)
    assert on_chip.energy_uj == math.fsum(part.energy_uj for part in on_chip.parts)


def test_macros_are_within_the_kit() -> None:
    """As many as hold it, of no more words than the kit's widest; a wider beat is several side by side."""
    table = load_priced_table("ihp130")
    one, four = price_main_memory(table, 64, 2048), price_main_memory(table, 64, 4 * 2048)
    assert four.area_um2 == pytest.approx(4 * one.area_um2) and four.read_pj == one.read_pj
    assert four.leakage_nw == pytest.approx(4 * one.leakage_nw) and four.delay == one.delay
    wide = price_main_memory(table, 128, 2048)
    assert (wide.area_um2, wide.read_pj, wide.write_pj) == (2 * one.area_um2, 2 * one.read_pj, 2 * one.write_pj)


def test_cycles_follow_from_the_access_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cycle for latency and interval, unless the table's macros take longer than that."""
    network, design = find_network("digits", "threshold", 6, 6), Design(**FIELDS, memory=SRAM)
    timed = with_memory(design, network, dram_gb_per_s=0.1)
    assert (timed.memory_latency, timed.port_interval) == (1, 1) and timed.memory == design.memory
    table = load_priced_table("ihp130")
    clock = price(simulate(network, timed)).clock_ns
    fit = Table.fit

    def slow(self: Table, component: str, name: str, *others: Any) -> Any:
        value = fit(self, component, name, *others)
        return Value(2.5 * clock, value.method) if (component, name) == ("sram", "access_ns") else value

    assert price_main_memory(table, 64, 96 * 128).delay.value < clock  # type: ignore[union-attr]
    from cost_models.price.units import units_of

    units_of.cache_clear()
    monkeypatch.setattr(Table, "fit", slow)
    slower = with_memory(design, network)
    longer = price(simulate(network, slower)).clock_ns
    assert slower.memory_latency == slower.port_interval == math.ceil(2.5 * clock / longer)
    units_of.cache_clear()


def test_the_whole_device() -> None:
    """Memories around the array, and on the chip beside them what the program takes; of DRAM nothing."""
    on_chip, beside = digits(memory=SRAM), digits()
    buffers = price(beside).buffers_kib
    assert price(beside).device_kib == buffers == price(on_chip).buffers_kib == on_chip.design.buffers_kib
    assert price(on_chip).device_kib == buffers + on_chip.memory.beats / 128
    # Scratchpads of 8 + 16 + 16 KiB, less what is left over of rows, and bias with shift and operands.
    assert 40 < buffers < 40 + 2 * (32 * 8 * (on_chip.design.acc_bits + 5) + 8 * 512 * 6) / 8192 + 1


def test_studies_bound_the_device(tmp_path: Path) -> None:
    """The axis memory; what doesn't fit is refused, what is too large isn't feasible."""
    (tmp_path / "device.yaml").write_text(
        "version: 1\nworkloads: [digits]\n"
        "space: {rows: [4], cols: [4], op: [mac], bits: {x: 5}, dataflow: [os], memory: [dram, sram 4, sram 64],\n"
        "        ofmap_kib: [4, 16]}\n"
        "objectives: {energy_uj: min}\nconstraints: {device_kib: '<= 48'}\nsampler: {name: random}\ntrials: 6\n"
    )
    study = Study(tmp_path / "device.yaml", tmp_path / "out", quiet=True).run()
    table = study.trials().set_index(["memory", "ofmap_kib"]).sort_index()
    assert table.loc["sram 4"]["refusal"].str.contains("memory: kib: 4 is not allowed: it has 4096 bytes").all()
    assert (table.loc["sram 64"]["device_kib"] > table.loc["dram"]["device_kib"]).all()
    assert (table["feasible"] == (table["device_kib"] <= 48)).all() and table.loc["sram 64"]["feasible"].any()
    for point in study.points:
        assert point.design.on_chip == ("sram64" in point.coordinates.key)
        assert price(simulate(point.network, point.design)).device_kib == point.figures["device_kib"]


def least(tmp_path: Path, op: str, dataflow: str) -> tuple[dict[str, Any], FittedDesign]:
    """The figures of a study's point with axis memory: sram, and its design."""
    (tmp_path / "least.yaml").write_text(
        f"version: 1\nworkloads: [digits]\nspace: {{rows: [4], cols: [8], op: [{op}], bits: {{x: 5}}, "
        f"dataflow: [{dataflow}], memory: [sram]}}\nobjectives: {{energy_uj: min}}\nsampler: {{name: exhaustive}}\n"
    )
    (point,) = Study(tmp_path / "least.yaml", tmp_path / f"{op}-{dataflow}", quiet=True).run().points
    return point.figures, point.evaluator.design(point.coordinates)


@pytest.mark.parametrize(("op", "dataflow"), [("threshold", "os"), ("mac", "is")])
def test_a_memory_as_large_as_need_be(tmp_path: Path, op: str, dataflow: str) -> None:
    """It has not a beat to spare, the device has no more, and the design's page costs what the study says."""
    figures, design = least(tmp_path, op, dataflow)
    run = simulate("digits", design)
    cost = price(run)
    assert {name: getattr(cost, name) for name in ("energy_uj", "area_mm2", "device_kib")}.items() <= figures.items()
    assert cost.device_kib == design.buffers_kib + design.memory_kib and run.memory.kib == design.memory_kib
    smaller = design.model_copy(update={"memory": Memory(kind="sram", kib=design.memory_kib - 64 / 8192)})
    with pytest.raises(DoesNotFit, match="memory: kib"):
        simulate("digits", smaller)


def test_a_smaller_memory_that_is_faster_grows_until_it_holds_its_program() -> None:
    """Where best cuts on it take more than on the largest one."""
    network, asked = find_network("digits", "mac", 5, 5), []
    largest = Design(**{**FIELDS, "op": "mac", "x_bits": 5, "w_bits": 5}, memory=Memory(kind="sram", kib=MOST_KIB))

    def timed(design: Design) -> FittedDesign:
        asked.append(design.memory_kib)
        slow = design.memory_kib > 20
        cycles = {"memory_latency": 900 if slow else 1, "port_interval": 1}
        return Design(**{**design.model_dump(), **cycles}).fitted(network)

    found = with_least_memory(timed(largest), [network], timed)
    assert len(asked) > 1 and asked[1:] == sorted(asked[1:]) and found.memory_kib == asked[-1]
    assert simulate(network, found).memory.kib <= found.memory_kib


def test_words_of_no_memory(tmp_path: Path) -> None:
    text = "version: 1\nworkloads: [digits]\nobjectives: {energy_uj: min}\ntrials: 1\n"
    space = "space: {rows: [4], cols: [4], op: [mac], bits: {x: 5}, dataflow: [os], memory: [%s]}\n"
    for words in ("sram0", "sram 0", "sram 99999", "64", "flash 8"):
        (tmp_path / "odd.yaml").write_text(text + space % f"'{words}'")
        outcome = run_command("study", "run", "odd.yaml", "--out", "out", cwd=tmp_path)
        refused(outcome, "odd.yaml", "memory", repr(words), "dram, sram, or sram and its KiB")
    page = "".join(f"{key}: {value}\n" for key, value in FIELDS.items())
    for memory, line in (
        ("{kind: sram}", ("memory", "kib", "nothing is not allowed for kind sram")),
        ("{kib: 64}", ("memory", "kib: 64 is not allowed for kind dram")),
        ("{kind: flash}", ("memory", "kind", "flash")),
    ):
        (tmp_path / "chip.yaml").write_text(f"{page}memory: {memory}\n")
        refused(run_command("price", "--design", "chip.yaml", "--workload", "digits", cwd=tmp_path), "chip.yaml", *line)
