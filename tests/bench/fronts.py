"""How long the front of many designs takes on one core: `make bench`. Four objectives; CPU seconds of one run each.

Rows anywhere in a cube, of which few are the front, and on a sphere, of which all are. Quadratic: by the definition. In
blocks: as a sweep finds it, the front of each block joined with that of the blocks before. `--rows 10000000` for other
numbers of rows in a cube; the memory is that of the whole process, at most, the rows included.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np

from dse.front.front import front_rows
from dse.sweep.block_rows import OpFront, joined
from dse.sweep.block_runs import cut
from tests.dse.quadratic_front import quadratic_front

QUADRATIC = 10_000
SHAPES = ("cube", "sphere")


def rows_of(shape: str, rows: int) -> np.ndarray:
    """Return random rows [rows, 4]."""
    random = np.random.default_rng(0)
    if shape == "cube":
        return random.random((rows, 4))
    outside = np.abs(random.normal(size=(rows, 4)))
    outside /= np.linalg.norm(outside, axis=1, keepdims=True)
    return outside


def in_blocks(better: np.ndarray) -> np.ndarray:
    """Return the numbers of the front's rows, as a sweep of so many points joins them."""
    blocks = cut(len(better))
    front = OpFront(np.empty(0, np.int64), np.empty((0, better.shape[1])), [])
    for block in range(blocks.count):
        numbers = np.array(blocks.numbers(block))
        kept = numbers[front_rows(better[numbers])]
        front = joined(front, OpFront(kept, better[kept], [""] * len(kept)))
    return front.numbers


def timed(front: Callable[[np.ndarray], np.ndarray], better: np.ndarray) -> tuple[np.ndarray, float]:
    """Return what a function gives of rows, and the CPU seconds it took."""
    start = time.process_time()
    found = front(better)
    return found, time.process_time() - start


def most_mib() -> float:
    """Return the most memory that this process has had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=(), help="of a cube, instead of those of both shapes")
    arguments = parser.parse_args()
    front_rows(rows_of("cube", 10))  # compiles
    sizes = [("cube", rows) for rows in arguments.rows] or [
        (shape, rows) for rows in (QUADRATIC, 100_000, 1_000_000) for shape in SHAPES
    ]
    print(f"{'':6} {'rows':>10} {'the front':>10} {'seconds':>9} {'in blocks':>10} {'quadratic':>10}")
    for shape, rows in sizes:
        better = rows_of(shape, rows)
        keep, whole = timed(front_rows, better)
        slow = f"{timed(quadratic_front, better)[1]:10.2f}" if rows == QUADRATIC else ""
        blockwise = f"{timed(in_blocks, better)[1]:10.3f}" if shape == "cube" else f"{'':10}"
        print(f"{shape:6} {rows:10} {int(keep.sum()):10} {whole:9.3f} {blockwise} {slow}")
    print(f"{most_mib():.0f} MiB of memory at most")


if __name__ == "__main__":
    main()
