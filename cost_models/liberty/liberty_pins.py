"""Delays, constraints and energies in the groups of a Liberty pin, and the leakage of a cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from cost_models.liberty.liberty_cells import Arc, Edges, Energy, Grid
from cost_models.liberty.liberty_functions import truth_table
from cost_models.liberty.liberty_header import Header
from cost_models.liberty.liberty_text import Group
from workloads.errors import LimenError, shown

COMBINATIONAL = {"combinational": (0, 1), "combinational_rise": (0,), "combinational_fall": (1,)}
CLOCKED = {"rising_edge": (0, 1)}
"""Types of timing group that are delays of a gate and of a flip-flop, with the edges they make."""

CONSTRAINTS = {
    *(f"{kind}_{edge}" for kind in ("setup", "hold", "recovery", "removal", "skew") for edge in ("rising", "falling")),
    *(f"non_seq_{kind}_{edge}" for kind in ("setup", "hold") for edge in ("rising", "falling")),
    *(f"nochange_{clock}_{data}" for clock in ("high", "low") for data in ("high", "low")),
    *("min_pulse_width", "minimum_period", "min_clock_tree_path", "max_clock_tree_path"),
}
OTHERS = {
    *("falling_edge", "clear", "preset"),
    *(f"three_state_{way}{edge}" for way in ("enable", "disable") for edge in ("", "_rise", "_fall")),
}
"""Delays that a gate or a flip-flop of ours doesn't have."""

DELAYS = (("cell_rise", "rise_transition"), ("cell_fall", "fall_transition"))
SENSES = {"positive_unate": 1, "negative_unate": -1, "non_unate": 0, "": 0}

UNREAD_POWER = ("falling_together_group", "rising_together_group", "switching_together_group", "related_bus_pins")
UNREAD_TIMING = ("min_delay_flag", "related_bus_pins")
UNREAD_DELAYS = {
    "intrinsic_rise": "delays of generic_cmos",
    "intrinsic_fall": "delays of generic_cmos",
    "rise_propagation": "propagation tables",
    "fall_propagation": "propagation tables",
    "output_current_rise": "current sources alone",
    "output_current_fall": "current sources alone",
}


class Unusable(Exception):
    """Why a cell is left out."""


@dataclass(frozen=True)
class Sources:
    """Pins that a delay may come from: those from `inputs` are read.

    passed: inputs that don't switch, and other outputs. A delay from another output is the way of an input through that
    one, told again: the reader asks for delays from every input. pins: all of the cell's.
    """

    inputs: tuple[str, ...]
    passed: tuple[str, ...]
    pins: tuple[str, ...]


@dataclass(frozen=True)
class States:
    """What conditions (`when`) of a cell are over.

    free: inputs, and what a flip-flop keeps. derived: outputs and the flip-flop's complement, as truth tables of those.
    """

    free: tuple[str, ...]
    derived: dict[str, int]

    @property
    def count(self) -> int:
        return 1 << len(self.free)

    def where(self, when: str) -> int:
        """Return in which states a condition holds, as bits. Raises LimenError for another name or a malformed one."""
        try:
            return truth_table(when, self.free, self.derived)
        except LimenError as error:
            raise LimenError(f"when: {error}") from None


def arcs(header: Header, pin: Group, kinds: Mapping[str, tuple[int, ...]], sources: Sources) -> tuple[Arc, ...]:
    """Return the delays of an output pin. kinds: types of timing group that are read, and the edges they make."""
    pin_arcs = []
    for timing in pin.named("timing"):
        try:
            pin_arcs += _arc(header, timing, kinds, sources)
        except LimenError as error:
            raise LimenError(f"timing of line {timing.line}: {error}") from None
    return tuple(pin_arcs)


def unfollowed(pin: Group, outputs: Sequence[str]) -> list[str]:
    """Return the outputs that a pin's delays are told from."""
    delays = [timing for timing in pin.named("timing") if timing.get("timing_type", "combinational") in COMBINATIONAL]
    return [name for timing in delays for name in related_pins(timing) if name in outputs]


def _arc(header: Header, timing: Group, kinds: Mapping[str, tuple[int, ...]], sources: Sources) -> list[Arc]:
    kind = timing.get("timing_type", "combinational")
    if kind in CONSTRAINTS:
        return []
    if kind not in {*COMBINATIONAL, *CLOCKED, *OTHERS}:
        raise LimenError(f"timing_type: {shown(kind)} is not one of Liberty's")
    related = related_pins(timing)
    for name in UNREAD_TIMING:
        if name in timing.attributes and timing.get(name).strip().lower() != "false":
            raise LimenError(f"{name} is not read")
    for name in related:
        if name not in sources.pins:
            raise LimenError(f"related_pin: {shown(name)} is not allowed: one of {', '.join(sources.pins)}")
        if name not in sources.inputs + sources.passed:
            raise Unusable(f"a delay from {name}")
    read = [name for name in related if name in sources.inputs]
    if not read:
        return []
    if kind not in kinds:
        raise Unusable(f"timing_type {kind}")
    sense = timing.get("timing_sense")
    if sense not in SENSES:
        raise LimenError(f"timing_sense: {shown(sense)} is not allowed: {', '.join(filter(None, SENSES))}")
    delays, slews = delay_tables(header, timing, kinds[kind])
    return [Arc(name, SENSES[sense], delays, slews) for name in read]


