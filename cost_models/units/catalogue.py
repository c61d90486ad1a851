"""Which units a table has: of every width, of every fit and those of comparisons, in groups and in a fixed order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Literal, TypeGuard

from cost_models.units.neurons import SYNAPSES, WIDE_BITS, Window, sum_bits, weight_bits
from cost_models.units.unit import (
    STAGED_STAGES,
    Control,
    Edge,
    Fitted,
    FusedPe,
    Generator,
    Lanes,
    Nand2,
    Neuron,
    Operator,
    Packer,
    Pe,
    Pool,
    RegisterBank,
    Scatter,
    Scratchpad,
    Shadow,
    Skew,
    Tag,
    Unit,
)
from simulator.designs.design import MAX_ACC_BITS
from workloads.ops.names import FUSED_OPS
from workloads.ops.op_field import Op
from workloads.ops.registry import known_ops, operation

Pairs = Literal["all", "equal"]

WIDTHS = range(2, 9)
"""Operand widths of the shipped table."""

MAX_ROWS = 256
"""psum widths reach op_bits + log2 of this."""

FAN_IN_BITS = 14
"""PEs are straight lines up to op_bits + this: fan-in 4,608 and a bias as large again; then to MAX_ACC_BITS."""

EDGE_ACC_BITS = (3, 8, 16, 24, 32)
TAG_BITS = (2, 16)
SKEW_BITS = (1, 8, 32)
SHADOW_BITS = (2, 9, 32)
BANK_SIZES = tuple(product((4, 12, 24), (2, 3, 4)))
"""(width, address bits) of the register-file banks behind the fit."""

LANE_SIZES = ((2, 2, 2), (2, 8, 4), (8, 2, 8), (8, 8, 1), (16, 4, 4), (32, 8, 4), (16, 16, 4))
"""(lanes, x_bits, feeder_width)."""

IFMAP_SIZES = ((2, 32), (4, 64), (8, 64), (16, 32), (16, 64), (32, 64), (32, 128), (64, 64), (64, 256))
FILTER_SIZES = (
    *((2, 32), (4, 64), (8, 64), (16, 64), (32, 64), (32, 256)),
    *((64, 32), (128, 64), (128, 256), (400, 64), (960, 64)),
)
"""(bits of a row, port_bits)."""

MOVER_SIZES = {
    "os": ((2, 4, 2, 12, 64), (4, 8, 4, 20, 64), (16, 8, 4, 20, 64), (16, 4, 8, 16, 64), (8, 4, 4, 16, 256),
           (16, 2, 2, 10, 32), (32, 8, 2, 24, 64), (16, 16, 4, 40, 64)),
    "is": ((2, 4, 2, 12, 64), (4, 8, 4, 20, 64), (8, 4, 4, 16, 64), (8, 8, 2, 24, 32), (4, 4, 8, 16, 256),
           (16, 4, 2, 14, 64), (16, 16, 4, 40, 64)),
}  # fmt: skip
"""(columns, x_bits, feeder_width, acc_bits, port_bits) of packer and scatter unit."""

POOL_SIZES = ((2, 1), (8, 1), (4, 4), (8, 4), (8, 8), (16, 4))
"""(x_bits, feeder_width)."""

GENERATOR_LANES = (2, 4, 8, 16, 32)

CONTROL_SIZES = ((32, 8, 64), (4, 4, 64), (16, 4, 32), (4, 8, 256))
"""(rows and columns, x_bits, port_bits)."""

SMALL_NEURON: Window = "neuron_3x3"
"""The neuron that has a MAC of least area beside its best one; larger neurons would take half an hour more."""

DATAFLOWS = ("os", "ws", "is")


def is_priced(unit: Unit) -> TypeGuard[Pe]:
    """Return whether a unit is a PE of the machine, priced at widths between those of its group."""
    return isinstance(unit, Pe) and not unit.smallest


def is_straightened(unit: Unit) -> TypeGuard[Pe]:
    """Return whether a unit is a PE of the machine with further widths that make the lines between them straight."""
    return is_priced(unit) and unit.stages == 1 and not unit.signed and unit.sum_bits < MAX_ACC_BITS


def pe_units(op: Op, x_bits: int, w_bits: int, dataflow: str) -> tuple[Pe, ...]:
    """Return one PE at the widths that span every accumulator (os) or psum (ws, is) a design can have.

    At op bits, a knee, a sum stops cutting results of the op off; for widths in between see `straight_lines`.
    """
    op_bits = operation(op).result_bits(x_bits, w_bits)
    widest = op_bits + (FAN_IN_BITS if dataflow == "os" else (MAX_ROWS - 1).bit_length())
    widths = {op_bits, widest}
    if dataflow == "os":
        widths.add(min(x_bits + 1, op_bits))
    return tuple(Pe(op, x_bits, w_bits, width, dataflow) for width in sorted(widths))


def widest_sum(units: tuple[Pe, ...]) -> Pe:
    """Return an os PE with the widest accumulator that a design may have, far beyond those of `pe_units`."""
    return replace(units[-1], sum_bits=MAX_ACC_BITS)


def sharing(unit: Pe) -> tuple[Pe, ...]:
    """Return the PEs that share their recipe with one that `is_priced`, itself among them: its like of other widths.

    Of one stage and for unsigned activations, the one of the widest accumulator has a recipe of its own.
    """
    plain = pe_units(unit.op, unit.x_bits, unit.w_bits, unit.dataflow)
    if unit.stages == 1 and not unit.signed:
        return (unit,) if unit.sum_bits == MAX_ACC_BITS else plain
    wide = (widest_sum(plain),) if unit.dataflow == "os" else ()
    changes = {"stages": unit.stages, "zero_gating": unit.zero_gating, "signed": unit.signed}
    return tuple(replace(each, **changes) for each in (*plain, *wide))


def width_pairs(op: Op, widths: Sequence[int], pairs: Pairs) -> list[tuple[int, int]]:
    """Return the widths (x, w) of an op's PEs: all pairs that it takes, or only x as wide as w."""
    fewest, most = operation(op).weight_bits
    return [
        (x_bits, w_bits)
        for x_bits, w_bits in product(widths, widths)
        if fewest <= w_bits <= most and (pairs == "all" or w_bits == weight_bits(op, x_bits))
    ]


