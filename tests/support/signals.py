"""Signals of the process that runs the tests."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from dse.cli.ending import SIGNALS


@contextlib.contextmanager
def signals_kept() -> Iterator[None]:
    """A command that ends with a line ignores signals from then on; whoever runs the tests may still stop them.

    So may tests stop what they start: a program takes over what its parent ignores.
    """
    handlers = [(number, signal.getsignal(number)) for number in SIGNALS]
    try:
        yield
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
