"""Kinds of cell that no netlist of ours has, by what a kit's file says of them."""

from __future__ import annotations

import re

from cost_models.liberty.liberty_attributes import CELL_FLAGS, CELL_KINDS, PIN_FLAGS, TIED
from cost_models.liberty.liberty_functions import truth_table
from cost_models.liberty.liberty_header import Header
from cost_models.liberty.liberty_pins import Unusable
from cost_models.liberty.liberty_text import Group
from workloads.errors import LimenError, shown

SPECIAL = re.compile(r"lpflow|probe")
"""Cells of sky130 for isolation and for probing that a netlist mustn't use, though nothing in the file says so."""

PLAIN_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
"""Names that every tool takes as they are."""

GROUPS = ("latch", "latch_bank", "ff_bank", "statetable", "bus", "bundle", "mode_definition")
VALUES = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
SAME_VOLTAGE = 1e-6


def refuse_strange(header: Header, cell: Group) -> None:
    """Raise Unusable for a cell of a kind that no netlist of ours has; LimenError for a flag that is none."""
    if not PLAIN_NAME.fullmatch(cell.arguments[0]):
        raise Unusable("its name is not a plain one")
    for flag in CELL_FLAGS:
        if is_set(cell, flag):
            raise Unusable(flag)
    if SPECIAL.search(cell.arguments[0]):
        raise Unusable("for isolation, other voltages or probing, by its name")
    for kind in GROUPS:
        if cell.named(kind):
            raise Unusable(kind)
    for kind in (*CELL_KINDS, *TIED):
        if cell.get(kind) or kind in cell.lists:
            raise Unusable(kind)
    supplies = [pin.get("voltage_name") for pin in cell.named("pg_pin") if pin.get("pg_type") == "primary_power"]
    supplies += [words[-1] for words in cell.lists.get("rail_connection", [])]
    for name in supplies:
        _refuse_other_voltage(header, name)


def refuse_strange_pin(header: Header, name: str, pin: Group) -> None:
    """Raise Unusable for a pin that makes its cell one that no netlist of ours has."""
    direction = pin.get("direction")
    if direction in ("inout", "internal"):
        raise Unusable(f"pin {name}: direction {direction}")
    if direction not in ("input", "output"):
        raise LimenError(f"pin {name}: direction: {shown(direction)} is not allowed: input, output, ...")
    if not PLAIN_NAME.fullmatch(name):
        raise Unusable(f"pin {name}: its name is not a plain one")
    for flag in PIN_FLAGS:
        if is_set(pin, flag):
            raise Unusable(f"pin {name}: {flag}")
    if pin.get("complementary_pin"):
        raise Unusable(f"pin {name}: complementary_pin")
    if pin.get("driver_type") and not _is_constant(pin):
        raise Unusable(f"pin {name}: driver_type {pin.get('driver_type')}")
    for level in ("input_signal_level", "output_signal_level"):
        try:
            _refuse_other_voltage(header, pin.get(level))
        except Unusable as reason:
            raise Unusable(f"pin {name}: {level}: {reason}") from None


def is_set(group: Group, flag: str) -> bool:
    """Return whether a flag is there and true. Raises LimenError for another word."""
    text = group.get(flag, "false")
    if text.strip().lower() not in VALUES:
        raise LimenError(f"{flag}: {shown(text)} is not allowed: true or false")
    return VALUES[text.strip().lower()]


def _is_constant(pin: Group) -> bool:
    """Return whether a pin's function is a constant: a tie cell drives one level alone."""
    try:
        truth_table(pin.get("function"), ())
    except LimenError:
        return False
    return True


def _refuse_other_voltage(header: Header, supply: str) -> None:
    """Raise Unusable for a supply whose voltage is there and isn't the library's."""
    voltage = header.rails_v.get(supply, header.voltage_v)
    if abs(voltage / header.voltage_v - 1) > SAME_VOLTAGE:
        raise Unusable(f"supply {supply}: at {voltage:g} V, the tables are at {header.voltage_v:g} V")
