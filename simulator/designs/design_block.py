"""`DesignBlock`: many fitted designs at once, as columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.designs.sizes import FittedSizes, Sizes
from workloads.ops.names import AND
from workloads.ops.registry import operation

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign


@dataclass(frozen=True)
class DesignBlock(FittedSizes):
    """Fields of designs, [designs] of int64, float64, bool or text: as those of `FittedDesign`.

    op: of PEs of several ops all of them, in their order, joined by AND.
    """

    rows: np.ndarray
    cols: np.ndarray
    dataflow: np.ndarray
    op: np.ndarray
    x_bits: np.ndarray
    w_bits: np.ndarray
    x_signed: np.ndarray
    acc_bits: np.ndarray
    polarity: np.ndarray
    pe_stages: np.ndarray
    zero_gating: np.ndarray
    overlap: np.ndarray
    matmul: np.ndarray
    ifmap_kib: np.ndarray
    filter_kib: np.ndarray
    ofmap_kib: np.ndarray
    operand_depth: np.ndarray
    channel_rows: np.ndarray
    feeder_width: np.ndarray
    port_bits: np.ndarray
    port_interval: np.ndarray
    memory_latency: np.ndarray
    on_chip: np.ndarray
    memory_kib: np.ndarray
    images_at_once: np.ndarray

    @cached_property
    def op_bits(self) -> np.ndarray:
        """Width of an op's result."""
        return for_each(_op_bits, self.op, self.x_bits, self.w_bits)

    @cached_property
    def polarity_bits(self) -> np.ndarray:
        """Bits of polarity beside a synapse in a PE."""
        return for_each(lambda ops: int(any(operation(op).polar for op in ops.split(AND))), self.op)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: np.ndarray) -> DesignBlock:
        """Return some of the designs, by a mask or by their places."""
        return DesignBlock(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @staticmethod
    def of(design: FittedDesign) -> DesignBlock:
        """Return a block of one design."""
        values = {field.name: getattr(design, field.name) for field in fields(DesignBlock)} | {
            "op": AND.join(design.ops)
        }
        return DesignBlock(**{name: np.array([value]) for name, value in values.items()})


# A block asks for the same arrays many times: it keeps them.
for _kind in (Sizes, FittedSizes):
    for _name, _size in vars(_kind).items():
        if isinstance(_size, property):
            _kept: Any = cached_property(_size.fget)  # type: ignore[arg-type]
            _kept.__set_name__(DesignBlock, _name)
            setattr(DesignBlock, _name, _kept)


def _op_bits(ops: str, x_bits: int, w_bits: int) -> int:
    rooms = [operation(op) for op in ops.split(AND)]
    return max(room.result_bits(x_bits, room.fitted_bits(w_bits)) for room in rooms)


def for_each(work_out: Callable[..., Any], *columns: np.ndarray) -> np.ndarray:
    """Return what a function gives of each row of some columns, worked out once for equal ones."""
    keys = list(zip(*(column.tolist() for column in columns), strict=True))
    known = {key: work_out(*key) for key in dict.fromkeys(keys)}
    return np.array([known[key] for key in keys])
