"""`Recipe`: how a family is trained, as its recipe.yaml says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from workloads.datasets import DATASETS
from workloads.host.specfile import WHOLE, Spec
from workloads.networks.family import FamilyOp

TEACHER = "mac"
"""The op whose network others are distilled from."""

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
TuningRates = Annotated[
    tuple[Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)], ...],
    Field(min_length=1, max_length=8),
    BeforeValidator(lambda rates: tuple(rates) if isinstance(rates, list) else (rates,)),
]


class OpRecipe(Spec):
    """What differs between the twins.

    seed: of the initialisation, the order of the images and their shifts.
    learning_rate: the highest, after warm-up.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    learning_rate: Positive


class Recipe(Spec):
    """The form of recipe.yaml; the effort (epochs, batch, augmentation) is the same for every op.

    shift_pixels: training images are moved by up to this many pixels each way, background filling in; a series
    (width 1) along its length only. mirror: half of the images are mirrored left to right. cutout_pixels: side of the
    square of background that covers a random place of each, of a series the length of the stretch.
    label_smoothing: share of the target spread over all classes.
    distillation: share of the loss that is taken against what the recipe's MAC network, trained first, answers to the
    same images, both divided by the temperature; the rest is against the labels.
    averaging: share of the running average of all weights that each step keeps; what is validated and quantised is the
    average. 0: there is none.
    warm_up: share of all steps in which the learning rate rises from 0.
    final_rate: learning rate at the end of the cosine, as a share of the highest.
    tuning_epochs: epochs of quantisation-aware fine-tuning at each of 4, 3 and 2 bits, from tuning_rate of the
    highest rate down; 0: none. Of several rates each is tried at each width, and the one is taken whose integers have
    the most right answers on validation images: ops differ in the rate they need, and none is chosen by hand.
    ops: an entry for each op to train; the network is OP.yaml beside the recipe.
    """

    version: Annotated[Literal[1], WHOLE]
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    dataset: Literal[tuple(DATASETS)]  # type: ignore[valid-type]
    epochs: Annotated[int, Field(ge=1, le=100000)]
    batch: Annotated[int, Field(ge=2, le=1024)]
    shift_pixels: Annotated[int, Field(ge=0, le=8)] = 0
    mirror: bool = False
    cutout_pixels: Annotated[int, Field(ge=0, le=64)] = 0
    label_smoothing: Share = 0.0
    distillation: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    temperature: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 4.0
    averaging: Share = 0.0
    warm_up: Share = 0.05
    final_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.01
    tuning_epochs: Annotated[int, Field(ge=0, le=100000)] = 0
    tuning_rate: TuningRates = (0.1,)
    ops: Annotated[dict[FamilyOp, OpRecipe], Field(min_length=1)]

    @model_validator(mode="after")
    def _has_a_teacher(self) -> Recipe:
        if self.distillation and TEACHER not in self.ops:
            raise ValueError(f"distillation: {self.distillation} is not allowed: ops have no {TEACHER}, the teacher")
        return self

    def teaches(self, op: FamilyOp) -> bool:
        """Return whether an op is trained against the MAC network's answers."""
        return bool(self.distillation) and op != TEACHER
