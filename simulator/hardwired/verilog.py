"""Verilog of hard-wired neurons: a module a layer, wires as wide as their ranges need, a register at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from simulator.hardwired.adders import Adders, two_complement, width_of

MODULE = """// Layer {name}: {neurons} hard-wired neurons of op {op} over windows of {inputs} inputs, one a cycle.
// Outside the ranges of its inputs that it was made for, an output is not defined.
`default_nettype none

module {module} (
    input  wire clk,
    input  wire [{x_last}:0] x,  // inputs of a window in the order (kh, kw, channel), the first in the lowest bits
    output wire [{y_last}:0] y   // outputs of the window taken at the last clock edge, the first in the lowest bits
);
{body}
    wire unused = &{{1'b0, {unused}}};
    reg [{y_last}:0] y_reg;
    always @(posedge clk) y_reg <= {{{results}}};
    assign y = y_reg;
endmodule

`default_nettype wire
"""


ZERO = "1'b0"


def module_name(layer: str) -> str:
    return f"limen_hardwired_{layer}"


def output_bits(adders: Adders) -> int:
    """Return the bits of one output: those of the next layer's activations, or all that raw sums need."""
    window = adders.window
    if window.layer.y_bits is not None:
        return window.layer.y_bits
    return two_complement(int(window.sums.low.min()), int(window.sums.high.max()))


def layer_verilog(adders: Adders) -> str:
    """Return the module of a layer."""
    writer = _Writer(adders)
    window, neurons = adders.window, len(adders.terms)
    body = [*writer.features(), *writer.additions()]
    for n in range(neurons):
        body += writer.neuron(n)
    return MODULE.format(
        name=window.layer.name,
        module=module_name(window.layer.name),
        op=window.layer.op,
        neurons=neurons,
        inputs=window.inputs,
        x_last=window.inputs * window.layer.x_bits - 1,
        y_last=neurons * output_bits(adders) - 1,
        body="\n".join(f"    {line}" for line in body),
        unused=", ".join(["x", *writer.unused]),
        results=", ".join(f"y_{n}" for n in reversed(range(neurons))),
    )


def _constant(bits: int, value: int) -> str:
    return f"{bits}'d{value % (1 << bits)}"


def _joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{{{', '.join(parts)}}}"


class Wire(NamedTuple):
    """A wire and the range of its numbers."""

    name: str
    low: int
    high: int

    @property
    def signed(self) -> bool:
        return self.low < 0

    @property
    def bits(self) -> int:
        return width_of(self.low, self.high)

    @property
    def declaration(self) -> str:
        return f"wire [{self.bits - 1}:0] {self.name}"


