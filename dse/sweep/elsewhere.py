"""Blocks of a sweep evaluated by any executor of `concurrent.futures`: of a cluster's machines, say."""

from __future__ import annotations

import platform
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from itertools import islice
from threading import Lock

from dse.sweep.block_rows import BlockResult, Task, evaluate_block, start
from dse.sweep.record import key_of_sweep
from workloads.errors import LimenError

IN_FLIGHT = 256
"""Blocks handed over at a time: results wait here for their turn, megabytes each."""

_one_at_a_time = Lock()
_started: list[tuple[Task, str]] = []
"""What this process was made ready for."""


def evaluate_elsewhere(
    executor: Executor, task: Task, key: str, todo: Sequence[int]
) -> Generator[tuple[int, BlockResult]]:
    """Yield (block, what came of it) as they come. Close the iterator: blocks that nobody has begun are dropped.

    key: of the sweep (see `key_of_sweep`), which must be the same wherever a block is evaluated.

    Raises LimenError: a block is refused where it is evaluated, or the executor fails.
    """
    left = iter(todo)
    under_way: dict[Future[BlockResult], int] = {}
    try:
        while True:
            for block in islice(left, IN_FLIGHT - len(under_way)):
                under_way[executor.submit(_evaluate, task, key, block)] = block
            if not under_way:
                break
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                yield under_way.pop(future), future.result()
    except LimenError:
        raise
    except (Exception, CancelledError) as error:  # whatever an executor that we don't know raises
        raise LimenError(f"executor: {type(executor).__name__}: {type(error).__name__}: {error}") from None
    finally:
        for future in under_way:
            future.cancel()


def _evaluate(task: Task, key: str, block: int) -> BlockResult:
    """Evaluate a block on whichever machine this is, one at a time: a cluster's process may have several threads."""
    with _one_at_a_time:
        if _started != [(task, key)]:
            if key_of_sweep(task.workload, task.costs) != key:
                raise LimenError(
                    f"executor: {platform.node()} has another program, workload, data or cost table than this machine"
                )
            start(task)
            _started[:] = [(task, key)]
        return evaluate_block(block)
