"""Streams of PEs: operands of a kind, and for every kind what accumulators or psums they must make.

Kinds, the column `stream` of a cost table:
uniform               every pattern of either operand alike
gaussian_relu         x a rectified Gaussian, w a Gaussian, both of a third of their range, polarity a coin
gaussian_relu_sorted  the same in polarity order: what adds first, then what subtracts (MAC and shift: by sign of w)
network               a trained network's own, captured from the cycle model
network_sorted        os only: the same folds with their synapses in polarity order
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from cost_models.gates.switching import LANES
from cost_models.stimuli.captured import captured_windows, has_network
from cost_models.stimuli.op_values import in_polarity_order, op_values, sign_bit
from cost_models.stimuli.stimulus import SEED, STEPS, WARM_UP, Stream, constant, uniform, until
from cost_models.table.operands import GAUSSIAN, NETWORK, SORTED, UNIFORM
from cost_models.units.catalogue import is_priced
from cost_models.units.neurons import weight_bits
from cost_models.units.unit import FusedPe, Pe
from simulator.encoding import op_code
from workloads.ops.integers import as_signed

CHAIN = 8
"""PEs above the one that is driven: its psum input is the sum of that many ops."""

DEVIATIONS = 3
"""Standard deviations of a Gaussian operand from 0 to the end of its range."""

LEFT, TOP, PSUM, POLARITY = (f"energy_per_{moving}_cycle_pj" for moving in ("left", "top", "psum", "polarity"))
"""Cycles in which nothing moves but the operand from the left or from the top, the psum, or the polarity."""


PER, IDLE, SHIFT = "energy_per_", "idle_cycle_pj", "shift_cycle_pj"
OF_ALL_OPS = (IDLE, SHIFT)
"""Cycles of a PE of several ops in which none of them has anything to do."""

NOTHING = (0, 0)
"""Neutral under every op at once, see `Design.neutral`."""

SYNAPSE_PORTS = {"os": "synapse_in", "ws": "still_in", "is": "moving_in"}


@dataclass(frozen=True)
class Operands:
    """Operand patterns [steps, LANES] of one kind. A stationary operand is that of step 0 throughout.

    before: integers that a PE adds to: os the accumulator at step 0 [LANES], None where it is reset then;
    ws and is the psum from above [steps, LANES].
    """

    kind: str
    x: np.ndarray
    synapse: np.ndarray
    before: np.ndarray | None


def pe_streams(unit: Pe, random: np.random.Generator, neutral: tuple[int, int]) -> list[Stream]:
    """Return the uniform streams of a PE: operations, idle cycles, cycles that shift values through, tails of folds.

    neutral: patterns of x and synapse that together are nothing.
    """
    x, synapse = uniform(random, unit.x_bits), uniform(random, unit.synapse_bits)
    chain = np.zeros_like(x)
    for _ in range(CHAIN):
        chain += op_values(unit, uniform(random, unit.x_bits), uniform(random, unit.synapse_bits)[:1])
    quiet_x, quiet_synapse = (constant(value) for value in neutral)
    idle, shift = PER + IDLE, PER + SHIFT
    operation = op_stream(unit, Operands(UNIFORM, x, synapse, None if unit.dataflow == "os" else chain))
    psum = chain & ((1 << unit.sum_bits) - 1)
    tails = list(_tail_streams(unit, x, synapse, chain, random, neutral)) if is_priced(unit) else []
    if unit.dataflow == "os":
        rest = {"rst": until(1), "drain": constant(0), "acc_in": constant(0)}
        still_x, still_synapse = x.copy(), synapse.copy()
        still_x[WARM_UP - 1 :], still_synapse[WARM_UP - 1 :] = quiet_x[0], quiet_synapse[0]
        drained = {"rst": constant(0), "drain": constant(1), "acc_in": psum}
        return [
            operation,
            Stream(idle, {"x_in": still_x, "synapse_in": still_synapse, **rest}),
            Stream(
                shift,
                {"x_in": quiet_x, "synapse_in": quiet_synapse, **drained},
                {"acc_out": np.roll(psum, 1, axis=0)},
            ),
            *tails,
        ]
    stays = unit.dataflow == "is"
    still = x if stays else synapse
    quiet = {"moving_in": quiet_synapse if stays else quiet_x, "psum_in": constant(0)}
    held = np.broadcast_to(still[:1], still.shape)
    return [
        operation,
        Stream(idle, {"still_in": held, "preload": until(1), **quiet}),
        Stream(shift, {"still_in": still, "preload": constant(1), **quiet}, {"still_out": np.roll(still, 1, axis=0)}),
        *tails,
    ]


def _tail_streams(
    unit: Pe,
    x: np.ndarray,
    synapse: np.ndarray,
    chain: np.ndarray,
    random: np.random.Generator,
    neutral: tuple[int, int],
) -> Iterator[Stream]:
    """Yield what PEs beyond a fold's columns or rows see while its operands stream: all else is neutral.

    Beyond the columns: what comes from the left. Beyond the rows: under os what comes from the top, under ws and is the
    psums of the rows above, `chain` [steps, LANES]. A polarity that all columns (os) or all rows (is) share moves
    beyond them too.
    """
    quiet_x, quiet_synapse = (constant(value) for value in neutral)
    nothing = None if unit.dataflow == "os" else constant(0)
    if unit.dataflow == "os":
        beyond_columns = Operands(UNIFORM, x, quiet_synapse, None)
        beyond_rows, passing = Operands(UNIFORM, quiet_x, synapse, None), TOP
    else:
        above = np.zeros_like(chain)
        for _ in range(CHAIN):
            if unit.dataflow == "ws":
                above += op_values(unit, uniform(random, unit.x_bits), quiet_synapse)
            else:
                above += op_values(unit, quiet_x, uniform(random, unit.synapse_bits))
        left = (x, quiet_synapse) if unit.dataflow == "ws" else (quiet_x, synapse)
        beyond_columns = Operands(UNIFORM, *left, above)
        beyond_rows, passing = Operands(UNIFORM, quiet_x, quiet_synapse, chain), PSUM
    yield op_stream(unit, beyond_columns, LEFT)
    yield op_stream(unit, beyond_rows, passing)
    if unit.operation.polar and unit.dataflow != "ws":
        polarity = uniform(random, 1) << unit.w_bits
        yield op_stream(unit, Operands(UNIFORM, quiet_x, quiet_synapse | polarity, nothing), POLARITY)


def fused_streams(unit: FusedPe, random: np.random.Generator) -> list[Stream]:
    """Return the uniform streams of a PE of several ops: of each op its own, and what is the same under all once.

    A weight narrower than the synapse is in its low bits, extended by its sign as filters are stored.
    """
    streams: list[Stream] = []
    for op, member in unit.members().items():
        for stream in pe_streams(member, random, NOTHING):
            event = stream.quantity.removeprefix(PER)
            if event in OF_ALL_OPS:
                quantity = stream.quantity
                if any(other.quantity == quantity for other in streams):
                    continue
            else:
                quantity = f"{PER}{op}_{event}"
            inputs = stream.inputs | {"op_select": constant(op_code(op))}
            if member.w_bits < unit.w_bits:
                port = SYNAPSE_PORTS[unit.dataflow]
                inputs[port] = as_signed(inputs[port], member.w_bits) & ((1 << unit.w_bits) - 1)
            streams.append(replace(stream, quantity=quantity, inputs=inputs))
    return streams


def operand_streams(unit: Pe, run: int) -> list[Stream]:
    """Return the streams of operations beyond the uniform one, of PEs that have them: os and ws, x as wide as w."""
    if unit.signed or unit.dataflow not in ("os", "ws") or unit.w_bits != weight_bits(unit.op, unit.x_bits):
        return []
    random = np.random.default_rng([SEED, run, 1])
    return [op_stream(unit, operands) for operands in _kinds(unit, random)]


def _kinds(unit: Pe, random: np.random.Generator) -> Iterator[Operands]:
    signed = sign_bit(unit) is not None
    for in_order in (False, True) if signed else (False,):
        kind = GAUSSIAN + SORTED * in_order
        x, synapse = _rectified(unit, random), _gaussian(unit, random)
        if unit.dataflow == "os":
            yield Operands(kind, *(in_polarity_order(unit, x, synapse) if in_order else (x, synapse)), None)
            continue
        chain = np.zeros_like(x)
        for _ in range(CHAIN):
            above = _gaussian(unit, random)[:1]
            chain += op_values(unit, _rectified(unit, random), above & ~(in_order << (sign_bit(unit) or 0)))
        yield Operands(kind, x, synapse, chain)
    if has_network(unit):
        yield Operands(NETWORK, *captured_windows(unit, random, WARM_UP + STEPS, LANES, False))
        if signed and unit.dataflow == "os":
            yield Operands(NETWORK + SORTED, *captured_windows(unit, random, WARM_UP + STEPS, LANES, True))


def op_stream(unit: Pe, operands: Operands, quantity: str = "energy_per_op_pj") -> Stream:
    """Return the stream in which a PE operates in every step, with the sums it must make.

    A PE of two stages adds an op one step later.
    """
    mask, late = (1 << unit.sum_bits) - 1, unit.stages - 1
    x, synapse, before = operands.x, operands.synapse, operands.before
    if unit.dataflow == "os":
        ops = op_values(unit, x, synapse)
        added = np.roll(ops, late, axis=0)
        added[0] = 0  # step 0 resets or loads the accumulator instead
        sums = np.concatenate([np.zeros((1, LANES), dtype=np.int64), np.cumsum(added, axis=0)[:-1]])
        control = {"rst": until(1), "drain": constant(0), "acc_in": constant(0)}
        if before is not None:
            loaded = before + (0 if late else ops[0])
            sums += loaded
            control = {"rst": constant(0), "drain": until(1), "acc_in": constant(0) + (loaded & mask)}
        inputs = {"x_in": x, "synapse_in": synapse, **control}
        return Stream(quantity, inputs, {"acc_out": sums & mask}, operands=operands.kind)
    assert before is not None
    stays = unit.dataflow == "is"
    still, moving = (x, synapse) if stays else (synapse, x)
    held = np.broadcast_to(still[:1], still.shape)
    ops = op_values(unit, held, moving) if stays else op_values(unit, moving, held)
    psum = np.roll((before + np.roll(ops, late, axis=0)) & mask, 1, axis=0)
    inputs = {"still_in": still, "preload": until(1), "moving_in": moving, "psum_in": before & mask}
    return Stream(quantity, inputs, {"psum_out": psum}, 2 + late, operands=operands.kind)


def _rectified(unit: Pe, random: np.random.Generator) -> np.ndarray:
    """Return activations max(0, N(0, σ)): two's complement for ops that subtract w from x, else unsigned."""
    highest = (1 << (unit.x_bits - unit.operation.one_range)) - 1
    drawn = random.standard_normal((WARM_UP + STEPS, LANES)) * (highest / DEVIATIONS)
    return np.clip(np.rint(drawn), 0, highest).astype(np.int64)


def _gaussian(unit: Pe, random: np.random.Generator) -> np.ndarray:
    """Return synapses of the weights nearest to N(0, σ); polarities are drawn evenly."""
    shape = WARM_UP + STEPS, LANES
    w = unit.operation.nearest_patterns(random.standard_normal(shape) / DEVIATIONS, unit.w_bits)
    if unit.operation.polar:
        return w | random.integers(0, 2, shape, dtype=np.int64) << unit.w_bits
    return w
