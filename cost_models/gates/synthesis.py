"""Synthesis of our Verilog on a library: recipes of Yosys passes, a fresh process each."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cost_models.gates.buffers import is_buffer, is_gate, is_inverter, with_buffers
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER, MULTIPLIERS
from cost_models.gates.netlist import Netlist, read_netlist
from cost_models.gates.static_timing import smallest_flip_flop
from cost_models.liberty.full_adders import FULL_ADDERS, full_adder, full_adder_map
from cost_models.liberty.liberty_cells import Cell, Library
from cost_models.liberty.liberty_left_out import PLAIN_NAME
from cost_models.liberty.liberty_reader import Files, make_library, read_files
from cost_models.liberty.mapping_library import mapping_library
from cost_models.sources.source import VERILOG, Source
from simulator.rtl.verilog_tokens import canonical_verilog
from workloads.errors import LimenError, pip_command, printable
from workloads.host.caches import say
from workloads.host.children import run_child
from workloads.host.scratch import scratch_folder

PACKAGES = Path(__file__).parents[2]

UNIT_FILE = "unit.v"
"""Name of the text of a source beside its files."""

BEFORE = ["proc", "flatten", "memory", "opt -full", "wreduce", "peepopt", "opt_clean"]
LOGIC = ["alumacc", "opt", "techmap", "opt -full"]
CELLS = ["read_liberty -lib -ignore_miss_func library.lib"]
EXTRACT = ["extract_fa -fa", "techmap -map full_adder.v", "techmap", "opt"]
"""Full adders that the tree of partial products has anyway, as the library's cells; `abc` maps what is between."""

MAP = [
    "dfflibmap -liberty library.lib{enabled}",
    "opt",
    "abc -liberty library.lib{avoid}",
]
FINISH = ["opt_clean -purge"]
BUFFERED = (
    "+strash;&get,-n;&fraig,-x;&put;scorr;dc2;dch,-f;&nf;&put;topo;buffer,-c,-p,-N,16;topo;upsize;dnsize;stime,-p"
)
"""Yosys' own mapping, then buffers at most 16 pins apart and sizing. PEs have no wide nets and are mapped without."""

LARGE = "+strash;&get,-n;&nf;&put;topo;buffer,-c,-p,-N,16;topo;upsize;dnsize;stime,-p"
"""The same without looking for equal and for better logic, which takes the longer the larger a netlist is."""


FLIP_FLOP = "flip-flop with a positive clock edge and plain data"
NEEDED: dict[str, Callable[[Cell], bool]] = {
    "buffer": is_buffer,
    "inverter": is_inverter,
    "gate of two inputs, such as nand or nor": is_gate,
    FLIP_FLOP: lambda cell: cell.flip_flop is not None,
}
"""What every netlist takes from a kit."""

MOST_REASONS = 3


@dataclass(frozen=True)
class Kit:
    """A library ready for synthesis: parsed, written beside the jobs, and identified by its files' contents.

    liberty: its files. path: what the tools read of them.
    """

    cells: Library
    liberty: tuple[Path, ...]
    path: Path
    digest: str


def open_kit(liberty: Files, scratch: Path) -> Kit:
    """Read a kit's .lib or .lib.gz files, and write into `scratch` what is mapped to.

    Raises:
        LimenError: as `read_library`, or a kit that can't be mapped to.
    """
    files = read_files(liberty)
    library = make_library(files)
    for kind, is_kind in NEEDED.items():
        if not any(is_kind(cell) for cell in library.cells.values()):
            paths = ", ".join(str(file.path) for file in files)
            clocked = {group.arguments[0] for file in files for group in file.cells if group.named("ff")}
            reasons = [
                f"{name}: {reason}"
                for name, reason in library.left_out.items()
                if (name in clocked) == (kind == FLIP_FLOP)
            ]
            left_out = f"; left out: {'; '.join(reasons[:MOST_REASONS])}" if reasons else ""
            raise LimenError(f"{paths}: holds no {kind}; mapping needs one{left_out}")
    path = scratch / "library.lib"
    path.write_text(mapping_library(files, library), encoding="utf-8")
    digest = hashlib.sha256("".join(file.text for file in files).encode()).hexdigest()
    return Kit(library, tuple(file.path for file in files), path, digest)


def say_notes(kit: Kit) -> None:
    """Say what of a kit's full adder and flip-flop isn't followed: no other cell of several outputs is mapped to."""
    for cell in (full_adder(kit.cells), smallest_flip_flop(kit.cells)):
        if cell and cell.notes():
            say(printable(f"{', '.join(map(str, kit.liberty))}: cell {cell.name}: {'; '.join(cell.notes())}"))


def tool_versions() -> str:
    """Return what the rows of a table are made with. Raises LimenError where the extra is missing."""
    if importlib.util.find_spec("pyosys") is None:
        raise LimenError(f"pyosys is not installed: {pip_command('synth')}")
    return f"pyosys {importlib.metadata.version('pyosys')}"


def passes(kit: Kit, source: Source, multiplier: str) -> list[str]:
    """Return the Yosys passes after reading, up to the mapped netlist."""
    parameters = "".join(f" -chparam {name} {value}" for name, value in source.parameters.items())
    top = f"hierarchy -check -top {source.top}{parameters}"
    if multiplier == FULL_ADDERS:
        steps = [*CELLS, top, *BEFORE, *LOGIC, *EXTRACT, *MAP, *FINISH]
    else:
        steps = [top, *BEFORE, *MULTIPLIERS[multiplier], *LOGIC, *MAP, *FINISH]
    script = LARGE if source.large else BUFFERED
    return avoiding(kit, steps, f" -script {script}" if source.buffered else "")


