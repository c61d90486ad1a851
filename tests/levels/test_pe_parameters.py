"""PEs on their own: every set of ops, one and two stages and zero gating are clean; wrong parameters are refused."""

from __future__ import annotations

import os
import subprocess
from itertools import product

import pytest

from cost_models.sources.source import VERILOG
from simulator.rtl.toolchain import find_verilator
from tests.support.tools import needs_verilator

needs_verilator()

THRESHOLD, MAC, ADDER, SHIFT = 1, 2, 4, 8
WIDTHS = ((2, 2), (5, 8), (16, 4))
DATAFLOWS = ("os", "ws", "is")
EVERY = 5
"""One of so many sets of parameters is read: a second of Verilator each ten."""


def parameters(ops: int, stages: int, gating: int, dataflow: str, x_bits: int, w_bits: int) -> dict[str, int]:
    """Return the parameters of a PE whose sums are three bits wider than its results."""
    synapse_bits = w_bits + ops % 2
    widths = {
        THRESHOLD | ADDER: max(x_bits, w_bits) + 1,
        MAC: x_bits + w_bits,
        SHIFT: x_bits + 2 ** (min(w_bits, 5) - 1) - 1,
    }
    op_bits = max(bits for of, bits in widths.items() if ops & of)
    common = {"OPS": ops, "STAGES": stages, "ZERO_GATING": gating, "X_BITS": x_bits, "W_BITS": w_bits}
    common |= {"X_SIGNED": int(ops & (THRESHOLD | ADDER) != 0), "SYNAPSE_BITS": synapse_bits, "OP_BITS": op_bits}
    if dataflow == "os":
        return common | {"ACC_BITS": op_bits + 3}
    still, moving = (x_bits, synapse_bits) if dataflow == "is" else (synapse_bits, x_bits)
    sums = {"PSUM_BITS": op_bits + 3, "X_STAYS": int(dataflow == "is")}
    return common | sums | {"STILL_BITS": still, "MOVING_BITS": moving}


def lint(dataflow: str, chosen: dict[str, int]) -> str:
    """Return what Verilator says of a PE: nothing where it is clean."""
    top = "limen_pe_os" if dataflow == "os" else "limen_pe_stationary"
    verilator, root = find_verilator()
    files = [*sorted(VERILOG.glob("limen_op*.v")), VERILOG / "limen_resize.v", VERILOG / f"{top}.v"]
    command = [verilator, "--lint-only", "-Wall", "--quiet", "--top-module", top, *map(str, files)]
    command += [f"-G{name}={value}" for name, value in chosen.items()]
    environment = {**os.environ, **({"VERILATOR_ROOT": root} if root else {})}
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (outcome.returncode == 0) == (outcome.stdout + outcome.stderr == "")
    return outcome.stdout + outcome.stderr


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_every_set_of_ops_in_one_and_two_stages(dataflow: str) -> None:
    matrix = [
        (ops, stages, gating, *widths)
        for ops, (stages, gating), widths in product(range(1, 16), ((1, 0), (2, 0), (2, 1)), WIDTHS)
        if not (gating and ops & (THRESHOLD | ADDER))
    ]
    for ops, stages, gating, x_bits, w_bits in matrix[DATAFLOWS.index(dataflow) :: EVERY]:
        chosen = parameters(ops, stages, gating, dataflow, x_bits, w_bits)
        assert lint(dataflow, chosen) == "", chosen


@pytest.mark.parametrize(
    ("dataflow", "wrong", "said"),
    [
        ("os", {"OPS": 0}, "ops_is_a_set_of_ops"),
        ("os", {"OPS": MAC + 16}, "ops_is_a_set_of_ops"),
        ("os", {"OPS": 16}, "ops_is_a_set_of_ops"),
        ("os", {"STAGES": 3}, "stages_are_1_or_2"),
        ("os", {"ZERO_GATING": 1, "STAGES": 1}, "zero_gating_takes_two_stages_of_mac_or_shift"),
        ("os", {"ZERO_GATING": 1, "OPS": MAC + ADDER}, "zero_gating_takes_two_stages_of_mac_or_shift"),
        ("os", {"OP_BITS": 7}, "op_bits_a_product"),
        ("os", {"ACC_BITS": 1}, "acc_bits_are_2_at_least"),
        ("ws", {"PSUM_BITS": 7}, "psum_bits_hold_a_result"),
        ("is", {"STILL_BITS": 5}, "operands_are_x_and_synapse"),
        ("ws", {"OPS": THRESHOLD, "X_SIGNED": 1}, "synapse_has_polarity"),
        ("ws", {"OPS": ADDER}, "x_is_signed"),
        ("ws", {"OPS": SHIFT, "SYNAPSE_BITS": 3, "STILL_BITS": 3}, "synapse_bits_hold_a_weight"),
    ],
)
def test_wrong_parameters(dataflow: str, wrong: dict[str, int], said: str) -> None:
    """The line that says what is wrong is a module that isn't there: no tool builds the PE."""
    right = parameters(MAC, 2, 0, dataflow, 4, 4)
    outcome = lint(dataflow, right | wrong)
    assert "Error-MODMISSING" in outcome and said in outcome
