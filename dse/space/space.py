"""`Space`: the finite set of points of a study, which of them are valid, and who is next to whom."""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

import numpy as np

from cost_models.table.operands import UNIFORM
from dse.space.conditions import apply_gating, has_polarity, has_sign
from dse.space.main_memory import parse_memory
from dse.space.study_spec import AS_NETWORK, BESIDE_DESIGN, MEMORY, OPTIONAL, SpaceSpec
from simulator.designs.design import Design
from workloads.networks.family import made_of

SHORT = {
    "pe_stages": "stages",
    "zero_gating": "gated",
    "x_signed": "signed",
    MEMORY: "",
    "polarity": "",
    "stream": "",
    "costs": "",
    "workload": "",
}
"""What stands for an axis in a design's name, where it isn't the first word of it."""

DEFAULTS = {
    **{name: Design.model_fields[name].default for name in OPTIONAL if name in Design.model_fields},
    **{MEMORY: "dram", "polarity": AS_NETWORK, "x_signed": AS_NETWORK, "stream": UNIFORM, "costs": "", "workload": ""},
}
FORMAT_AXES = ("op", "x_bits", "w_bits")
"""Axes on which it depends whether a point is one of the space, see `Space.valid`."""

APPLYING_AXES = ("op", "pe_stages", "zero_gating", "polarity", "x_signed")
"""Axes of which some don't apply to some points, see `applied`."""

LABELS = [(SHORT.get(name, name.split("_")[0]), DEFAULTS[name]) for name in OPTIONAL]
"""Of the last coordinates: how a design's name calls them, and their defaults."""

RANDOM_TRIES = 64
"""Random draws before an unseen point is searched for in order: nearly all succeed while a tenth is unseen."""

Value = str | int | float