def delay_tables(header: Header, timing: Group, edges: Sequence[int]) -> tuple[Edges, Edges]:
    """Return delays and slews of the output edges a timing group makes."""
    delays: list[Grid | None] = [None, None]
    slews: list[Grid | None] = [None, None]
    for edge in edges:
        names = DELAYS[edge]
        delays[edge], slews[edge] = (header.delay(timing, name) for name in names)
        if (delays[edge] is None) != (slews[edge] is None):
            there, lacking = names if slews[edge] is None else names[::-1]
            raise LimenError(f"{lacking} is missing beside {there}")
    if delays == [None, None]:
        unread = [
            f"; {description} ({name}) are not read"
            for name, description in UNREAD_DELAYS.items()
            if name in timing.attributes or timing.named(name)
        ]
        raise LimenError(f"{' and '.join(DELAYS[edge][0] for edge in edges)} missing{''.join(unread[:1])}")
    return (delays[0], delays[1]), (slews[0], slews[1])


def related_pins(group: Group) -> list[str]:
    """Return the pins that a group is about: `related_pin : "A B"` are two."""
    names = group.get("related_pin").replace(",", " ").split()
    if not names:
        other = "related_bus_pins"
        problem = f"{other} is not read" if other in group.attributes else "it is missing"
        raise LimenError(f"related_pin: {problem}; expected names of pins")
    return names


def constraints(header: Header, pin: Group, kind: str, clock: str) -> tuple[tuple[Grid, ...], tuple[Grid, ...]]:
    """Return all tables of a kind of constraint before a clock, of a rise and of a fall."""
    grids: tuple[list[Grid], list[Grid]] = ([], [])
    for timing in pin.named("timing"):
        if timing.get("timing_type") != kind:
            continue
        try:
            if clock not in related_pins(timing):
                continue
            for edge_grids, name in zip(grids, ("rise_constraint", "fall_constraint"), strict=True):
                grid = header.delay(timing, name)
                edge_grids += [] if grid is None else [grid]
        except LimenError as error:
            raise LimenError(f"timing of line {timing.line}: {error}") from None
    return tuple(grids[0]), tuple(grids[1])


def energies(
    header: Header, pin: Group, sources: Sequence[str | None], known: Sequence[str], states: States
) -> tuple[Energy, ...]:
    """Return the energies of a pin, of every supply its own.

    sources: pins whose edges a group without related_pin is about; None for the pin's own. known: pins that may be.
    """
    pin_energies: list[Energy] = []
    for power in pin.named("internal_power"):
        try:
            edges = _power_tables(header, power)
            related = power.get("related_pin").replace(",", " ").split()
            for name in related:
                if name not in known:
                    raise LimenError(f"related_pin: {shown(name)} is not allowed: one of {', '.join(known)}")
            when = power.get("when").strip() or None
            if when is not None:
                states.where(when)
        except LimenError as error:
            raise LimenError(f"internal_power of line {power.line}: {error}") from None
        supply = power.get("related_pg_pin") or power.get("power_level")
        pin_energies += [Energy(source, when, edges, supply) for source in related or sources]
    return tuple(pin_energies)


def _power_tables(header: Header, power: Group) -> Edges:
    for name in UNREAD_POWER:
        if name in power.attributes:
            raise LimenError(f"{name} is not read")
    both = header.energy(power, "power")
    rise, fall = (header.energy(power, name) or both for name in ("rise_power", "fall_power"))
    if rise is None and fall is None:
        raise LimenError("rise_power, fall_power and power are missing; expected one of them")
    return rise, fall


def leakage_nw(header: Header, cell: Group, states: States, area: float) -> float:
    """Return the leakage of a cell: the library's mean, or else that of its states, all supplies together.

    Inputs and what a flip-flop keeps are as often 0 as 1.
    """
    if "cell_leakage_power" in cell.attributes:
        return cell.amount("cell_leakage_power") * header.leakage_nw
    supplies: dict[str, list[Group]] = {}
    for power in cell.named("leakage_power"):
        supplies.setdefault(power.get("related_pg_pin") or power.get("power_level"), []).append(power)
    if not supplies and cell.named("leakage_current"):
        raise LimenError("leakage_current is not read; expected leakage_power or cell_leakage_power")
    if not supplies:
        default = header.default_leakage
        return (header.default_leakage_density * area if default is None else default) * header.leakage_nw
    # Of several supplies one may take back what another gives; of one, as of all, nothing is made.
    total = sum(_mean_leakage(powers, states, len(supplies) > 1) for powers in supplies.values())
    if total < 0:
        raise LimenError(f"leakage_power: the mean of all supplies, {total:g}, is not allowed: 0 or more")
    return total * header.leakage_nw


def _mean_leakage(powers: Sequence[Group], states: States, signed: bool) -> float:
    """Return the mean over a cell's states of what one supply gives; signed: it may be less than 0.

    Where several conditions hold, it is the mean of theirs; where none does, the value without a condition. States that
    the library says nothing of, such as those a reset makes impossible, don't count.
    """
    values: list[list[float]] = [[] for _ in range(states.count)]
    always = []
    for power in powers:
        when = power.get("when").strip()
        try:
            value = power.number("value") if signed else power.amount("value")
            table = states.where(when) if when else 0
        except LimenError as error:
            raise LimenError(f"leakage_power of line {power.line}: {error}") from None
        if not when:
            always.append(value)
        for state, state_values in enumerate(values):
            state_values += [value] if table >> state & 1 else []
    means = [fmean(state_values or always) for state_values in values if state_values or always]
    if not means:
        raise LimenError(
            f"leakage_power of line {powers[0].line}: when: no condition ever holds; expected one that does"
        )
    return fmean(means)