class _Writer:
    """Lines of a layer's module; `unused`: wires of which not every bit is read."""

    def __init__(self, adders: Adders) -> None:
        self.adders = adders
        self.window = adders.window
        self.unused: list[str] = []

    def _node(self, node: int) -> Wire:
        count = len(self.window.features)
        return Wire(f"f_{node}" if node < count else f"a_{node - count}", *self.adders.node_range(node))

    def features(self) -> Iterable[str]:
        """Yield a wire a feature: the bits of an input, or its difference with a threshold where that is positive."""
        window = self.window
        yielded = set()
        for index, feature in enumerate(window.features):
            x = Wire(f"x_{feature.place}", int(window.x.low[feature.place]), int(window.x.high[feature.place]))
            if x.name not in yielded:
                yielded.add(x.name)
                first = feature.place * window.layer.x_bits
                yield f"{x.declaration} = x[{first + x.bits - 1}:{first}];"
            wire = self._node(index)
            if feature.threshold is None:
                yield f"{wire.declaration} = {x.name};"
                continue
            lowest = (x.low << window.x_shift) - feature.threshold
            bits = two_complement(lowest, feature.high)
            above = f"{self._in_place(x, window.x_shift, bits)} - {_constant(bits, feature.threshold)}"
            yield f"wire [{bits - 1}:0] d_{index} = {above};"
            positive = f"d_{index}[{wire.bits - 1}:0]"
            yield f"{wire.declaration} = d_{index}[{bits - 1}] ? {_constant(wire.bits, 0)} : {positive};"
            self.unused.append(f"d_{index}")

    def additions(self) -> Iterable[str]:
        for index, addition in enumerate(self.adders.additions):
            wire = self._node(len(self.window.features) + index)
            left = self._in_place(self._node(addition.left), addition.left_shift, wire.bits)
            right = self._in_place(self._node(addition.right), addition.right_shift, wire.bits)
            yield f"{wire.declaration} = {left} {'-' if addition.subtracts else '+'} {right};"

    def _in_place(self, wire: Wire, shift: int, width: int) -> str:
        """Return wire << shift modulo 2^width as an expression of so many bits."""
        kept = min(wire.bits, width - shift)
        if kept < wire.bits:
            self.unused.append(wire.name)
        if kept <= 0:
            return _constant(width, 0)
        sign = f"{wire.name}[{wire.bits - 1}]" if wire.signed else ZERO
        above = width - kept - shift
        parts = [f"{{{above}{{{sign}}}}}"] if above else []
        parts += [f"{wire.name}[{kept - 1}:0]", *([_constant(shift, 0)] if shift else [])]
        return _joined(parts)

    def neuron(self, n: int) -> Iterable[str]:
        """Yield a neuron's sum, modulo 2^bits, and what the requantiser makes of it.

        Every operand is an unsigned number: a negative one is inverted, a signed one has its sign bit inverted; what
        that adds goes into the constant. So no operand's sign is extended.
        """
        total = Wire(f"s_{n}", int(self.window.sums.low[n]), int(self.window.sums.high[n]))
        constant, operands = int(self.window.constants[n]), []
        for place, (node, factor) in enumerate(self.adders.terms[n]):
            wire, shift = self._node(node), (factor & -factor).bit_length() - 1
            odd, negative = abs(factor) >> shift, factor < 0
            if odd > 1:
                operand, wire = wire, Wire(f"p_{n}_{place}", wire.low * odd, wire.high * odd)
                yield f"{wire.declaration} = {self._in_place(operand, 0, wire.bits)} * {_constant(wire.bits, odd)};"
            lowest = -(1 << (wire.bits - 1)) if wire.signed else 0
            constant += (-(lowest + (1 << wire.bits) - 1) if negative else lowest) << shift
            operands += self._unsigned(wire, negative, shift, total.bits)
        yield f"{total.declaration} = {' + '.join([*operands, _constant(total.bits, constant)])};"
        self.unused.append(total.name)
        yield from self._requantised(n, total)

    def _unsigned(self, wire: Wire, negative: bool, shift: int, width: int) -> list[str]:
        """Return a wire, inverted where negative, its sign bit once more, in its place; [] where none of it is seen."""
        kept = min(wire.bits, width - shift)
        if kept < wire.bits:
            self.unused.append(wire.name)
        if kept <= 0:
            return []
        inverted, sign = ("~", "") if negative else ("", "~")
        parts = [_constant(width - kept - shift, 0)] if width > kept + shift else []
        if wire.signed and kept == wire.bits:
            parts.append(f"{sign}{wire.name}[{kept - 1}]")
            kept -= 1
        parts += [f"{inverted}{wire.name}[{kept - 1}:0]"] if kept else []
        parts += [_constant(shift, 0)] if shift else []
        return [_joined(parts)]

    def _requantised(self, n: int, total: Wire) -> Iterable[str]:
        bits, shift = output_bits(self.adders), int(self.window.shift[n])
        q = Wire(f"q_{n}", total.low >> shift, total.high >> shift)
        if shift < total.bits:
            yield f"{q.declaration} = {total.name}[{shift + q.bits - 1}:{shift}];"
        else:  # its sign alone is left
            yield f"{q.declaration} = {f'{total.name}[{total.bits - 1}]' if total.signed else ZERO};"
        result = self._in_place(q, 0, bits)
        if self.window.layer.y_range is not None:
            low, high = self.window.layer.y_range
            width = two_complement(min(low, q.low), max(high, q.high))
            compared = f"$signed({self._in_place(q, 0, width)})"
            if q.high > high:
                result = f"{compared} > $signed({_constant(width, high)}) ? {_constant(bits, high)} : {result}"
            if q.low < low:
                result = f"{compared} < $signed({_constant(width, low)}) ? {_constant(bits, low)} : {result}"
        yield f"wire [{bits - 1}:0] y_{n} = {result};"