def avoiding(kit: Kit, steps: Sequence[str], options: str = "") -> list[str]:
    """Return passes that leave alone the cells left out; options: what else `abc` is told."""
    # The tools have none of these cells; but which are left out is part of what identifies a netlist.
    avoid, enabled = (
        "".join(f" -dont_use {name}" for name in names if PLAIN_NAME.fullmatch(name))
        for names in (kit.cells.left_out, kit.cells.enabled)
    )
    return [step.replace("{avoid}", avoid + options).replace("{enabled}", enabled) for step in steps]


def fingerprint(kit: Kit, source: Source, multiplier: str) -> str:
    """Return 16 hex digits over Verilog's tokens, library and recipe."""
    digest = hashlib.sha256(kit.digest.encode())
    digest.update("\n".join(canonical_files(source).values()).encode())
    digest.update("\n".join(passes(kit, source, multiplier)).encode())
    return digest.hexdigest()[:16]


def canonical_files(source: Source) -> dict[str, str]:
    """Return the files that Yosys reads, by name: Verilog's tokens, so that netlist and hash are of the same text.

    Yosys names what has no name after its line, and orders by name: the files themselves would give other netlists
    with a comment more.
    """
    texts = {name: (VERILOG / name).read_text(encoding="utf-8") for name in source.files} | {UNIT_FILE: source.text}
    return {name: canonical_verilog(text) for name, text in texts.items()}


def synthesise(kit: Kit, source: Source, multiplier: str = DEFAULT_MULTIPLIER) -> Netlist:
    """Return the mapped netlist of `source`.

    Raises:
        LimenError: pyosys is missing, or Yosys refuses; its first error line is in the message.
    """
    files = canonical_files(source)
    document = run_mapping(kit, [read_verilog(files), *passes(kit, source, multiplier)], files, source.top)
    netlist = read_netlist(document, top_module(document, source.top), kit.cells)
    return with_buffers(netlist, kit.cells) if source.buffered else netlist


def read_verilog(files: Iterable[str]) -> str:
    """Return the pass that reads files, in this order."""
    return f"read_verilog {' '.join(files)}"


def run_mapping(kit: Kit, commands: Sequence[str], files: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return the design that passes leave, as Yosys' JSON: `files`, library.lib and full_adder.v lie beside them.

    Raises:
        LimenError: pyosys is missing, or Yosys refuses `name`; its first error line is in the message.
    """
    tool_versions()
    with scratch_folder() as scratch:
        (scratch / "library.lib").symlink_to(kit.path)
        adder = full_adder(kit.cells)
        if adder is not None:
            (scratch / "full_adder.v").write_text(full_adder_map(adder), encoding="utf-8")
        return run_yosys(commands, files, name, scratch)


def run_yosys(commands: Sequence[str], files: Mapping[str, str], name: str, scratch: Path) -> dict[str, Any]:
    """Return the design that passes leave, as Yosys' JSON; they run in the folder `scratch`, netlist.json stays there.

    Raises:
        LimenError: Yosys refuses `name`; its first error line is in the message.
    """
    # Yosys names nets after file names and orders by name: relative paths make results independent of the folder.
    for file, text in files.items():
        (scratch / file).write_text(text, encoding="utf-8")
    # Yosys names the library to abc by an absolute path, and abc stumbles over signs in it that no folder of ours has.
    here = [command.replace("abc -liberty ", "abc -liberty /proc/self/cwd/") for command in commands]
    job = {"passes": [*here, "write_json netlist.json"]}
    (scratch / "job.json").write_text(json.dumps(job), encoding="utf-8")
    environment = {**os.environ, "YOSYS_MAX_THREADS": "1", "PYTHONPATH": str(PACKAGES)}
    command = [sys.executable, "-m", "cost_models.gates.synthesis_worker", str(scratch / "job.json")]
    outcome = run_child(command, scratch, environment)
    if outcome.returncode or not (scratch / "netlist.json").is_file():
        raise LimenError(f"synthesis of {name}: {_complaint(outcome.stdout + outcome.stderr, scratch)}")
    try:
        document: dict[str, Any] = json.loads((scratch / "netlist.json").read_text(encoding="utf-8"))
    except ValueError:  # Yosys doesn't look whether its writing succeeds
        raise LimenError(f"synthesis of {name}: the netlist is cut short: is the disk of {scratch} full?") from None
    return document


def _complaint(log: str, scratch: Path) -> str:
    """Return the first error line of Yosys, with what ABC said last of its own, and no temporary path."""
    lines = log.replace(f"{scratch}{os.sep}", "").splitlines()
    errors = [line for line in lines if "ERROR" in line]
    mapping = [line for line in lines if line.startswith("ABC: ") and re.search(r"\b(Error|Assertion)\b", line)]
    return "; ".join([*errors[:1], *mapping[-1:]]) or "Yosys stopped without a word"


def top_module(document: dict[str, Any], top: str) -> str:
    """Return the name that Yosys gave a top with parameters."""
    return next(
        name
        for name, module in document["modules"].items()
        if name == top or (top in name and "top" in module["attributes"])
    )
