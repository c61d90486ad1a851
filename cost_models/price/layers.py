"""What each layer of a run takes of every line of its price.

A layer's share is what it adds to the price of the layers before it. So events add up exactly to the run's: where they
are rounded to whole beats or rows, it is of their sum, as in the price itself. Energies are their products, and add up
to the lines of the breakdown within the rounding of a float64: 1e-12 of a line, or less.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from cost_models.price.breakdown import Part, parts_of
from cost_models.price.machine import Clocks, Machines
from cost_models.price.machine_events import Events, count_events
from cost_models.price.prices import NS_PER_US, price_machines
from cost_models.price.utilisation import utilisations
from simulator.designs.design_block import DesignBlock
from simulator.plan.counts import PHASES
from simulator.run import Run
from simulator.timing.integers import count_integers
from simulator.timing.timing import network_integers

if TYPE_CHECKING:
    import pandas

GROUPS = ("array", "logic", "memory", "dram")
"""The groups of a breakdown's lines."""

STALLS = tuple(phase for phase in PHASES if phase.startswith("stall_"))


def events_of(run: Run, layers: int | None = None) -> Events:
    """Return what a run, of one pass, does to its machine, [1] each; layers: only the first so many of them."""
    ops = [layer.op for layer in run.network.layers[:layers]] if run.design.extra_ops else []
    integers, counts = network_integers(run.network)[:layers], count_integers(run.counts[:layers])
    return count_events(integers, counts, DesignBlock.of(run.design), ops)


@dataclass(frozen=True)
class Pricing:
    """A run and what it was priced by."""

    run: Run
    machines: Machines
    clocks: Clocks
    dram: str

    @cached_property
    def _energies_uj(self) -> tuple[list[Part], np.ndarray]:
        """The lines of the breakdown, and the energy of an image [layers, lines] that each layer adds to them."""
        upto = [
            price_machines(self.machines, self.clocks, events_of(self.run, layers), self.dram).lines
            for layers in range(1, len(self.run.counts) + 1)
        ]
        parts = [parts_of(lines, 0) for lines in upto]
        sums = np.array([[part.energy_uj for part in of_layers] for of_layers in parts])
        return parts[-1], np.diff(sums, axis=0, prepend=0.0)

    def layers(self) -> pandas.DataFrame:
        """Return a row per layer of one image; see `Cost.layers`."""
        import pandas

        run, (parts, energies) = self.run, self._energies_uj
        rows = []
        for index, (layer, counts) in enumerate(zip(run.network.layers, run.counts, strict=True)):
            row: dict[str, object] = {"layer": layer.name, "op": layer.op if layer.has_parameters else "max"}
            row |= {"cycles": run.of_image(counts.cycles)}
            row |= {"latency_us": run.of_image(counts.cycles) * float(self.clocks.ns[0]) / NS_PER_US}
            row |= {"energy_uj": energies[index].sum()}
            for group in GROUPS:
                row[f"{group}_uj"] = energies[index, [part.group == group for part in parts]].sum()
            row |= {"utilisation": counts.utilisation(run.design.pes)}
            row |= {"port_utilisation": counts.beats * run.design.port_interval / counts.cycles}
            rows.append(row | {stall: run.of_image(getattr(counts, stall)) for stall in STALLS})
        return pandas.DataFrame(rows)

    def layer_breakdown(self) -> pandas.DataFrame:
        """Return a row per layer and component; see `Cost.layer_breakdown`."""
        import pandas

        run, (parts, energies) = self.run, self._energies_uj
        rows = []
        for layer, counts, of_parts in zip(run.network.layers, run.counts, energies, strict=True):
            used = utilisations(counts, run.design)
            for part, energy_uj in zip(parts, of_parts, strict=True):
                row = {"layer": layer.name, "component": part.component, "group": part.group, "energy_uj": energy_uj}
                rows.append(row | {"utilisation": used.get(re.sub(r" \(\w+\)", "", part.component))})
        return pandas.DataFrame(rows)
