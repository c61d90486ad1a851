"""`build_table`: a cost table from a Liberty file. Minutes on one core; resumes where it was stopped."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from cost_models.derive.characterise import UnitFigures, characterise_group
from cost_models.derive.kept_rows import EarlierTable
from cost_models.derive.memory_rows import MACROS, memory_rows
from cost_models.derive.table_rows import figure_rows, fit_rows, line_rows
from cost_models.gates.multipliers import multipliers
from cost_models.gates.synthesis import Kit, fingerprint, open_kit, say_notes, tool_versions
from cost_models.liberty.liberty_reader import Files
from cost_models.sources.unit_sources import unit_source
from cost_models.stimuli.captured import operands_digest
from cost_models.table.table import Row, table_text
from cost_models.units.catalogue import WIDTHS, Pairs, groups
from cost_models.units.unit import UNITS, Fitted, Unit, from_journal, journalled
from workloads.errors import LimenError
from workloads.host.children import run_in_workers
from workloads.host.files import check_writable, write_whole
from workloads.host.journal import Journal, Results, code_digest, key_of
from workloads.host.scratch import scratch_folder

Group = tuple[Unit, ...]
Progress = Callable[[int, int], None]
"""Called with (groups done, groups in all)."""

_worker_kit: list[Kit] = []


def build_table(
    liberty: Files,
    out: Path,
    jobs: int = 1,
    progress: Progress | None = None,
    widths: range = WIDTHS,
    pairs: Pairs = "all",
    sram: str = MACROS,
    keep: str | None = None,
) -> Path:
    """Write the cost table of a standard-cell library to `out` and return its path.

    liberty: the kit's file, or its files.
    pairs: PEs of "all" pairs of widths, or only of "equal" x and w (op shift: w as wide as it gets).
    sram: the kit's "macros", or "cacti-NM" of a node that data/sram_cacti.csv has; see `memory_rows`.
    keep: an earlier table, whose rows stand where their hash is that of today; see `EarlierTable`.

    A file `out`.partial holds finished groups until the table is whole: run again to resume. Results don't depend on
    `jobs` or on where a build was stopped.

    Raises:
        LimenError: a missing extra, an unusable library, a netlist that computes something else, or a folder that
            can't be written.
    """
    versions = tool_versions()
    if jobs < 1:
        raise LimenError(f"jobs: {jobs} is not allowed: at least 1")
    memories, earlier = memory_rows(sram), None if keep is None else EarlierTable(keep)
    check_writable(Path(out).absolute().parent)
    todo, journal = groups(widths, pairs), journal_of(out)
    with scratch_folder() as scratch:
        kit = open_kit(liberty, scratch)
        say_notes(kit)
        method = method_inputs(versions)
        rows = {} if earlier is None else {group: earlier.rows(group, kit, versions) for group in todo}
        keys = {group: group_key(group, kit, method) for group in todo if not rows.get(group)}
        pieces = {key: group for group, key in keys.items()}
        done = journal.finish(pieces, lambda missing: _characterise_all(missing, kit, jobs), progress)
        rows |= {group: group_rows(done[key], versions, kit.cells.name) for group, key in keys.items()}
        text = table_text([row for group in todo for row in rows[group]] + list(memories))
    write_whole(Path(out), text.encode())
    journal.remove()
    return Path(out)


def journal_of(out: Path) -> Journal[list[UnitFigures]]:
    """Return the journal of a table that is being built."""
    return Journal(Path(f"{out}.partial"), _journalled_group, _figures_of_group)


def _journalled_group(group: Sequence[UnitFigures]) -> list[dict[str, Any]]:
    return [asdict(figures) | {"unit": journalled(figures.unit)} for figures in group]


def _figures_of_group(stored: Any) -> list[UnitFigures]:
    return [
        UnitFigures(from_journal(fields["unit"], UNITS), fields["multiplier"], fields["digest"], dict(fields["values"]))
        for fields in stored
    ]


def method_inputs(versions: str) -> dict[str, str]:
    """Return what the results of all groups depend on beside unit and library.

    It is our own code, the tools, and what operands come from: numpy's random numbers, a trained network and its data.
    """
    return {"code": code_digest(), "tools": versions, "numpy": np.__version__, "operands": operands_digest()}


def group_key(group: Group, kit: Kit, method: Mapping[str, str]) -> str:
    """Return the identity of a group's results: method, units and, of each way to build them, a netlist's inputs."""
    ways = [(unit, way) for unit in group for way in multipliers(unit, kit.cells)]
    netlists = [fingerprint(kit, unit_source(unit), way) for unit, way in ways]
    return key_of({"method": method, "units": [repr(unit) for unit in group], "netlists": netlists})


def _characterise_all(todo: Mapping[str, Group], kit: Kit, jobs: int) -> Results[list[UnitFigures]]:
    if jobs == 1 or len(todo) < 2:
        for key, group in todo.items():
            yield key, characterise_group(group, kit)
        return
    # The last groups are the largest, neurons of 64 synapses: started first, none keeps one process up at the end.
    keys = {group: key for key, group in reversed([*todo.items()])}
    with closing(run_in_workers(jobs, _start_worker, (kit.liberty, kit.path.parent), _work, keys)) as results:
        for group, group_figures in results:
            yield keys[group], group_figures


def _start_worker(liberty: tuple[Path, ...], folder: Path) -> None:
    scratch = folder / f"worker-{os.getpid()}"
    scratch.mkdir()
    os.environ["TMPDIR"] = str(scratch)  # all of a worker's folders go with its parent's
    _worker_kit.append(open_kit(liberty, scratch))


def _work(group: Group) -> list[UnitFigures]:
    return characterise_group(group, _worker_kit[0])


def group_rows(group: Sequence[UnitFigures], versions: str, library: str) -> list[Row]:
    """Return the rows of one group's figures."""
    if isinstance(group[0].unit, Fitted):
        return fit_rows(group, versions, library)
    rows = [row for figures in group for row in figure_rows(figures, versions, library)]
    return rows + line_rows(group, versions, library)
