"""The main memory of a point, in the words of axis `memory`."""

from __future__ import annotations

import re

from simulator.designs.memory import MOST_KIB, Memory

LEAST_SRAM = "sram"
"""On the chip, and as large as the workload needs: what evaluates a point makes it so small."""


def parse_memory(words: str) -> Memory:
    """Return the main memory that an axis's value names: `dram`, `sram` and its KiB, or `sram`, as large as may be.

    Raises:
        ValueError: other words, or a size that is not allowed.
    """
    match = re.fullmatch(rf"{LEAST_SRAM}(?: (\d{{1,5}}(?:\.\d{{1,9}})?))?", words)
    if words == "dram":
        return Memory()
    kib = float(match[1] or MOST_KIB) if match else 0
    if not 0 < kib <= MOST_KIB:
        raise ValueError(f"{words!r} is not allowed: dram, sram, or sram and its KiB, at most {MOST_KIB}: sram 64, say")
    return Memory(kind="sram", kib=kib)
