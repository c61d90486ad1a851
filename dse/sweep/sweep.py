"""`Sweep`: every point of a space, in blocks on all cores, each block a file, the front of fronts kept."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas

from dse.evaluation.evaluate import Evaluator, Formats
from dse.evaluation.rows import check_parquet, parse_lines
from dse.evaluation.tally import Tally, total
from dse.evaluation.unchanged import CHANGED, Changed, Known, check_unchanged
from dse.search.search import Show, WarmStart
from dse.search.trial_table import table_csv, table_of
from dse.space.figures import Figures, figure_names
from dse.space.space import Coordinates, Space
from dse.space.study_spec import StudySpec
from dse.sweep.block_files import BlockFiles
from dse.sweep.block_rows import BlockResult, OpFront, Task, evaluate_block, joined, kinds_of, start
from dse.sweep.block_runs import Blocks, cut, evaluate_blocks, processes
from dse.sweep.elsewhere import evaluate_elsewhere
from dse.sweep.record import SweepRecord, key_of_sweep
from workloads.errors import LimenError
from workloads.host.files import write_whole

MOST_POINTS = 10**9
FOLDER = "points"
OP_FRONTS = "op_fronts.csv"


def check_sweep(spec: StudySpec, space: Space) -> None:
    """Raise LimenError for a space of more points than a sweep may have, and for files that can't be written."""
    if space.size > MOST_POINTS:
        longest = sorted(space.axes, key=lambda name: -len(space.axes[name]))[:3]
        named = ", ".join(f"{name} ({len(space.axes[name])} values)" for name in longest)
        raise LimenError(
            f"space: {space.size:,} points are not allowed with sampler exhaustive: at most {MOST_POINTS:,}; "
            f"bound {named}, or try some of them with another sampler"
        )
    if spec.sampler.points == "parquet":
        check_parquet()


def create_sweep(
    folder: Path, spec: StudySpec, space: Space, sources: tuple[str, str], stored_sources: tuple[str, str]
) -> SweepRecord:
    """Store a sweep of which nothing is done. Raises LimenError.

    sources, stored_sources: workload and cost table, and what they are stored as.
    """
    key, blocks = key_of_sweep(*sources), cut(space.size).count
    return SweepRecord.create(folder, spec, stored_sources, key, space.size, blocks)


