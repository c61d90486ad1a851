"""The system table: its cells are the best designs of their rules, and `limen price` gives their figures."""

from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path
from random import Random
from typing import Literal

import pandas
import pytest
from ruamel.yaml import YAML

from cost_models.price.price import price, with_memory
from dse.evaluation.evaluate import Evaluator
from dse.space.space import Space
from dse.space.study_spec import StudySpec
from dse.space.workload import SEPARATOR
from dse.system import scenario as scenarios
from dse.system.cells import ALONE, Cell, cells_csv, read_cells
from dse.system.naive import CHANGES, Definition, Naive, priced, widened
from dse.system.rules import Asked, choose
from dse.system.scenario import MACHINES, WIDTHS, Scenario
from dse.system.stored import cells_of, stored_cells, stored_definitions, stored_scenarios
from dse.system.sweeps import sweep
from dse.system.system import cells_for
from dse.system.table import table_markdown
from simulator.designs.design import Design
from simulator.run import simulate
from tests.docs import system_cells
from tests.support.command import run_command
from tests.support.manifests import unnamed
from workloads.errors import LimenError
from workloads.networks.accuracy import read_accuracies
from workloads.networks.family import SHIPPED, find_network, load_family

DRAWN = Random(22).sample([cell for cell in stored_cells() if cell.trial is not None], 6)
DEFINED = Random(22).sample([row for row in stored_definitions() if row.rule == "same array"], 4)
PRICED = ("energy_uj", "latency_us", "power_mw", "area_mm2", "device_kib", "array_share", "dram_share")


def evaluator_of(scenario: Scenario, sweep: str) -> tuple[StudySpec, Evaluator]:
    content = YAML(typ="safe").load(scenario.page(sweep, Path()))
    spec = StudySpec.model_validate(content)
    return spec, Evaluator(spec, SEPARATOR.join(spec.workloads), scenario.costs)


def test_all_scenarios_are_stored() -> None:
    assert stored_scenarios() == [*system_cells.scenarios()]
    assert {row.network for row in stored_definitions()} == {*system_cells.MAIN}


