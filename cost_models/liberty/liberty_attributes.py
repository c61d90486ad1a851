"""The simple attributes that are read, and what makes one of them ambiguous: a slip of the pen, or two values.

A name that is nearly one of ours would be dropped silently, and is refused; other unknown names say nothing here.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from functools import lru_cache

from cost_models.liberty.liberty_text import Group, number
from workloads.errors import LimenError, shown

CELL_FLAGS = (
    *("dont_use", "pad_cell", "auxiliary_pad_cell", "is_macro_cell", "is_memory_cell", "is_isolation_cell"),
    *("is_clock_isolation_cell", "is_level_shifter", "always_on"),
)
CELL_KINDS = ("clock_gating_integrated_cell", "retention_cell", "switch_cell_type")
TIED = ("pin_equal", "pin_opposite", "contention_condition")
PIN_FLAGS = ("is_pad", "is_analog")
"""What `liberty_left_out` leaves cells out by; TIED: what inputs have to be together, which mapping doesn't know."""

UNITS = ("time_unit", "voltage_unit", "leakage_power_unit", "capacitive_load_unit")
READ = {
    "library": {
        *UNITS,
        *("nom_voltage", "delay_model", "default_cell_leakage_power", "default_leakage_power_density"),
        *("default_input_pin_cap", "default_output_pin_cap", "default_max_transition"),
        *("default_operating_conditions", "default_wire_load_capacitance"),
    },
    "operating_conditions": {"voltage"},
    "wire_load": {"capacitance", "slope"},
    "lu_table_template": {"variable_1", "variable_2", "variable_3"},
    "power_lut_template": {"variable_1", "variable_2", "variable_3"},
    "cell": {"area", "cell_leakage_power", *CELL_FLAGS, *CELL_KINDS, *TIED},
    "pin": {
        *("direction", "function", "three_state", "capacitance", "rise_capacitance", "fall_capacitance"),
        *("max_capacitance", "max_transition", "driver_type", "complementary_pin"),
        *("input_signal_level", "output_signal_level", *PIN_FLAGS),
    },
    "timing": {"related_pin", "timing_type", "timing_sense", "min_delay_flag"},
    "internal_power": {"related_pin", "related_pg_pin", "power_level", "when"},
    "leakage_power": {"value", "when", "related_pg_pin", "power_level"},
    "ff": {"clocked_on", "clocked_on_also", "next_state", "clear", "preset"},
}
"""By the kind of group they are in."""

LISTS = {
    "wire_load": {"fanout_length"},
    "lu_table_template": {"index_1", "index_2", "index_3"},
    "power_lut_template": {"index_1", "index_2", "index_3"},
    "table": {"index_1", "index_2", "index_3", "values"},
}
"""Complex attributes that are read; `table` is any lookup table."""

LIBERTY = {
    *("current_unit", "power_unit", "distance_unit", "resistance_unit", "pulling_resistance_unit"),
    *("dynamic_power_unit", "nom_process", "nom_temperature", "default_fanout_load", "default_max_fanout"),
    *("default_inout_pin_cap", "default_max_capacitance", "default_power_rail"),
    *("default_wire_load", "default_wire_load_area", "default_wire_load_mode", "default_wire_load_selection"),
    *("default_wire_load_resistance", "default_min_capacitance"),
    *("default_min_transition", "default_intrinsic_rise", "default_intrinsic_fall", "default_max_utilization"),
    *("dont_touch", "dont_fault", "cell_footprint", "cell_power", "min_capacitance", "min_transition"),
    *("max_fanout", "min_fanout", "x_function", "state_function", "power_down_function", "function_id"),
    *("related_pg_pin", "related_bus_pins", "related_output_pin", "related_ground_pin", "related_power_pin"),
    *("related_bias_pin", "related_pg_pins", "related_inputs", "related_outputs", "tied_off", "timing_label"),
    *("clear_preset_var1", "clear_preset_var2", "nextstate_type", "state_when", "values", "power_rail"),
    *("is_filler_cell", "is_decap_cell", "is_tap_cell", "is_pll_cell", "is_clock_cell", "is_pll_reference_pin"),
    *("pin_capacitance", "fanout_load", "rise_current_slope_after_threshold", "is_three_state"),
}
"""Names of the format that are like some of ours."""

CUTOFF = 0.85
"""Likeness by difflib: one letter of six or more that is wrong, lacks or is too many, or two that changed places."""


def check_cell_attributes(cell: Group, defined: Collection[str]) -> None:
    """Raise LimenError for an ambiguous attribute in a cell, at any depth. defined: names the library defines."""
    check_attributes(cell, defined)
    for inner in cell.groups:
        if inner.kind in READ:
            check_cell_attributes(inner, defined)


def check_attributes(group: Group, defined: Collection[str] = ()) -> None:
    """Raise LimenError for an ambiguous attribute of a group itself."""
    known = READ[group.kind]
    where = f"line {group.line}: {group.kind}"
    for name, values in group.repeated.items():
        every = (*values, group.attributes[name])
        if name in known and name not in UNITS and len(set(map(_worth, every))) > 1:
            both = ", ".join(map(shown, every))
            raise LimenError(f"{where}: {name} has several values ({both}); expected one")
    check_names(group, frozenset(known | LISTS.get(group.kind, set())), defined)
    for name in known & group.lists.keys():
        if name not in (*UNITS, *TIED):
            raise LimenError(f"{where}: {name} ({', '.join(group.lists[name][0])}) is not allowed: one value")


def check_names(group: Group, known: frozenset[str], defined: Collection[str] = ()) -> None:
    """Raise LimenError for an attribute of a group, simple or complex, that is nearly a known one."""
    for name in (*group.attributes, *group.lists):
        meant = None if name in known or name in LIBERTY or name in defined else nearest(name, known)
        if meant:
            where = f"line {group.line}: {group.kind}"
            raise LimenError(f"{where}: {shown(name)} is not one of Liberty's attributes; did you mean {meant}?")


def _worth(text: str) -> float | str:
    """Return the number that a text is, or else the text."""
    try:
        return number(text, "")
    except LimenError:
        return text


@lru_cache(maxsize=10_000)
def nearest(name: str, known: frozenset[str]) -> str | None:
    """Return the known name that a name is a slip of, if any."""
    plain = re.sub(r"[\s-]", "_", name.lower())
    matches = difflib.get_close_matches(plain, sorted(known), 1, CUTOFF)
    return matches[0] if matches else None
