"""`Blocks`: how a range of numbers is cut, and their evaluation one by one or in processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass
from numbers import Integral
from typing import Any, TypeVar

from workloads.errors import LimenError, shown
from workloads.host.children import run_in_workers

Result = TypeVar("Result")

MOST_IN_A_BLOCK = 1 << 13
"""Rows of a block: some megabytes, and seconds of work."""

LEAST_IN_A_BLOCK = 1 << 6
BLOCKS = 1 << 6
"""Blocks that a range is cut into where it is neither small nor large."""

WORTH_PROCESSES = 1 << 13
"""Rows that take longer than processes take to start."""

MOST_PROCESSES = 1024
"""Of a run: each takes a third of a gigabyte."""


@dataclass(frozen=True)
class Blocks:
    """Numbers from 0 to `rows` - 1 in blocks of `size`, the last as long as it gets."""

    rows: int
    size: int

    @property
    def count(self) -> int:
        return -(-self.rows // self.size)

    def numbers(self, block: int) -> range:
        """Return the numbers in a block."""
        return range(block * self.size, min((block + 1) * self.size, self.rows))


def cut(rows: int) -> Blocks:
    """Return the blocks of so many rows: the same on any machine, so that a sweep may go on on another."""
    return Blocks(rows, min(max(-(-rows // BLOCKS), LEAST_IN_A_BLOCK), MOST_IN_A_BLOCK))


def check_jobs(jobs: int | None, executor: Executor | None) -> None:
    """Raise LimenError for jobs that are no number of processes, or beside an executor in their place."""
    if jobs is None:
        return
    if not isinstance(jobs, Integral) or not 1 <= jobs <= MOST_PROCESSES:
        raise LimenError(f"jobs: {shown(jobs)} is not allowed: an integer from 1 to {MOST_PROCESSES:,}")
    if executor is not None:
        raise LimenError(f"jobs: {jobs} is not allowed beside an executor, which has processes of its own")


def processes(rows: int, jobs: int | None) -> int:
    """Return how many processes evaluate so many rows: what is asked for, by default one a core, or where there is
    little to do this one."""
    if jobs is not None:
        return jobs
    return len(os.sched_getaffinity(0)) if rows >= WORTH_PROCESSES else 1


def evaluate_blocks(
    todo: Iterable[int],
    jobs: int,
    start: Callable[..., None],
    arguments: tuple[Any, ...],
    work: Callable[[int], Result],
) -> Generator[tuple[int, Result]]:
    """Yield (block, work(block)) as they come; each of so many processes, or this one, calls start(*arguments) first.

    todo: is asked for a block when somebody can work on it. Close the iterator.

    Raises LimenError as `run_in_workers` does.
    """
    if jobs == 1:
        start(*arguments)
        for block in todo:
            yield block, work(block)
        return
    with closing(run_in_workers(jobs, start, arguments, work, todo)) as results:
        yield from results
