"""`limen study tables devices`: the best device under budgets of memory, from a study's trials."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import click

from dse.cli.formats import format_options, page_columns
from dse.cli.options import several
from dse.cli.places import PLACE, check_picture
from dse.cli.tables import give, out_option

BUDGETS = ("64", "128", "256")


@click.command()
@click.argument("folder", type=PLACE)
@several(
    "--kib", "budgets", type=float, default=BUDGETS, show_default=True,
    help="All memory that a device may have; again for more.",
)  # fmt: skip
@click.option(
    "--within", default=0.5, show_default=True, help="Points of accuracy that the device of least energy may lack."
)
@format_options
@click.option("--plot", type=PLACE, help="Draw accuracy over energy there, a .png, .pdf or .svg.")
@out_option
def devices(
    folder: Path,
    budgets: tuple[float, ...],
    within: float,
    form: str,
    columns: int | None,
    plot: Path | None,
    out: Path | None,
) -> None:
    """Find the best whole devices, memory and all on one chip, of the study in FOLDER: `limen study run small`."""
    from dse.evaluation.inputs import origin_of
    from dse.report.device_table import Trials, device_table, table_csv, table_latex, table_markdown, table_text
    from dse.study.study import Study
    from dse.study.tasks import datasets_of

    in_latex = partial(table_latex, columns=page_columns(form, columns))
    check_picture(plot)
    study = Study.open(folder)
    rows = study.trials()
    trials = Trials(rows, str(folder), datasets_of(study, rows), study.space_size)
    table = device_table(trials, budgets, within)
    origin = origin_of(study)
    if plot:
        from dse.report.device_plot import plot_devices

        plot_devices(table, plot, origin.words())
        origin.write_beside(plot)
    texts: dict[str, Any] = {"text": table_text, "md": table_markdown, "latex": in_latex, "csv": table_csv}
    give(texts[form](table), out, origin)
