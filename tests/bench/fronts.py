"""How long the front of many designs takes on one core: `make bench`. Four objectives; CPU seconds of one run each.

Rows anywhere in a cube, of which few are the front, and on a sphere, of which all are. Quadratic: by the definition.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from dse.study.front import front_rows
from tests.dse.quadratic_front import quadratic_front

QUADRATIC = 10_000


def seconds(front: Callable[[np.ndarray], np.ndarray], better: np.ndarray) -> float:
    start = time.process_time()
    front(better)
    return time.process_time() - start


def main() -> None:
    random = np.random.default_rng(0)
    seconds(front_rows, random.random((10, 4)))  # compiles
    print(f"{'rows':>10} {'of them the front':>18} {'seconds':>9} {'quadratic':>10}")
    for rows in (QUADRATIC, 100_000, 1_000_000):
        anywhere = random.random((rows, 4))
        outside = np.abs(random.normal(size=(rows, 4)))
        for better in (anywhere, outside / np.linalg.norm(outside, axis=1, keepdims=True)):
            slow = f"{seconds(quadratic_front, better):10.2f}" if rows == QUADRATIC else ""
            print(f"{rows:10} {int(front_rows(better).sum()):18} {seconds(front_rows, better):9.3f} {slow}")


if __name__ == "__main__":
    main()