class Sweep:
    """A sweep in a study's folder, see `Search`.

    A block's rows are a file in `points`; sweep.json follows once it is there. A kill loses the blocks under way, and
    what is done again has the same bytes. A trial's number is its point's in the space (`Space.points`).
    """

    reports: tuple[str, ...] = (FOLDER, OP_FRONTS)

    def __init__(
        self, folder: Path, record: SweepRecord, evaluator: Evaluator, sources: tuple[str, str], formats: Formats
    ) -> None:
        self._folder = folder
        self._record = record
        self._evaluator = evaluator
        self._sources = sources
        self._formats = formats
        self._space = Space(record.spec.space, formats.valid)
        kinds = kinds_of(record.spec, evaluator.names(formats.valid[0]))
        self._files = BlockFiles(folder / FOLDER, record.spec.sampler.points, kinds)
        self._blocks: Blocks = cut(self._space.size)
        self._accept(evaluator.cost_figures)

    def _accept(self, evaluate: Callable[[Coordinates], Figures]) -> None:
        """Take over what the record has read. Raises LimenError where it can't be trusted."""
        state, path = self._record.state, self._record.path
        if self._record.spec.model_dump(mode="json") != state.study:
            raise LimenError(
                f"{path}: study: has not the keys of this version of Limen; sweep its file into another folder"
            )
        if (state.points, len(state.blocks)) != (self._space.size, self._blocks.count):
            raise LimenError(f"{path}: points: {state.points} are {self._space.size} now: {CHANGED}")
        try:
            columns = parse_lines(state.fronts, self._files.kinds)
        except ValueError as error:
            raise LimenError(f"{path}: fronts: is damaged: {error}") from None
        self._fronts = self._split(columns, state.fronts)
        try:
            check_unchanged(self._first(), evaluate)
        except LimenError as error:
            kind = Changed if isinstance(error, Changed) else LimenError
            raise kind(f"{path}: {error}") from None

    def _split(self, columns: Mapping[str, list[Any]], lines: Sequence[str]) -> dict[str, OpFront]:
        """Return stored fronts by op; columns, lines: the same rows."""
        gains = np.array(
            [
                [value if direction == "max" else -value for value in columns[name]]
                for name, direction in self._record.spec.objectives.items()
            ]
        ).T
        ops, numbers = np.array(columns["op"]), np.array(columns["trial"])
        fronts = {}
        for op in dict.fromkeys(columns["op"]):
            rows = np.flatnonzero(ops == op)
            fronts[op] = OpFront(numbers[rows], gains[rows], [lines[row] for row in rows.tolist()])
        return fronts

    def _first(self) -> list[Known]:
        """Return the first stored point of either kind, its figures from its block's file."""
        tally = total(self.tallies().values())
        known = []
        for number in (tally.first_priced, tally.first_refused):
            if number is not None:
                known.append(self._known(number))
        return known

    def _known(self, number: int) -> Known:
        row = self._row(number)
        figures = None if row["refusal"] else self._figures(row)
        return Known(number, self._point(number), figures, row["refusal"])

    def drawn(self, count: int, seed: int) -> list[Known]:
        """Return stored points drawn at random, at most `count`."""
        blocks = self._record.state.blocks
        done = [self._blocks.numbers(block) for block, digest in enumerate(blocks) if digest is not None]
        chosen = sorted(Random(seed).sample(range(self.designs), min(count, self.designs)))
        known, first = [], 0
        for numbers in done:
            known += [self._known(numbers[index - first]) for index in chosen if first <= index < first + len(numbers)]
            first += len(numbers)
        return known

    def _point(self, number: int) -> Coordinates:
        return self._space.points(range(number, number + 1))[0]

    def _row(self, number: int) -> dict[str, Any]:
        block, row = divmod(number, self._blocks.size)
        digest = self._record.state.blocks[block]
        assert digest is not None
        columns = self._files.read(block, digest, [row])
        return {name: values[0] for name, values in columns.items()}

    def run(self, show: Show, jobs: int | None, executor: Executor | None = None) -> None:
        """Evaluate the blocks that are not done; jobs: processes, by default one a core. executor: in their place.

        Raises:
            LimenError: workload, cost table or program changed since the first block; a file that can't be written.
        """
        todo = self._todo()
        done = self._space.size - sum(len(self._blocks.numbers(block)) for block in todo)
        show("points", done, self._space.size)
        if executor is None:
            results = self._evaluate(todo, min(self._processes(self._space.size - done, jobs), max(len(todo), 1)))
        elif self._evaluator.functions:
            raise LimenError("executor: is not allowed with figures of one's own: functions are this program's")
        else:
            results = evaluate_elsewhere(executor, self._task, self._record.state.key, todo)
        with closing(results):
            for block, result in results:
                self._add(block, result)
                done += len(self._blocks.numbers(block))
                show("points", done, self._space.size)

    @property
    def _task(self) -> Task:
        """What processes have to know that evaluate blocks."""
        formats, functions = tuple(self._formats.valid), self._evaluator.functions
        return Task(self._record.spec, *self._sources, formats, self._blocks, self._files, functions)

    def _processes(self, rows: int, jobs: int | None) -> int:
        """Return how many evaluate so many rows: of a program's functions other processes have none."""
        return 1 if self._evaluator.functions else processes(rows, jobs)

    def _evaluate(self, todo: Iterable[int], jobs: int) -> Generator[tuple[int, BlockResult]]:
        """Yield (block, what came of it), see `evaluate_blocks`."""
        return evaluate_blocks(todo, jobs, start, (self._task,), evaluate_block)

    def _todo(self) -> list[int]:
        """Return the blocks that are not done.

        Raises LimenError for one whose file is no longer what it was, and where blocks to come would be others.
        """
        check_sweep(self._record.spec, self._space)
        todo = []
        for block, digest in enumerate(self._record.state.blocks):
            if digest is None:
                todo.append(block)
            elif not self._files.holds(block, digest):
                path = self._files.path(block)
                raise LimenError(f"{path}: is missing or changed since it was written; sweep it into another folder")
        if todo and self._record.state.key != key_of_sweep(*self._sources):
            raise LimenError(f"{self._record.path}: {CHANGED}")
        return todo

    def _add(self, block: int, result: BlockResult) -> None:
        digest = self._files.write(block, result.content)
        for op, front in result.fronts.items():
            self._fronts[op] = joined(self._fronts[op], front) if op in self._fronts else front
        tallies = {**self.tallies()}
        for op, tally in result.tallies.items():
            tallies[op] = total([tallies[op], tally]) if op in tallies else tally
        blocks = [*self._record.state.blocks]
        blocks[block] = digest
        lines = [line for op in sorted(self._fronts) for line in self._fronts[op].lines]
        self._record.write(blocks=blocks, tallies=dict(sorted(tallies.items())), fronts=lines)

    @property
    def planned(self) -> int:
        """All points of the space."""
        return self._space.size

    @property
    def notes(self) -> list[str]:
        """None."""
        return []

    def best(self) -> list[Coordinates]:
        """Return the points that no other of their op beats."""
        return [self._point(number) for number in self.candidates()["trial"].tolist()]

    def take(self, points: Sequence[Coordinates], name: str, show: Show) -> WarmStart:
        """Raise LimenError."""
        raise LimenError(f"from: {name} is not allowed: sampler exhaustive tries every point of the space")

    def read_again(self) -> None:
        """Read what other runs have done since. Raises LimenError."""
        self._record.read_again()
        self._accept(self._evaluator.figures)

    def move_sources(self, workload: str, costs: str) -> None:
        """Store where workload and cost table are now. Raises LimenError."""
        if (workload, costs) != (self._record.workload, self._record.costs):
            self._record.write(workload=workload, costs=costs)

    def close(self) -> None:
        """Do nothing: no file is open."""

    @property
    def designs(self) -> int:
        """Points done, all distinct."""
        return total(self.tallies().values()).tried

    def tallies(self) -> dict[str, Tally]:
        """Return a tally for each op that was tried."""
        return self._record.state.tallies

    def candidates(self) -> pandas.DataFrame:
        """Return the points that no other point of their op beats."""
        table = table_of(parse_lines(self._record.state.fronts, self._files.kinds), self._files.kinds)
        return table.sort_values("trial").reset_index(drop=True)

    def trials(self) -> pandas.DataFrame:
        """Return a row per point that is done. Raises LimenError where a block's file isn't what it was."""
        return pandas.concat(self._tables(share=1), ignore_index=True)

    def feasible(self, most: int) -> pandas.DataFrame:
        """Return the rows of feasible points; of more than `most` points, those of a sample that is always the same."""
        share = most / max(total(self.tallies().values()).feasible, 1)
        tables = [table[table["feasible"]] for table in self._tables(share)]
        return pandas.concat(tables, ignore_index=True)

    def _tables(self, share: float) -> Iterator[pandas.DataFrame]:
        """Yield a share of the rows of each finished block, drawn at random; before them, a table without rows."""
        kinds = self._files.kinds
        yield table_of({name: [] for name in kinds}, kinds)
        for block, digest in enumerate(self._record.state.blocks):
            if digest is not None:
                rows, random = len(self._blocks.numbers(block)), np.random.default_rng(block)
                drawn = None if share >= 1 else np.flatnonzero(random.random(rows) < share).tolist()
                yield table_of(self._files.read(block, digest, drawn), kinds)

    def find(self, trial: int) -> tuple[Coordinates, Mapping[str, Any]]:
        """Return a point and its figures. Raises LimenError for one that was refused, or isn't done."""
        blocks = self._record.state.blocks
        if not (0 <= trial < self._space.size and blocks[trial // self._blocks.size] is not None):
            left = "" if None not in blocks else ", those of the blocks that are done"
            raise LimenError(f"{self._folder}: trial {trial} is not allowed: 0 to {self._space.size - 1}{left}")
        row = self._row(trial)
        if row["refusal"]:
            raise LimenError(f"{self._folder}: trial {trial} was refused: {row['refusal']}")
        return self._point(trial), self._figures(row)

    def priced(self) -> Iterator[tuple[int, Coordinates, Mapping[str, Any]]]:
        """Yield each trial that has figures, its point and them, block by block. Raises LimenError."""
        for block, digest in enumerate(self._record.state.blocks):
            if digest is not None:
                columns, numbers = self._files.read(block, digest), self._blocks.numbers(block)
                figures = self._figures(columns)
                rows = zip(*figures.values(), strict=True)
                points = zip(numbers, self._space.points(numbers), columns["refusal"], rows, strict=True)
                for number, point, refusal, row in points:
                    if not refusal:
                        yield number, point, dict(zip(figures, row, strict=True))

    def _figures(self, row: Mapping[str, Any]) -> dict[str, Any]:
        names = ("design", *figure_names(self._record.spec))
        return {name: row[name] for name in names if name in row}

    def write_reports(self) -> None:
        """Write the points that no other of their op beats. Raises LimenError."""
        write_whole(self._folder / OP_FRONTS, table_csv(self.candidates()).encode())
