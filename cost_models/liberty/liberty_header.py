"""What a Liberty file says of all its cells: units, voltage, templates and defaults; its lookup tables as `Grid`s."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cost_models.liberty.liberty_attributes import LISTS, check_attributes, check_names
from cost_models.liberty.liberty_cells import Grid, WireLoad
from cost_models.liberty.liberty_text import Group, number
from workloads.errors import LimenError, shown

SCALES = {"f": 1e-15, "p": 1e-12, "n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0}

SLEWS = {"input_net_transition", "input_transition_time", "constrained_pin_transition"}
LOADS = {"total_output_net_capacitance"}
CLOCK_SLEWS = {"related_pin_transition"}
OTHER_LOADS = {"equal_or_opposite_output_net_capacitance", "related_out_total_output_net_capacitance"}
"""The load of another output, which is taken as nothing: ours are open, or have one of their own."""

Kind = Literal["lu_table_template", "power_lut_template"]
KINDS: tuple[Kind, ...] = ("lu_table_template", "power_lut_template")
TABLE = frozenset(LISTS["table"])

THRESHOLDS = {
    **{f"{side}_threshold_pct_{edge}": 50.0 for side in ("input", "output") for edge in ("rise", "fall")},
    **{f"slew_lower_threshold_pct_{edge}": 20.0 for edge in ("rise", "fall")},
    **{f"slew_upper_threshold_pct_{edge}": 80.0 for edge in ("rise", "fall")},
    "slew_derate_from_library": 1.0,
}
"""Where delays and slews are measured, with Liberty's own defaults: they are the same in all of a kit."""


@dataclass(frozen=True)
class Table:
    """A lookup table in the file's own units: over the slew of the pin, then over a load or the slew of the clock.

    An axis the library doesn't have is one 0. values [first, second]. by_load: whether the second axis is a load.
    """

    first: np.ndarray
    second: np.ndarray
    values: np.ndarray
    by_load: bool = True


