"""Proving an exported folder under Verilator: every word and every cycle compared."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simulator.export import MARKER
from simulator.toolchain import build_testbench, run_testbench
from workloads.errors import LimenError
from workloads.files import write_whole


@dataclass(frozen=True)
class Proof:
    """What the Verilog gave: output bits compared, cycles run, and how many words of memory or counts differ."""

    images: int
    layers: int
    words: int
    bits: int
    cycles: int
    mismatches: int


def read_facts(folder: Path) -> dict[str, Any]:
    """Return params.json of an exported folder. Raises LimenError where it isn't one."""
    try:
        facts = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        facts["layers"], facts["images"]
    except (OSError, ValueError, KeyError, TypeError):
        raise LimenError(f"{folder}: {MARKER}: missing or damaged; expected a folder written by limen export") from None
    return dict(facts)


def parse_summary(text: str) -> dict[str, int]:
    """Return the numbers of the testbench's last line."""
    words = text.strip().splitlines()[-1].split()
    return {name: int(value) for name, value in zip(words[1::2], words[2::2], strict=True)}


def verify(folder: Path, images: int | None = None) -> Proof:
    """Build and run the folder's testbench over its first `images` vectors (all by default).

    The proof is also written to proof.json in the folder.

    Raises:
        LimenError: not an exported folder, too many images, a tool missing, or a build that fails.
    """
    facts = read_facts(folder)
    images = facts["images"] if images is None else images
    if not 1 <= images <= facts["images"]:
        raise LimenError(f"{folder}: images: {images} is not allowed: 1 to {facts['images']}, as exported")
    program = build_testbench(folder)
    outcome = run_testbench(program, [str((folder / "vectors" / "vectors.txt").resolve()), "--images", str(images)])
    summary = parse_summary(outcome.stdout)
    bits = images * sum(layer["bits"] for layer in facts["layers"])
    proof = Proof(
        images=summary["images"],
        layers=len(facts["layers"]),
        words=summary["words"],
        bits=bits,
        cycles=summary["cycles"],
        mismatches=summary["wrong_words"] + summary["wrong_counts"],
    )
    write_whole(folder / "proof.json", (json.dumps(asdict(proof), indent=2) + "\n").encode())
    return proof
