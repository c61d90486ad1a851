"""`limen study tables system`: ops against the MAC on whole machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from dse.cli.formats import format_options, page_columns
from dse.cli.options import AT_LEAST_ONE, PROCESSES, several
from dse.cli.places import PLACE
from dse.cli.tables import give, out_option
from workloads.errors import LimenError

RULES = ("array", "silicon", "storage", "accuracy")
BOUND = click.FloatRange(min=0, min_open=True)


@click.command()
@format_options
@click.option("--network", "-w", default="digits", show_default=True, help="A family or its folder, or one of the zoo.")
@click.option("--costs", default="ihp130", show_default=True, help="A built-in cost table or a .csv file.")
@click.option(
    "--memory", default="dram", show_default=True, help="dram; sram: on the chip; or 'sram 64', of so many KiB."
)
@click.option("--images", default=1, show_default=True, type=AT_LEAST_ONE, help="Images of a pass.")
@click.option("--stream", default="own", show_default=True, help="Operands of the PEs, as of limen price.")
@click.option("--clock-ns", type=BOUND, help="Clock period of all designs; by default the shortest that each can have.")
@several("--rule", "rules", type=click.Choice(RULES), help="All by default; again for more.")
@click.option(
    "--definition", is_flag=True, help="The last part, naive MAC machines, also with --rule; of csv it alone."
)
@click.option("--best", default="edp_uj_us", show_default=True, help="The figure that the best design of an op has.")
@several("--area-mm2", type=BOUND, help="A budget of rule silicon; again for more.")
@several("--kib", type=BOUND, help="A budget of rule storage, memory on the chip; again for more.")
@several("--accuracy", type=click.FloatRange(0, 1), help="Of rule accuracy, validation; again.")
@click.option("--sweeps", type=PLACE, help="A folder of sweeps, made or resumed; without it, cells stored with Limen.")
@click.option("--jobs", "-j", type=PROCESSES, help="Processes of the sweeps; by default one a core.")
@out_option
def system(
    form: str,
    columns: int | None,
    network: str,
    costs: str,
    memory: str,
    images: int,
    stream: str,
    clock_ns: float | None,
    rules: tuple[Any, ...],
    definition: bool,
    best: str,
    area_mm2: tuple[float, ...],
    kib: tuple[float, ...],
    accuracy: tuple[float, ...],
    sweeps: Path | None,
    jobs: int | None,
    out: Path | None,
) -> None:
    """Compare ops with the MAC on whole machines, each by the best design of an exact sweep under a rule.

    A design's number in its sweep stands beside it: limen study design SWEEPS/SWEEP --point NUMBER writes it as a page.
    """
    from dse.system.definition_table import definitions_csv
    from dse.system.rules import Asked
    from dse.system.scenario import Scenario
    from dse.system.system import cells_for, definitions_for, inputs_of, none_stored
    from dse.system.table import table_csv
    from dse.system.whole import whole_latex, whole_markdown, whole_text
    from workloads.host.manifest import Origin

    width = page_columns(form, columns)
    scenario = Scenario(network, costs, memory, images, stream, clock_ns)
    asked = Asked(rules, best, area_mm2, kib, accuracy)
    origin = Origin(inputs_of(scenario, sweeps))
    cells = cells_for(scenario, asked, sweeps, jobs)
    rows = [] if rules and not definition else definitions_for(scenario, sweeps)
    if definition and not rows:
        raise LimenError(none_stored(scenario))
    texts: dict[str, Callable[[], str]] = {
        "text": lambda: whole_text(cells, rows, best),
        "md": lambda: whole_markdown(cells, rows, best),
        "latex": lambda: whole_latex(cells, rows, best, width),
        "csv": lambda: definitions_csv(rows) if definition else table_csv(cells),
    }
    give(texts[form](), out, origin)