class Header:
    """The head of one library, with factors from its units to ns, pF, nW and pJ.

    Liberty's manual has defaults for two units, which count where the file has none: time_unit is 1ns, voltage_unit 1V.
    The others have none: capacitive_load_unit has to be there, leakage_power_unit where any leakage is given. Each is
    read as a simple attribute and as a complex one: `capacitive_load_unit (1, ff)` and `: "1ff"`.
    """

    def __init__(self, library: Group) -> None:
        """Read a library's head. Raises LimenError, naming the attribute."""
        model = library.get("delay_model", "table_lookup")
        if model != "table_lookup":
            raise LimenError(f"delay_model: {shown(model)} is not read: delays come from tables, table_lookup")
        self.name = library.arguments[0]
        self.defined_attributes = {words[0] for words in library.lists.get("define", []) if words}
        check_attributes(library, self.defined_attributes)
        self.time_ns = _unit(library, "time_unit", "s", "1ns") / 1e-9
        self.load_pf = _unit(library, "capacitive_load_unit", "f") / 1e-12
        volt = _unit(library, "voltage_unit", "V", "1V")
        # Without leakage no number has this unit.
        self.leakage_nw = _unit(library, "leakage_power_unit", "W", None if _leaks(library) else "1nW") / 1e-9
        self.voltage_v = _voltage(library) * volt
        # Liberty's internal energy has the unit of load times voltage squared.
        self.energy_pj = self.load_pf * volt**2
        self.templates: dict[Kind, dict[str, Group]] = {kind: _templates(library, kind) for kind in KINDS}
        self.rails_v = {name: value * volt for name, value in _rails(library).items()}
        self.thresholds = {name: library.number(name, default) for name, default in THRESHOLDS.items()}
        self.default_leakage = _optional(library, "default_cell_leakage_power")
        self.default_leakage_density = library.amount("default_leakage_power_density", 0)
        self.default_input_capacitance = _optional(library, "default_input_pin_cap")
        self.default_output_capacitance = library.amount("default_output_pin_cap", 0)
        self.default_slew = _optional(library, "default_max_transition")
        self.defined_groups = {words[0] for words in library.lists.get("define_group", []) if words}
        self.wires = self._wires(library)

    def _wires(self, library: Group) -> WireLoad | None:
        """Return the wire load of the smallest blocks: the first one whose wires are longer than nothing."""
        if library.named("wire_load_table"):
            raise LimenError("wire_load_table is not read; expected wire_load")
        for load in library.named("wire_load"):
            check_attributes(load)
            name = load.arguments[0] if load.arguments else ""
            words = [
                " ".join(arguments).replace(",", " ").split()[:2] for arguments in load.lists.get("fanout_length", [])
            ]
            try:
                pairs = np.array([[number(word, "") for word in pair] for pair in words]).reshape(-1, 2)
            except (LimenError, ValueError):
                raise LimenError(f"wire_load {name}: fanout_length is not allowed: pairs of numbers") from None
            if (pairs < 0).any() or len(np.unique(pairs[:, 0])) != len(pairs):
                raise LimenError(f"wire_load {name}: fanout_length is not allowed: 0 or more, each fanout once")
            try:
                per_length = wire_capacitance(library, load) * self.load_pf
                slope = load.amount("slope", 0) * per_length
            except LimenError as error:
                raise LimenError(f"wire_load {name}: {error}") from None
            if len(pairs) > 1 and pairs[-1, 1] > pairs[0, 1] and per_length > 0:
                order = np.argsort(pairs[:, 0])
                fanouts, lengths = pairs[order].T
                return WireLoad(name, tuple(fanouts), tuple(lengths * per_length), slope)
        return None

    def delay_table(self, group: Group, name: str) -> Table | None:
        """Return a table of a timing group, None where it has none. Raises LimenError."""
        table = self._table(group, name, "lu_table_template")
        if table and name.endswith("transition") and (table.values < 0).any():
            raise LimenError(f"{name}: values: {table.values.min():g} is not allowed: a slew of 0 or more")
        return table

    def delay(self, group: Group, name: str) -> Grid | None:
        """Return a table of a timing group, in ns."""
        table = self.delay_table(group, name)
        return None if table is None else self._grid(table, self.time_ns)

    def energy(self, group: Group, name: str) -> Grid | None:
        """Return a table of an internal_power group, in pJ."""
        table = self._table(group, name, "power_lut_template")
        return None if table is None else self._grid(table, self.energy_pj)

    def _grid(self, table: Table, unit: float) -> Grid:
        second_unit = self.load_pf if table.by_load else self.time_ns
        return Grid(
            tuple(float(number) for number in table.first * self.time_ns),
            tuple(float(number) for number in table.second * second_unit),
            tuple(tuple(float(number) for number in row) for row in table.values * unit),
        )

    def _table(self, group: Group, name: str, kind: Kind) -> Table | None:
        groups = group.named(name)
        if not groups:
            return None
        if len(groups) > 1:
            raise LimenError(f"{name} is there {len(groups)} times; expected once")
        try:
            return self._read_table(groups[0], kind)
        except LimenError as error:
            raise LimenError(f"{name}: {error}") from None

    def _read_table(self, table: Group, kind: Kind) -> Table:
        check_names(table, TABLE)
        values = table.numbers("values")
        nothing = np.zeros(1)
        template = self._template(table, kind)
        if template is None and len(values) == 1:
            return Table(nothing, nothing, values.reshape(1, 1))
        if template is None:
            raise LimenError(f"{len(values)} values without a template; expected 1")
        variables = [name for name in (template.get(f"variable_{number}") for number in (1, 2, 3)) if name]
        if not all(f"variable_{number + 1}" in template.attributes for number in range(len(variables))):
            raise LimenError(f"template {shown(template.arguments[0])}: variables are not 1, 2, 3 in this order")
        axes = [self._axis(table, template, number + 1) for number in range(len(variables))]
        sizes = [len(axis) for axis in axes]
        if len(values) != np.prod(sizes, dtype=int):
            raise LimenError(f"{len(values)} values on axes of {' x '.join(map(str, sizes))}")
        _check_rows(table.lists["values"][0], sizes)
        return _oriented(variables, axes, values.reshape(sizes))

    def _template(self, table: Group, kind: Kind) -> Group | None:
        """Return a table's template, None for a scalar; those of the other kind are looked at last."""
        name = table.arguments[0] if table.arguments else "scalar"
        if name == "scalar":
            return None
        for kind_of_table in (kind, *KINDS):
            if name in self.templates[kind_of_table]:
                return self.templates[kind_of_table][name]
        raise LimenError(f"template {shown(name)} is not defined; expected a {kind} of that name")

    def _axis(self, table: Group, template: Group, number: int) -> np.ndarray:
        name = f"index_{number}"
        owner = table if name in table.lists else template
        if name not in owner.lists:
            raise LimenError(f"{name} is missing, in the table and in its template {template.arguments[0]}")
        axis = owner.numbers(name)
        if not len(axis) or (np.diff(axis) <= 0).any():
            raise LimenError(f"{name} is not allowed: at least one number, ascending")
        if axis[0] < 0:
            raise LimenError(f"{name}: {axis[0]:g} is not allowed: a slew or a load of 0 or more")
        return axis


def _templates(library: Group, kind: Kind) -> dict[str, Group]:
    """Return the templates of a kind by name. Raises LimenError for one that is there twice, differently."""
    templates: dict[str, Group] = {}
    for template in library.named(kind):
        check_attributes(template)
        for name in template.arguments:
            other = templates.setdefault(name, template)
            if (other.attributes, _plain(other)) != (template.attributes, _plain(template)):
                raise LimenError(f"line {template.line}: {kind} {name}: another one has that name")
    return templates


def _plain(template: Group) -> dict[str, list[str]]:
    """Return a template's lists, numbers as numbers."""
    return {name: list(map(repr, template.numbers(name))) for name in template.lists if name in TABLE}


