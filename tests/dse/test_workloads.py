"""What may stand where a workload stands: shapes at any op and widths, and the folder of a trained family."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

import limen
from dse.evaluation.evaluate import Evaluator
from dse.space.space import Coordinates
from dse.space.study_spec import StudySpec, load_study
from dse.study.study import Study
from tests.dse.study_files import NETWORK, SPEC, write_network
from tests.support.command import refused, run_command
from workloads.errors import LimenError
from workloads.networks.family import SHIPPED, find_network, load_family
from workloads.networks.pages import page_network, zoo_pages

COSTS = "objectives: {energy_uj: min, area_mm2: min}\n"


def study_text(workload: str, costs_only: bool = True) -> str:
    """Return a study of four points, 4 x 4 bits and 5 x 5 bits, of a workload."""
    text = (
        SPEC.replace("[digits]", f"[{workload}]").replace("nsga2, seed: SEED", "exhaustive").replace("trials: 40\n", "")
    )
    text = text.replace("rows: [2, 4], cols: [2, 4]", "rows: [2], cols: [4]").replace("[os, ws, is]", "[ws]")
    lines = [line for line in text.splitlines() if not (costs_only and line.startswith(("objectives", "constraints")))]
    return "\n".join(lines) + "\n" + COSTS * costs_only


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """A family's folder, as `limen net train` leaves it: the digits' MAC networks."""
    folder = tmp_path / "runs" / "mine"
    folder.mkdir(parents=True)
    for name in ("mac.npz", "mac.yaml", "recipe.yaml", "accuracy.csv"):
        shutil.copy(SHIPPED / "digits" / name, folder)
    return folder


def test_shapes_take_op_and_widths(tmp_path: Path) -> None:
    (tmp_path / "shapes.yaml").write_text(NETWORK)
    network = find_network(tmp_path / "shapes.yaml", "mac", 4, 3)
    assert network.name == "shapes-mac-x4-w3" and network.layers[0].op == "mac"
    assert (network.layers[0].x_bits, network.layers[0].w_bits) == (4, 3)
    assert find_network(tmp_path / "shapes.yaml", "mac").layers[0].x_bits == 6  # the page's own
    with pytest.raises(
        LimenError, match=r"shapes\.yaml: op: 'mac-threshold' is not allowed: threshold, mac, adder, sh"
    ):
        find_network(tmp_path / "shapes.yaml", "mac-threshold", 4, 4)  # type: ignore[arg-type]
    with pytest.raises(LimenError, match=r"shapes\.yaml: x_bits: 99 is not allowed"):
        find_network(tmp_path / "shapes.yaml", "mac", 99, 4)


def test_activations_are_signed_where_the_op_needs_it() -> None:
    assert not any(layer.x_signed for layer in find_network("lenet", "mac", 8, 8).layers)
    assert not any(layer.x_signed for layer in find_network("lenet", "shift", 8, 4).layers)
    for op in ("threshold", "adder"):
        assert all(layer.x_signed for layer in find_network("lenet", op, 8, 8).layers)  # type: ignore[arg-type]


def test_op_and_bits_of_a_command(tmp_path: Path) -> None:
    (tmp_path / "shapes.yaml").write_text(
        NETWORK.replace("op: threshold", "op: shift\nx_signed: false").replace("w_bits: 6", "w_bits: 4")
    )
    chosen = ("-w", "shapes.yaml", "-d", "mac-16x16", "--op", "mac", "--bits", "5,4", "--json")
    for command in ("simulate", "price"):
        outcome = run_command(command, *chosen, cwd=tmp_path)
        assert json.loads(outcome.stdout)["network"] == "shapes-mac-x5-w4"
    refused(run_command("simulate", "-w", "lenet", "--bits", "6,4,2", cwd=tmp_path), "--bits", "6,4,2", "such as 6")
    refused(run_command("simulate", "-w", "nothing", cwd=tmp_path), "'nothing' is not allowed", "digits", "zoo")


def test_zoo_has_the_sign_of_a_design() -> None:
    """Shapes have no values: named beside a design, their activations are signed where its are."""
    for name in ("lenet", "uci-har-cnn"):
        for signed in (True, False):
            chip = limen.Design(rows=8, cols=8, dataflow="os", op="mac", x_bits=8, w_bits=8, x_signed=signed)
            assert {layer.x_signed for layer in limen.simulate(name, chip).network.layers} == {signed}


def test_what_the_machine_lacks_is_said(tmp_path: Path) -> None:
    outcome = run_command("simulate", "-w", "lenet", "-d", "mac-16x16", cwd=tmp_path)
    assert "not on the machine, not counted: Softmax × 1 (" in outcome.stdout
    assert "not on the machine, not counted: " in run_command("price", "-w", "lenet", cwd=tmp_path).stdout
    assert "not on the machine: Softmax × 1 (" in run_command("describe", "lenet", cwd=tmp_path).stdout
    (tmp_path / "study.yaml").write_text(study_text("lenet"))
    outcome = run_command("study", "run", "study.yaml", "--out", "out", cwd=tmp_path)
    assert "not on the machine, not counted: lenet: Softmax × 1 (" in outcome.stdout
    table = run_command("describe", "zoo", cwd=tmp_path).stdout
    assert "2293000" in table and "untrained" in table


def test_study_of_shapes(tmp_path: Path) -> None:
    (tmp_path / "shapes.yaml").write_text(study_text("lenet"))
    table = Study(tmp_path / "shapes.yaml", tmp_path / "out", quiet=True).run().trials()
    assert sorted(zip(table["op"], table["x_bits"], strict=True)) == [
        ("mac", 4), ("mac", 5), ("threshold", 4), ("threshold", 5)
    ]  # fmt: skip
    assert (table["cycles"] > 0).all() and "accuracy" not in table


@pytest.mark.parametrize("field", ["objectives", "constraints"])
def test_no_accuracy_of_the_untrained(tmp_path: Path, field: str) -> None:
    text = study_text("lenet", costs_only=False)
    if field == "constraints":
        text = text.replace(", accuracy: max", "")
    (tmp_path / "shapes.yaml").write_text(text)
    outcome = run_command("study", "run", "shapes.yaml", "--out", "out", cwd=tmp_path)
    refused(outcome, "shapes.yaml: ", f"{field}: accuracy is not allowed: network lenet has no")
    assert not (tmp_path / "out").exists()


def test_folder_is_a_family_wherever_a_name_is(family: Path, tmp_path: Path) -> None:
    shipped = limen.network("digits", "mac", 5, 5)
    assert limen.network(family, "mac", 5, 5).layers == shipped.layers
    assert load_family(family).ops() == ["mac"] and load_family(family).name == "mine"
    assert limen.simulate(family, "mac-16x16").cycles == limen.simulate("digits", "mac-16x16").cycles
    for name in ("runs/mine", "./runs/mine", str(family)):
        outcome = run_command("simulate", "-w", name, "-d", "mac-16x16", cwd=tmp_path)
        assert outcome.stdout.startswith("mine-mac-x8-w8 on 16 x 16"), outcome.stderr
    assert "mine-mac-x8-w8 test: " in run_command("net", "accuracy", "runs/mine", cwd=tmp_path).stdout
    assert "family runs/mine: " in run_command("describe", "runs/mine", cwd=tmp_path).stdout
    assert run_command("simulate", "-w", "mine", "-d", "mac-16x16", cwd=tmp_path / "runs").returncode == 0
    (tmp_path / "empty").mkdir()
    refused(run_command("simulate", "-w", "empty", cwd=tmp_path), "empty: holds no family: OP.npz and OP.yaml")


@pytest.mark.parametrize("name", ["../runs/mine", "mine"])
def test_study_of_a_folder_may_move(family: Path, tmp_path: Path, name: str) -> None:
    """Its accuracies are the folder's; it is found again from the study's folder."""
    (tmp_path / "runs" / "one.yaml").write_text(study_text(name, costs_only=False).replace("threshold, mac", "mac"))
    study = Study(tmp_path / "runs" / "one.yaml", tmp_path / "runs" / "out", quiet=True).run()
    assert study.trials()["accuracy"].between(0.9, 1).all()
    (tmp_path / "runs").rename(tmp_path / "moved")
    again = Study.open(tmp_path / "moved" / "out")
    assert again.workload == str(tmp_path / "moved" / "mine") and len(again.front()) == len(study.front())


PAIR = ("lenet", "uci-har-cnn")
"""Activations of the first are unsigned under op mac, of the second signed."""


def test_study_of_several_workloads(tmp_path: Path) -> None:
    """One design runs all: figures are geometric means, beside those that each has on this design."""
    page = study_text(", ".join(PAIR)).replace("exhaustive", "tpe").replace("[2], cols: [4]", "[8], cols: [16]")
    page += "trials: 4\n"
    page = page.replace("dataflow: [ws]", "dataflow: [os], ifmap_kib: [64], filter_kib: [64]")
    (tmp_path / "pair.yaml").write_text(page)
    study = Study(tmp_path / "pair.yaml", tmp_path / "out", quiet=True).run()
    assert study.workload.split("\n") == [*PAIR] and "lenet + uci-har-cnn" in repr(study)
    for point in study.points:
        for name in PAIR:
            network = page_network(zoo_pages()[name], *point.coordinates[:3], signed=True)
            run = limen.simulate(network, point.design)
            assert run.design == point.design  # wide enough for either
            cost = limen.price(run)
            own = {figure: point.figures[f"{name}.{figure}"] for figure in ("cycles", "energy_uj", "latency_us")}
            assert own == {"cycles": run.cycles, "energy_uj": cost.energy_uj, "latency_us": cost.latency_us}
            assert point.figures["area_mm2"] == cost.area_mm2
        for figure in ("cycles", "energy_uj", "latency_us"):
            pair = [point.figures[f"{name}.{figure}"] for name in PAIR]
            assert math.isclose(point.figures[figure] ** 2, math.prod(pair), rel_tol=1e-12)
    table = Study.open(tmp_path / "out").front()
    assert {"lenet.energy_uj", "uci-har-cnn.cycles"} <= {*table} and "accuracy" not in table


@pytest.mark.parametrize("reduction", ["geometric_mean", "worst", "sum"])
def test_reductions_of_several_workloads(reduction: str) -> None:
    """From what each workload has alone: means, the worst whichever way is better, sums and what follows of them."""
    settings = {"workloads": [*PAIR], "reduction": reduction, "objectives": {"energy_uj": "min"}, "constraints": {}}
    spec = StudySpec(**{**load_study("digits").model_dump(), **settings})
    point = Coordinates("mac", 4, 4, "os", 8, 16, 64.0, 64.0, 16.0, 512, 4, 64)
    evaluator = Evaluator(spec, "\n".join(PAIR), "ihp130")
    found, each = evaluator.figures(point), []
    for name in PAIR:
        run = limen.simulate(page_network(zoo_pages()[name], *point[:3], signed=True), evaluator.design(point))
        cost, pairs = limen.price(run), sum(layer.pairs for layer in run.network.layers)
        each.append((cost.energy_uj, cost.latency_us, run.cycles, 2 * pairs, 2 * pairs / cost.energy_uj / 1e6))
        assert found[f"{name}.cycles"] == run.cycles and found["area_mm2"] == cost.area_mm2
    energy, latency, cycles, operations, tops_per_w = zip(*each, strict=True)
    if reduction == "geometric_mean":
        wanted = [math.sqrt(math.prod(pair)) for pair in (energy, latency, cycles, operations, tops_per_w)]
        power, product = math.sqrt(math.prod(energy) / math.prod(latency)) * 1e3, wanted[0] * wanted[1]
    elif reduction == "worst":
        wanted = [max(energy), max(latency), max(cycles), max(operations), min(tops_per_w)]
        power, product = (max(of(*pair[:2]) for pair in each) for of in (lambda e, t: e / t * 1e3, lambda e, t: e * t))
    else:
        wanted = [*map(sum, (energy, latency, cycles, operations)), sum(operations) / sum(energy) / 1e6]
        power, product = wanted[0] / wanted[1] * 1e3, wanted[0] * wanted[1]
        assert math.isclose(found["utilisation"], wanted[3] / 2 / wanted[2] / found["pes"], rel_tol=1e-12)
    names = ("energy_uj", "latency_us", "cycles", "operations", "tops_per_w", "power_mw", "edp_uj_us")
    assert [found[name] for name in names] == pytest.approx([*wanted, power, product], rel=1e-12)


def test_sweep_of_several_workloads(tmp_path: Path, family: Path) -> None:
    """Accuracies of all are asked for, and their mean is the study's; shapes have the sign of trained networks."""
    (tmp_path / "pair.yaml").write_text(
        study_text("digits, runs/mine", costs_only=False).replace("threshold, mac", "mac")
    )
    study = Study(tmp_path / "pair.yaml", tmp_path / "out", quiet=True).run(jobs=1)
    table = study.trials()
    assert len(table) == 2 and (table["accuracy"] - table["digits.accuracy"]).abs().max() < 1e-12
    assert (table["digits.cycles"] == table["mine.cycles"]).all()
    assert Study(tmp_path / "pair.yaml", tmp_path / "out", quiet=True).run().trials().equals(table)
    (tmp_path / "signs.yaml").write_text(study_text("uci-har-cnn, digits").replace("threshold, mac", "mac"))
    signs = Study(tmp_path / "signs.yaml", tmp_path / "signs", quiet=True)
    network = signs.run(jobs=1).points[0].network  # of sensors, signed if alone
    assert network.name.startswith("uci-har-cnn-mac") and not any(layer.x_signed for layer in network.layers)