def staged_units(op: Op, x_bits: int, w_bits: int) -> list[tuple[Pe, ...]]:
    """Return an op's PEs of two stages, and MACs that don't switch on zeros, each at all its sums."""
    return [
        sharing(Pe(op, x_bits, w_bits, 0, dataflow, STAGED_STAGES, zero_gating))
        for dataflow in DATAFLOWS
        for zero_gating in ((False, True) if operation(op).multiplies else (False,))
    ]


def signed_units(widths: Sequence[int]) -> list[tuple[Pe, ...]]:
    """Return PEs for signed activations of the ops whose others take unsigned ones, x as wide as w, at all sums."""
    ops = [op for op in known_ops() if not operation(op).one_range]
    return [
        sharing(Pe(op, x_bits, weight_bits(op, x_bits), 0, dataflow, signed=True))
        for op, x_bits, dataflow in product(ops, widths, DATAFLOWS)
    ]


def fused_units(ops: str, bits: int, dataflow: str) -> tuple[FusedPe, ...]:
    """Return a PE of several ops, x as wide as w, at its narrowest and its widest sums, and at op bits."""
    unit = FusedPe(ops, bits, bits, 0, dataflow)
    widths = {unit.op_bits, unit.op_bits + (MAX_ROWS - 1).bit_length()}
    if dataflow == "os":
        widths = {min(bits + 1, unit.op_bits), unit.op_bits, unit.op_bits + FAN_IN_BITS, MAX_ACC_BITS}
    return tuple(replace(unit, sum_bits=width) for width in sorted(widths))


def groups(widths: range = WIDTHS, pairs: Pairs = "all") -> list[tuple[Unit, ...]]:
    """Return all units of a table, in groups that share one multiplier; the whole of a table in a fixed order.

    pairs: PEs of all pairs of widths, or only of x as wide as w.
    """
    wide = wide_bits(widths)
    of_ops = [(op, *pair) for op in known_ops() for pair in width_pairs(op, widths, pairs)]
    pes = [pe_units(*of_op, dataflow) for of_op, dataflow in product(of_ops, DATAFLOWS)]
    chosen: list[tuple[Unit, ...]] = [*pes]
    chosen += [tuple(Edge(x, acc) for acc in EDGE_ACC_BITS) for x in (*widths, *wide)]
    chosen.append(tuple(Tag(bits) for bits in TAG_BITS))
    chosen += [*fitted_groups(), *compared_groups(widths)]
    wide_pes = [pe_units(op, bits, weight_bits(op, bits), "os") for op, bits in product(known_ops(), wide)]
    chosen += [(widest_sum(pe),) for pe in (*pes, *wide_pes) if pe[0].dataflow == "os"]
    chosen += [(Edge(x, MAX_ACC_BITS),) for x in (*widths, *wide)]
    chosen += signed_units(widths)
    chosen += [fused_units(*fused) for fused in product(FUSED_OPS, widths, DATAFLOWS)]
    unlike = [(op, x_bits, w_bits) for op, x_bits, w_bits in of_ops if w_bits != weight_bits(op, x_bits)]
    chosen += [staged for of_op in unlike for staged in staged_units(*of_op)]
    return chosen


