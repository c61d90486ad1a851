"""What `limen price` says of layers, and the timeline of `limen simulate`."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.options import echo, several
from dse.cli.places import PLACE
from dse.cli.run_text import fitted_text
from workloads.errors import LimenError, shortened
from workloads.host.width import wrapped

if TYPE_CHECKING:
    from cost_models.price.price import Cost
    from simulator.insight.trace_file import Grain
    from simulator.run import Run

GRAINS = ("layers", "tiles", "folds")
SHOWN = {
    "layer": "layer",
    "cycles": "cycles",
    "energy_uj": "energy",
    "array_uj": "array",
    "logic_uj": "logic",
    "memory_uj": "memory",
    "dram_uj": "dram",
    "utilisation": "used",
    "port_utilisation": "port",
    "stall_feeder": "feeder",
    "stall_ifmap": "ifmap",
    "stall_filter": "filter",
    "stall_ofmap": "ofmap",
    "stall_control": "control",
}
"""Columns of `Cost.layers` that are printed, and how they are headed there."""

UNDER = {"operations_per_byte": "a byte", "operations_per_cycle": "a cycle"}
SHORT = "{:.3g}"
LONGEST_NAME = 30

layers_option = click.option(
    "--layers", "shows_layers", is_flag=True, help="Energy, cycles and stalls of each layer, and what limits it."
)
roofline_option = click.option(
    "--roofline",
    type=PLACE,
    help="Draw the layers under the machine's roofs, a .png, .pdf or .svg.",
)


@dataclass(frozen=True)
class Timeline:
    """The timeline that a command is asked for: None, or a file, how fine, and of which layers."""

    path: Path | None
    grain: Grain | None
    layers: tuple[str, ...]

    def write(self, run: Run, says_on_stderr: bool) -> None:
        """Write it, where one is asked for, and say so."""
        if self.path is not None:
            spans = run.timeline(self.path, self.grain or "tiles", self.layers)
            what = f"{spans} spans of {run.pass_cycles} cycles, a microsecond each"
            echo(f"{self.path}: {what}; open it in https://ui.perfetto.dev", err=says_on_stderr)


def timeline_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a timeline to a command, which gets them as one `Timeline`, by the name `timeline`."""

    @click.option("--timeline", type=PLACE, help="Write when what happens: .json, for Perfetto.")
    @click.option("--grain", type=click.Choice(GRAINS), help="Of the timeline: tiles by default; folds: all phases.")
    @several("--timeline-layer", help="Tiles and folds of this layer alone; again for more.")
    @functools.wraps(command)
    def with_timeline(
        timeline: Path | None, grain: Grain | None, timeline_layer: tuple[str, ...], **others: Any
    ) -> None:
        if timeline is None and (grain or timeline_layer):
            raise LimenError(f"{'--grain' if grain else '--timeline-layer'}: not allowed without --timeline FILE")
        if timeline is not None:
            from simulator.insight.trace_file import check_place

            check_place(timeline)
        command(timeline=Timeline(timeline, grain, timeline_layer), **others)

    return with_timeline


def layer_tables(run: Run, cost: Cost) -> dict[str, Any]:
    """Return what JSON says of layers."""
    frames = {"layers": cost.layers, "layer_breakdown": cost.layer_breakdown}
    frames |= {"roofline": run.roofline, "bottlenecks": run.bottlenecks}
    return {name: json.loads(frame.to_json(orient="records", double_precision=15)) for name, frame in frames.items()}


def echo_layers(run: Run, cost: Cost) -> None:
    """Print what each layer takes, and what limits it."""
    echo("\nby layer: energies in uJ, busy shares of the PEs and of the memory port, cycles waited for each cause")
    echo(fitted_text(cost.layers[list(SHOWN)].rename(columns=SHOWN), SHORT))
    echo("\nunder the roofs: operations a byte over the memory port and a cycle, the roof there, the share of it")
    under = run.roofline.drop(columns=["operations", "dram_bytes"])
    echo(fitted_text(under.rename(columns=UNDER), SHORT))
    echo("\nwhat limits each layer, and the change of the design that helps it most:")
    limits = run.bottlenecks
    names = [shortened(name, LONGEST_NAME) for name in limits["layer"]]
    width = max(map(len, names))
    for name, row in zip(names, limits.itertuples(), strict=True):
        echo(wrapped(f"{name:{width}}  {row.part:7}  {row.words}"))
    longest = limits["cycles"].argmax()
    share = limits["cycles"].iloc[longest] / limits["cycles"].sum()
    echo(f"the layer with most cycles: {names[longest]}, {100 * share:.0f} % of all")
