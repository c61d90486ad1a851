"""A block of a sweep: its points' rows, and what of them the front of all may need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dse.evaluation.block_evaluator import Block, BlockEvaluator
from dse.evaluation.nearest import distance
from dse.evaluation.own_figures import Functions
from dse.evaluation.rows import Columns, Kind, csv_lines
from dse.evaluation.tally import Tally, Tried, tally_of
from dse.front.front import front_rows
from dse.space.figures import MISSING, TEXT_FIGURES, whole_figures
from dse.space.space import Coordinates, Space, columns_of
from dse.space.study_spec import BESIDE_DESIGN, StudySpec
from dse.space.workload import Format
from dse.sweep.block_files import BlockFiles
from dse.sweep.block_runs import Blocks

AXES: dict[str, Kind] = {
    **dict.fromkeys(("op", "dataflow", "memory", "polarity", "x_signed", "acc_policy", *BESIDE_DESIGN), "text"),
    **dict.fromkeys(("zero_gating", "overlap", "matmul"), "flag"),
}
"""Axes of other than numbers."""


class OpFront(NamedTuple):
    """Feasible points of one op that no other known one beats: numbers [points], gains [points, objectives], lines."""

    numbers: np.ndarray
    gains: np.ndarray
    lines: list[str]


class BlockResult(NamedTuple):
    """What the file of a block holds; tallies and fronts of its points by op."""

    content: bytes
    tallies: dict[str, Tally]
    fronts: dict[str, OpFront]


class Task(NamedTuple):
    """What a process that evaluates blocks has to know."""

    spec: StudySpec
    workload: str
    costs: str
    formats: tuple[Format, ...]
    blocks: Blocks
    files: BlockFiles
    functions: Functions


def kinds_of(spec: StudySpec, names: Sequence[str]) -> dict[str, Kind]:
    """Return the columns of a sweep's rows, those of trials.csv; names: of the figures of a point."""
    whole = whole_figures(spec)
    kinds: dict[str, Kind] = {"trial": "whole", "design": "text"}
    for name in columns_of(spec.space):
        kinds[name] = AXES.get(name, "real" if name.endswith("_kib") else "whole")
    for name in names:
        kinds[name] = "text" if name in TEXT_FIGURES else "whole" if name in whole else "real"
    return kinds | {MISSING: "whole", "refusal": "text", "feasible": "flag"}


_here: list[tuple[Task, Space, BlockEvaluator]] = []
"""What this process evaluates."""


def start(task: Task) -> None:
    """Make this process ready for `evaluate_block`."""
    space = Space(task.spec.space, task.formats)
    _here[:] = [(task, space, BlockEvaluator(task.spec, task.workload, task.costs, task.functions))]


def evaluate_block(block: int) -> BlockResult:
    """Evaluate a block of the task that this process was started for. Raises LimenError as `BlockEvaluator` does."""
    task, space, evaluator = _here[0]
    numbers = task.blocks.numbers(block)
    points = space.points(numbers)
    found = evaluator.evaluate(points)
    feasible = _feasible(task.spec, found)
    columns = _columns(numbers, points, found, feasible, task.files)
    ops = np.array(columns["op"])
    far = np.where(np.array(found.refusals) == "", distance(task.spec, found.figures), 0.0)
    tallies, fronts = {}, {}
    for op in dict.fromkeys(columns["op"]):
        rows = np.flatnonzero(ops == op)
        kept, missing, beyond = (column[rows].tolist() for column in (feasible, found.missing_bytes, far))
        refusals = [found.refusals[row] for row in rows]
        points_of = zip((rows + numbers.start).tolist(), refusals, kept, missing, beyond, strict=True)
        tallies[op] = tally_of([*map(Tried._make, points_of)])
        fronts[op] = _front(task.spec, found, rows[feasible[rows]], columns, task.files)
    return BlockResult(task.files.encode(columns), tallies, fronts)


def _feasible(spec: StudySpec, found: Block) -> np.ndarray:
    feasible = np.array([not refusal for refusal in found.refusals])
    if feasible.any():
        for bound in spec.bounds():
            feasible &= bound.violation(found.figures[bound.name]) <= 0
    return feasible


def _columns(
    numbers: range, points: Sequence[Coordinates], found: Block, feasible: np.ndarray, files: BlockFiles
) -> Columns:
    fields: dict[str, list[Any]] = dict(zip(Coordinates._fields, map(list, zip(*points, strict=True)), strict=True))
    columns: Columns = {"trial": [*numbers], "design": [point.key for point in points], **fields}
    refused = [row for row, refusal in enumerate(found.refusals) if refusal]
    for name in [name for name in files.kinds if name not in (*columns, MISSING, "refusal", "feasible")]:
        values = found.figures[name].tolist() if name in found.figures else [None] * len(points)
        for row in refused:
            values[row] = "" if name in TEXT_FIGURES else None
        columns[name] = values
    lacking = zip(found.missing_bytes.tolist(), found.refusals, strict=True)
    missing = [count if count or not refusal else None for count, refusal in lacking]
    return columns | {MISSING: missing, "refusal": found.refusals, "feasible": feasible.tolist()}


def _front(spec: StudySpec, found: Block, rows: np.ndarray, columns: Columns, files: BlockFiles) -> OpFront:
    """Return the front of some feasible rows."""
    if not len(rows):
        return OpFront(np.empty(0, np.int64), np.empty((0, len(spec.objectives))), [])
    gains = np.stack(
        [
            found.figures[name][rows] * (1.0 if direction == "max" else -1.0)
            for name, direction in spec.objectives.items()
        ],
        axis=1,
    )
    kept = front_rows(gains)
    chosen = rows[kept].tolist()
    lines = csv_lines({name: [columns[name][row] for row in chosen] for name in files.kinds}, files.kinds)
    return OpFront(np.array([columns["trial"][row] for row in chosen]), gains[kept], lines)


def joined(first: OpFront, second: OpFront) -> OpFront:
    """Return the front of two fronts, in the order of numbers."""
    numbers = np.concatenate([first.numbers, second.numbers])
    gains = np.concatenate([first.gains, second.gains])
    lines = first.lines + second.lines
    kept = np.flatnonzero(front_rows(gains))
    order = kept[np.argsort(numbers[kept])]
    return OpFront(numbers[order], gains[order], [lines[row] for row in order])
