"""The groups a used cell may hold: those that are read, and those that say nothing of area, delay or energy here.

Any other one, be it a slip of the pen, would be dropped silently, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from cost_models.liberty.liberty_text import Group
from workloads.errors import LimenError, shown

READ = {
    "cell": {"pin", "ff", "leakage_power"},
    "pin": {"timing", "internal_power"},
    "timing": {
        *("cell_rise", "cell_fall", "rise_transition", "fall_transition", "rise_constraint", "fall_constraint"),
        *("rise_propagation", "fall_propagation"),
    },
    "internal_power": {"rise_power", "fall_power", "power"},
    "leakage_power": set(),
    "ff": set(),
}
"""By the kind of group they are in."""

ELSEWHERE = {
    "cell": {
        *("pg_pin", "test_cell", "type", "lut", "routing_track", "generated_clock"),
        *("dynamic_current", "intrinsic_parasitic", "leakage_current", "functional_yield_metric", "char_config"),
        *("clear_condition", "preset_condition", "retention_condition", "sensitization", "soft_error_rate"),
    },
    "pin": {
        *("electromigration", "max_cap", "max_trans", "min_pulse_width", "minimum_period", "tlatch", "dc_current"),
        *("input_ccb", "output_ccb", "input_signal_swing", "output_signal_swing", "char_config"),
    },
    "timing": {
        *("cell_degradation", "retaining_rise", "retaining_fall", "retain_rise_slew", "retain_fall_slew"),
        *("char_config", "dc_current"),
    },
    "internal_power": {"char_config"},
}
"""Limits, supplies, tests, ways of characterisation."""

MODELS = re.compile(
    r"ccsn?_\w+|ocv_\w+|\w*noise\w*|(compact_ccs|output_current|receiver_capacitance|steady_state_current)\w*"
    r"|(base_curves|driver_waveform|hyperbolic|pg_current|gate_leakage|stg|lvf|ecsm)\w*"
)
"""Current sources, noise and variation: the same arcs told more closely."""


def check_groups(group: Group, defined: Collection[str]) -> None:
    """Raise LimenError for a group in a cell, at any depth, that is not known. defined: kinds the library defines."""
    for inner in group.groups:
        if inner.kind in READ.get(group.kind, set()):
            check_groups(inner, defined)
        elif group.kind in READ and not (
            inner.kind in ELSEWHERE.get(group.kind, set()) or inner.kind in defined or MODELS.fullmatch(inner.kind)
        ):
            where = f" {', '.join(group.arguments)}" if group.arguments else ""
            raise LimenError(f"line {inner.line}: {shown(inner.kind)} in {group.kind}{where} is not read")
