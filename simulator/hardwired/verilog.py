"""Verilog of hard-wired neurons: a module a layer, wires as wide as their ranges need, a register at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from simulator.hardwired.adders import Adders, two_complement, width_of
from simulator.hardwired.trees import CARRY_SAVE, ONE, TREES, ZERO, Summand, Tree, added, adder_levels, joined
from workloads.errors import LimenError, shown

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


def module_name(layer: str) -> str:
    return f"limen_hardwired_{layer}"


def output_bits(adders: Adders) -> int:
    """Return the bits of one output: those of the next layer's activations, or all that raw sums need."""
    window = adders.window
    if window.layer.y_bits is not None:
        return window.layer.y_bits
    return two_complement(int(window.sums.low.min()), int(window.sums.high.max()))


def layer_verilog(adders: Adders, tree: str = CARRY_SAVE) -> str:
    """Return the module of a layer. tree: of its neurons' sums, one of `TREES`. Raises LimenError on another."""
    if tree not in TREES:
        raise LimenError(f"tree: {shown(tree)} is not allowed: one of {', '.join(TREES)}")
    writer = _Writer(adders, TREES[tree])
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


def _unsigned(wire: Wire, negative: bool) -> tuple[str, ...]:
    """Return a wire's bits as an unsigned number, the lowest first: no sign is extended.

    A negative number is inverted, a signed one has its sign bit inverted; what that adds goes into the constant.
    """
    inverted = [negative != (wire.signed and place == wire.bits - 1) for place in range(wire.bits)]
    return tuple(f"{'~' if invert else ''}{wire.name}[{place}]" for place, invert in enumerate(inverted))


class _Writer:
    """Lines of a layer's module; `unused`: wires of which not every bit is read."""

    def __init__(self, adders: Adders, tree: Tree) -> None:
        self.adders, self.tree = adders, tree
        self.window = adders.window
        self.unused: list[str] = []
        self.arrivals = self._arrivals()

    def _arrivals(self) -> list[int]:
        """Return when each node is there, in levels of logic."""
        found = []
        for node, feature in enumerate(self.window.features):
            found.append(0 if feature.threshold is None else adder_levels(self._node(node).bits))
        for index, addition in enumerate(self.adders.additions):
            bits = self._node(len(self.window.features) + index).bits
            found.append(max(found[addition.left], found[addition.right]) + adder_levels(bits))
        return found

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
            yield f"wire [{bits - 1}:0] i_{index} = {self._in_place(x, window.x_shift, bits)};"
            yield from self._difference(index, bits, feature.threshold)
            positive = f"d_{index}[{wire.bits - 1}:0]"
            yield f"{wire.declaration} = d_{index}[{bits - 1}] ? {_constant(wire.bits, 0)} : {positive};"
            self.unused.append(f"d_{index}")

    def _difference(self, index: int, bits: int, threshold: int) -> Iterable[str]:
        """Yield d = i − threshold, bit by bit: a carry with a constant is one gate, not the three of an adder."""
        places, carry = [], ONE
        for place in range(bits):
            i, is_one = f"i_{index}[{place}]", not threshold >> place & 1
            places.append(f"{'~' if is_one else ''}({i} ^ {carry})")
            if place + 1 < bits:
                yield f"wire b_{index}_{place} = {i} {'|' if is_one else '&'} {carry};"
                carry = f"b_{index}_{place}"
        yield f"wire [{bits - 1}:0] d_{index} = {joined(places[::-1])};"

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
        return joined(parts)

    def neuron(self, n: int) -> Iterable[str]:
        """Yield a neuron's sum, modulo 2^bits, as a tree, and what the requantiser makes of it."""
        total = Wire(f"s_{n}", int(self.window.sums.low[n]), int(self.window.sums.high[n]))
        constant, summands = int(self.window.constants[n]), []
        for place, (node, factor) in enumerate(self.adders.terms[n]):
            wire, shift = self._node(node), (factor & -factor).bit_length() - 1
            odd, negative = abs(factor) >> shift, factor < 0
            if odd > 1:
                operand, wire = wire, Wire(f"p_{n}_{place}", wire.low * odd, wire.high * odd)
                yield f"{wire.declaration} = {self._in_place(operand, 0, wire.bits)} * {_constant(wire.bits, odd)};"
            lowest = -(1 << (wire.bits - 1)) if wire.signed else 0
            constant += (-(lowest + (1 << wire.bits) - 1) if negative else lowest) << shift
            if shift + wire.bits > total.bits:
                self.unused.append(wire.name)
            summands.append(Summand(self.arrivals[node], (ZERO,) * shift + _unsigned(wire, negative)))
        summands.append(Summand(0, tuple(ONE if constant >> place & 1 else ZERO for place in range(total.bits))))
        lines, left = self.tree(summands, total.bits, str(n))
        yield from lines
        yield f"{total.declaration} = {added(left)};"
        self.unused.append(total.name)
        yield from self._requantised(n, total)

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