@pytest.mark.parametrize("cell", DRAWN, ids=lambda cell: f"{cell.sweep}:{cell.trial}")
def test_price_gives_the_figures_of_a_cell(cell: Cell, tmp_path: Path) -> None:
    scenario, kind = cell.scenario, cell.sweep.rpartition("-")[2]
    spec, evaluator = evaluator_of(scenario, kind)
    assert cell.sweep == f"{scenario.name}-{kind}" and cell.trial is not None
    (point,) = Space(spec.space, evaluator.formats().valid).points(range(cell.trial, cell.trial + 1))
    assert point.key == cell.design
    with (tmp_path / "chip.yaml").open("w") as file:
        YAML().dump(evaluator.design(point).model_dump(mode="json", exclude_none=True), file)
    words = ["price", "--design", "chip.yaml", "--workload", cell.workload, "--costs", cell.costs, "--json"]
    if not scenario.is_trained:
        words += ["--op", point.op, "--bits", f"{point.x_bits},{point.w_bits}"]
    clock = [] if cell.clock_ns is None else ["--clock-ns", str(cell.clock_ns)]
    result = run_command(*words, "--stream", cell.stream, *clock, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    figures = json.loads(result.stdout)
    assert figures["cycles"] == cell.cycles
    assert {name: figures[name] for name in PRICED} == {name: cell.figure(name) for name in PRICED}


def test_a_cell_is_the_best_of_all_that_keep_its_rule() -> None:
    """Each design of the equal array is evaluated alone: none is better, and as many are counted."""
    scenario = Scenario("digits")
    spec, evaluator = evaluator_of(scenario, MACHINES)
    space = Space(spec.space, evaluator.formats().valid)
    for cell in (
        each for each in cells_of(scenario) if each.limit == "16 × 16 PEs" and each.op in ("mac", "threshold")
    ):
        assert cell.trial is not None
        (best,) = space.points(range(cell.trial, cell.trial + 1))
        alike = [
            best._replace(dataflow=dataflow, pe_stages=stages, zero_gating=gated)
            for dataflow in ("os", "ws", "is")
            for stages, gated in ((1, False), (2, False), *([(2, True)] if cell.op == "mac" else []))
        ]
        products = [evaluator.cost_figures(point)["edp_uj_us"] for point in alike if space.holds(point)]
        assert len(products) == cell.designs and min(products) == cell.edp_uj_us


def made_up() -> dict[str, pandas.DataFrame]:
    """Sweeps of two designs an op, the second of each 4 × 4 PEs, smaller and less accurate."""
    rows = []
    for number, (op, side) in enumerate((op, side) for op in ("mac", "threshold") for side in (16, 4)):
        least = 1.0 if op == "mac" else 0.8
        rows.append(
            {
                **{"op": op, "x_bits": 8, "w_bits": 8, "rows": side, "cols": side, "filter_kib": 16.0},
                **{"ofmap_kib": 16.0, "area_mm2": least * side, "device_kib": least * side, "edp_uj_us": least / side},
                **{
                    "energy_uj": 1.0,
                    "accuracy": 0.9 + side / 2000,
                    "refusal": "",
                    "trial": number,
                    "design": f"{op}{side}",
                },
            }
        )
    return {f"made-up-{kind}": pandas.DataFrame(rows) for kind in ("machines", "widths")}


def test_rules_choose_what_they_say() -> None:
    cells = {(cell.limit, cell.op): cell for cell in choose(Scenario("fashion-mnist"), Asked(), made_up())}
    assert cells["16 × 16 PEs", "mac"].design == "mac16" and cells["16 × 16 PEs", "mac"].designs == 1
    assert cells["at most 16 mm²", "threshold"].design == "threshold16"
    assert cells["at most 8 mm²", "mac"].design == "mac4"
    assert cells["at least 90.8 %", "threshold"].designs == 1 and cells["at least 89.8 %", "threshold"].designs == 2
    only = choose(Scenario("fashion-mnist"), Asked(("storage",), "energy_uj", kib=(4.0,)), made_up())
    assert [(cell.op, cell.design) for cell in only] == [("mac", "mac4"), ("threshold", "threshold4")]
    none = choose(Scenario("fashion-mnist"), Asked(("silicon",), areas_mm2=(3.5,)), made_up())
    assert [(cell.designs, cell.trial) for cell in none] == [(0, None), (1, 3)]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (Asked(areas_mm2=(3.0,)), "silicon: 3 mm² is not allowed: nothing fits; the nearest, threshold4, has 3.2"),
        (Asked(kib=(2.0,)), "storage: 2 KiB is not allowed: nothing fits; the nearest, threshold4, has 3.2"),
        (
            Asked(accuracies=(0.95,)),
            "accuracy: 0.95 is not allowed: no design reaches it; the nearest, mac16, has 0.908",
        ),
    ],
)
def test_limits_that_no_design_keeps_are_refused(asked: Asked, line: str) -> None:
    with pytest.raises(LimenError) as error:
        choose(Scenario("fashion-mnist"), asked, made_up())
    assert str(error.value) == line


def of_widths() -> dict[str, pandas.DataFrame]:
    """The same designs on a network and on its wide twin, more accurate by 0.05; adder on the network alone."""
    (table,) = (frame for name, frame in made_up().items() if name.endswith("widths"))
    adder = table[table["op"] == "mac"].assign(op="adder", design="adder", accuracy=0.97)
    alone = pandas.concat([table, adder]).assign(workload="net")
    wide = table.assign(workload="net-wide", accuracy=table["accuracy"] + 0.05, design="wide-" + table["design"])
    both = pandas.concat([alone, wide], ignore_index=True)
    return {"made-up-widths": both.assign(trial=both.index)}


def made_up_scenario(tmp_path: Path) -> Scenario:
    for name, ops in {"net": ("mac", "threshold", "adder"), "net-wide": ("mac", "threshold")}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "accuracy.csv").touch()
        for op in ops:
            (tmp_path / name / f"{op}.npz").touch()
            shutil.copy(SHIPPED / "digits" / f"{op}.yaml", tmp_path / name)
    return Scenario(str(tmp_path / "net"))


