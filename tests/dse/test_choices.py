"""Cost tables and workloads as axes: each point has the figures of a study of its own, by search and by sweep."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cost_models.table.table import DATA
from dse.study.study import Study
from tests.dse.study_files import SPEC
from tests.support.command import refused, run_command
from tests.support.paths import ROOT
from workloads.errors import LimenError

SMALL = SPEC.replace("rows: [2, 4], cols: [2, 4]", "rows: [4], cols: [4]").replace("x: 4..5", "x: 4")
SMALL = SMALL.replace("SEED", "0").replace(">= 0.97", ">= 0.1").replace("trials: 40", "trials: 99")
SPACE = "dataflow: [os, ws, is]"


def write(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.yaml").write_text(text)
    return folder / f"{name}.yaml"


def swept(text: str) -> str:
    return text.replace("{name: nsga2, seed: 0}", "{name: exhaustive}").replace("trials: 99\n", "")


def test_cost_tables(tmp_path: Path) -> None:
    """One of ours and one in a file; the design is the same, its name says by which table it was priced."""
    shutil.copyfile(DATA / "sky130hd.csv", tmp_path / "mine.csv")
    text = SMALL.replace("costs: ihp130", "costs: [ihp130, mine.csv]").replace(SPACE, f"{SPACE}, costs: [ihp130, mine]")
    search = Study(write(tmp_path, "search", text), tmp_path / "search", quiet=True).run()
    sweep = Study(write(tmp_path, "sweep", swept(text)), tmp_path / "sweep", quiet=True).run()
    tables = [study.trials().set_index("design").sort_index() for study in (search, sweep)]
    assert len(tables[0]) == 2 * 2 * 3 and tables[0]["energy_uj"].equals(tables[1]["energy_uj"])
    assert all(name.endswith(("-ihp130", "-mine")) for name in tables[0].index)
    for costs, table in (("ihp130", "ihp130"), ("sky130hd", "mine")):
        own = SMALL.replace("costs: ihp130", f"costs: {costs}")
        alone = Study(write(tmp_path, costs, own), tmp_path / costs, quiet=True).run().trials().set_index("design")
        assert "costs" not in alone
        for design, row in alone.iterrows():
            both = tables[0].loc[f"{design}-{table}"]
            assert (row[["energy_uj", "area_mm2", "cycles"]] == both[["energy_uj", "area_mm2", "cycles"]]).all()
            assert both["costs"] == table
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("search", "sweep", "mine.csv"):
        shutil.move(tmp_path / name, moved / name)
    for name in ("search", "sweep"):
        assert len(Study.open(moved / name).front()) == len(search.front())
    (moved / "mine.csv").unlink()
    with pytest.raises(LimenError, match=r"costs: .*mine.csv is missing"):
        Study.open(moved / "search")


def test_workloads_of_several_widths(tmp_path: Path) -> None:
    """Points run one workload each: nothing is a mean, and what a point says of its network is of that one."""
    shutil.copytree(ROOT / "workloads" / "families" / "digits", tmp_path / "mine")
    text = SMALL.replace("[digits]", "[fashion-mnist, mine/]").replace(
        SPACE, f"{SPACE}, workload: [mine, fashion-mnist]"
    )
    search = Study(write(tmp_path, "search", text), tmp_path / "search", quiet=True).run()
    sweep = Study(write(tmp_path, "sweep", swept(text)), tmp_path / "sweep", quiet=True).run()
    tables = [study.trials().set_index("design").sort_index() for study in (search, sweep)]
    assert len(tables[0]) == 2 * 2 * 3 and tables[0]["energy_uj"].equals(tables[1]["energy_uj"])
    assert "mine.energy_uj" not in tables[0] and {*tables[0]["workload"]} == {"mine", "fashion-mnist"}
    for workload, title in (("fashion-mnist", "fashion-mnist"), ("digits", "mine")):
        own = SMALL.replace("[digits]", f"[{workload}]")
        alone = Study(write(tmp_path, workload, own), tmp_path / workload, quiet=True).run().trials()
        alone = alone.set_index("design")
        for design, row in alone.iterrows():
            both = tables[1].loc[f"{design}-{title}"]
            for name in ("energy_uj", "accuracy", "test_accuracy", "acc_bits"):
                assert row[name] == both[name], (design, name)
    for point in search.points:
        assert point.network.dataset == {"mine": "digits"}.get(point.coordinates.workload, "fashion-mnist")


LAYERS = """version: 1
name: NAME
op: mac
x_bits: 8
w_bits: 8
x_signed: true
input: {height: 6, width: 6, channels: 2}
layers:
  - {name: first, kind: conv2d, out_channels: 4, kernel: [3, 3], op: mac, w_bits: 8}
  - {name: second, kind: conv2d, out_channels: 4, kernel: [3, 3], SECOND}
  - {name: scores, kind: linear, out_channels: 10, op: mac, w_bits: 8}
