"""Rows of a study as its runs.csv keeps them: written whole, read back as the very same, damage named by line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_type_hints

from workloads.errors import LimenError, shown
from workloads.host.files import write_whole
from workloads.host.progress import Progress
from workloads.host.text_tables import csv_bytes, read_csv

Row = TypeVar("Row", bound=NamedTuple)
Run = TypeVar("Run", bound=tuple[Any, ...])


def check_seeds(seeds: int) -> None:
    """Raise LimenError for fewer seeds than one."""
    if seeds < 1:
        raise LimenError(f"seeds: {seeds} is not allowed: at least 1")


def check_depths(depths: Iterable[int], known: Sequence[int]) -> None:
    """Raise LimenError for a depth that isn't known."""
    for depth in depths:
        if depth not in known:
            raise LimenError(f"depths: {depth} is not allowed: any of {', '.join(map(str, known))}")


def complete(
    path: Path,
    rows: dict[Run, Row],
    runs: Sequence[Run],
    train: Callable[[Run], Row],
    in_order: Callable[[Iterable[Row]], list[Row]],
    show: tuple[str, Progress | None],
) -> list[Row]:
    """Train those of `runs` that `rows` hasn't, in that order, and return all rows.

    path: the runs.csv, written whole after each run, in its own order. show: what progress says, and who shows it.
    """
    what, progress = show
    missing = [run for run in runs if run not in rows]
    for done, run in enumerate(missing, start=len(runs) - len(missing) + 1):
        rows[run] = train(run)
        write_whole(path, csv_bytes(in_order(rows.values())))
        if progress is not None:
            progress(what, done, len(runs))
    return in_order(rows.values())


def read_rows(
    path: Path, kind: type[Row], study: str, allowed: Mapping[str, Sequence[Any]], settings: str | None = None
) -> list[Row]:
    """Return the rows of a runs.csv.

    kind: of a row, of fields int, float and str, one of them `settings`. study: whose runs they are. allowed: the
    values of fields that have only some. settings: those all rows must have.

    Raises LimenError where the file can't be read, is damaged, or holds rows of other settings.
    """
    header, lines = read_csv(path, f"the runs of a {study}")
    names = kind._fields
    if tuple(header) != names:
        raise LimenError(f"{path}: header: {shown(','.join(header))} is not allowed: {','.join(names)}")
    rows = []
    for number, line in enumerate(lines, start=2):
        fields = _read_fields(f"{path}: line {number}", line, kind, allowed)
        if settings is not None and fields["settings"] != settings:
            raise LimenError(
                f"{path}: settings: {fields['settings']!r} is not allowed: this study's are {settings!r} (data, recipe "
                "or version differ); name another folder"
            )
        rows.append(kind(**fields))  # type: ignore[call-overload]
    return rows


def _read_fields(
    place: str, line: Sequence[str], kind: type[NamedTuple], allowed: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    types = get_type_hints(kind)
    if len(line) != len(types):
        raise LimenError(f"{place}: {len(line)} fields are not allowed: {len(types)}")
    fields: dict[str, Any] = {}
    for (name, read), text in zip(types.items(), line, strict=True):
        try:
            value = read(text)
        except ValueError:
            value = math.nan
        if isinstance(value, float) and not math.isfinite(value):
            raise LimenError(f"{place}: {name}: {shown(text)} is not allowed: a number")
        fields[name] = value
        if name in allowed and fields[name] not in allowed[name]:
            choices = ", ".join(str(choice) for choice in allowed[name])
            raise LimenError(f"{place}: {name}: {shown(text)} is not allowed: one of {choices}")
    return fields
