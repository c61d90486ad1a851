"""`Design`: one accelerator, as built. What it supports, and how wide its accumulators must be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator

from workloads.errors import LimenError
from workloads.layer import Bits, Layer, format_bound, weights_bound
from workloads.network import Network
from workloads.numbers import RAW_BITS, Op, accumulator_bits, alignment, operand_range
from workloads.specfile import Spec, describe_mistake

Dataflow = Literal["os", "ws", "is"]
MAX_ACC_BITS = 48


class Design(Spec):
    """An array of R × C processing elements with its edge, for one op and one dataflow.

    x_bits, w_bits: the widest operands it takes. x_signed: defaults to signed for op threshold, which
    needs it, and to unsigned (after ReLU) for op mac. acc_bits: None sizes the accumulators to the
    network it is given, by `acc_policy`: "format" (any weights of those widths) or "weights" (these).

    Raises:
        LimenError: one line naming field, value and what is allowed.
    """

    version: Literal[1] = 1
    rows: Annotated[int, Field(ge=1, le=256)]
    cols: Annotated[int, Field(ge=1, le=256)]
    dataflow: Dataflow
    op: Op
    x_bits: Bits
    w_bits: Bits
    x_signed: bool = True
    acc_bits: Annotated[int, Field(ge=2, le=MAX_ACC_BITS)] | None = None
    acc_policy: Literal["format", "weights"] = "format"

    def __init__(self, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as error:
            raise LimenError(f"{type(self).__name__}: {describe_mistake(error, type(self))}") from None

    @model_validator(mode="before")
    @classmethod
    def _default_sign(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and "x_signed" not in fields:
            return {**fields, "x_signed": fields.get("op") != "mac"}
        return fields

    @model_validator(mode="after")
    def _consistent(self) -> Design:
        if self.op == "threshold" and not self.x_signed:
            raise ValueError("x_signed: False is not allowed: op threshold takes signed activations (true)")
        if self.acc_bits is not None and self.acc_bits <= self.x_bits:
            raise ValueError(f"acc_bits: {self.acc_bits} is not allowed: at least x_bits + 1 = {self.x_bits + 1}")
        return self

    @property
    def polarity_bits(self) -> int:
        """Bits of polarity stored with every synapse: part of a threshold, absent from a weight."""
        return 1 if self.op == "threshold" else 0

    @property
    def synapse_bits(self) -> int:
        return self.w_bits + self.polarity_bits

    @property
    def op_bits(self) -> int:
        """Width of one op result: a signed aligned difference, or a whole product."""
        return max(self.x_bits, self.w_bits) + 1 if self.op == "threshold" else self.x_bits + self.w_bits

    @property
    def psum_bits(self) -> int:
        """Width of a ws or is partial sum: `rows` results always fit."""
        return self.op_bits + (self.rows - 1).bit_length()

    @property
    def pes(self) -> int:
        return self.rows * self.cols

    def supports(self, network: Network) -> bool:
        """Whether this design runs `network` exactly."""
        try:
            self.fitted(network)
        except LimenError:
            return False
        return True

    def fitted(self, network: Network) -> Design:
        """Return this design with acc_bits sized to `network`, or itself where acc_bits is set and wide enough.

        Raises:
            LimenError: an op, a width or an accumulator the network needs and the design lacks.
        """
        for layer in network.layers:
            problem = self._refusal(layer)
            if problem:
                raise LimenError(f"network {network.name}: layer {layer.name}: {problem}")
        needed = [self._needed_bits(network, index) for index in range(len(network.layers))]
        widest = max(range(len(needed)), key=needed.__getitem__)
        bits = max(needed[widest], self.x_bits + 1)
        if self.acc_bits is None and bits <= MAX_ACC_BITS:
            return self.model_copy(update={"acc_bits": bits})
        if self.acc_bits is None or self.acc_bits < bits:
            raise LimenError(
                f"network {network.name}: layer {network.layers[widest].name}: acc_bits: "
                f"{self.acc_bits or MAX_ACC_BITS} is not allowed: at least {bits} for acc_policy {self.acc_policy}"
            )
        return self

    def _refusal(self, layer: Layer) -> str | None:
        if layer.op != self.op:
            return f"op: {layer.op!r} is not allowed: the design has {self.op!r}"
        if layer.w_bits > self.w_bits:
            return f"w_bits: {layer.w_bits} is not allowed: the design has at most {self.w_bits}"
        low, high = operand_range(layer.x_bits, layer.x_signed)
        design_low, design_high = operand_range(self.x_bits, self.x_signed)
        if low < design_low or high > design_high:
            return (
                f"x_bits: {layer.x_bits}, signed {layer.x_signed}, is not allowed: activations {low} to {high} "
                f"exceed the design's {design_low} to {design_high}"
            )
        own, wired = alignment(layer.x_bits, layer.w_bits), alignment(self.x_bits, self.w_bits)
        if self.op == "threshold" and own != wired:
            return (
                f"x_bits: {layer.x_bits} with w_bits: {layer.w_bits} is not allowed: the design's alignment is wired "
                f"for x_bits - w_bits = {self.x_bits - self.w_bits}"
            )
        return None

    def _needed_bits(self, network: Network, index: int) -> int:
        layer = network.layers[index]
        parameters = None if network.parameters is None else network.parameters[index]
        if self.acc_policy == "weights":
            bits = accumulator_bits(weights_bound(layer, network.trained()[index]))
        else:
            bits = accumulator_bits(format_bound(layer, parameters))
        if layer.y_bits is None and bits > RAW_BITS:
            raise LimenError(
                f"network {network.name}: layer {layer.name}: acc_bits: {bits} is not allowed: "
                f"raw scores have {RAW_BITS} bits"
            )
        return bits
