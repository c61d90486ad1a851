"""Machines of a Dask cluster as an executor of `concurrent.futures`."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib.util import find_spec

from workloads.errors import LimenError, pip_command, shown

ADDRESS = re.compile(r"(tcp|tls)://[^/\s]+:[0-9]+")
"""Of a scheduler."""

REACHED_WITHIN_S = 10
"""How long to wait for the scheduler's first answer."""


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
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout=REACHED_WITHIN_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise LimenError(f"dask: {shown(address)} can't be reached: {error}") from None
    try:
        yield client.get_executor()
    finally:
        client.close(timeout=1)
