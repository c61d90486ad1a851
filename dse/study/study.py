"""`Study`: a search over designs that can be killed and resumed, its front, and points that become Verilog."""

from __future__ import annotations

from contextlib import closing
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import pandas

from cost_models.table.table import table_path
from dse.evaluation.evaluate import Evaluator
from dse.evaluation.inputs import origin_of, recorded
from dse.evaluation.own_figures import NO_FUNCTIONS, Functions, check_functions, check_given
from dse.evaluation.point import Point
from dse.evaluation.tally import Tally, total
from dse.evaluation.unchanged import Known
from dse.front.front import knee_distances, non_dominated
from dse.report.progress import ProgressBar
from dse.search.postgres import Postgres
from dse.search.record import Record, exclusive
from dse.search.sampling import check_sampler
from dse.search.search import Search, WarmStart
from dse.search.trial_table import table_csv
from dse.space.sources import find, portable, resolve, resolve_all, resolve_workloads, same
from dse.space.space import Space, Value
from dse.space.study_spec import StudySpec, load_study, study_path
from dse.space.workload import SEPARATOR, title_of
from dse.study.growing import changed, check_grown
from dse.study.no_point import why_none
from dse.study.searches import join, search_in
from dse.study.stored import stored_record
from dse.sweep.block_runs import check_jobs
from dse.sweep.record import SweepRecord
from dse.sweep.sweep import check_sweep, create_sweep
from workloads.errors import LimenError, check_kind
from workloads.host.files import write_whole
from workloads.host.names import check_is_path
from workloads.networks.family import family_ops

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from matplotlib.axes import Axes
    from optuna.samplers import BaseSampler

    from dse.search.shared_study import SharedStudy

MOST_DRAWN = 10_000
"""Feasible designs of a picture, beside its front."""


