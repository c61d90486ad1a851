"""`Recipe`: how a family is trained, as its recipe.yaml says it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from workloads.numbers import Op
from workloads.specfile import Spec

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]


class OpRecipe(Spec):
    """What differs between the twins.

    seed: of the initialisation, the order of the images and their shifts.
    learning_rate: the highest, after warm-up.
    """

    seed: Annotated[int, Field(ge=0)] = 0
    learning_rate: Positive


class OpRecipes(Spec):
    """One entry per op to train; the network is OP.yaml beside the recipe."""

    threshold: OpRecipe | None = None
    mac: OpRecipe | None = None


class Recipe(Spec):
    """The form of recipe.yaml; the effort (epochs, batch, augmentation) is the same for every op.

    shift_pixels: training images are moved by up to this many pixels each way, background filling in.
    label_smoothing: share of the target spread over all classes.
    warm_up: share of all steps in which the learning rate rises from 0.
    final_rate: learning rate at the end of the cosine, as a share of the highest.
    """

    version: Literal[1]
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$")]
    dataset: Literal["digits"]
    epochs: Annotated[int, Field(ge=1, le=100000)]
    batch: Annotated[int, Field(ge=2, le=1024)]
    shift_pixels: Annotated[int, Field(ge=0, le=4)] = 0
    label_smoothing: Share = 0.0
    warm_up: Share = 0.05
    final_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.01
    ops: OpRecipes

    def for_op(self, op: Op) -> OpRecipe | None:
        """Return the entry of `op`, or None where the recipe has none."""
        return self.ops.threshold if op == "threshold" else self.ops.mac

    def named_ops(self) -> list[Op]:
        """Return the ops the recipe has an entry for."""
        known: list[Op] = ["threshold", "mac"]
        return [op for op in known if self.for_op(op) is not None]
