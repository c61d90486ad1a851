"""Tables' formats on the command line: --format, and --columns of LaTeX."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from workloads.errors import LimenError

FORMATS = ("text", "md", "latex", "csv")
"""text: for a terminal, fewer columns."""

DEFAULT_COLUMNS = 2

Command = TypeVar("Command", bound=Callable[..., object])


def format_options(command: Command) -> Command:
    """Give a command --format and --columns, its parameters `form` and `columns`; see `page_columns`."""
    form = click.option("--format", "form", default="text", show_default=True, type=click.Choice(FORMATS))
    columns = click.option(
        "--columns",
        type=click.IntRange(1, 2),
        help=f"Columns of a page of two that a LaTeX table may be wide; {DEFAULT_COLUMNS} by default.",
    )
    return form(columns(command))


def page_columns(form: str, columns: int | None) -> int:
    """Return the columns that a table in LaTeX may be wide. Raises LimenError where another format is given any."""
    if columns is not None and form != "latex":
        raise LimenError(f"--columns: {columns} is not allowed with --format {form}: only latex has a width")
    return columns or DEFAULT_COLUMNS
