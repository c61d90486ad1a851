"""Machines of a Dask cluster as an executor of `concurrent.futures`."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from workloads.errors import LimenError, pip_command, shown

ADDRESS = re.compile(r"(tcp|tls)://[^/\s]+:[0-9]+")
"""Of a scheduler."""

REACHED_WITHIN_S = 10
"""How long to wait for the scheduler's first answer."""


class _Cluster(Executor):
    """A client's cluster. Dask's own executor never answers where a scheduler goes while a result is under way."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Hand over a call."""
        future: Future[Any] = Future()
        task = self._client.submit(work, *arguments, pure=False, **named)
        task.add_done_callback(lambda done: _answer(future, done))
        future.add_done_callback(lambda given: task.cancel() if given.cancelled() else None)
        return future


def _answer(future: Future[Any], done: Any) -> None:
    """Give a future what came of its task."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = done.result()
    except LimenError as error:
        future.set_exception(error)
    except BaseException as error:  # whatever ends tasks, asyncio's CancelledError, too
        future.set_exception(LimenError(f"dask: a block was lost: {type(error).__name__}: {error}"))
    else:
        future.set_result(result)


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Yield an executor of the cluster whose scheduler has this address, tcp://HOST:PORT say.

    Raises LimenError: Dask isn't installed, or nobody answers.
    """
    if find_spec("distributed") is None:
        raise LimenError(f"dask: needs distributed, not installed: {pip_command('dask')}")
    if not ADDRESS.fullmatch(address):
        raise LimenError(f"dask: {shown(address)} is not allowed: a scheduler's address, tcp://HOST:PORT")
    from distributed import Client

    # It tells of each worker and scheduler that is gone, over and over; the end is told by our line.
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=REACHED_WITHIN_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise LimenError(f"dask: {shown(address)} can't be reached: {error}") from None
    try:
        yield _Cluster(client)
    finally:
        client.close(timeout=1)
