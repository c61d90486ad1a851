"""`StudySpec`: a study on one page of YAML, validated strictly; a mistake is one line."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from cost_models.table.operands import GAUSSIAN, NETWORK, OWN, SORTED, UNIFORM
from dse.space.bound import Bound
from dse.space.conditions import foreign_axis
from dse.space.figures import COLUMNS, CONSTRAINABLE, OBJECTIVES
from dse.space.main_memory import parse_memory
from dse.space.possible import check_possible
from dse.space.reduction import Reduction
from dse.space.workload import titles
from simulator.designs.design import MAX_ACC_BITS, MOST_IMAGES, Dataflow, Design, Polarity
from simulator.designs.memory import Kib
from workloads.host.names import named_file
from workloads.host.nearest_name import unknown
from workloads.host.specfile import WHOLE, Spec, distinct, read_yaml, validate
from workloads.layers.layer import Bits
from workloads.networks.family import FamilyOp

BIT_RANGE = (2, 16)
OWN_FIGURE = "a figure of one's own, beside figures: [{}]"
STUDIES = Path(__file__).parents[1] / "studies"

BUFFERS = ("ifmap_kib", "filter_kib", "ofmap_kib", "operand_depth", "feeder_width", "port_bits")
"""Axes a space may leave out: fields of a Design."""

MEMORY = "memory"
"""Likewise, in words: see `parse_memory`."""

OPTIONAL = (
    *(*BUFFERS, MEMORY, "pe_stages", "zero_gating", "overlap"),
    *("images_at_once", "polarity", "x_signed", "acc_policy", "matmul", "stream", "costs", "workload"),
)
"""All axes that a space may leave out."""

BESIDE_DESIGN = ("stream", "costs", "workload")
"""Those that say nothing of the design, but what it runs, and how it is priced."""

AS_NETWORK = "network"
"""Of polarity and sign: as the workload has it, or needs it."""

ALLOWED_WORDS = {
    "polarity": (AS_NETWORK, *get_args(Polarity)),
    "x_signed": (AS_NETWORK, "true", "false"),
    "acc_policy": (*("format", "weights"), *map(str, range(2, MAX_ACC_BITS + 1))),
    "stream": (UNIFORM, GAUSSIAN, GAUSSIAN + SORTED, NETWORK, NETWORK + SORTED, OWN),
}
"""Axes in words, and their words."""

FigureName = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_]*$")]
Name = Annotated[str, Field(min_length=1)]
Size = Annotated[int, Field(ge=1, le=256)]
Depth = Annotated[int, Field(ge=1, le=16384)]
Images = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
FeederWidth = Annotated[Literal[1, 2, 4, 8, 16, 32], WHOLE]
PortBits = Annotated[Literal[32, 64, 128, 256, 512], WHOLE]
Form = Literal["csv", "parquet"]
SamplerName = Literal["surrogate", "tpe", "nsga2", "nsga3", "gp", "qmc", "random", "exhaustive", "own"]
SAMPLERS: tuple[str, ...] = get_args(SamplerName)


def parse_bits(value: Any) -> list[int]:
    """Return widths in rising order from `2..8`, a list or one integer.

    Raises:
        ValueError: anything else, an empty or doubled choice, or a width outside 2 to 16.
    """
    low, high = BIT_RANGE
    allowed = f"a range such as 2..8, a list or one width, each {low} to {high}"
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d{1,3})\s*\.\.\s*(\d{1,3})\s*", value)
        widths = list(range(int(match[1]), int(match[2]) + 1)) if match else []
    elif isinstance(value, list):
        widths = value
    else:
        widths = [value]
    whole = all(isinstance(bits, int) and not isinstance(bits, bool) and low <= bits <= high for bits in widths)
    if not widths or not whole or len(set(widths)) != len(widths):
        raise ValueError(f"{value!r} is not allowed: {allowed}")
    return sorted(widths)


def _default(name: str) -> list[Any]:
    default = Design.model_fields[name].default
    return [float(default) if name.endswith("_kib") else default]


class BitsSpec(Spec):
    """Widths to try: x, the activations; w, the weights or thresholds, or `same` as x."""

    x: list[Bits]
    w: list[Bits] | Literal["same"] = "same"

    @field_validator("x", mode="before")
    @classmethod
    def _parse_x(cls, value: Any) -> list[int]:
        return parse_bits(value)

    @field_validator("w", mode="before")
    @classmethod
    def _parse_w(cls, value: Any) -> Any:
        return value if value == "same" else parse_bits(value)


class SpaceSpec(Spec):
    """Every combination of these is a point of the space; buffers that aren't named are a Design's own."""

    rows: list[Size] = Field(min_length=1)
    cols: list[Size] = Field(min_length=1)
    op: list[FamilyOp] = Field(min_length=1)
    bits: BitsSpec
    dataflow: list[Dataflow] = Field(min_length=1)
    ifmap_kib: list[Kib] = Field(default_factory=lambda: _default("ifmap_kib"), min_length=1)
    filter_kib: list[Kib] = Field(default_factory=lambda: _default("filter_kib"), min_length=1)
    ofmap_kib: list[Kib] = Field(default_factory=lambda: _default("ofmap_kib"), min_length=1)
    operand_depth: list[Depth] = Field(default_factory=lambda: _default("operand_depth"), min_length=1)
    feeder_width: list[FeederWidth] = Field(default_factory=lambda: _default("feeder_width"), min_length=1)
    port_bits: list[PortBits] = Field(default_factory=lambda: _default("port_bits"), min_length=1)
    memory: list[str] = Field(default=["dram"], min_length=1)
    pe_stages: list[Annotated[Literal[1, 2], WHOLE]] = Field(
        default_factory=lambda: _default("pe_stages"), min_length=1
    )
    zero_gating: list[bool] = Field(default_factory=lambda: _default("zero_gating"), min_length=1)
    overlap: list[bool] = Field(default_factory=lambda: _default("overlap"), min_length=1)
    images_at_once: list[Images] = Field(default_factory=lambda: _default("images_at_once"), min_length=1)
    polarity: list[str] = Field(default=[AS_NETWORK], min_length=1)
    x_signed: list[str] = Field(default=[AS_NETWORK], min_length=1)
    acc_policy: list[str] = Field(default_factory=lambda: _default("acc_policy"), min_length=1)
    matmul: list[bool] = Field(default_factory=lambda: _default("matmul"), min_length=1)
    stream: list[str] = Field(default=[UNIFORM], min_length=1)
    costs: list[str] = Field(default_factory=list)
    workload: list[str] = Field(default_factory=list)

    @field_validator(MEMORY)
    @classmethod
    def _named(cls, values: list[str]) -> list[str]:
        for value in values:
            parse_memory(value)
        return values

    @field_validator(*ALLOWED_WORDS, mode="before")
    @classmethod
    def _in_words(cls, values: Any) -> Any:
        """Return numbers and booleans as YAML has them, in words."""
        if not isinstance(values, list):
            return values
        return [str(value).lower() if isinstance(value, int) else value for value in values]

    @field_validator(*ALLOWED_WORDS)
    @classmethod
    def _known_words(cls, values: list[str], info: ValidationInfo) -> list[str]:
        words = ALLOWED_WORDS[str(info.field_name)]
        for value in values:
            if value not in words:
                named = [word for word in words if not word.isdigit()]
                bits = [f"a width, 2 to {MAX_ACC_BITS}"] * (len(named) < len(words))
                raise ValueError(f"{value!r} is not allowed: {', '.join([*named, *bits])}")
        return values

    @field_validator("rows", "cols", "op", "dataflow", *OPTIONAL)
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        return distinct(values)

    @model_validator(mode="after")
    def _some_op_has_it(self) -> SpaceSpec:
        mistake = foreign_axis(self.op, self.pe_stages, self.zero_gating, self.polarity, self.x_signed)
        if mistake:
            raise ValueError(mistake)
        return self


class MemorySpec(Spec):
    """The DRAM behind the memory port: its row in the cost table, its bandwidth, ns from a request to its first beat.

    By default one channel of LPDDR4-3200, 16 bits wide.
    """

    dram: Annotated[str, Field(min_length=1)] = "lpddr4"
    dram_gb_per_s: Annotated[float, Field(gt=0, le=10_000)] = 6.4
    latency_ns: Annotated[float, Field(gt=0, le=1_000_000)] = 100.0


class SamplerSpec(Spec):
    """A sampler, as Optuna calls it, and its seed: none repeats a design; `exhaustive` is a sweep of the whole space;

    own: an object of Optuna's, handed to `limen.Study`. points: the form of a sweep's files of points.
    """

    name: SamplerName = "surrogate"
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    points: Form = "csv"


class StopSpec(Spec):
    """When a search ends before all its trials: its last `stalled` trials made at most `gain` of the hypervolume."""

    stalled: Annotated[int, Field(ge=1, le=1_000_000)]
    gain: Annotated[float, Field(ge=0, lt=1)] = 0.001


class StudySpec(Spec):
    """The form of a study file. `limen study init` writes one with comments.

    Raises:
        LimenError: through `workloads.host.specfile`: one line naming file, field, value and what is allowed.
    """

    version: Annotated[Literal[1], WHOLE]
    workloads: list[str] = Field(min_length=1)
    reduction: Reduction = "geometric_mean"
    costs: Name | Annotated[list[Name], Field(min_length=1)] = "ihp130"
    memory: MemorySpec = MemorySpec()
    clock_ns: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    space: SpaceSpec
    figures: list[FigureName] = Field(default_factory=list)
    objectives: dict[str, str]
    constraints: dict[str, str] = Field(default_factory=dict)
    sampler: SamplerSpec = SamplerSpec()
    trials: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    stop: StopSpec | None = None

    @field_validator("workloads", "costs")
    @classmethod
    def _told_apart(cls, names: str | list[str]) -> str | list[str]:
        titles([names] if isinstance(names, str) else names)
        return names

    @model_validator(mode="after")
    def _known_choices(self) -> StudySpec:
        """Points choose among all of the tables, where there are several, and among workloads where they choose."""
        for axis, field, names in (("costs", "costs", self.tables), ("workload", "workloads", self.workloads)):
            chosen, known = getattr(self.space, axis), titles(names)
            if (chosen or (axis == "costs" and len(known) > 1)) and sorted(chosen) != sorted(known):
                raise ValueError(f"space: {axis}: {chosen} is not allowed: all of {field}, {known}")
        return self

    @field_validator("figures")
    @classmethod
    def _told_from_columns(cls, names: list[str]) -> list[str]:
        for name in names:
            if name in (*COLUMNS, *SpaceSpec.model_fields) or names.count(name) > 1:
                raise ValueError(f"{name!r} is not allowed: a column of trials.csv, or another figure, is called so")
        return names

    @field_validator("objectives")
    @classmethod
    def _known_objectives(cls, objectives: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        known = (*OBJECTIVES, *info.data.get("figures", []))
        if not objectives:
            raise ValueError(f"{{}} is not allowed: at least one of {', '.join(known)}, each min or max")
        for name, direction in objectives.items():
            if name not in known:
                raise ValueError(unknown(name, known, OWN_FIGURE.format(name)))
            if direction not in ("min", "max"):
                raise ValueError(f"{name}: {direction!r} is not allowed: min or max")
        return objectives

    @field_validator("constraints", mode="before")
    @classmethod
    def _no_bare_numbers(cls, constraints: Any) -> Any:
        for name, value in constraints.items() if isinstance(constraints, dict) else ():
            if isinstance(value, int | float) and not isinstance(value, bool):
                raise ValueError(f'{name}: {value} is not allowed: a bound such as "<= {value}" or ">= {value}"')
        return constraints

    @model_validator(mode="after")
    def _known_constraints(self) -> StudySpec:
        for name in self.constraints:
            if name not in (known := (*CONSTRAINABLE, *self.figures)):
                raise ValueError(f"constraints: {unknown(name, known, OWN_FIGURE.format(name))}")
        self.bounds()
        return self

    @model_validator(mode="after")
    def _trials_of_samplers(self) -> StudySpec:
        if self.is_sweep and self.trials is not None:
            raise ValueError(f"trials: {self.trials} is not allowed: sampler exhaustive tries every point of the space")
        if self.is_sweep and self.stop is not None:
            raise ValueError("stop: not allowed: sampler exhaustive tries every point of the space")
        if not self.is_sweep and self.trials is None:
            raise ValueError(
                f"trials: nothing is not allowed: sampler {self.sampler.name} needs an integer of at least 1"
            )
        return self

    @model_serializer(mode="wrap")
    def _serialised(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out a clock that isn't given: studies stored before there was one are the same as today's."""
        content: dict[str, Any] = handler(self)
        return {name: value for name, value in content.items() if (name, value) != ("clock_ns", None)}

    @property
    def tables(self) -> list[str]:
        """The cost tables, by name or path: one, or those that points choose among."""
        return [self.costs] if isinstance(self.costs, str) else self.costs

    @property
    def is_shared(self) -> bool:
        """Whether a design runs several workloads."""
        return len(self.workloads) > 1 and not self.space.workload

    @property
    def is_sweep(self) -> bool:
        return self.sampler.name == "exhaustive"

    @property
    def shares_passes(self) -> bool:
        """Whether some design runs several images at once: then cycles and bytes of an image are fractions."""
        return max(self.space.images_at_once) > 1

    def planned(self, space_size: int) -> int:
        """Return how many designs are tried of a space of so many."""
        return space_size if self.trials is None else min(self.trials, space_size)

    def bounds(self) -> list[Bound]:
        """Return the constraints, parsed."""
        bounds = []
        for name, text in self.constraints.items():
            match = re.fullmatch(r"\s*(<=|>=)\s*([-+0-9.eE]+)\s*", text)
            try:
                limit = float(match[2]) if match else math.nan
            except ValueError:
                limit = math.nan
            if match is None or not math.isfinite(limit):
                raise ValueError(f'constraints: {name}: {text!r} is not allowed: a bound such as "<= 2" or ">= 0.9"')
            bounds.append(Bound(name=name, at_most=match[1] == "<=", limit=limit))
        return bounds

    @property
    def needs_accuracy(self) -> bool:
        return "accuracy" in self.objectives or "accuracy" in self.constraints

    def canonical(self) -> str:
        """Return the study as JSON without comments or layout: what an existing study is compared with."""
        return self.model_dump_json()

    def digest(self) -> str:
        """Return the SHA-256 of `canonical()`."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def built_in_studies() -> dict[str, Path]:
    """Return the files of the studies that come with Limen, by name."""
    return {path.stem: path for path in sorted(STUDIES.glob("*.yaml"))}


def study_path(name: str) -> Path:
    """Return the file of a built-in study, or the path itself. Raises LimenError for any other name."""
    return named_file("study", name, built_in_studies())


def load_study(name: str, figures: Iterable[str] = ()) -> StudySpec:
    """Return a built-in study by name, or the one in a YAML file. Raises LimenError.

    figures: names of the user's own, beside those that the file has.
    """
    path = study_path(name)
    content = read_yaml(path)
    own = content.setdefault("figures", [])
    if isinstance(own, list):
        own.extend(figure for figure in sorted(figures) if figure not in own)
    spec = validate(StudySpec, content, path)
    check_possible(spec, path)  # not in the specification: studies of earlier versions are still looked at
    return spec
