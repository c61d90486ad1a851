"""One unit of the machine to numbers: area, leakage, clock, energy per cycle, and proof that its netlist computes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cost_models.derive.straight_lines import stretches
from cost_models.gates.multipliers import multipliers
from cost_models.gates.netlist import Netlist
from cost_models.gates.static_timing import Timing, analyse, delays_ps, smallest_flip_flop
from cost_models.gates.switching import LANES, Activity, energy_pj, prices, run_stimulus, wires_pj
from cost_models.gates.synthesis import Kit, fingerprint, synthesise
from cost_models.sources.unit_sources import unit_source
from cost_models.stimuli.pe_streams import operand_streams
from cost_models.stimuli.stimulus import NEURON_WEIGHTS, RUNS, Stream
from cost_models.stimuli.streams import streams
from cost_models.table.operands import UNIFORM
from cost_models.units import unit as kinds
from cost_models.units.catalogue import is_straightened
from cost_models.units.unit import Unit
from workloads.errors import LimenError

DIGITS = 6
"""Significant digits of a value: what a comparison of two builds compares."""

SETTLED = "_settled_pj"
"""How the names of energies without glitches end."""

WIRES = "_wires_pj"
"""How the names end of what the library's wire load adds to an energy."""

SLICE, MOST_BITS = 32, 62
PATHS: dict[type[Unit], dict[str, tuple[str, str]]] = {
    kinds.Operator: {"delay_ns": (r"", r"")},
    kinds.Lanes: {"delay_ns": (r"\.read_data", r"^x_out")},
    kinds.Scratchpad: {"delay_ns": (r"\.read_data", r"^read_data")},
    kinds.Edge: {
        "delay_ns": (r"\.read_data", r"^pack_word"),
        "entry_ns": (r"^(a_addr|a_valid|pack_|scatter_)", r"\.(read|write)_"),
    },
}
"""Delays between ports, from (what the names of inputs contain) to (of outputs)."""

TO_PORTS = kinds.Scatter | kinds.Operator | kinds.Nand2
"""Units whose paths end in ports, the clock with them; a scatter unit's go on, see `entry_ns`."""

BEHIND: dict[type[Unit], str] = {
    kinds.Edge: r"\.read_data|^b_",
    kinds.Packer: r"^words",
    kinds.Lanes: r"^word$",
    kinds.Pool: r"^word$",
}
"""Inputs that come out of memories: the clock of the paths that start in them is `behind_memory_ns`."""


@dataclass(frozen=True)
class UnitFigures:
    """A characterised unit: quantity to value in the unit its name ends with; QUANTITY@STREAM of other operands."""

    unit: Unit
    multiplier: str
    digest: str
    values: dict[str, float]

    @property
    def merit(self) -> float:
        """Area × energy × clock: the three objectives at once; smaller is better."""
        energy = sum(self.values[name] for name in self.unit.op_energies)
        return self.values["area_um2"] * energy * self.values["min_clock_ns"]


def unit_of(quantity: str) -> str:
    """Return the unit of a quantity."""
    return {"um2": "um2", "nw": "nW", "ns": "ns"}.get(quantity.partition("@")[0].rsplit("_", 1)[-1], "pJ")


