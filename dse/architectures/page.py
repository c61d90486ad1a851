"""`ArchitecturePage`: what a search over networks may try, how nets are trained, and the designs that each one gets."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dse.architectures.topology import MOST_STAGES, Architecture, Odd, Stage
from dse.space.possible import check_possible
from dse.space.study_spec import StudySpec
from dse.space.workload import Format
from workloads.datasets import DATASETS
from workloads.errors import LimenError
from workloads.host.names import named_file
from workloads.host.specfile import WHOLE, Spec, distinct, read_yaml, validate
from workloads.networks.family import FAMILY_BITS, member_w_bits, shipped_families
from workloads.ops.op_field import Op
from workloads.ops.registry import operation
from workloads.training.recipe import OpRecipe, Positive, Recipe, Share

PAGES = Path(__file__).parent

FOREIGN = ("version", "workloads", "reduction", "figures", "sampler", "trials", "stop")
"""Keys of a study that a search over networks has no use for, or has of its own."""


NetName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]


class NetSpace(Spec):
    """Every combination of these, stage by stage, is a net; see `Stage` and `Architecture`."""

    stages: Annotated[list[Annotated[int, Field(ge=1, le=MOST_STAGES)]], Field(min_length=1)]
    layers: list[Annotated[int, Field(ge=1, le=8)]] = Field(default=[1], min_length=1)
    channels: Annotated[list[Annotated[int, Field(ge=1, le=1024)]], Field(min_length=1)]
    kernel: list[Odd] = Field(default=[3], min_length=1)
    stride: list[Annotated[int, Field(ge=1, le=4)]] = Field(default=[1, 2], min_length=1)
    residual: list[bool] = Field(default=[False], min_length=1)
    polarity: list[Literal["synapse", "input", "neuron", "generated"]] = Field(default=["synapse"], min_length=1)

    @field_validator("*")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        return distinct(values)


class OpSearch(Spec):
    """What of a search is an op's own. learning_rate: those tried; hand-made nets take the first."""

    learning_rate: Annotated[list[Positive], Field(min_length=1)]


class Effort(Spec):
    """How every net is trained, see `Recipe`. images: only so many of the shuffled training images; all by default."""

    epochs: Annotated[int, Field(ge=1, le=100000)]
    batch: Annotated[int, Field(ge=2, le=1024)] = 64
    images: Annotated[int, Field(ge=2)] | None = None
    shift_pixels: Annotated[int, Field(ge=0, le=8)] = 0
    mirror: bool = False
    label_smoothing: Share = 0.0


class Stopping(Spec):
    """When a net is given up: after one of the epochs `after`, where its validation accuracy is below the median of
    that of earlier rounds' nets of its op with no more operations, `among` of them at least."""

    after: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    among: Annotated[int, Field(ge=1)] = 5


