"""What commands share: a design, a workload, the network both mean together, printing, how a finding ends a command."""

from __future__ import annotations

import shlex
from collections.abc import Hashable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import click

from workloads.errors import LimenError, printable
from workloads.host.width import wrapped
from workloads.ops.names import MIXES, OPS

if TYPE_CHECKING:
    from simulator.designs.design import Design
    from simulator.hardwired.export import Hardwired
    from simulator.run import Exported
    from workloads.networks.network import Network

DEFAULT_DESIGN = "threshold-16x16"
DEFAULT_WORKLOAD = "digits"

design_option = click.option(
    "--design", "-d", default=DEFAULT_DESIGN, show_default=True, help="A built-in design or a .yaml file."
)
workload_option = click.option(
    "--workload",
    "-w",
    default=DEFAULT_WORKLOAD,
    show_default=True,
    help="A family or its folder, a network of the zoo, a .yaml file.",
)
AT_LEAST_ONE = click.IntRange(min=1)
"""Of images, samples, epochs."""

PROCESSES = click.IntRange(min=1, max=1024)
"""Of a run, as `dse.sweep.block_runs.MOST_PROCESSES`, which takes longer to load."""

AT_LEAST_ZERO = click.IntRange(min=0)
"""Of seeds."""

Value = TypeVar("Value", bound=Hashable)


def each_once(context: click.Context, param: click.Parameter, values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Return the values of an option that may be given again. Raises LimenError where one is given twice."""
    for value in values:
        if values.count(value) > 1:
            raise LimenError(f"{param.opts[0]}: {str(value)!r} is not allowed twice")
    return values


several = partial(click.option, multiple=True, callback=each_once)
"""An option of several values, each at most once: it is given again for each."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


class Disagreement(Exception):
    """Two levels differ: a finding, not bad input. The command ends with code 1."""


def echo(text: str, err: bool = False) -> None:
    """Print text, on stderr with `err`; of what a name from a file may hold, only line breaks and tabs act as such."""
    click.echo(printable(text, kept="\n\t"), err=err)  # noqa: TID251


def echo_wrapped(text: str, err: bool = False) -> None:
    """Print prose, in which names and reasons may be of any length, within a person's width."""
    echo(wrapped(text), err)


def echo_exported(exported: Exported | Hardwired, contents: str) -> None:
    """Say what was exported where, whether in place of another, and how to prove it."""
    instead = ", in place of an earlier export" if exported.replaced else ""
    echo_wrapped(f"{exported.folder}: {contents}{instead}; prove it: limen verify {shlex.quote(str(exported.folder))}")


def echo_unmapped(network: Network) -> None:
    """Say what of a network is not on the machine, and so in none of the figures below."""
    if network.unmapped_ops:
        echo_wrapped(f"not on the machine, not counted: {', '.join(map(str, network.unmapped_ops))}")


class Widths(click.ParamType):
    """`6`, of activations and weights, or `6,4`, activations first."""

    name = "X[,W]"

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> tuple[int, int]:
        words = str(value).split(",")
        if isinstance(value, tuple):
            return value
        if len(words) > 2 or not all(word.isdecimal() and len(word) < 3 for word in words):
            self.fail(f"{value!r} is not allowed: bits such as 6, or 6,4 (activations, weights)", param, context)
        return int(words[0]), int(words[-1])


op_option = click.option("--op", type=click.Choice([*OPS, *MIXES]), help="Of the workload; the design's by default.")
bits_option = click.option(
    "--bits", type=Widths(), help="Of the workload, activations and weights: 6, or 6,4; the design's by default."
)


def load_pair(
    design_name: str, workload: str, op: str | None = None, bits: tuple[int, int] | None = None
) -> tuple[Design, Network]:
    """Return the design and the workload; a family gives its member of the design's ops and widths, or of those given.

    bits: of activations and weights.
    """
    from simulator.run import load_pair as load

    x_bits, w_bits = bits or (None, None)
    network, design = load(workload, design_name, op, x_bits, w_bits)
    return design, network
