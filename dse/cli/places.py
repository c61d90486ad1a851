"""Files and folders on the command line: any path will do, an address is refused before anything is made of it."""

from __future__ import annotations

from pathlib import Path

import click

from workloads.errors import LimenError, shown
from workloads.host.names import TABLE, check_is_path, is_file_name


class _Place(click.Path):
    """A path, there or not."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: object, param: click.Parameter | None, context: click.Context | None) -> Path:
        check_is_path(param.opts[0] if param is not None else "path", str(value))
        return Path(str(super().convert(value, param, context)))  # type: ignore[arg-type]


PLACE = _Place()


def check_file(context: click.Context, param: click.Parameter, place: Path | None) -> Path | None:
    """Return a file's place. Raises LimenError where none can be written there, before the work whose result it has."""
    if place is not None:
        from workloads.host.files import check_writable

        if place.is_dir():
            raise LimenError(f"{place}: cannot be written: Is a directory")
        check_writable(place.absolute().parent)
    return place


def check_table(context: click.Context, param: click.Parameter, place: Path | None) -> Path | None:
    """Return the place of a table in a file, which is a .csv file. Raises LimenError."""
    if place is not None and not is_file_name(place, TABLE):
        raise LimenError(f"{param.opts[0]}: {shown(str(place))} is not allowed: a name that ends in .csv")
    return place


def check_picture(place: Path | None) -> None:
    """Raise LimenError for a picture's wrong name, before the work that the picture is of."""
    if place is not None:
        from workloads.host.pictures import picture_format

        picture_format(place)