def test_a_folder_keeps_its_dots(family: Path, tmp_path: Path) -> None:
    """Two seeds, say: mine.0 and mine.1 are two titles, of which neither is an end of a file's name."""
    for seed in (0, 1):
        shutil.copytree(family, tmp_path / f"mine.{seed}")
    (tmp_path / "two.yaml").write_text(study_text("mine.0, mine.1").replace("threshold, mac", "mac"))
    study = Study(tmp_path / "two.yaml", tmp_path / "out", quiet=True).run(jobs=1)
    assert {"mine.0.cycles", "mine.1.cycles"} <= {*study.trials()} and "mine.0 + mine.1" in repr(study)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("digits, digits", "workloads: 'digits' is not allowed twice"),
        ("nets/lenet.yaml, lenet", "workloads: 'lenet' is not allowed twice"),
        ('"lenet\\nlenet"', "is not allowed: a name or a path of one line"),
        ("digits, nothing", "workload: 'nothing' is not allowed"),
        ("digits, lenet", "objectives: accuracy is not allowed: network lenet has no dataset"),
    ],
)
def test_workloads_that_do_not_go_together(tmp_path: Path, names: str, words: str) -> None:
    (tmp_path / "pair.yaml").write_text(study_text(names, costs_only=False))
    refused(run_command("study", "run", "pair.yaml", "--out", "out", cwd=tmp_path), "pair.yaml: ", words)
    assert not (tmp_path / "out").exists()


def test_networks_that_no_design_runs_together(tmp_path: Path) -> None:
    """Each fixes its widths, and the line says what either asks for."""
    write_network(tmp_path / "six.yaml", NETWORK.replace("name: shapes", "name: six"))
    write_network(
        tmp_path / "seven.yaml",
        NETWORK.replace("name: shapes\nop: threshold\nx_bits: 6", "name: seven\nop: threshold\nx_bits: 7"),
    )
    (tmp_path / "pair.yaml").write_text(study_text("six.yaml, seven.yaml").replace("x: 4..5", "x: 6..7"))
    outcome = run_command("study", "run", "pair.yaml", "--out", "out", cwd=tmp_path)
    refused(
        outcome, "pair.yaml: space: no valid point: ", "network six: layer scores: ", "network seven: layer scores: "
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a\0.yaml", "\0", "n" * 5000, "n" * 5000 + ".yaml", "none/here", "none.yaml"])
def test_names_of_nothing(name: str) -> None:
    """Also of what no file can be called, without or with an op."""
    for ask in (
        limen.network,
        lambda each: limen.network(each, "mac", 8, 8),
        lambda each: limen.simulate(each, "mac-16x16"),
    ):
        with pytest.raises(LimenError):
            ask(name)