def test_widths_are_free_for_all_ops_of_the_main_networks() -> None:
    """In every stored scenario, at each limit; none is compared on the network alone."""
    for scenario in (each for each in stored_scenarios() if each.network in system_cells.MAIN):
        cells = [cell for cell in cells_of(scenario) if cell.rule == "accuracy"]
        limits = {cell.limit for cell in cells}
        assert limits and not [limit for limit in limits if limit.endswith(ALONE)]
        for limit in limits:
            assert {*scenario.ops} == {*scenario.ops_of_all} == {cell.op for cell in cells if cell.limit == limit}


def test_ops_have_the_same_choice_of_widths(tmp_path: Path) -> None:
    """The adder has no wide twin: it is compared on the network alone, with the others; so is what only it reaches."""
    scenario = made_up_scenario(tmp_path)
    assert (scenario.ops, scenario.ops_of_all) == (["mac", "threshold", "adder"], ["mac", "threshold"])
    cells = choose(scenario, Asked(("accuracy",)), of_widths())
    found = {(cell.limit, cell.op): (cell.workload, cell.design) for cell in cells}
    wide, alone = "at least 95.8 %", "at least 90.8 %, net alone"
    assert found[wide, "mac"] == ("net-wide", "wide-mac16") and (wide, "adder") not in found
    assert found[alone, "mac"] == ("net", "mac16") and found[alone, "adder"] == ("net", "adder")
    asked = choose(scenario, Asked(("accuracy",), accuracies=(0.95, 0.905)), of_widths())
    assert [*dict.fromkeys(cell.limit for cell in asked)] == [
        "at least 95 %",
        "at least 90.5 %",
        "at least 95 %, net alone",
        "at least 90.5 %, net alone",
    ]
    with pytest.raises(LimenError) as error:
        choose(scenario, Asked(accuracies=(0.965,), rules=("accuracy",)), of_widths())
    reached = "accuracy: 0.965 is not allowed: no design reaches it; the nearest, net-wide: wide-mac16, has 0.958"
    assert str(error.value) == reached
    words = table_markdown(cells, "edp_uj_us")
    assert (
        "net 16, 32, 32; net-wide 16, 32, 32" in words and "not trained at all of these widths: adder" in words.lower()
    )


def test_equal_accuracy_is_the_best_of_all_networks_and_widths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a search in plain Python: every network at every width priced alone, on every machine."""
    few = {"rows": [8], "cols": [8], "filter_kib": [16.0]}
    monkeypatch.setitem(scenarios.ARRAYS, "dram", {"widths": few})
    monkeypatch.setattr(scenarios, "FREE_BITS", [5, 8])
    scenario, bounds = Scenario("digits"), (0.955, 0.985)
    asked = Asked(("accuracy",), accuracies=bounds)
    cells = choose(scenario, asked, sweep(scenario, tmp_path, (WIDTHS,), 1, quiet=True))
    found = {(cell.limit, cell.op): cell for cell in cells}
    spec, evaluator = evaluator_of(scenario, WIDTHS)
    space = Space(spec.space, evaluator.formats().valid)
    accuracies, reaching = {}, {(bound, op): [] for bound in bounds for op in ("mac", "threshold")}
    for point in space.points(range(space.size)):
        if (bounds[0], point.op) not in reaching:
            continue
        network = find_network(point.workload, point.op, point.x_bits, point.w_bits)  # type: ignore[arg-type]
        if network.name not in accuracies:
            accuracies[network.name] = network.accuracy("validation")
        if accuracies[network.name] >= min(bounds):
            cost = price(simulate(network, evaluator.design(point)), stream="own")
            for bound in (each for each in bounds if accuracies[network.name] >= each):
                reaching[bound, point.op].append((cost.energy_uj * cost.latency_us, point.workload, point.key))
    for (bound, op), designs in reaching.items():
        cell = found[f"at least {100 * bound:.4g} %", op]
        best = min(designs, default=(None, "", ""))
        assert (cell.edp_uj_us, cell.workload, cell.design, cell.designs) == (*best, len(designs))
    assert len({cell.workload for cell in found.values()} - {""}) > 1


def test_a_stored_cell_at_equal_accuracy_is_the_best_of_its_whole_sweep() -> None:
    """The adder's, of digits at all widths: of every network that is as accurate, every machine, priced by hand."""
    scenario = Scenario("digits")
    cell = [cell for cell in cells_of(scenario) if (cell.rule, cell.op) == ("accuracy", "adder")][1]
    assert cell.limit == "at least 98.56 %" and cell.accuracy is not None
    space = YAML(typ="safe").load(scenario.page(WIDTHS, Path()))["space"]
    axes = ("rows", "cols", "filter_kib", "dataflow", "pe_stages")
    machines = [dict(zip(axes, values, strict=True)) for values in product(*(space[axis] for axis in axes))]
    products = []
    for name in ("digits", "digits-half", "digits-double"):
        family = load_family(name)
        for (op, x_bits, w_bits), row in read_accuracies(family).items():
            free = x_bits in space["bits"]["x"] and w_bits in space["bits"]["w"]
            if op == "adder" and free and row.validation_accuracy >= 0.9855:
                network = family.network("adder", x_bits, w_bits)
                bits = {"op": "adder", "x_bits": x_bits, "w_bits": w_bits, "acc_policy": "weights"}
                for machine in machines:
                    design = with_memory(Design.model_validate({**machine, **bits}), network, stream="own")
                    cost = price(simulate(network, design), stream="own")
                    products.append((cost.energy_uj * cost.latency_us, name))
    assert (cell.edp_uj_us, cell.workload, cell.designs) == (*min(products), len(products))