def rounded(value: float) -> float:
    """Return a value at DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def runs_of(unit: Unit) -> int:
    """Return how many runs of uniform operands a unit's energies are the mean of."""
    if isinstance(unit, kinds.Control):
        return 1
    weights = LANES * (unit.synapses if isinstance(unit, kinds.Neuron) else 1)
    return min(RUNS, -(-NEURON_WEIGHTS // weights))


def measure(netlist: Netlist, unit: Unit, kit: Kit) -> dict[str, float]:
    """Return all quantities of a netlist, every defined output compared on every vector.

    An energy is with glitches; beside it is that of settled values, from a simulation of its own, and for ops,
    neurons and PEs what wires would add to an operation. Operands are uniform; see `measure_operands` for others.

    Raises:
        LimenError: an output differs from the op's definition.
    """
    launch = smallest_flip_flop(kit.cells)
    timing = analyse(netlist, kit.cells, launch)
    values = {"area_um2": netlist.area_um2, "leakage_nw": netlist.leakage_nw, "min_clock_ns": timing.period_ns}
    values |= {name: path_ns(netlist, kit, start, end) for name, (start, end) in PATHS.get(type(unit), {}).items()}
    if type(unit) in BEHIND:
        behind = [name for name in netlist.inputs if re.search(BEHIND[type(unit)], name)]
        values["behind_memory_ns"] = analyse(netlist, kit.cells, launch, behind).period_ns
    if isinstance(unit, TO_PORTS):
        values["min_clock_ns"] = max(timing.period_ns, timing.port_ns)
    if isinstance(unit, kinds.Skew):
        values["launch_ns"] = timing.port_ns  # what a path that starts in a memory doesn't have
    driven = (stream for run in range(runs_of(unit)) for stream in streams(unit, run))
    values |= _energies(netlist, unit, kit, timing, driven)
    return {quantity: rounded(value) for quantity, value in values.items()}


def measure_operands(netlist: Netlist, unit: Unit, kit: Kit) -> dict[str, float]:
    """Return a PE's energies of an operation with other than uniform operands, by QUANTITY@STREAM.

    Raises:
        LimenError: an output differs from the op's definition.
    """
    if not isinstance(unit, kinds.Pe):
        return {}
    timing = analyse(netlist, kit.cells, smallest_flip_flop(kit.cells))
    streams = (stream for run in range(RUNS) for stream in operand_streams(unit, run))
    return {quantity: rounded(value) for quantity, value in _energies(netlist, unit, kit, timing, streams).items()}


def _energies(netlist: Netlist, unit: Unit, kit: Kit, timing: Timing, driven: Iterable[Stream]) -> dict[str, float]:
    """Return the mean energies of streams, every defined output compared on every vector."""
    delays, edge_prices = delays_ps(netlist, kit.cells, timing), prices(netlist, kit.cells, timing)
    energies: dict[str, list[float]] = {}

    def add(quantity: str, stream: Stream, value: float) -> None:
        name = quantity if stream.operands == UNIFORM else f"{quantity}@{stream.operands}"
        energies.setdefault(name, []).append(value)

    for stream in driven:
        ports = with_ports(netlist, stream)
        for quantity, net_delays in ((stream.quantity, delays), (beside(stream.quantity, SETTLED), None)):
            activity = run_stimulus(ports, stream.inputs, stream.warm_up, net_delays)
            compare_outputs(str(unit), stream, activity)
            add(quantity, stream, energy_pj(edge_prices, activity))
            wires = wires_pj(netlist, kit.cells, activity)
            if wires is not None and net_delays is not None and _is_wired(unit, stream):
                add(beside(stream.quantity, WIRES), stream, wires)
    return {quantity: float(np.mean(of_runs)) for quantity, of_runs in energies.items()}


def _is_wired(unit: Unit, stream: Stream) -> bool:
    return isinstance(unit, kinds.OpUnit) and stream.quantity == "energy_per_op_pj"


def beside(quantity: str, ending: str) -> str:
    """Return the name of a companion of an energy: SETTLED without glitches, WIRES of wires alone."""
    return quantity.removesuffix("_pj") + ending


def compare_outputs(what: str, stream: Stream, activity: Activity) -> None:
    """Raise LimenError where an output of a simulated netlist isn't what the stream expects; what: the netlist."""
    for name, expected in stream.expected.items():
        computed = activity.outputs[name][stream.valid_from :]
        wrong = int((computed != expected[stream.valid_from :]).sum())
        if wrong:
            raise LimenError(f"{what}: {name}: {wrong} of {computed.size} vectors differ from the definition")


def with_ports(netlist: Netlist, stream: Stream) -> Netlist:
    """Return the netlist with the slices NAME@LOW+BITS that a stream names; BITS of an input are 32 by default.

    Raises:
        LimenError: a port the netlist lacks.
    """
    inputs, outputs = dict(netlist.inputs), dict(netlist.outputs)
    for slices, names, default in ((inputs, stream.inputs, SLICE), (outputs, stream.expected, 0)):
        for name in names:
            port, _, place = name.partition("@")
            if port not in slices:
                raise LimenError(f"netlist: port {port} is missing: it has {', '.join(slices)}")
            if place:
                low, _, bits = place.partition("+")
                slices[name] = slices[port][int(low) : int(low) + int(bits or default)]
    observed = stream.expected if any(len(nets) > MOST_BITS for nets in outputs.values()) else outputs
    return replace(netlist, inputs=inputs, outputs={name: outputs[name] for name in observed})


def path_ns(netlist: Netlist, kit: Kit, start: str, end: str) -> float:
    """Return the longest delay in ns from input ports to output ports, by what their names contain."""
    launch = smallest_flip_flop(kit.cells)
    timing = analyse(netlist, kit.cells, launch, [name for name in netlist.inputs if re.search(start, name)])

    def latest(nets: Iterable[tuple[int, ...]]) -> list[float]:
        arrivals = [float(timing.arrival_ns[net].max()) for port in nets for net in port]
        return [arrival for arrival in arrivals if arrival > -np.inf]

    ends = latest(nets for name, nets in netlist.outputs.items() if re.search(end, name))
    begins = latest(nets for name, nets in netlist.inputs.items() if re.search(start, name))
    return max(ends, default=0.0) - max(begins, default=0.0) if ends else 0.0


def characterise(unit: Unit, kit: Kit, multiplier: str) -> UnitFigures:
    """Synthesise and measure one unit with every kind of operands. Raises LimenError."""
    netlist, figures = _first_look(unit, kit, multiplier)
    return replace(figures, values=figures.values | measure_operands(netlist, unit, kit))


def characterise_group(group: tuple[Unit, ...], kit: Kit) -> list[UnitFigures]:
    """Characterise units that share one recipe, their best one.

    A PE is a group of its widths, and gets more of them, between these, as `straight_lines` demands.
    """
    group_figures = [
        replace(figures, values=figures.values | measure_operands(netlist, figures.unit, kit))
        for netlist, figures in _best_looks(group, kit)
    ]
    unit = group[0]
    return _with_widths_between(unit, group_figures, kit) if is_straightened(unit) else group_figures


def best_multiplier(group: tuple[Unit, ...], kit: Kit) -> str:
    """Return the recipe of units that share one: of all that they can have the one whose merits multiply to the least.

    Of the `smallest` unit it is that of least area. Of equal ones it is the first.
    """
    names = multipliers(group[0], kit.cells)
    if group[0].smallest:
        return min(names, key=lambda name: _area_um2(group, kit, name))
    return names[0] if len(names) == 1 else _best_looks(group, kit)[0][1].multiplier


def _area_um2(group: tuple[Unit, ...], kit: Kit, multiplier: str) -> float:
    return sum(synthesise(kit, unit_source(unit), multiplier).area_um2 for unit in group)


def _best_looks(group: tuple[Unit, ...], kit: Kit) -> list[tuple[Netlist, UnitFigures]]:
    names = (best_multiplier(group, kit),) if group[0].smallest else multipliers(group[0], kit.cells)
    candidates = [[_first_look(unit, kit, name) for unit in group] for name in names]
    if len(candidates) == 1:
        return candidates[0]  # the lanes and movers behind a fit have no operation, and no merit
    return min(candidates, key=lambda looks: float(np.prod([figures.merit for _, figures in looks])))


def _with_widths_between(unit: kinds.Pe, group_figures: Sequence[UnitFigures], kit: Kit) -> list[UnitFigures]:
    """Return figures of one PE with those of further widths that make lines between widths straight, ascending."""
    by_width = {figures.unit.columns().acc_bits: figures for figures in group_figures}
    multiplier = group_figures[0].multiplier

    def values_at(width: int) -> dict[str, float]:
        if width not in by_width:
            by_width[width] = characterise(replace(unit, sum_bits=width), kit, multiplier)
        return by_width[width].values

    stretches(sorted(by_width), values_at)
    return [by_width[width] for width in sorted(by_width)]


def _first_look(unit: Unit, kit: Kit, multiplier: str) -> tuple[Netlist, UnitFigures]:
    """Return a unit's netlist, and its quantities with uniform operands."""
    source = unit_source(unit)
    netlist = synthesise(kit, source, multiplier)
    return netlist, UnitFigures(unit, multiplier, fingerprint(kit, source, multiplier), measure(netlist, unit, kit))
