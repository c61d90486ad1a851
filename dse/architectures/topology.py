"""`Architecture`: a net as a search draws it, stage by stage, and its network page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from workloads.datasets import DATASETS
from workloads.host.specfile import Spec
from workloads.layers.layer import Layer
from workloads.networks.family import FAMILY_BITS, member_w_bits
from workloads.networks.network import NetworkFile
from workloads.ops.op_field import Op
from workloads.ops.registry import operation


def _odd(value: int) -> int:
    if value % 2 == 0:
        raise ValueError(f"{value} is not allowed: odd, so that a layer keeps the size of what it reads")
    return value


Odd = Annotated[int, Field(ge=1, le=11), AfterValidator(_odd)]
"""The side of a kernel."""

MOST_STAGES = 8


class Stage(Spec):
    """Convolutions one after the other, all with as many channels and the same kernel, padded to keep their size.

    stride: of the first. residual: each after the first adds what it reads.
    """

    layers: Annotated[int, Field(ge=1, le=8)] = 1
    channels: Annotated[int, Field(ge=1, le=1024)]
    kernel: Odd = 3
    stride: Annotated[int, Field(ge=1, le=4)] = 1
    residual: bool = False

    def words(self) -> str:
        """Return the stage in a few characters, such as `2x 16 3x3 /2 +`."""
        parts = [f"{self.layers}x"] * (self.layers > 1) + [str(self.channels), f"{self.kernel}x{self.kernel}"]
        return " ".join([*parts, *[f"/{self.stride}"] * (self.stride > 1), *["+"] * self.adds])

    @property
    def adds(self) -> bool:
        """Whether a layer of it adds a residual."""
        return self.residual and self.layers > 1


class Architecture(Spec):
    """A net: stages of convolutions, then a linear layer that writes the scores.

    polarity: of op threshold, what it depends on, see `LayerForm`; learning_rate: with which it is trained.
    """

    stages: Annotated[tuple[Stage, ...], Field(min_length=1, max_length=MOST_STAGES)]
    polarity: Literal["synapse", "input", "neuron", "generated"] = "synapse"
    learning_rate: Annotated[float, Field(gt=0)]

    def words(self) -> str:
        """Return the stages in a few characters."""
        return ", ".join(stage.words() for stage in self.stages)

    def page(self, name: str, op: Op, dataset: str) -> dict[str, Any]:
        """Return the content of its network page (`NetworkFile`), of the widest member."""
        height, width, channels = DATASETS[dataset].shape
        own = {} if self.polarity == "synapse" else {"polarity": self.polarity}
        layers: list[dict[str, Any]] = []
        for letter, stage in zip("abcdefgh", self.stages, strict=False):
            for index in range(stage.layers):
                stride = 1 if index else stage.stride
                sides = [
                    (stage.kernel, stride, stage.kernel // 2) if length > 1 else (1, 1, 0) for length in (height, width)
                ]
                entry: dict[str, Any] = {
                    "name": f"{letter}{index + 1}",
                    "kind": "conv2d",
                    "out_channels": stage.channels,
                }
                entry |= {"kernel": [side[0] for side in sides], "stride": [side[1] for side in sides]}
                entry["padding"] = [side[2] for side in sides for _ in range(2)]
                if index and stage.residual:
                    entry["residual"] = f"{letter}{index}"
                layers.append(entry | own)
        layers.append({"name": "scores", "kind": "linear", "out_channels": DATASETS[dataset].classes, **own})
        if self.polarity == "generated":
            for seed, entry in enumerate(layers, start=1):
                entry["polarity_seed"] = seed
        return {
            "version": 1, "name": name, "op": op, "x_bits": FAMILY_BITS[-1], "w_bits": member_w_bits(op)[-1],
            "x_signed": operation(op).one_range, "dataset": dataset,
            "input": {"height": height, "width": width, "channels": channels}, "layers": layers,
        }  # fmt: skip

    def layers(self, op: Op, dataset: str) -> tuple[Layer, ...]:
        """Return its layers. Raises LimenError where there can't be such a net."""
        return NetworkFile(**self.page("net", op, dataset)).build_layers()


def operations_of(layers: Sequence[Layer]) -> int:
    """Return a net's operand pairs an image."""
    return sum(layer.pairs for layer in layers)


def synapses_of(layers: Sequence[Layer]) -> int:
    """Return a net's thresholds or weights."""
    return sum(layer.out_channels * layer.fan_in for layer in layers)