"""
SECOND = {
    "same": "op: mac, w_bits: 8",
    "narrow": "op: mac, w_bits: 4",
    "mixed": "op: threshold, w_bits: 8",
    "both": "op: threshold, x_bits: 4, w_bits: 4",
}


def test_ops_and_widths_of_single_layers(tmp_path: Path) -> None:
    """Points choose among networks that differ in them; what a network asks for, other PEs refuse, no other network."""
    for name, second in SECOND.items():
        write(tmp_path, name, LAYERS.replace("NAME", name).replace("SECOND", second))
    files, titles = ", ".join(f"{name}.yaml" for name in SECOND), ", ".join(SECOND)
    space = "{rows: [4], cols: [4], op: [mac, mac-threshold], bits: {x: [8]}, dataflow: [os], workload: [TITLES]}"
    text = f"version: 1\nworkloads: [{files}]\nspace: {space.replace('TITLES', titles)}\n"
    text += "objectives: {energy_uj: min, area_mm2: min}\nsampler: {name: nsga2, seed: 0}\ntrials: 99\n"
    search = Study(write(tmp_path, "search", text), tmp_path / "search", quiet=True).run()
    sweep = Study(write(tmp_path, "sweep", swept(text)), tmp_path / "sweep", quiet=True).run()
    tables = [study.trials().set_index("design").sort_index() for study in (search, sweep)]
    assert len(tables[0]) == 2 * 4 and tables[0]["refusal"].equals(tables[1]["refusal"])
    assert tables[0]["energy_uj"].equals(tables[1]["energy_uj"])
    mixed = tables[0]["op"] == "mac-threshold"
    assert ((tables[0]["refusal"] != "") == (tables[0]["workload"].isin(["mixed", "both"]) != mixed)).all()
    assert search.point("mac-threshold").network.layers[1].op == "threshold" and not search.left_out
    least = tables[0].groupby("workload")[["dram_bytes", "acc_bits"]].min()
    for narrow, wide in (("narrow", "same"), ("both", "mixed")):
        assert least.loc[narrow, "dram_bytes"] == least.loc[wide, "dram_bytes"], "words are as wide as the design's"
        assert least.loc[narrow, "acc_bits"] <= least.loc[wide, "acc_bits"]
    outcome = run_command("study", "front", "search", cwd=tmp_path)
    assert outcome.returncode == 0 and "mac-threshold: trial " in outcome.stdout, outcome.stderr


def test_a_family_without_an_op_of_another(tmp_path: Path) -> None:
    text = SMALL.replace("[digits]", "[digits-generated, digits]")
    text = text.replace(SPACE, f"{SPACE}, workload: [digits-generated, digits]")
    table = Study(write(tmp_path, "sweep", swept(text)), tmp_path / "sweep", quiet=True).run().trials()
    lacking = table[(table["op"] == "mac") & (table["workload"] == "digits-generated")]
    assert len(table) == 12 and len(lacking) == 3 and (lacking["refusal"] != "").all()
    assert table["accuracy"].count() == 9 == (table["refusal"] == "").sum()


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "costs: ihp130",
            "costs: [ihp130, asap7]",
            "space: costs: [] is not allowed: all of costs, ['ihp130', 'asap7']",
        ),
        (SPACE, f"{SPACE}, costs: [asap7]", "space: costs: ['asap7'] is not allowed: all of costs, ['ihp130']"),
        (
            SPACE,
            f"{SPACE}, workload: [digits, mnist]",
            "space: workload: ['digits', 'mnist'] is not allowed: all of work",
        ),
        ("costs: ihp130", "costs: [asap7, asap7]", "costs: 'asap7' is not allowed twice"),
        ("costs: ihp130", "costs: []", "costs: "),
        ("costs: ihp130", "costs: [ihp130, nowhere]", "'nowhere'"),
        (SPACE, f"{SPACE}, workload: [digits, digits]", "space.workload: 'digits' stands 2 times; once is allowed"),
    ],
)
def test_conflicts_are_a_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    text = SMALL.replace(old, new)
    if "nowhere" in new:
        text = text.replace(SPACE, f"{SPACE}, costs: [ihp130, nowhere]")
    write(tmp_path, "odd", text)
    refused(run_command("study", "run", "odd.yaml", "--out", "out", cwd=tmp_path), line)
    assert not (tmp_path / "out").exists()
