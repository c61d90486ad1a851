"""The ops that there are: Limen's own four, and those that a program registers for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from workloads.ops.adder import ADDER
from workloads.ops.mac import MAC
from workloads.ops.names import OPS
from workloads.ops.operation import Operation
from workloads.ops.shift import SHIFT
from workloads.ops.threshold import THRESHOLD

_ROOMS: dict[str, Operation] = {room.name: room for room in (THRESHOLD, MAC, ADDER, SHIFT)}
assert tuple(_ROOMS) == OPS


def operation(op: str) -> Operation:
    """Return the room of an op that is known."""
    return _ROOMS[op]


def known_ops() -> tuple[str, ...]:
    """Return the names of all ops, in the order of tables."""
    return tuple(_ROOMS)


@contextmanager
def registered(room: Operation) -> Iterator[Operation]:
    """Have one op more while this is open, in this process."""
    assert room.name not in _ROOMS, f"op {room.name} is there already"
    _ROOMS[room.name] = room
    try:
        yield room
    finally:
        del _ROOMS[room.name]
