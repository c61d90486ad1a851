"""`Space`: the finite set of points of a study, which of them are valid, and who is next to whom."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

import numpy as np

from dse.study.study_spec import AS_NETWORK, MEMORY, OPTIONAL, SpaceSpec, parse_memory
from simulator.designs.design import Design
from workloads.networks.family import made_of

SHORT = {"pe_stages": "stages", "zero_gating": "gated", "x_signed": "signed", MEMORY: "", "polarity": ""}
"""What stands for an axis in a design's name, where it isn't the first word of it."""

DEFAULTS = {
    **{name: Design.model_fields[name].default for name in OPTIONAL},
    **{MEMORY: "dram", "polarity": AS_NETWORK, "x_signed": AS_NETWORK},
}
LABELS = [(SHORT.get(name, name.split("_")[0]), DEFAULTS[name]) for name in OPTIONAL]
"""Of the last coordinates: how a design's name calls them, and their defaults."""

RANDOM_TRIES = 64
"""Random draws before an unseen point is searched for in order: nearly all succeed while a tenth is unseen."""

Value = str | int | float


class Coordinates(NamedTuple):
    """One point of the space: op, widths, dataflow, array, and the axes of `OPTIONAL`, see `SpaceSpec`.

    polarity, x_signed, acc_policy: in words; acc_policy: or the width of accumulators, as text.
    """

    op: str
    x_bits: int
    w_bits: int
    dataflow: str
    rows: int
    cols: int
    ifmap_kib: float
    filter_kib: float
    ofmap_kib: float
    operand_depth: int
    feeder_width: int
    port_bits: int
    memory: str = "dram"
    pe_stages: int = 1
    zero_gating: bool = False
    overlap: bool = False
    images_at_once: int = 1
    polarity: str = AS_NETWORK
    x_signed: str = AS_NETWORK
    acc_policy: str = "format"
    matmul: bool = False

    @property
    def key(self) -> str:
        """The design's name, the same in every study; optional axes where they aren't the default."""
        name = f"{self.op}-x{self.x_bits}-w{self.w_bits}-{self.dataflow}-{self.rows}x{self.cols}"
        for value, (label, default) in zip(self[-len(LABELS) :], LABELS, strict=True):
            if value != default:
                name += f"-{label}{value.replace(' ', '') if isinstance(value, str) else format(value, 'g')}"
        return name

    def fields(self) -> dict[str, Any]:
        """Return the fields of a Design that the point decides, as they are there: a mix of ops as fused PEs.

        Polarity and sign are left out where they are the workload's.
        """
        op, *extra = made_of(self.op)
        fields = {**self._asdict(), "op": op, MEMORY: parse_memory(self.memory)}
        if extra:
            fields["extra_ops"] = extra
        if self.polarity == AS_NETWORK:
            del fields["polarity"]
        if self.x_signed == AS_NETWORK:
            del fields["x_signed"]
        else:
            fields["x_signed"] = self.x_signed == "true"
        if self.acc_policy.isdigit():
            fields["acc_bits"] = int(fields.pop("acc_policy"))
        return fields


class Space:
    """All combinations of a `SpaceSpec` whose (op, x_bits, w_bits) the workload gives.

    formats: the valid (op, x_bits, w_bits), each once, in the order of the space.
    """

    def __init__(self, spec: SpaceSpec, formats: Iterable[tuple[str, int, int]]) -> None:
        axes: dict[str, list[Value]] = {
            "op": list(spec.op),
            "x_bits": list(spec.bits.x),
            "w_bits": [] if spec.bits.w == "same" else list(spec.bits.w),
            "dataflow": list(spec.dataflow),
            "rows": list(spec.rows),
            "cols": list(spec.cols),
        }
        axes |= {name: list(getattr(spec, name)) for name in OPTIONAL}
        self.axes = {name: values for name, values in axes.items() if values}
        self._formats = tuple(formats)
        self._format_set = frozenset(self._formats)
        self._machine = [self.axes[name] for name in ("dataflow", "rows", "cols", *OPTIONAL)]
        self.size = len(self._formats) * math.prod(map(len, self._machine))

    def at(self, parameters: dict[str, Value]) -> Coordinates:
        """Return the point of a sampler's parameters, one per axis; `w: same` has no axis of its own."""
        filled = {"w_bits": parameters["x_bits"], **parameters}
        return Coordinates(**filled)  # type: ignore[arg-type]

    def points(self, numbers: range) -> list[Coordinates]:
        """Return the points of these numbers, from 0 to `size` - 1.

        A point's number is its place in the order of the space: formats of op, x_bits and w_bits as `formats` has them,
        then dataflow, rows, cols and `OPTIONAL`, each in the order of its values; the last changes first.
        """
        axes: list[Sequence[Any]] = [self._formats, *self._machine]
        at = np.unravel_index(np.asarray(numbers, dtype=np.int64), [len(values) for values in axes])
        columns = [[values[index] for index in indexes.tolist()] for values, indexes in zip(axes, at, strict=True)]
        return [Coordinates(*form, *machine) for form, *machine in zip(*columns, strict=True)]

    def valid(self, point: Coordinates) -> bool:
        return (point.op, point.x_bits, point.w_bits) in self._format_set

    def unseen(self, parameters: dict[str, Value], seen: set[str], random: Random) -> dict[str, Value]:
        """Return `parameters`, or where that point is invalid or seen one that is neither.

        First any that differs in one axis, at random; if there is none, any of the space, at random.
        At least one valid point must be unseen.
        """
        if self._free(parameters, seen):
            return parameters
        beside = [other for other in self._neighbours(parameters) if self._free(other, seen)]
        if beside:
            return random.choice(beside)
        for _ in range(RANDOM_TRIES):
            anywhere = {name: random.choice(values) for name, values in self.axes.items()}
            if self._free(anywhere, seen):
                return anywhere
        return random.choice([other for other in self._everything() if self._free(other, seen)])

    def _free(self, parameters: dict[str, Value], seen: set[str]) -> bool:
        point = self.at(parameters)
        return self.valid(point) and point.key not in seen

    def _neighbours(self, parameters: dict[str, Value]) -> Iterator[dict[str, Value]]:
        for name, values in self.axes.items():
            for value in values:
                if value != parameters[name]:
                    yield {**parameters, name: value}

    def _everything(self) -> Iterator[dict[str, Value]]:
        for values in itertools.product(*self.axes.values()):
            yield dict(zip(self.axes, values, strict=True))
