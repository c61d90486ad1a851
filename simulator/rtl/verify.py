"""Proving an exported folder under Verilator: every word and every cycle compared, by Limen's own testbench."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path

from simulator.rtl.export import HERE, MARKER, TESTBENCH, VECTORS, write_sources
from simulator.rtl.exported import ExportedFolder, read_exported
from simulator.rtl.kept_builds import kept_testbench
from simulator.rtl.proof import PROOF, Proof, keep_proof, kept_proof, write_report
from simulator.rtl.toolchain import IMAGE_DONE, BuildError, run_testbench, tool_versions
from workloads.errors import LimenError, check_kind
from workloads.host.caches import say
from workloads.host.progress import Progress
from workloads.host.scratch import scratch_folder

LOG = "build.log"
"""What the tools said, in a folder that can't be built."""


@dataclass(frozen=True)
class Report:
    """What the testbench prints, by name: counts of each layer (`vectors.COUNTED`), and the sums of the last line."""

    layers: tuple[dict[str, int], ...]
    summary: dict[str, int]


def read_report(text: str) -> Report:
    """Return the numbers the testbench printed: a line an image, a line a layer, then PASS or FAIL and the sums."""
    *lines, last = text.strip().splitlines()
    layers = [line for line in lines if not line.startswith(IMAGE_DONE)]
    _, _, sums = last.partition(" ")
    named = [line.removeprefix("layer ").partition(" ") for line in layers]
    return Report(tuple(_numbers(counts) for _, _, counts in named), _numbers(sums))


def _numbers(line: str) -> dict[str, int]:
    words = iter(line.split())
    return {name: int(value) for name, value in zip(words, words, strict=True)}


def verify(
    folder: str | Path, images: int | None = None, again: bool = False, progress: Progress | None = None
) -> Proof:
    """Compare what the folder's Verilog does with its first `images` vectors (all by default).

    Its Verilog, parameters and vectors are read once, checked and copied (`read_exported`); testbench and rules are
    Limen's own, so nothing in the folder is run but its hardware. The proof is also written to proof.json there, or,
    where that can't be, a line of the log says so. One that this user made before of the very same files, testbench and
    versions of tools is returned as it is, unless it is to be made `again`; any other goes first: where this one fails
    or is stopped, none is left that might be read as of what the folder holds now. A proof of other vectors or
    images, or made again, builds nothing where the same Verilog was built before (`kept_testbench`).

    Raises:
        LimenError: not an exported folder, too many images, a tool missing, or a build that fails.
    """
    check_kind("folder", folder, (str, Path), "a folder of limen export")
    folder = Path(folder)
    try:
        exported = read_exported(folder)
    except LimenError:
        if (folder / MARKER).is_file():  # else it is not ours
            remove_reports(folder)
        raise
    at_once = exported.design.images_at_once
    most = exported.images * at_once
    images = most if images is None else images
    check_kind("images", images, Integral, f"a whole number, 1 to {most}")
    if not 1 <= images <= most:
        raise LimenError(f"{folder}: images: {images} is not allowed: 1 to {most}, as exported")
    passes = -(-images // at_once)
    hashes = exported.sha256 | testbench_hashes(TESTBENCH)
    kept = None if again else kept_proof(folder, passes * at_once, hashes, tool_versions())
    if kept is not None:
        return kept
    summary = run_vectors(folder, exported.verilog, exported.vectors, TESTBENCH, passes, progress)
    return keep(folder, _proof(exported, summary, hashes))


def testbench_hashes(testbench: Mapping[str, str]) -> dict[str, str]:
    """Return the SHA-256 of a testbench's files by where they go in a folder."""
    return {
        name: hashlib.sha256((HERE / "testbench" / source).read_bytes()).hexdigest()
        for name, source in testbench.items()
    }


def run_vectors(
    folder: Path,
    verilog: dict[str, str],
    vectors: bytes,
    testbench: Mapping[str, str],
    passes: int,
    progress: Progress | None,
) -> dict[str, int]:
    """Build a folder's Verilog with a testbench of Limen's and return the sums it prints of so many passes.

    Earlier proofs in the folder go first. Raises LimenError where that can't be.
    """
    remove_reports(folder)
    with scratch_folder() as scratch:
        write_sources(scratch, verilog, testbench)
        (scratch / VECTORS).parent.mkdir()
        (scratch / VECTORS).write_bytes(vectors)
        program = _build(scratch, folder, progress)
        try:
            outcome = run_testbench(program, [str(scratch / VECTORS), "--images", str(passes)], progress)
        except LimenError as error:
            raise LimenError(f"{folder}: {error}") from None
    return read_report(outcome.stdout).summary


def keep(folder: Path, proof: Proof) -> Proof:
    """Write a proof into its folder, or say why not; return it."""
    try:
        keep_proof(folder, proof)
    except LimenError as error:
        say(f"{error}; nobody keeps this proof")
    return proof


def remove_reports(folder: Path) -> None:
    """Remove what an earlier proof left, links themselves and not what they name; say where that can't be."""
    for name in (PROOF, LOG):
        try:
            (folder / name).unlink()
        except OSError as error:
            if not os.path.lexists(folder / name) or (folder / name).is_dir():
                continue  # nothing that anybody reads as a proof
            say(f"{folder / name}: cannot be removed: {error.strerror}; it is of an earlier proof")


def _build(scratch: Path, folder: Path, progress: Progress | None) -> Path:
    try:
        return kept_testbench(scratch, progress)
    except BuildError as error:
        log, where = folder / LOG, ""
        with suppress(LimenError):  # a read-only folder keeps none
            write_report(log, error.words.encode())
            where = f" (all of it in {log})"
        raise LimenError(f"{folder}: {error}{where}") from None


def _proof(exported: ExportedFolder, summary: dict[str, int], hashes: dict[str, str]) -> Proof:
    return Proof(
        images=summary["images"] * exported.design.images_at_once,
        layers=len(exported.network.layers),
        words=summary["words"],
        bits=summary["images"] * exported.bits,
        cycles=summary["cycles"],
        mismatches=summary["wrong_words"] + summary["wrong_counts"],
        sha256=hashes,
        tools=tool_versions(),
    )