class Coordinates(NamedTuple):
    """One point of the space: op, widths, dataflow, array, and the axes of `OPTIONAL`, see `SpaceSpec`.

    polarity, x_signed, acc_policy: in words; acc_policy: or the width of accumulators, as text. stream: the operands
    that PEs see, which are no matter of the design but of its price; likewise costs, its cost table, and workload, the
    one that it runs, by their titles: "" where they are no axes.
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
    stream: str = UNIFORM
    costs: str = ""
    workload: str = ""

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
        for name in BESIDE_DESIGN:
            del fields[name]
        if self.polarity == AS_NETWORK:
            del fields["polarity"]
        if self.x_signed == AS_NETWORK:
            del fields["x_signed"]
        else:
            fields["x_signed"] = self.x_signed == "true"
        if self.acc_policy.isdigit():
            fields["acc_bits"] = int(fields.pop("acc_policy"))
        return fields


def columns_of(spec: SpaceSpec) -> list[str]:
    """Return the fields of `Coordinates` that tables of a study have: all but axes that nobody chooses on."""
    return [name for name in Coordinates._fields if name not in ("costs", "workload") or getattr(spec, name)]


def applied(point: Coordinates) -> Coordinates:
    """Return the point with what doesn't apply to its op or stages as if it weren't there: the name of its design."""
    return point._replace(
        zero_gating=apply_gating(point.op, point.pe_stages, point.zero_gating),
        polarity=point.polarity if has_polarity(point.op) else AS_NETWORK,
        x_signed=point.x_signed if has_sign(point.op) else AS_NETWORK,
    )


class Space:
    """All combinations of a `SpaceSpec` whose (op, x_bits, w_bits) the workload gives.

    Points that differ in nothing but values that don't apply to them are one point, see `applied`.

    formats: the valid (op, x_bits, w_bits), each once, in the order of the space.
    axes: the values of every axis. free: of those with more than one, which are a sampler's parameters.
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
        axes |= {name: list(getattr(spec, name)) or [DEFAULTS[name]] for name in OPTIONAL}
        self.axes = {name: values for name, values in axes.items() if values}
        self.free = {name: values for name, values in self.axes.items() if len(values) > 1}
        self._fixed = {name: values[0] for name, values in self.axes.items() if len(values) == 1}
        self._spec = spec
        self._formats = tuple(formats)
        self._format_set = frozenset(self._formats)
        self._machines = {op: self._machine(op) for op, _, _ in self._formats}
        sizes = [math.prod(map(len, self._machines[op])) for op, _, _ in self._formats]
        self._ends = list(itertools.accumulate(sizes))
        self.size = sum(sizes)

    def _machine(self, op: str) -> list[list[tuple[Any, ...]]]:
        """Return the values of dataflow, rows, cols and `OPTIONAL` that an op's points have, those that apply.

        Stages and zero gating are one axis of pairs.
        """
        axes: dict[str, list[tuple[Any, ...]]] = {
            name: [(value,) for value in self.axes[name]] for name in ("dataflow", "rows", "cols", *OPTIONAL)
        }
        for name, has in (("polarity", has_polarity), ("x_signed", has_sign)):
            if not has(op):
                axes[name] = [(AS_NETWORK,)]
        pairs = itertools.product(self._spec.pe_stages, self._spec.zero_gating)
        axes["pe_stages"] = [*dict.fromkeys((stages, apply_gating(op, stages, gated)) for stages, gated in pairs)]
        del axes["zero_gating"]
        return [*axes.values()]

    def at(self, parameters: dict[str, Value]) -> Coordinates:
        """Return the point of a sampler's parameters, one per free axis; `w: same` has no axis of its own."""
        filled = self.filled(parameters)
        return applied(Coordinates(**{"w_bits": filled["x_bits"], **filled}))  # type: ignore[arg-type]

    def chosen(self, parameters: dict[str, Value]) -> dict[str, Value]:
        """Return the parameters of the free axes alone: earlier versions stored those of all."""
        return {name: parameters[name] for name in self.free}

    def filled(self, parameters: dict[str, Value]) -> dict[str, Value]:
        """Return a value of every axis."""
        return {**self._fixed, **parameters}

    def points(self, numbers: range) -> list[Coordinates]:
        """Return the points of these numbers, from 0 to `size` - 1.

        A point's number is its place in the order of the space: formats of op, x_bits and w_bits as `formats` has them,
        then dataflow, rows, cols and `OPTIONAL`, each in the order of its values; the last changes first.
        """
        points: list[Coordinates] = []
        first = bisect.bisect_right(self._ends, numbers.start)
        for form, end in zip(self._formats[first:], self._ends[first:], strict=True):
            machine = self._machines[form[0]]
            start = end - math.prod(map(len, machine))
            if start >= numbers.stop:
                break
            own = np.arange(max(start, numbers.start), min(end, numbers.stop)) - start
            at = np.unravel_index(own, [len(values) for values in machine])
            columns = (
                [values[index] for index in indexes.tolist()] for values, indexes in zip(machine, at, strict=True)
            )
            points += [Coordinates(*form, *itertools.chain(*parts)) for parts in zip(*columns, strict=True)]
        return points

    def valid(self, point: Coordinates) -> bool:
        return (point.op, point.x_bits, point.w_bits) in self._format_set

    def parameters(self, point: Coordinates) -> dict[str, Value]:
        """Return the parameters of a point; of axes that don't apply to it any."""
        parameters: dict[str, Value] = {}
        for name, values in self.free.items():
            value = getattr(point, name)
            parameters[name] = value if value in values else values[0]
        return parameters

    def holds(self, point: Coordinates) -> bool:
        """Return whether a point of any space is one of this one."""
        return self.valid(point) and self.at(self.parameters(point)) == point

    def unseen(self, parameters: dict[str, Value], seen: set[str], random: Random) -> dict[str, Value]:
        """Return `parameters`, or where that point is invalid or seen one that is neither.

        First any that differs in one axis, at random; if there is none, any of the space, at random.
        At least one valid point must be unseen.
        """
        if self._is_new(parameters, seen):
            return parameters
        beside = [other for other in self._neighbours(parameters) if self._is_new(other, seen)]
        if beside:
            return random.choice(beside)
        for _ in range(RANDOM_TRIES):
            anywhere = {name: random.choice(values) for name, values in self.free.items()}
            if self._is_new(anywhere, seen):
                return anywhere
        return random.choice([other for other in self._everything() if self._is_new(other, seen)])

    def _is_new(self, parameters: dict[str, Value], seen: set[str]) -> bool:
        point = self.at(parameters)
        return self.valid(point) and point.key not in seen

    def _neighbours(self, parameters: dict[str, Value]) -> Iterator[dict[str, Value]]:
        for name, values in self.free.items():
            for value in values:
                if value != parameters[name]:
                    yield {**parameters, name: value}

    def _everything(self) -> Iterator[dict[str, Value]]:
        for values in itertools.product(*self.free.values()):
            yield dict(zip(self.free, values, strict=True))