class Study:
    """A study in a folder: created at first, resumed from then on.

    spec: a built-in study's name, or a study file (.yaml). out: its folder; holds study.db, which optuna-dashboard
    opens, and after `run` trials.csv, front.csv and front.png; with sampler exhaustive sweep.json, and trials in the
    files of `points`. quiet: no progress bar. figures: functions by the names of figures that they give, which can be
    objectives and constraints; a function gets a point's row of trials.csv, see docs/studies.md. sampler, trials: in
    place of the file's: a name, or an object of optuna.samplers; a number. They and `stop` may differ from those of the
    stored study, which then goes on from what it has. storage: a database, postgresql://USER@HOST/DATABASE, where
    workers on any number of machines, each with a folder, share the study; see docs/studies.md.

    Every trial is one transaction, so that a kill loses at most the trial in flight, of a sweep the blocks in flight; a
    resumed study goes on exactly as if it had never stopped. The study optimises validation accuracy; test accuracy is
    only reported.

    Raises:
        LimenError: one line: a bad study file, one that differs from the stored study, an objective the workload
            can't give, no valid point, a stored study that is damaged or another program's.
    """

    def __init__(
        self,
        spec: str | Path,
        out: str | Path,
        quiet: bool = False,
        figures: Functions = NO_FUNCTIONS,
        sampler: str | BaseSampler | None = None,
        trials: int | None = None,
        storage: str | None = None,
    ) -> None:
        check_kind("study", spec, (str, Path), "a built-in study's name or a study file (.yaml)")
        check_kind("out", out, (str, Path), "the study's folder")
        check_is_path("out", out)
        check_kind("storage", storage, (str, type(None)), "a database's address")
        database = None if storage is None else Postgres(storage)
        check_functions(figures)
        path = study_path(str(spec))
        new_spec = changed(load_study(str(spec), figures), path, sampler, trials)
        own = None if isinstance(sampler, str) else sampler
        try:
            check_given(new_spec.figures, figures)
            check_sampler(new_spec.sampler, own)
        except LimenError as error:
            raise LimenError(f"{path}: {error}") from None
        workload = resolve_workloads(new_spec.workloads, path.parent)
        costs = resolve_all(new_spec.tables, path.parent)
        folder = Path(out)
        record = stored_record(folder)
        if record is not None:
            check_grown(record.spec, new_spec, path, folder)
            for field, name, stored in (("workloads", workload, record.workload), ("costs", costs, record.costs)):
                stored_place = find(stored, folder)
                if stored_place is not None and not same(name, stored_place):
                    raise LimenError(f"{path}: {field}: {name!r} is not allowed: {folder} has {stored_place!r}")
            shared = None if database is None else join(database, path, new_spec, workload, costs)
            self._open(folder, record, workload, costs, quiet, figures, new_spec, own, shared)
            done = total(self.tallies().values()).tried
            if trials is not None and trials < done:
                raise LimenError(f"trials: {trials} is not allowed: {folder} has {done} already")
            return
        evaluator = Evaluator(new_spec, workload, costs)
        stored_sources = portable(workload, folder), portable(costs, folder)
        try:
            formats = evaluator.formats()
            if new_spec.is_sweep:
                check_sweep(new_spec, Space(new_spec.space, formats.valid))
            evaluator.check_prices(formats.valid)
        except LimenError as error:
            raise LimenError(f"{path}: {error}") from None
        shared = None if database is None else join(database, path, new_spec, workload, costs)
        if new_spec.is_sweep:
            space = Space(new_spec.space, formats.valid)
            record = create_sweep(folder, new_spec, space, (workload, costs), stored_sources)
        else:
            record = Record.create(folder, new_spec, *stored_sources)
        self._open(folder, record, workload, costs, quiet, figures, new_spec, own, shared)

    @classmethod
    def open(cls, out: str | Path) -> Study:
        """Open the study stored in a folder, without its file. Raises LimenError where there is none.

        One with figures of the user's own can be looked at, not run: their functions aren't stored.
        """
        check_kind("out", out, (str, Path), "the study's folder")
        study = cls.__new__(cls)
        folder = Path(out)
        record = stored_record(folder) or Record(folder)
        workload, costs = find(record.workload, folder), find(record.costs, folder)
        for field, place, stored in (("workloads", workload, record.workload), ("costs", costs, record.costs)):
            if place is None:
                raise LimenError(
                    f"{record.path}: {field}: {resolve(stored, folder)} is missing: put it there, or run the study's "
                    f"file from where it is now: limen study run FILE --out {folder}"
                )
        assert workload is not None and costs is not None
        study._open(folder, record, workload, costs, quiet=False)
        return study

    def _open(
        self,
        folder: Path,
        record: Record | SweepRecord,
        workload: str,
        costs: str,
        quiet: bool,
        functions: Functions = NO_FUNCTIONS,
        spec: StudySpec | None = None,
        own_sampler: BaseSampler | None = None,
        shared: SharedStudy | None = None,
    ) -> None:
        self.folder = folder
        self.spec: StudySpec = spec or record.spec
        self.workload, self.costs = workload, costs
        self._quiet = quiet
        self._evaluator = Evaluator(self.spec, workload, costs, functions)
        try:
            for name in costs.split(SEPARATOR):
                table_path(name)
            self._formats = self._evaluator.formats()
            self._space = Space(record.spec.space, self._formats.valid)
        except LimenError as error:
            raise LimenError(f"{record.path}: {error}") from None
        place = folder, self._evaluator, (workload, costs), self._formats
        self._search: Search = search_in(*place, record, self.spec, own_sampler, shared)

    def __repr__(self) -> str:
        done, planned = total(self.tallies().values()).tried, self.planned
        return f"<Study {title_of(self.workload)} in {self.folder}: {done} of {planned} trials>"

    @property
    def left_out(self) -> list[str]:
        """A line for each op and width of the space's file that is in no point of the space, and why."""
        return self._formats.notices()

    @property
    def unmapped(self) -> list[str]:
        """A line for each workload with operators that the machine doesn't have, which are in no figure."""
        return self._evaluator.unmapped(self._formats.valid[0])

    @property
    def space(self) -> Space:
        """All designs among which it searches."""
        return self._space

    @property
    def space_size(self) -> int:
        """Points of the space, those that will be refused among them; formats that are `left_out` are not."""
        return self._space.size

    @property
    def axes(self) -> dict[str, list[Value]]:
        """The values of each axis of the space, in their order."""
        return self._space.axes

    @property
    def designs(self) -> int:
        """Distinct designs among the trials."""
        return self._search.designs

    @property
    def reports(self) -> list[Path]:
        """What a run has written: files, or folders of files."""
        return [self.folder / name for name in (*self._search.reports, "front.csv", "front.png")]

    def tallies(self) -> dict[str, Tally]:
        """Return for each op how many designs of it were tried, refused and feasible."""
        return self._search.tallies()

    @property
    def planned(self) -> int:
        """Trials of the whole study."""
        return self._search.planned

    @property
    def notes(self) -> list[str]:
        """Lines on how the trials came about, where there is something to say."""
        return self._search.notes

    def warm_start(self, folder: str | Path) -> WarmStart:
        """Take over designs of the study in another folder, before or instead of what the sampler proposes.

        They are its feasible designs that no other of their op beats, in the order of its trials. Those of them that
        are points of this space, and that no trial has, are evaluated again, and stored all or none: they are the next
        trials, as many as are left.

        Raises:
            LimenError: there is no study in the folder, or this one is a sweep; else as `run` does.
        """
        check_kind("from", folder, (str, Path), "another study's folder")
        if Path(folder).resolve() == self.folder.resolve():
            raise LimenError(f"from: {folder} is not allowed: it is this study; another one's folder")
        source = Study.open(folder)
        check_given(self.spec.figures, self._evaluator.functions)
        with exclusive(self.folder), ProgressBar(self._quiet) as bar, closing(self._search):
            self._search.read_again()
            return self._search.take(source._search.best(), str(folder), bar.show)

    def run(self, jobs: int | None = None, executor: Executor | None = None) -> Study:
        """Evaluate until `trials` designs are complete or the space is exhausted, then write the reports.

        jobs: processes; by default one a core where the sampler is exhaustive, else one. Then as many designs are
            suggested before any of them is known, which is the same with samplers that learn from rounds, generations
            or nothing; tpe, gp and own samplers try other designs, the same for the same number.
        executor: in place of jobs, where the sampler is exhaustive, evaluates blocks anywhere; see docs/studies.md.

        Raises:
            LimenError: another run holds the folder; code, workload or table changed since the stored trials; or no
                point satisfies the constraints.
        """
        check_jobs(jobs, executor)
        check_given(self.spec.figures, self._evaluator.functions)
        origin = origin_of(self)
        with exclusive(self.folder), ProgressBar(self._quiet) as bar, closing(self._search):
            self._search.read_again()
            before = total(self.tallies().values()).tried
            self._search.move_sources(*(portable(name, self.folder) for name in (self.workload, self.costs)))
            self._search.run(bar.show, jobs, executor)
            with recorded(self, origin, before):
                self.write_reports()
        return self

    def drawn(self, count: int, seed: int) -> list[Known]:
        """Return what is stored of points drawn at random, at most `count`."""
        return self._search.drawn(count, seed)

    @property
    def points(self) -> list[Point]:
        """All evaluated designs in the order of their trials."""
        return [Point(trial, at, dict(figures), self._evaluator) for trial, at, figures in self._search.priced()]

    def trials(self) -> pandas.DataFrame:
        """Return a row per trial: where it is in the space, every figure, whether it is feasible.

        accuracy is the validation split's. refusal: why a point has no figures: it can't be built, fitted, counted or
        priced.
        """
        return self._search.trials()

    def front(self, op: str | None = None) -> pandas.DataFrame:
        """Return a row per non-dominated feasible distinct design, sorted by the first objective.

        op: only designs of this op, against each other.

        Raises:
            LimenError: no trial yet, or none that satisfies the constraints.
        """
        if not total(self.tallies().values()).tried:
            raise LimenError(f"{self.folder}: no trial yet: limen study run")
        table = self._search.candidates()
        if op is not None:
            table = table[table["op"] == op]
        if table.empty:
            raise LimenError(f"{self.folder}: no valid point: {why_none(self, op)}")
        table = table[non_dominated(table, self.spec.objectives)]
        return table.sort_values([*self.spec.objectives, "trial"]).reset_index(drop=True)

    def feasible(self, most: int) -> pandas.DataFrame:
        """Return rows of feasible designs: all, or of more than about `most` a sample that is always the same."""
        return self._search.feasible(most)

    def knee(self, op: str | None = None) -> Point:
        """Return the front's point nearest to the ideal one (see `front.knee_distances`); lowest trial of equals.

        op: of the front among the designs of this op.
        """
        front = self.front(op)
        return self._ranked(front, "trial")

    def largest(self) -> Point:
        """Return the front point with most PEs; of equals the one nearest to the ideal point of the front."""
        front = self.front()
        return self._ranked(front.assign(fewer=-front["pes"]), "fewer", "trial", first="fewer")

    def _ranked(self, front: pandas.DataFrame, *then: str, first: str | None = None) -> Point:
        front = front.assign(distance=knee_distances(front, self.spec.objectives))
        order = ([first] if first else []) + ["distance"] + [name for name in then if name != first]
        trial = int(front.sort_values(order, kind="stable")["trial"].iloc[0])
        return self.numbered(trial)

    def numbered(self, trial: int) -> Point:
        """Return a trial's point. Raises LimenError for one that was refused, or isn't there."""
        point, figures = self._search.find(trial)
        return Point(trial, point, dict(figures), self._evaluator)

    def point(self, name: str | int) -> Point:
        """Return the point called knee, largest, like an op (the knee among designs of that op), or a trial's."""
        check_kind("point", name, (str, Integral), "a point's name or a trial's number")
        if name == "knee":
            return self.knee()
        if name == "largest":
            return self.largest()
        if name in family_ops():
            return self.knee(op=str(name))
        try:
            return self.numbered(int(name))
        except ValueError:
            names = ", ".join(("knee", "largest", *family_ops()))
            raise LimenError(f"point: {name!r} is not allowed: {names} or a trial's number") from None

    def plot_front(
        self, x: str | None = None, y: str | None = None, color: str = "op", axes: Axes | None = None
    ) -> Axes:
        """Draw the feasible points, of many a sample, the front filled; return the matplotlib Axes.

        x, y: columns of `trials()`; by default the first and the last objective. color: op or dataflow.
        """
        from dse.report.plot import draw_front
        from dse.study.look import drawing_of

        names = list(self.spec.objectives)
        x, y = x or names[0], y or (names[-1] if len(names) > 1 else "cycles")
        return draw_front(drawing_of(self, MOST_DRAWN), x, y, color, axes)

    def save_front(self, path: str | Path, x: str | None = None, y: str | None = None, color: str = "op") -> Path:
        """Write the picture of `plot_front` as PNG, SVG or PDF, as its name ends, and its manifest beside it.

        Raises LimenError for another end.
        """
        from dse.study.look import draw_into

        return draw_into(self, path, x, y, color)

    def report(self, path: str | Path) -> Path:
        """Write the study as one HTML file that opens without a network, and its manifest beside it; see `write_page`.

        Raises LimenError.
        """
        from dse.study.page_of import write_page

        return write_page(self, path)

    def write_reports(self) -> None:
        """Write the files of trials, front.csv and front.png, each whole or not at all.

        Raises LimenError where a file can't be written; and after the trials are, where no point is feasible.
        """
        self._search.write_reports()
        try:
            front = self.front()
        except LimenError as error:
            raise LimenError(f"{error}; all trials are in {self.folder / self._search.reports[0]}") from None
        from dse.study.look import draw_into

        write_whole(self.folder / "front.csv", table_csv(front).encode())
        draw_into(self, self.folder / "front.png", beside=False)
