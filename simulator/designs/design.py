"""`Design`: one accelerator, as built. What it supports, and how wide its accumulators must be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from simulator.designs.channel_rows import rows_of_smallest_tiles
from simulator.designs.memory import Kib, Memory
from simulator.designs.sizes import MOST_ROWS, FittedSizes, Sizes, half_bits
from workloads.errors import LimenError
from workloads.host.specfile import WHOLE, Spec
from workloads.layers.bounds import format_bound, weights_bound
from workloads.layers.given_cut import GivenCuts
from workloads.layers.layer import MOST_BITS, Bits, Layer
from workloads.networks.network import Network
from workloads.ops.integers import (
    RAW_BITS,
    accumulator_bits,
    operand_range,
)
from workloads.ops.names import OPS
from workloads.ops.op_field import Op
from workloads.ops.operation import Operation
from workloads.ops.registry import known_ops, operation

Dataflow = Literal["os", "ws", "is"]
Polarity = Literal["synapse", "input", "neuron", "generated"]
BUFFERS = ("ifmap_kib", "filter_kib", "ofmap_kib")
"""Fields of the scratchpads' sizes."""

FEWEST_CHANNEL_ROWS = 16
"""Rows of bias and shift in half of the channel scratchpad, at least."""

MOST_OPERANDS = 16384
"""Activations of an array lane in an operand block, at most."""

MOST_CYCLES = 4096
"""From beat to beat, and from a request to its first beat, at most."""

SRAM_LATENCY = 1
"""Cycles from a request to its first beat of an SRAM, where nothing else is said."""

MOST_IMAGES = 4096
"""Images of a pass, at most."""

MAX_ACC_BITS = 48
AccBits = Annotated[int, Field(ge=2, le=MAX_ACC_BITS)]


