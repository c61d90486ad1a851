"""Registers as records: every field an int64 under the Verilog's name, reached by kernels and by Python alike."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import numpy as np


def record_type(*names: str, **lengths: int) -> np.dtype:
    """Return a record of integers by these names, and of rows of so many integers."""
    # Where kernels run uncompiled, numpy's own records look a field up six times as slowly as a property does.
    class_fields = {name: property(itemgetter(name), _setter(name)) for name in (*names, *lengths)}
    taken = [name for name in class_fields if hasattr(np.void, name)]
    assert not taken, f"{', '.join(taken)}: no name for a field"
    rows = [(name, np.int64, (length,)) for name, length in lengths.items()]
    kind = type("Record", (np.void,), class_fields)
    return np.dtype((kind, [*((name, np.int64) for name in names), *rows]))


def _setter(name: str) -> Any:
    def set_field(record: Any, value: int) -> None:
        record[name] = value

    return set_field


def new_record(kind: np.dtype) -> Any:
    """Return a record of zeros."""
    return np.zeros(1, kind)[0]
