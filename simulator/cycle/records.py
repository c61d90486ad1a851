"""Registers as records: every field an int64 under the Verilog's name, reached by kernels and by Python alike."""

from __future__ import annotations

import numpy as np


def record_type(*names: str, **lengths: int) -> np.dtype:
    """Return a record of integers by these names, and of rows of so many integers."""
    # A record has some names of its own, such as `flags` and `base`, which win where kernels run uncompiled.
    taken = [name for name in (*names, *lengths) if hasattr(np.record, name)]
    assert not taken, f"{', '.join(taken)}: no name for a field"
    rows = [(name, np.int64, (length,)) for name, length in lengths.items()]
    return np.dtype((np.record, [*((name, np.int64) for name in names), *rows]))


def new_record(kind: np.dtype) -> np.record:
    """Return a record of zeros."""
    return np.zeros(1, kind)[0]
