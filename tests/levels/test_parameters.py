"""limen_top refuses every parameter that no machine can have, and the one line of a build says which."""

from __future__ import annotations

import pytest

from simulator.rtl.toolchain import BuildError
from tests.support.tools import needs_verilator
from tests.support.verilog_lint import lint

needs_verilator()

SMALL = {"ROWS": 1, "COLS": 1, "DATAFLOW": 0, "OP": 0, "X_BITS": 4, "W_BITS": 4, "ACC_BITS": 8, "FEEDER": 2}
MAC, ADDER, SHIFT = {"OP": 1}, {"OP": 2}, {"OP": 3}
MAC_AND_SHIFT = {"OP": 16 + 2 + 8}
DEPTHS = ("IFMAP_DEPTH", "FILTER_DEPTH", "POLARITY_DEPTH", "CHANNEL_DEPTH", "OFMAP_DEPTH")


@pytest.mark.parametrize(
    "right",
    [
        {"ACC_BITS": 5, "POLARITY": 2, "PORT_BITS": 512, **dict.fromkeys(DEPTHS, 1), "OPERAND_DEPTH": 2},
        {**MAC, "X_SIGNED": 0, "X_BITS": 16, "W_BITS": 16, "ACC_BITS": 48, "PORT_BITS": 32},
        {**SHIFT, "W_BITS": 5, "FEEDER": 1, **dict.fromkeys(DEPTHS, 65536)},
        {**MAC_AND_SHIFT, "W_BITS": 16, "X_SIGNED": 0, "DATAFLOW": 2},
        {**MAC, "STAGES": 2, "ZERO_GATING": 1, "DATAFLOW": 1},
        {**MAC, "MATMUL": 1, "X_SIGNED": 0, "COLS": 3},
        {**MAC, "MATMUL": 1, "DATAFLOW": 1, "COLS": 3, "ROWS": 5, "FEEDER": 1},
        {**MAC, "MATMUL": 1, "DATAFLOW": 2, "ROWS": 1, "X_SIGNED": 0, "W_BITS": 16},
        {"MATMUL": 1, "DATAFLOW": 2, "ROWS": 3, "OVERLAP": 1},
        {"MATMUL": 1, "POLARITY": 3, "ROWS": 2},
        {"MATMUL": 1, "OP": 16 + 1 + 2 + 8, "POLARITY": 2, "W_BITS": 7, "ACC_BITS": 14},
        *({"POLARITY": 3, "DATAFLOW": dataflow} for dataflow in range(3)),
        {"OP": 16 + 1 + 2, "POLARITY": 3, "ROWS": 2, "COLS": 3},
        {"OVERLAP": 1, "STAGES": 2, "DATAFLOW": 2},
    ],
    ids=str,
)
def test_the_furthest_right_ones(right: dict[str, int]) -> None:
    assert lint("top", SMALL | right) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        *({"ROWS": 0}, {"ROWS": 257}, {"COLS": 0}, {"COLS": 257}, {"DATAFLOW": -1}, {"DATAFLOW": 3}),
        *({"OP": -1}, {"OP": 4}, {"OP": 16}, {"OP": 32}, {"X_BITS": 1}, {"X_BITS": 17, "ACC_BITS": 20}),
        *({"W_BITS": 1}, {"W_BITS": 17}, {"W_BITS": 6, **SHIFT}, {"X_SIGNED": 0}, {"X_SIGNED": 0, **ADDER}),
        *({"X_SIGNED": 2, **MAC}, {"ACC_BITS": 4}, {"ACC_BITS": 49}, {"POLARITY": -1}, {"POLARITY": 4}),
        *({"POLARITY": 1, **MAC}, {"POLARITY": 3, **ADDER}, {"FEEDER": 0}, {"FEEDER": 3}),
        {"FEEDER": 64, "PORT_BITS": 512, "X_BITS": 2},
        *({"PORT_BITS": 16}, {"PORT_BITS": 48}, {"PORT_BITS": 1024}, {"PORT_BITS": 32, "FEEDER": 16}),
        *({name: value} for name in DEPTHS for value in (0, 65537)),
        *(
            {"OPERAND_DEPTH": 1},
            {"OPERAND_DEPTH": 65537},
            {"STAGES": 0},
            {"STAGES": 3},
            {"ZERO_GATING": 2, "STAGES": 2},
        ),
        {"MATMUL": 2},
        *({"OVERLAP": 2}, {"OVERLAP": -1}, {"ZERO_GATING": 1, **MAC}, {"ZERO_GATING": 1, "STAGES": 2}),
    ],
    ids=lambda wrong: "-".join(f"{name}={value}" for name, value in wrong.items()),
)
def test_wrong_ones(wrong: dict[str, int]) -> None:
    """The line that says what is wrong is a module that isn't there: no tool builds the machine."""
    words = lint("top", SMALL | wrong)
    assert f"limen_wrong_parameter {next(iter(wrong))}_is_" in words
    assert "a parameter is not allowed: " in str(BuildError(words))