def _check_rows(rows: list[str], sizes: list[int]) -> None:
    """Raise LimenError where values are written in rows that aren't those of the axes; all in one is none."""
    wholes = {1, *(int(np.prod(sizes[place:], dtype=int)) for place in range(len(sizes)))}
    for row in rows:
        count = len(row.replace(",", " ").split())
        if count not in wholes:
            raise LimenError(f"values: a row of {count} on axes of {' x '.join(map(str, sizes))}")


def _oriented(variables: list[str], axes: list[np.ndarray], values: np.ndarray) -> Table:
    """Return a table with the slew of the pin first; another output's load, if it is an axis, is nothing."""
    roles: dict[str, int] = {}
    for place, variable in enumerate(variables):
        for role, known in (("slew", SLEWS), ("load", LOADS), ("clock", CLOCK_SLEWS), ("other", OTHER_LOADS)):
            if variable in known and role not in roles:
                roles[role] = place
                break
        else:
            raise LimenError(f"variable_{place + 1}: {shown(variable)} is not read: a slew or a load")
    if "load" in roles and "clock" in roles:
        raise LimenError(f"variables {', '.join(variables)} are not read together")
    by_load = "clock" not in roles
    order = ("slew", "load" if by_load else "clock", "other")
    ordered_axes = [axes[roles[role]] if role in roles else np.zeros(1) for role in order]
    ordered = values.transpose([roles[role] for role in order if role in roles])
    whole = ordered.reshape([len(axis) for axis in ordered_axes])
    return Table(ordered_axes[0], ordered_axes[1], _at_nothing(ordered_axes[2], whole), by_load)


def _at_nothing(axis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return a table's values where its last axis is 0, going on linearly below its first point."""
    if len(axis) < 2:
        return values[:, :, 0]
    part = (0.0 - axis[0]) / (axis[1] - axis[0])
    return values[:, :, 0] + part * (values[:, :, 1] - values[:, :, 0])


def _optional(library: Group, name: str) -> float | None:
    return library.amount(name) if name in library.attributes else None


def wire_capacitance(library: Group, load: Group) -> float:
    """Return the capacitance of a wire load, a unit of length of it."""
    return load.amount("capacitance", library.amount("default_wire_load_capacitance", 0))


def _rails(library: Group) -> dict[str, float]:
    """Return the voltages of supplies, by name, in the library's unit."""
    rails = [words for owner in (library, *library.named("power_supply")) for name in ("voltage_map", "power_rail")
             for words in owner.lists.get(name, [])]  # fmt: skip
    voltages = {}
    for words in rails:
        if len(words) != 2:
            raise LimenError(f"voltage_map ({', '.join(words)}) is not allowed: a name and a voltage")
        voltages[words[0]] = number(words[1], f"voltage_map {words[0]}")
    return voltages


def _voltage(library: Group) -> float:
    """Return the voltage the tables are made at: the nominal one, or else that of the operating conditions."""
    if "nom_voltage" in library.attributes:
        value = library.number("nom_voltage")
    else:
        conditions = {name: group for group in library.named("operating_conditions") for name in group.arguments}
        default = library.get("default_operating_conditions")
        chosen = [conditions[default]] if default in conditions else list(conditions.values())
        if len(chosen) != 1:
            raise LimenError(
                f"the voltage is missing; expected nom_voltage, or operating_conditions (there are {len(conditions)}, "
                f"and default_operating_conditions is {shown(default)})"
            )
        check_attributes(chosen[0])
        value = chosen[0].number("voltage")
    if value <= 0:
        raise LimenError(f"voltage: {value:g} is not allowed: more than 0")
    return value


def _leaks(library: Group) -> bool:
    """Return whether a library gives any leakage."""
    if any(name in library.attributes for name in ("default_cell_leakage_power", "default_leakage_power_density")):
        return True
    return any("cell_leakage_power" in cell.attributes or cell.named("leakage_power") for cell in library.named("cell"))


def _unit(library: Group, name: str, base: str, default: str | None = None) -> float:
    """Return a unit, whose letters may be of any case: milli is the only m there is.

    Raises LimenError for one that is no unit, that is missing without a default, or that has several values.
    """
    texts = {"".join(words) for words in library.lists.get(name, [])}
    if name in library.attributes:
        texts |= {text.replace(",", " ") for text in (*library.repeated.get(name, ()), library.attributes[name])}
    if not texts and default is None:
        raise LimenError(f"{name} is missing; expected a number and a prefixed {base}, such as 1p{base}")
    sizes = {_unit_size(name, base, text) for text in texts or {str(default)}}
    if len(sizes) > 1:
        raise LimenError(f"{name} has several values ({', '.join(sorted(texts))}); expected one")
    return sizes.pop()


def _unit_size(name: str, base: str, text: str) -> float:
    match = re.fullmatch(rf"\s*(\d+\.?\d*|\.\d+)\s*([fpnum]?){base}\s*", text, re.IGNORECASE | re.ASCII)
    if not match or number(match[1], name) == 0:
        raise LimenError(f"{name}: {shown(text)} is not allowed: a number and a prefixed {base}")
    return float(match[1]) * SCALES[match[2].lower()]