def test_several_images_of_mnist_end_on_a_beat() -> None:
    """7 × 7 pixels do where a word is as wide as a beat: the sweep of several images has such feeders."""
    scenario = Scenario("mnist", memory="sram", images=16, stream="uniform", clock_ns=10.0)
    spec, evaluator = evaluator_of(scenario, MACHINES)
    points = [*Space(spec.space, evaluator.formats().valid).points(range(24))]
    runs = {}
    for width in (4, 8):
        (point,) = [*(each for each in points if each.feeder_width == width)][:1]
        try:
            runs[width] = str(evaluator.cost_figures(point)["cycles"] > 0)
        except LimenError as error:
            runs[width] = str(error)
    assert runs[8] == "True"
    assert "don't end on a beat" in runs[4] and "at most 1, or words of feeder_width activations as wide" in runs[4]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("--network lenet --rule accuracy", "rule: accuracy is not allowed: network lenet is untrained, and has none"),
        ("--network lenet --accuracy 0.9 --sweeps s", "rule: accuracy is not allowed: network lenet is untrained"),
        (
            "--network digits-generated --sweeps s",
            "network: digits-generated is not allowed: it has threshold and no mac",
        ),
        ("--best edp --sweeps s", "best: 'edp' is not allowed: the nearest is edp_uj_us"),
        ("--memory flash", "memory: 'flash' is not allowed: "),
        ("--clock-ns nan --sweeps s", "clock_ns: nan is not allowed: None or a number of nanoseconds above 0"),
        ("--kib nan --sweeps s", "kib: nan is not allowed: a finite number"),
        ("--rule array --area-mm2 3 --sweeps s", "area_mm2: 3 is not allowed without rule silicon, whose limit it is"),
        ("--rule array --accuracy 0.9 --sweeps s", "accuracy: 0.9 is not allowed without rule accuracy"),
        ("--stream nope --sweeps s", "limen: space.stream: 'nope' is not allowed: uniform, "),
        (
            "--costs xc7-fabric --sweeps s",
            "limen: costs: 'xc7-fabric' is not allowed: a table of an FPGA has no energy",
        ),
        ("--definition --network lenet", "definition: lenet on ihp130 is not allowed: a trained chain of layers"),
        ("--out . --sweeps s", ".: cannot be written: Is a directory"),
        ("--kib 40", "sweeps: nothing is not allowed with a budget or a best figure of one's own: a folder"),
        ("--images 7", "digits-ihp130-dram-x7-own-fastest: is not stored with Limen: --sweeps FOLDER evaluates it"),
        ("--columns 1", "--columns: 1 is not allowed with --format text"),
    ],
)
def test_bad_input_is_one_line(words: str, line: str, tmp_path: Path) -> None:
    result = run_command("study", "tables", "system", *words.split(), cwd=tmp_path)
    assert result.returncode == 2 and result.stdout == ""
    assert line in result.stderr and result.stderr.count("\n") == 1
    assert not [*tmp_path.iterdir()]


