"""Energies of a PE's operation under operands of some kind: rows of the table, or an estimate where it has none.

Tables have a network's own operands in os and ws PEs with x as wide as w, at some sums. What they change of an
operation's energy, against uniform ones, depends on the op and its activations much more than on the width of w or of
the sum. So where there are no rows, the uniform energy is taken times that ratio of the PE nearest to it, `assumed`.
"""

from __future__ import annotations

from collections.abc import Mapping

from cost_models.table.operands import ESTIMATED, NETWORK, OWN, UNIFORM
from cost_models.table.table import Table, Value
from cost_models.units.unit import GATED
from workloads.errors import LimenError
from workloads.ops.names import AND
from workloads.ops.registry import operation

OPERATION = "energy_per_op_pj"


def operand_energies(
    table: Table, component: str, held_bits: int, op: str, x_bits: int, w_bits: int, dataflow: str, stages: int,
    stream: str,
) -> Mapping[str, Value]:  # fmt: skip
    """Return the energies of a PE's operations under operands that aren't uniform; none of uniform ones.

    Raises:
        LimenError: a table that lacks the operands.
    """
    if stream == UNIFORM:
        return {}
    if stream not in (OWN, ESTIMATED):
        return table.at(component, held_bits, op, x_bits, w_bits, dataflow, stream, stages)
    sums = table.sums(component, op, x_bits, w_bits, dataflow, NETWORK, stages)
    if stream == OWN and sums and sums[0] <= held_bits <= sums[-1]:
        return table.at(component, held_bits, op, x_bits, w_bits, dataflow, NETWORK, stages)
    uniform, ops = table.at(component, held_bits, op, x_bits, w_bits, dataflow, stages=stages), op.split(AND)
    energies = {}
    for own in ops:
        name = OPERATION if len(ops) == 1 else f"energy_per_{own}_op_pj"
        ratio = _ratio(table, GATED if component == GATED else "pe", held_bits, own, x_bits, dataflow, stages)
        energies[name] = Value(uniform[name].value * ratio, "assumed")
    return energies


def _ratio(table: Table, component: str, held_bits: int, op: str, x_bits: int, dataflow: str, stages: int) -> float:
    """Return an operation's energy under a network's own operands over that under uniform ones.

    It is of the PE with w as wide as x, or as wide as the op's weights can be, and the nearest sum; of ws for is.
    """
    w_bits, dataflow = operation(op).fitted_bits(x_bits), "os" if dataflow == "os" else "ws"
    sums = table.sums(component, op, x_bits, w_bits, dataflow, NETWORK, stages)
    if not sums:
        raise LimenError(
            f"{table.path}: stream: {OWN!r} is not allowed for {op} {x_bits}: the table has no operands of a network "
            f"at this width; {UNIFORM} is for any"
        )
    near = min(max(held_bits, sums[0]), sums[-1])
    own, uniform = (
        table.at(component, near, op, x_bits, w_bits, dataflow, stream, stages)[OPERATION].value
        for stream in (NETWORK, UNIFORM)
    )
    return own / uniform