class Design(Sizes, Spec):
    """An array of R × C processing elements with its memory system, for one dataflow and one op, or a few.

    extra_ops: what every PE computes beside `op`; each layer then has an op of its own among `ops`.
    x_bits, w_bits: the widest operands it takes. x_signed: defaults to signed where ops threshold and adder, which
    need it, are among the ops, and to unsigned (after ReLU) otherwise. acc_bits: None sizes the accumulators to the
    network it is given, by `acc_policy`: "format" (any weights of those widths) or "weights" (these).
    matmul: whether the synapses of a layer may be another tensor.
    overlap: folds of a tile begin while those before are still in the array.
    pe_stages: pipeline stages of a PE. zero_gating: the multiplier of two stages rests while an activation is 0.
    ifmap_kib, filter_kib, ofmap_kib: the scratchpads, both halves of each double buffer together; filter holds
    polarity too, ofmap accumulators. operand_depth: activations of an array lane in each operand block. channel_rows:
    of bias and shift in each half, at least; a network whose smallest tiles have more gets so many.
    feeder_width: channels the im2col unit moves a cycle. port_bits: a beat of the memory port.
    polarity: what is stored of it, see `LayerForm`; nothing where it is generated. port_interval: cycles from beat to
    beat; memory_latency: from a request to its first beat; both belong to the memory, not to the Verilog. memory: what
    that is, DRAM or an SRAM on the chip, whose latency is 1 unless given. images_at_once: of a pass, which loads
    filters once for all of them, see `simulator.cuts.passes`. schedule: cuts of single layers; any other has its
    network's cut, or the best of all.
    """

    version: Annotated[Literal[1], WHOLE] = 1
    rows: Annotated[int, Field(ge=1, le=256)]
    cols: Annotated[int, Field(ge=1, le=256)]
    dataflow: Dataflow
    op: Op
    extra_ops: Annotated[tuple[Op, ...], Field(strict=False)] = ()
    x_bits: Bits
    w_bits: Bits
    x_signed: bool = True
    acc_bits: AccBits | None = None
    acc_policy: Literal["format", "weights"] = "format"
    polarity: Polarity = "synapse"
    matmul: bool = False
    pe_stages: Annotated[Literal[1, 2], WHOLE] = 1
    zero_gating: bool = False
    overlap: bool = False
    ifmap_kib: Kib = 8
    filter_kib: Kib = 16
    ofmap_kib: Kib = 16
    operand_depth: Annotated[int, Field(ge=1, le=MOST_OPERANDS)] = 512
    channel_rows: Annotated[int, Field(ge=FEWEST_CHANNEL_ROWS, le=MOST_ROWS)] = FEWEST_CHANNEL_ROWS
    feeder_width: Annotated[Literal[1, 2, 4, 8, 16, 32], WHOLE] = 4
    port_bits: Annotated[Literal[32, 64, 128, 256, 512], WHOLE] = 64
    port_interval: Annotated[int, Field(ge=1, le=MOST_CYCLES)] = 1
    memory_latency: Annotated[int, Field(ge=1, le=MOST_CYCLES)] = 20
    memory: Memory = Memory()
    images_at_once: Annotated[int, Field(ge=1, le=MOST_IMAGES)] = 1
    schedule: GivenCuts = ()

    @model_validator(mode="before")
    @classmethod
    def _default_sign(cls, fields: Any) -> Any:
        if not isinstance(fields, dict) or "x_signed" in fields:
            return fields
        extra = fields.get("extra_ops")
        ops = [fields.get("op"), *(extra if isinstance(extra, (list, tuple)) else ())]
        return {**fields, "x_signed": any(op in known_ops() and operation(op).one_range for op in ops)}

    @model_validator(mode="before")
    @classmethod
    def _default_latency(cls, fields: Any) -> Any:
        memory = fields.get("memory") if isinstance(fields, dict) else None
        kind = memory.get("kind") if isinstance(memory, dict) else getattr(memory, "kind", None)
        return {"memory_latency": SRAM_LATENCY, **fields} if kind == "sram" else fields

    @model_validator(mode="after")
    def _consistent(self) -> Design:
        if len(self.ops) <= len(self.extra_ops):
            raise ValueError(
                f"extra_ops: {list(self.extra_ops)} is not allowed: each op once, and not {self.op!r} again"
            )
        foreign = [room.name for room in self.operations if room.verilog is not None]
        if self.extra_ops and foreign:
            raise ValueError(f"extra_ops: PEs of op {foreign[0]} have no other; of several are {', '.join(OPS)}")
        if self._signed_op and not self.x_signed:
            raise ValueError(f"x_signed: False is not allowed: op {self._signed_op} takes signed activations (true)")
        widest = max(room.weight_bits[1] for room in self.operations)  # some may have narrower weights than the PE
        narrowest = min(room.weight_bits[0] for room in self.operations)
        if not narrowest <= self.w_bits <= widest:
            raise ValueError(f"w_bits: {self.w_bits} is not allowed: op {self.op} takes {narrowest} to {widest}")
        if self.acc_bits is not None and self.acc_bits <= self.x_bits:
            raise ValueError(f"acc_bits: {self.acc_bits} is not allowed: at least x_bits + 1 = {self.x_bits + 1}")
        if self.feeder_width * self.x_bits > self.port_bits:
            raise ValueError(
                f"feeder_width: {self.feeder_width} is not allowed: a word of {self.feeder_width} x {self.x_bits} bits "
                f"is wider than port_bits {self.port_bits}"
            )
        if self.operand_depth < self.feeder_width:
            raise ValueError(f"operand_depth: {self.operand_depth} is not allowed: at least feeder_width")
        if not self.polarity_bits and self.polarity != "synapse":
            named = " or ".join(self.ops)
            raise ValueError(f"polarity: {self.polarity!r} is not allowed: op {named} has none ('synapse')")
        if self.zero_gating and self.ops != ("mac",):
            named = " with ".join(self.ops)
            raise ValueError(f"zero_gating: true is not allowed: op {named} has none; op mac alone has, or false")
        if self.zero_gating and self.pe_stages != 2:
            raise ValueError(f"zero_gating: true is not allowed with pe_stages {self.pe_stages}: it takes pe_stages: 2")
        for name in BUFFERS:
            bits = half_bits(getattr(self, name))
            if bits < self.port_bits:
                raise ValueError(
                    f"{name}: {getattr(self, name)} is not allowed: half of it holds {bits} bits, "
                    f"less than a beat of port_bits {self.port_bits}"
                )
        return self

    @property
    def ops(self) -> tuple[Op, ...]:
        """All ops of a PE, in the order of `known_ops`."""
        return tuple(op for op in known_ops() if op == self.op or op in self.extra_ops)

    @property
    def operations(self) -> tuple[Operation, ...]:
        """The rooms of the ops."""
        return tuple(operation(op) for op in self.ops)

    @property
    def _signed_op(self) -> str:
        """The op for whose sake activations are signed, if there is one."""
        return next((room.name for room in self.operations if room.one_range), "")

    @property
    def polarity_bits(self) -> int:
        """Bits of polarity beside a synapse in a PE: part of a threshold, absent from a weight."""
        return int(any(room.polar for room in self.operations))

    @property
    def neutral(self) -> tuple[int, int]:
        """Patterns (activation, synapse) that together contribute nothing: of several ops zeros, nothing under each."""
        return (0, 0) if self.extra_ops else operation(self.op).neutral(self.x_bits, self.w_bits)

    @property
    def on_chip(self) -> bool:
        """Whether the main memory is an SRAM on the chip."""
        return self.memory.kind == "sram"

    @property
    def memory_kib(self) -> float:
        """The size of an on-chip main memory; 0 where there is none."""
        return float(self.memory.kib or 0)

    @property
    def op_bits(self) -> int:
        """Width of the widest op's result."""
        return max(room.result_bits(self.x_bits, room.fitted_bits(self.w_bits)) for room in self.operations)

    def supports(self, network: Network) -> bool:
        """Whether this design runs `network` exactly."""
        try:
            self.fitted(network)
        except LimenError:
            return False
        return True

    def fitted(self, network: Network) -> FittedDesign:
        """Return this design with acc_bits sized to `network`, or as they are where they are set and wide enough, and
        with as many rows of bias and shift as its smallest tiles need.

        Raises:
            LimenError: an op, a width or an accumulator the network needs and the design lacks.
        """
        # Ops of all layers first: an op that is missing makes the other questions idle.
        for refusal in (self._refusal_of_op, self._refusal):
            for layer in network.layers:
                problem = refusal(layer)
                if problem:
                    raise LimenError(f"network {network.name}: layer {layer.name}: {problem}")
        for index in range(len(network.layers)):
            self._check_second(network, index)
        needed = [self._needed_bits(network, index) for index in range(len(network.layers))]
        widest = max(range(len(needed)), key=needed.__getitem__)
        bits = max(needed[widest], self.x_bits + 1)
        rows = rows_of_smallest_tiles(network, self.cols, self.feeder_width, self.dataflow)
        sized = {"channel_rows": min(max(self.channel_rows, rows), MOST_ROWS)}
        if self.acc_bits is None and bits <= MAX_ACC_BITS:
            return FittedDesign(**{**self.model_dump(), "acc_bits": bits, **sized})
        if self.acc_bits is None or self.acc_bits < bits:
            raise LimenError(
                f"network {network.name}: layer {network.layers[widest].name}: acc_bits: "
                f"{self.acc_bits or MAX_ACC_BITS} is not allowed: at least {bits} for acc_policy {self.acc_policy}"
            )
        if isinstance(self, FittedDesign) and rows <= self.channel_rows:
            return self
        return FittedDesign(**{**self.model_dump(), **sized})

    def _check_second(self, network: Network, index: int) -> None:
        """Raise LimenError where the second operand of a matmul is wider than the design's activations."""
        name = network.connections[index].synapses
        if name is None:
            return
        tensor = network.tensors[name]
        low, high = operand_range(tensor.bits or MOST_BITS, tensor.signed)
        design_low, design_high = operand_range(self.x_bits, self.x_signed)
        if low < design_low or high > design_high:
            raise LimenError(
                f"network {network.name}: layer {network.layers[index].name}: synapses: {name!r} is not allowed: its "
                f"values {low} to {high} exceed the design's activations, {design_low} to {design_high}"
            )

    def _refusal(self, layer: Layer) -> str | None:
        if layer.offset % self.feeder_width:
            return f"offset: {layer.offset} is not allowed: a multiple of the design's feeder_width {self.feeder_width}"
        if not layer.has_parameters:
            return self._refusal_of_activations(layer)
        if layer.kind == "matmul" and not self.matmul:
            return "kind: 'matmul' is not allowed: the design has matmul: false; true takes it"
        if layer.w_bits > self.w_bits:
            return f"w_bits: {layer.w_bits} is not allowed: the design has at most {self.w_bits}"
        # A bit a synapse can hold any structure; that of an avgpool or a matmul is +1 on any design.
        fits = self.polarity in ("synapse", layer.polarity) or not layer.has_weights
        if layer.operation.polar and not fits:
            how = f"stores it by {self.polarity}"
            if self.polarity == "generated":
                how = "generates it: train the network with polarity 'generated', or take polarity: 'synapse', stored"
            return f"polarity: {layer.polarity!r} is not allowed: the design {how}"
        unfit = self._refusal_of_activations(layer)
        if unfit:
            return unfit
        wired = layer.operation.alignment(self.x_bits, self.w_bits)
        if layer.operation.alignment(layer.x_bits, layer.w_bits) != wired:
            return (
                f"x_bits: {layer.x_bits} with w_bits: {layer.w_bits} is not allowed: the design's alignment is wired "
                f"for x_bits - w_bits = {self.x_bits - self.w_bits}"
            )
        return None

    def _refusal_of_op(self, layer: Layer) -> str | None:
        if layer.has_parameters and layer.op not in self.ops:
            return f"op: {layer.op!r} is not allowed: the design has {', '.join(repr(op) for op in self.ops)}"
        return None

    def _refusal_of_activations(self, layer: Layer) -> str | None:
        low, high = operand_range(layer.x_bits, layer.x_signed)
        design_low, design_high = operand_range(self.x_bits, self.x_signed)
        if low >= design_low and high <= design_high:
            return None
        cures = []
        for signed in (self.x_signed, not self.x_signed):
            least = max(layer.x_bits + (signed and not layer.x_signed), self.x_bits)
            if (layer.x_signed and not signed) or least > MOST_BITS or (not signed and self._signed_op):
                continue
            changes = [f"x_bits: {least}"] * (least > self.x_bits)
            changes += [f"x_signed: {str(signed).lower()}"] * (signed != self.x_signed)
            cures.append(" and ".join(changes))
        return (
            f"x_bits: {layer.x_bits}, signed {layer.x_signed}, is not allowed: activations {low} to {high} "
            f"exceed the design's {design_low} to {design_high}"
            + (f"; a design of {' or '.join(cures)} takes them" if cures else "")
        )

    def _needed_bits(self, network: Network, index: int) -> int:
        layer = network.layers[index]
        parameters = None if network.parameters is None else network.parameters[index]
        if self.acc_policy == "weights":
            bits = accumulator_bits(weights_bound(layer, network.trained()[index], network.residual_format(index)))
        else:
            bits = accumulator_bits(format_bound(layer, parameters, network.residual_format(index)))
        if layer.y_bits is None and bits > RAW_BITS:
            raise LimenError(
                f"network {network.name}: layer {layer.name}: acc_bits: {bits} is not allowed: "
                f"raw scores have {RAW_BITS} bits"
            )
        return bits


class FittedDesign(Design, FittedSizes):
    """A design whose accumulators have a width: what is compiled, counted, stepped, priced and written as Verilog."""

    acc_bits: AccBits
