"""The modules behind limen_top on their own: clean with the parameters they come with, refused with wrong ones."""

from __future__ import annotations

import re

import pytest

from cost_models.sources.source import VERILOG
from tests.support.tools import needs_verilator
from tests.support.verilog_lint import lint

needs_verilator()

WRONG = {
    "ahead": [],
    "bank": [({"WIDTH": 0}, "width_is_1_at_least"), ({"DEPTH": 65537}, "addr_bits_reach_every_word")],
    "dma": [({"PORT_BITS": 48}, "port_bits_are_32_64_128_256_or_512"), ({"PORT_BITS": 1024}, "port_bits_are_32")],
    "edge": [({"VALUE_BITS": 0}, "value_bits_are_1_at_least"), ({"ACC_BITS": 49}, "acc_bits_are_2_to_48")],
    "folds": [
        ({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"),
        ({"POLARITY": 4}, "polarity_is_0_to_3"),
        ({"STAGES": 3}, "stages_are_1"),
    ],
    "fold_loop": [({"INNER_STEP": 0}, "steps_are_1_at_least")],
    "generator": [({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"), ({"LANES": 0}, "lanes_are_1_at_least")],
    "group": [({"FEEDER": 3}, "feeder_is_a_power_of_two")],
    "im2col": [({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"), ({"FEEDER": 6}, "feeder_is_a_power_of_two")],
    "operands": [({"DATAFLOW": -1}, "dataflow_is_0_1_or_2"), ({"DEPTH": 3}, "depth_holds_a_word")],
    "overlap": [({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"), ({"STAGES": 0}, "stages_are_1_or_2")],
    "packer": [({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"), ({"PORT_BITS": 32, "X_BITS": 9}, "and_hold_a_word")],
    "polarity_rows": [({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"), ({"POLARITY": 4}, "polarity_is_0_to_3")],
    "pool": [({"X_SIGNED": 2}, "x_signed_0_or_1")],
    "requantiser": [({"Y_BITS": 18}, "y_bits_3_to_17")],
    "rows": [({"PER_READ": 2}, "are_0_or_1")],
    "scatter": [({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"), ({"FEEDER": 3}, "feeder_is_a_power_of_two")],
    "scratchpad": [({"DEPTH": 65537}, "depth_0_to_65536"), ({"PORT_BITS": 96}, "port_bits_are_32")],
    "select": [({"COUNT": 0}, "count_1_to_65536")],
    "shadow": [({"TAKES": 2}, "takes_0_or_1")],
    "skew": [({"DEPTH": -1}, "depth_0_and_up")],
    "synapse_walker": [({"DATAFLOW": 0}, "dataflow_is_1_or_2"), ({"FEEDER": 0}, "feeder_are_1_at_least")],
    "synapse_words": [({"LANES": 3}, "lanes_are_cols_or_under_is_rows"), ({"FEEDER": 3}, "feeder_is_a_power_of_two")],
    "synapses": [({"DATAFLOW": 3}, "dataflow_is_0_1_or_2"), ({"LANES": 5}, "lanes_are_cols_or_under_is_rows")],
    "tag": [({"ADDR_BITS": 0}, "addr_bits_are_1_at_least")],
    "turn": [({"KEEPS_CHANNEL": 2}, "keeps_channel_0_or_1")],
    "walker": [({"COLS": 0}, "cols_and_lanes_are_1_at_least")],
    "words": [({"FEEDER": 3}, "feeder_is_a_power_of_two")],
    "waves": [({"ROWS": 0}, "rows_are_1_at_least"), ({"DRAINS": 2}, "drains_is_0_or_1")],
}
"""Parameters that would give hardware which runs and is wrong, and the line that refuses each, by module."""


@pytest.mark.parametrize("module", WRONG)
def test_parameters(module: str) -> None:
    assert lint(module, {}) == ""
    for parameters, said in WRONG[module]:
        outcome = lint(module, parameters)
        assert "Error-MODMISSING" in outcome and said in outcome, parameters


def test_every_parameter_has_a_comment() -> None:
    """It says what the parameter is and which values it takes, beside it."""
    for path in sorted(VERILOG.glob("*.v")):
        for line in path.read_text().splitlines():
            if re.match(r"\s*parameter ", line):
                assert re.search(r"// \S", line), f"{path.name}: {line.strip()}"