def test_sweeps_are_kept_and_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"rows": [8, 16], "cols": [8, 16], "filter_kib": [16.0]}
    monkeypatch.setitem(scenarios.ARRAYS, "dram", {"machines": few, "widths": {**few, "rows": [8]}})
    monkeypatch.setattr(scenarios, "FREE_BITS", [8])
    scenario, folder = Scenario("fashion-mnist"), tmp_path / "sweeps"
    cells_for(scenario, Asked(("array",)), folder, jobs=1)
    assert not [*folder.glob("*-widths*")]  # of no use to this rule
    cells = cells_for(scenario, Asked(), folder, jobs=1)
    assert unnamed(folder) == []
    written = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert cells_for(scenario, Asked(), folder, jobs=1) == cells
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == written
    (tmp_path / "cells.csv").write_text(cells_csv(cells))
    assert read_cells(tmp_path / "cells.csv") == cells
    chosen = next(cell for cell in cells if cell.rule == "accuracy")
    study = str(folder / chosen.sweep)
    result = run_command("study", "design", study, "--point", str(chosen.trial), "--out", "a.yaml", cwd=tmp_path)
    assert result.returncode == 0 and chosen.design in result.stdout


def test_a_machine_without_a_change_has_its_own_price_and_changes_cost_more() -> None:
    network = find_network("digits", "mac", 8, 8)
    design = Design(rows=16, cols=16, dataflow="os", op="mac", x_bits=8, w_bits=8, acc_policy="weights", pe_stages=2)
    ours = priced(network, design, "ihp130", Naive())
    stored = next(row for row in stored_definitions() if (row.change, row.costs) == ("our MAC machine", "ihp130"))
    assert (ours.energy_uj, ours.area_mm2, ours.words) == (stored.mac_energy_uj, stored.mac_area_mm2, stored.mac_design)
    for change in ("a multiplier an output for batch-norm", "activation as a pass of its own"):
        more = priced(network, design, "ihp130", CHANGES[change])
        assert more.energy_uj > ours.energy_uj and (more.latency_us > ours.latency_us) == CHANGES[change].passes
        assert (more.area_mm2 > ours.area_mm2) == CHANGES[change].norm


@pytest.mark.parametrize("row", DEFINED, ids=lambda row: f"{row.network}-{row.costs}-{row.change}")
def test_a_definition_is_the_best_of_the_same_array_of_today(row: Definition) -> None:
    """Each dataflow, with one stage and two, is priced: the stored machine is the one of least energy × latency."""
    naive, network = CHANGES[row.change], find_network(row.network, "mac", 8, 8)
    policy: Literal["format", "weights"] = "format" if naive.format_accumulators else "weights"
    network = widened(network) if naive.wide else network
    first, found = network.layers[0], []
    for dataflow in ("os", "ws", "is"):
        for stages in (1, 2):
            design = Design(
                rows=16, cols=16, dataflow=dataflow, op="mac", x_bits=first.x_bits, w_bits=first.w_bits,
                x_signed=first.x_signed, pe_stages=stages, acc_policy=policy,
            )  # fmt: skip
            found.append(priced(network, design, row.costs, naive))
    best = min(found, key=lambda machine: machine.energy_uj * machine.latency_us)
    assert row.mac_design == best.words
    assert (row.mac_latency_us, row.mac_energy_uj, row.mac_power_mw, row.mac_area_mm2) == best[1:]


def test_the_wide_network_has_the_same_sums_times_two_to_the_sixteenth() -> None:
    network = find_network("digits", "mac", 8, 8)
    wide = widened(network)
    bits = {}
    for width, chosen in ((8, network), (16, wide)):
        form = {"rows": 8, "cols": 8, "dataflow": "os", "op": "mac", "x_bits": width, "w_bits": width}
        bits[width] = Design(**form, acc_policy="weights").fitted(chosen).acc_bits
    assert bits[8] < bits[16] <= bits[8] + 16
