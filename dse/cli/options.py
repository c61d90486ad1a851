"""What commands share: a design, a workload, the network both mean together, printing, how a finding ends a command."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from workloads.errors import printable

if TYPE_CHECKING:
    from simulator.designs.design import Design
    from simulator.run import Exported
    from workloads.networks.network import Network

DEFAULT_DESIGN = "threshold-16x16"
DEFAULT_WORKLOAD = "digits"

design_option = click.option(
    "--design", "-d", default=DEFAULT_DESIGN, show_default=True, help="A built-in design or a .yaml file."
)
workload_option = click.option(
    "--workload", "-w", default=DEFAULT_WORKLOAD, show_default=True, help="A family or a network .yaml file."
)
AT_LEAST_ONE = click.IntRange(min=1)
"""Of images, samples, processes, epochs."""

AT_LEAST_ZERO = click.IntRange(min=0)
"""Of seeds."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class Disagreement(Exception):
    """Two levels differ: a finding, not bad input. The command ends with code 1."""


def echo(text: str, err: bool = False) -> None:
    """Print text, on stderr with `err`; of what a name from a file may hold, only line breaks and tabs act as such."""
    click.echo(printable(text, kept="\n\t"), err=err)  # noqa: TID251


def echo_exported(exported: Exported, contents: str) -> None:
    """Say what was exported where, whether in place of another, and how to prove it."""
    instead = ", in place of an earlier export" if exported.replaced else ""
    echo(f"{exported.folder}: {contents}{instead}; prove it: limen verify {shlex.quote(str(exported.folder))}")


def load_pair(design_name: str, workload: str) -> tuple[Design, Network]:
    """Return the design and the workload; a family gives its member of the design's ops and widths."""
    from simulator.run import load_pair as load

    network, design = load(workload, design_name)
    return design, network
