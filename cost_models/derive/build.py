"""`build_table`: a cost table from a Liberty file. Minutes on one core; resumes where it was stopped."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path

from cost_models.derive.characterise import Point, characterise_group
from cost_models.derive.memory_rows import MACROS, memory_rows
from cost_models.derive.table_rows import fit_rows, line_rows, point_rows
from cost_models.gates.multipliers import multipliers
from cost_models.gates.synthesis import PACKAGES, Kit, fingerprint, open_kit, say_notes, tool_versions
from cost_models.library.liberty_reader import Files
from cost_models.sources.unit_sources import unit_source
from cost_models.table.table import COLUMNS, Row
from cost_models.units.catalogue import WIDTHS, Pairs, groups
from cost_models.units.sizes import FITTED
from cost_models.units.unit import Unit
from workloads.errors import LimenError
from workloads.host.children import run_in_workers
from workloads.host.files import check_writable, write_whole
from workloads.host.opening import lines_of
from workloads.host.scratch import scratch_folder

METHOD_FILES = (
    "gates/buffers",
    "stimuli/captured",
    "derive/characterise",
    "gates/event_kernels",
    "library/full_adders",
    "stimuli/kernel_streams",
    "library/liberty_cells",
    "library/liberty_functions",
    "library/liberty_groups",
    "library/liberty_header",
    "library/liberty_pins",
    "library/liberty_reader",
    "library/liberty_text",
    "derive/straight_lines",
    "stimuli/machine_streams",
    "library/mapping_library",
    "gates/netlist",
    "stimuli/op_values",
    "stimuli/pe_streams",
    "gates/static_timing",
    "stimuli/stimulus",
    "stimuli/streams",
    "gates/switching",
    "gates/switching_kernels",
)
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
) -> Path:
    """Write the cost table of a standard-cell library to `out` and return its path.

    liberty: the kit's file, or its files.
    pairs: PEs of "all" pairs of widths, or only of "equal" x and w (op shift: w as wide as it gets).
    sram: the kit's "macros", or "cacti-NM" of a node that data/sram_cacti.csv has; see `memory_rows`.

    A file `out`.partial holds finished groups until the table is whole: run again to resume. Results don't depend on
    `jobs` or on where a build was stopped.

    Raises:
        LimenError: a missing extra, an unusable library, a netlist that computes something else, or a folder that
            can't be written.
    """
    versions = tool_versions()
    if jobs < 1:
        raise LimenError(f"jobs: {jobs} is not allowed: at least 1")
    memories = memory_rows(sram)
    check_writable(Path(out).absolute().parent)
    todo = groups(widths, pairs)
    with scratch_folder() as scratch:
        kit = open_kit(liberty, scratch)
        say_notes(kit)
        partial = Path(f"{out}.partial")
        keys = [group_key(group, kit, versions) for group in todo]
        done = _read_partial(partial)
        missing = [(key, group) for key, group in zip(keys, todo, strict=True) if key not in done]
        if progress:
            progress(len(todo) - len(missing), len(todo))
        with closing(_characterise_all(missing, kit, jobs)) as found:
            for key, points in found:
                done[key] = points
                _append_partial(partial, key, points)
                if progress:
                    progress(sum(key in done for key in keys), len(todo))
        text = format_table([done[key] for key in keys], versions, kit.cells.name, memories)
    write_whole(Path(out), text.encode())
    partial.unlink(missing_ok=True)
    return Path(out)


def group_key(group: Group, kit: Kit, versions: str) -> str:
    """Return the identity of a group's results: Verilog, library, recipes, tools and our own method."""
    digest = hashlib.sha256(versions.encode())
    for name in METHOD_FILES:
        digest.update((PACKAGES / "cost_models" / f"{name}.py").read_bytes())
    for unit in group:
        digest.update(repr(unit).encode())
        for multiplier in multipliers(unit, kit.cells):
            digest.update(fingerprint(kit, unit_source(unit), multiplier).encode())
    return digest.hexdigest()


def _characterise_all(todo: Sequence[tuple[str, Group]], kit: Kit, jobs: int) -> Generator[tuple[str, list[Point]]]:
    if jobs == 1 or len(todo) < 2:
        for key, group in todo:
            yield key, characterise_group(group, kit)
        return
    # The last groups are the largest, neurons of 64 synapses: started first, none keeps one process up at the end.
    keys = {group: key for key, group in reversed(todo)}
    with closing(run_in_workers(jobs, _start_worker, (kit.liberty, kit.path.parent), _work, keys)) as found:
        for group, points in found:
            yield keys[group], points


def _start_worker(liberty: tuple[Path, ...], folder: Path) -> None:
    scratch = folder / f"worker-{os.getpid()}"
    scratch.mkdir()
    os.environ["TMPDIR"] = str(scratch)  # all of a worker's folders go with its parent's
    _worker_kit.append(open_kit(liberty, scratch))


def _work(group: Group) -> list[Point]:
    return characterise_group(group, _worker_kit[0])


def _read_partial(path: Path) -> dict[str, list[Point]]:
    """Return finished groups; a line cut short by a kill is left out, and characterised again."""
    done: dict[str, list[Point]] = {}
    for line in lines_of(path):
        try:
            found = json.loads(line)
            done[found["key"]] = [
                Point(Unit(**p["unit"]), p["multiplier"], p["digest"], p["values"]) for p in found["points"]
            ]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
    return done


def _append_partial(path: Path, key: str, points: Sequence[Point]) -> None:
    content = [
        {"unit": vars(p.unit), "multiplier": p.multiplier, "digest": p.digest, "values": p.values} for p in points
    ]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps({"key": key, "points": content}))
    except OSError as error:
        raise LimenError(f"{path}: cannot be written: {error.strerror}") from None


def format_table(results: Sequence[Sequence[Point]], versions: str, library: str, memories: Sequence[Row]) -> str:
    """Return the CSV text of all groups' points, and the rows of memories."""
    rows: list[Row] = []
    for points in results:
        if points[0].unit.component in FITTED:
            rows += fit_rows(points, versions, library)
        else:
            rows += [own for point in points for own in point_rows(point, versions, library)]
            rows += line_rows(points, versions, library)
    rows += memories
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