class ArchitecturePage(Spec):
    """The form of a page of a search over networks.

    effort: of every training. space: of nets; most_operations: an image, of a net's; others are not trained.
    designs: a study's costs, memory, space, objectives and constraints; `op` is there from `ops`. hand_made: nets by
    name, as lists of stages, trained with the same effort, never given up, and no part of the search. families: trained
    ones that are compared, with the accuracies that they have.
    trials: nets of each op. round: nets that are proposed together, before any of them is known. random: nets before
    the sampler proposes.
    """

    version: Annotated[Literal[1], WHOLE]
    name: NetName
    dataset: Literal[tuple(DATASETS)]  # type: ignore[valid-type]
    ops: Annotated[dict[Op, OpSearch], Field(min_length=1)]
    effort: Effort
    space: NetSpace
    most_operations: Annotated[int, Field(ge=1)]
    designs: StudySpec
    hand_made: dict[NetName, Annotated[list[Stage], Field(min_length=1, max_length=MOST_STAGES)]] = Field(
        default_factory=dict
    )
    families: list[str] = Field(default_factory=list)
    trials: Annotated[int, Field(ge=1, le=100000)]
    round: Annotated[int, Field(ge=1, le=1000)] = 6
    random: Annotated[int, Field(ge=1)] = 12
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    stopping: Stopping | None = None

    @field_validator("designs", mode="before")
    @classmethod
    def _as_a_study(cls, content: Any, info: ValidationInfo) -> Any:
        """Return the keys as those of a study that sweeps all points."""
        if not isinstance(content, dict) or "ops" not in info.data:
            return content
        for key in FOREIGN:
            if key in content:
                raise ValueError(f"{key}: not allowed here: costs, memory, space, objectives and constraints")
        space = content.get("space")
        for key in ("op", "workload"):
            if isinstance(space, dict) and key in space:
                raise ValueError(f"space: {key}: not allowed here: ops are the page's, workloads its nets")
        if isinstance(space, dict):
            content = {**content, "space": {**space, "op": [*info.data["ops"]]}}
        return {**content, "version": 1, "workloads": [info.data["name"]], "sampler": {"name": "exhaustive"}}

    @field_validator("designs")
    @classmethod
    def _widths_of_families(cls, designs: StudySpec) -> StudySpec:
        bits = designs.space.bits
        for name, widths in (("x", bits.x), ("w", bits.x if bits.w == "same" else bits.w)):
            for width in widths:
                if width not in FAMILY_BITS:
                    raise ValueError(
                        f"space: bits: {name}: {width} is not allowed: {FAMILY_BITS[0]} to {FAMILY_BITS[-1]}"
                    )
        if "accuracy" not in designs.objectives:
            raise ValueError("objectives: accuracy is missing: nets are sought for it")
        return designs

    @field_validator("families")
    @classmethod
    def _known_families(cls, names: list[str]) -> list[str]:
        for name in names:
            if name not in shipped_families():
                raise ValueError(f"{name!r} is not allowed: {', '.join(shipped_families())}")
        return names

    @model_validator(mode="after")
    def _fits_together(self) -> ArchitecturePage:
        if self.stopping is not None and max(self.stopping.after) >= self.effort.epochs:
            raise ValueError(
                f"stopping: after: {max(self.stopping.after)} is not allowed: less than epochs, {self.effort.epochs}"
            )
        if self.random > self.trials:
            raise ValueError(f"random: {self.random} is not allowed: at most trials, {self.trials}")
        return self

    def formats(self, op: Op) -> list[Format]:
        """Return the op and widths that designs of an op have and a family may have, in the order of the space."""
        bits = self.designs.space.bits
        pairs = [(x, w) for x in bits.x for w in ([x] if bits.w == "same" else bits.w)]
        return [Format(op, x, w) for x, w in pairs if w in member_w_bits(op)]

    def recipe(self, op: Op, learning_rate: float) -> Recipe:
        """Return how a net of an op is trained."""
        effort = self.effort.model_dump(exclude={"images"})
        chosen = {op: OpRecipe(seed=self.seed, learning_rate=learning_rate)}
        return Recipe(version=1, name=self.name, dataset=self.dataset, ops=chosen, **effort)

    def made_by_hand(self, op: Op) -> dict[str, Architecture]:
        """Return the nets of `hand_made` for an op."""
        rate = self.ops[op].learning_rate[0]
        return {name: Architecture(stages=tuple(stages), learning_rate=rate) for name, stages in self.hand_made.items()}

    def polarities(self, op: Op) -> list[str]:
        """Return the kinds of polarity that nets of an op may have."""
        return [*self.space.polarity] if operation(op).polar else ["synapse"]

    def digest(self) -> str:
        """Return the SHA-256 of the page but for `trials`, which may grow."""
        return hashlib.sha256(self.model_copy(update={"trials": 1}).model_dump_json().encode()).hexdigest()


def built_in_pages() -> dict[str, Path]:
    """Return the pages that come with Limen, by name."""
    return {path.stem: path for path in sorted(PAGES.glob("*.yaml"))}


def page_path(name: str) -> Path:
    """Return the file of a built-in page, or the path itself. Raises LimenError for any other name."""
    return named_file("page", name, built_in_pages())


def load_page(name: str, trials: int | None = None) -> ArchitecturePage:
    """Return a built-in page by name, or the one in a YAML file; trials: in place of its own. Raises LimenError."""
    path = page_path(name)
    content = read_yaml(path)
    if trials is not None:
        content["trials"] = trials
    page = validate(ArchitecturePage, content, path)
    try:
        check_possible(page.designs, path)
    except LimenError as error:
        raise LimenError(str(error).replace(f"{path}: ", f"{path}: designs: ", 1)) from None
    return page
