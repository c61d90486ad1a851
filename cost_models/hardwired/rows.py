"""Rows of hard-wired blocks: made, kept in the table as they come, and compared again."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cost_models.derive.table_rows import how
from cost_models.fpga import fpga
from cost_models.gates.synthesis import Kit, open_kit, tool_versions
from cost_models.hardwired.block import adders, blocks, source, windows_of_image
from cost_models.hardwired.measure import Figures, fpga_digest, library_digest, on_fpga, on_library
from cost_models.hardwired.table import FAMILY, LIBRARIES, STRUCTURE, Block, Row, read_rows
from simulator.hardwired.from_da4ml import check_installed
from simulator.hardwired.trees import TREES
from simulator.rtl.verilog_tokens import canonical_verilog
from workloads.host.files import check_writable, write_whole
from workloads.host.scratch import scratch_folder
from workloads.host.text_tables import csv_text

UNITS = {"um2": "um2", "nw": "nW", "ns": "ns", "pj": "pJ"}

Progress = Callable[[str, int, int], None]
"""Called with (target, blocks done, blocks in all)."""


@dataclass(frozen=True)
class Counted:
    """What a block's additions are, on no target."""

    name: str = STRUCTURE
    method: str = "counted"
    versions: str = ""

    def how(self, quantity: str) -> str:
        return ", its graph of additions"

    def measure(self, block: Block) -> Figures:
        logic, window = adders(block), adders(block).window
        counts = {
            "windows_of_an_image": windows_of_image(block),
            "inputs": window.inputs,
            "synapses": window.synapses,
            "dropped": window.dropped,
            "folded": window.folded,
            "features": len(window.features),
            "additions": logic.adds,
            "adder_bits": logic.adder_bits,
        }
        return Figures({name: float(count) for name, count in counts.items()}, "", self.digest(block, ""))

    def digest(self, block: Block, recipe: str) -> str:
        return hashlib.sha256(canonical_verilog(source(block).text).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class OnLibrary:
    """A library to measure blocks on. name: as its rows have it."""

    name: str
    kit: Kit
    method: str = "synthesis"

    @property
    def versions(self) -> str:
        return tool_versions()

    def how(self, quantity: str) -> str:
        return f" on {self.kit.cells.name}, {how(quantity)}"

    def measure(self, block: Block) -> Figures:
        return on_library(block, self.kit)

    def digest(self, block: Block, recipe: str) -> str:
        return library_digest(block, self.kit, recipe)


@dataclass(frozen=True)
class OnFpga:
    """An FPGA to put blocks on."""

    name: str
    method: str = "synthesis"

    @property
    def versions(self) -> str:
        return fpga.tools(self.name)

    def how(self, quantity: str) -> str:
        ways = {"xc7": "synth_xilinx, netlist cells", "ecp5": "synth_ecp5, nextpnr out of context, its median clock"}
        return f" on {self.name}, {ways[self.name]}"

    def measure(self, block: Block) -> Figures:
        return on_fpga(block, self.name)

    def digest(self, block: Block, recipe: str) -> str:
        return fpga_digest(block, self.name, recipe) if recipe in TREES else ""  # of an earlier version


Target = Counted | OnLibrary | OnFpga


@contextmanager
def opened(kits: Mapping[str, Path], fpgas: Sequence[str]) -> Iterator[list[Target]]:
    """Yield the targets: what is counted, libraries by the names their rows have, FPGAs. Raises LimenError."""
    with scratch_folder() as scratch:
        found: list[Target] = [Counted()]
        for name, path in kits.items():
            (scratch / name).mkdir()
            found.append(OnLibrary(name, open_kit([path], scratch / name)))
        yield [*found, *(OnFpga(name) for name in fpgas)]


def build(out: Path, targets: Sequence[Target], chosen: Sequence[Block], progress: Progress | None = None) -> int:
    """Measure blocks, put their rows into the table `out`, and return how many blocks were measured.

    Rows that are there already with the hash of today stay. The table is written after each block, so that a build that
    was stopped goes on where it was.

    Raises:
        LimenError: a missing extra, a netlist that computes something else, or a table that can't be written.
    """
    check_writable(out.absolute().parent)
    if any(block.form == "da4ml" for block in chosen):
        check_installed()
    stored = _by_block(read_rows(out) if out.exists() else [])
    made = 0
    for target in targets:
        for done, block in enumerate(chosen):
            if progress is not None:
                progress(target.name, done, len(chosen))
            rows = stored.get((block, target.name))
            if rows and rows[0].hash == target.digest(block, rows[0].recipe):
                continue
            stored[block, target.name] = _rows(block, target)
            made += 1
            write_whole(out, _text(stored).encode())
    return made


def check(targets: Sequence[Target], sample: int, seed: int) -> tuple[int, list[str]]:
    """Measure `sample` random stored blocks again; return how many rows were compared, and what differs."""
    names = [target.name for target in targets]
    stored = {key: rows for key, rows in _by_block(read_rows()).items() if key[1] in names}
    compared, wrong = 0, []
    for block, name in random.Random(seed).sample(list(stored), min(sample, len(stored))):
        again = {row.quantity: row for row in _rows(block, targets[names.index(name)])}
        for row in stored[block, name]:
            compared += 1
            now = again.get(row.quantity)
            if now is None or (now.value, now.hash) != (row.value, row.hash):
                value = "none" if now is None else f"{now.value}, hash {now.hash}"
                differs = f"{row.quantity}: the table has {row.value}, this machine gives {value}"
                wrong.append(f"{block.words} on {name}: {differs}")
    return compared, wrong


def _by_block(rows: Sequence[Row]) -> dict[tuple[Block, str], list[Row]]:
    stored: dict[tuple[Block, str], list[Row]] = {}
    for row in rows:
        stored.setdefault((row.block, row.target), []).append(row)
    return stored


def _text(stored: Mapping[tuple[Block, str], Sequence[Row]]) -> str:
    """Return the table: blocks of the catalogue in its order, target by target."""
    order = [STRUCTURE, *LIBRARIES, *fpga.TARGETS]
    places = {block: place for place, block in enumerate(blocks())}

    def place(key: tuple[Block, str]) -> tuple[int, str, int, str]:
        block, target = key
        known = order.index(target) if target in order else len(order)
        return known, target, places.get(block, len(places)), repr(block)

    return csv_text(Row._fields, [row for key in sorted(stored, key=place) for row in stored[key]])


def _rows(block: Block, target: Target) -> list[Row]:
    figures = target.measure(block)
    return [
        Row(
            FAMILY, block.op, str(block.x_bits), str(block.w_bits), block.layer, block.form, target.name,
            figures.recipe, quantity, f"{value:.6g}", UNITS.get(quantity.rsplit("_", 1)[-1], "count"), target.method,
            f"limen_hardwired_{block.layer}{target.how(quantity)}", target.versions, figures.digest,
        )
        for quantity, value in figures.values.items()
    ]  # fmt: skip
