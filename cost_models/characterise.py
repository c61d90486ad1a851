"""One unit of the machine to numbers: area, leakage, clock, energy per cycle, and proof that its netlist computes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cost_models.netlist import Netlist
from cost_models.static_timing import analyse, smallest_flip_flop
from cost_models.streams import RUNS, WARM_UP, streams
from cost_models.switching import energy_pj, run_stimulus
from cost_models.synthesis import Kit, fingerprint, synthesise
from cost_models.units import Unit, multipliers
from workloads.errors import LimenError

DIGITS = 6
"""Significant digits of a value: what a comparison of two builds compares."""


@dataclass(frozen=True)
class Point:
    """A characterised unit: quantity to value in the unit its name ends with."""

    unit: Unit
    multiplier: str
    digest: str
    values: dict[str, float]

    @property
    def merit(self) -> float:
        """Area × energy × clock: the three objectives at once; smaller is better."""
        return self.values["area_um2"] * self.values["energy_per_op_pj"] * self.values["min_clock_ns"]


def unit_of(quantity: str) -> str:
    """Return the unit of a quantity."""
    return {"um2": "um2", "nw": "nW", "ns": "ns"}.get(quantity.rsplit("_", 1)[-1], "pJ")


def rounded(value: float) -> float:
    """Return a value at DIGITS significant digits."""
    return float(f"{value:.{DIGITS}g}")


def measure(netlist: Netlist, unit: Unit, kit: Kit) -> dict[str, float]:
    """Return all quantities of a netlist, every defined output compared on every vector.

    Raises:
        LimenError: an output differs from the op's definition.
    """
    timing = analyse(netlist, kit.cells, smallest_flip_flop(kit.cells))
    values = {"area_um2": netlist.area_um2, "leakage_nw": netlist.leakage_nw, "min_clock_ns": timing.period_ns}
    if unit.component == "lane":
        values["launch_ns"] = launch_ns(netlist, timing.arrival_ns)
        values["delay_ns"] = timing.port_ns - values["launch_ns"]
    energies: dict[str, list[float]] = {}
    for run in range(RUNS):
        for stream in streams(unit, run):
            activity = run_stimulus(netlist, stream.inputs, WARM_UP)
            for name, expected in stream.expected.items():
                own = activity.outputs[name][stream.valid_from :]
                wrong = int((own != expected[stream.valid_from :]).sum())
                if wrong:
                    raise LimenError(f"{unit}: {name}: {wrong} of {own.size} vectors differ from the definition")
            energies.setdefault(stream.quantity, []).append(energy_pj(netlist, kit.cells, timing, activity))
    values |= {quantity: float(np.mean(own)) for quantity, own in energies.items()}
    return {quantity: rounded(value) for quantity, value in values.items()}


def launch_ns(netlist: Netlist, arrival_ns: np.ndarray) -> float:
    """Return the latest arrival at what a memory drives: the launch that its access time replaces."""
    nets = netlist.inputs["memory.read_data"]
    return max(float(arrival_ns[net].max()) for net in nets)


def characterise(unit: Unit, kit: Kit, multiplier: str) -> Point:
    """Synthesise and measure one unit. Raises LimenError."""
    source = unit.source()
    values = measure(synthesise(kit, source, multiplier), unit, kit)
    return Point(unit, multiplier, fingerprint(kit, source, multiplier), values)


def characterise_group(group: tuple[Unit, ...], kit: Kit) -> list[Point]:
    """Characterise units that share one multiplier: the one of least merit, multiplied over the group."""
    candidates = [[characterise(unit, kit, name) for unit in group] for name in multipliers(group[0])]
    if len(candidates) == 1:
        return candidates[0]
    return min(candidates, key=lambda points: float(np.prod([point.merit for point in points])))