def wide_bits(widths: range) -> tuple[int, ...]:
    """Return the widths of a table beyond those of all pairs: none where it was asked for few."""
    return WIDE_BITS if widths == WIDTHS else ()


def compared_groups(widths: range) -> list[tuple[Unit, ...]]:
    """Return PEs of WIDE_BITS and of two stages, the gate equivalent, ops alone and neurons; then the smallest MACs.

    Where widths of x and w are free of each other, `groups` has further PEs of two stages.
    """
    wide, ops = wide_bits(widths), known_ops()
    compared: list[tuple[Unit, ...]] = [
        pe_units(op, bits, weight_bits(op, bits), dataflow) for op, bits, dataflow in product(ops, wide, DATAFLOWS)
    ]
    for op, bits in product(ops, (*widths, *wide)):
        compared += staged_units(op, bits, weight_bits(op, bits))
    compared.append((Nand2(),))
    compared += [(operator(op, x_bits),) for op, x_bits in product(ops, (*widths, *wide))]
    compared += [(neuron(window, op, x_bits),) for op, x_bits, window in product(ops, (*widths, *wide), SYNAPSES)]
    alone = [op for op in ops if operation(op).one_number]
    compared += [(operator(op, x_bits, one_number=True),) for op, x_bits in product(alone, (*widths, *wide))]
    return compared + smallest_groups((*widths, *wide))


def smallest_groups(widths: Sequence[int]) -> list[tuple[Unit, ...]]:
    """Return the MACs of least area: alone and in SMALL_NEURON at all widths, and in PEs at the widest sums."""
    ops = [op for op in known_ops() if operation(op).multiplies]
    units: list[Operator | Neuron | Pe] = []
    for op in ops:
        units += [operator(op, bits) for bits in widths]
        units += [neuron(SMALL_NEURON, op, bits) for bits in widths]
    units += [pe_units(op, bits, bits, dataflow)[-1] for op, bits, dataflow in product(ops, widths, ("os", "ws"))]
    return [(replace(unit, smallest=True),) for unit in units]


def operator(op: Op, x_bits: int, one_number: bool = False) -> Operator:
    """Return the op alone at a width of x."""
    return Operator(op, x_bits, weight_bits(op, x_bits), one_number)


def neuron(window: Window, op: Op, x_bits: int) -> Neuron:
    """Return a neuron at a width of x, its sum as wide as it gets."""
    w_bits = weight_bits(op, x_bits)
    return Neuron(op, x_bits, w_bits, window, sum_bits(window, op, x_bits, w_bits))


def fitted_groups() -> list[tuple[Fitted, ...]]:
    """Return the units behind each fit."""
    fitted: list[tuple[Fitted, ...]] = [
        tuple(Skew(bits) for bits in SKEW_BITS),
        tuple(RegisterBank(width, address) for width, address in BANK_SIZES),
        tuple(Pool(x, feeder) for x, feeder in POOL_SIZES),
        tuple(Scratchpad("ifmap", width, port) for width, port in IFMAP_SIZES),
        tuple(Scratchpad("filter", width, port) for width, port in FILTER_SIZES),
    ]
    for dataflow in ("os", "ws"):
        fitted.append(tuple(Lanes(x, dataflow, lanes, feeder) for lanes, x, feeder in LANE_SIZES))
    movers: tuple[type[Packer | Scatter], ...] = (Packer, Scatter)
    for mover, dataflow in product(movers, MOVER_SIZES):
        sizes = MOVER_SIZES[dataflow]
        fitted.append(tuple(mover(x, acc, dataflow, cols, feeder, port) for cols, x, feeder, acc, port in sizes))
    for dataflow in DATAFLOWS:
        fitted.append(tuple(Control(x, dataflow, lanes, 4, port) for lanes, x, port in CONTROL_SIZES))
    fitted += [tuple(Generator(dataflow, lanes) for lanes in GENERATOR_LANES) for dataflow in DATAFLOWS]
    for dataflow in ("os", "ws"):
        fitted.append(tuple(Shadow(bits, dataflow) for bits in SHADOW_BITS))
    for dataflow in DATAFLOWS:
        fitted.append(tuple(Control(x, dataflow, lanes, 4, port, True) for lanes, x, port in CONTROL_SIZES))
    return fitted
