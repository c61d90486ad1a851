"""`Study`: a search over designs that can be killed and resumed, its front, and points that become Verilog."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas
from optuna.trial import FrozenTrial, TrialState

from cost_models.table.table import table_path
from dse.report.progress import ProgressBar
from dse.study.evaluate import FIGURES, Evaluator, Figures, Refusal
from dse.study.front import knee_distances, non_dominated
from dse.study.point import Point
from dse.study.record import DATABASE, Record, directions, exclusive
from dse.study.sampling import Sampler
from dse.study.sources import FILES, find, portable, resolve, same
from dse.study.space import Coordinates, Space
from dse.study.stored_trials import DIGEST_ATTRIBUTE, check_trials, seal
from dse.study.study_spec import StudySpec, load_study, study_path
from workloads.errors import LimenError, check_kind
from workloads.host.files import write_whole
from workloads.host.names import is_file_name
from workloads.host.text_tables import csv_text
from workloads.ops.registry import known_ops

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Show = Callable[[str, int, int], None]


class Study:
    """A study in a folder: created at first, resumed from then on.

    spec: a built-in study's name, or a study file (.yaml). out: its folder; holds study.db, which optuna-dashboard
    opens, and after `run` trials.csv, front.csv and front.png. quiet: no progress bar.

    Every trial is one transaction, so that a kill loses at most the trial in flight; a resumed study goes on exactly
    as if it had never stopped. The study optimises validation accuracy; test accuracy is only reported.

    Raises:
        LimenError: one line: a bad study file, one that differs from the stored study, an objective the workload
            can't give, no valid point, a stored study that is damaged or another program's.
    """

    def __init__(self, spec: str | Path, out: str | Path, quiet: bool = False) -> None:
        check_kind("study", spec, (str, Path), "a built-in study's name or a study file (.yaml)")
        check_kind("out", out, (str, Path), "the study's folder")
        path = study_path(str(spec))
        new_spec = load_study(str(spec))
        workload, costs = (resolve(name, path.parent) for name in (new_spec.workloads[0], new_spec.costs))
        folder = Path(out)
        if (folder / DATABASE).exists():
            record = Record(folder)
            difference = _first_difference(record.spec, new_spec)
            if difference:
                raise LimenError(
                    f"{path}: {difference} differs from the study in {folder}; name another folder, or restore the file"
                )
            for field, name, stored in (("workloads", workload, record.workload), ("costs", costs, record.costs)):
                stored_place = find(stored, folder)
                if stored_place is not None and not same(name, stored_place):
                    raise LimenError(f"{path}: {field}: {name!r} is not allowed: {folder} has {stored_place!r}")
            self._open(folder, record, workload, costs, quiet)
            return
        evaluator = Evaluator(new_spec, workload, costs)
        try:
            evaluator.check_prices(evaluator.formats().valid)
        except LimenError as error:
            raise LimenError(f"{path}: {error}") from None
        record = Record.create(folder, new_spec, portable(workload, folder), portable(costs, folder))
        self._open(folder, record, workload, costs, quiet)

    @classmethod
    def open(cls, out: str | Path) -> Study:
        """Open the study stored in a folder, without its file. Raises LimenError where there is none."""
        check_kind("out", out, (str, Path), "the study's folder")
        study = cls.__new__(cls)
        folder = Path(out)
        record = Record(folder)
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

    def _open(self, folder: Path, record: Record, workload: str, costs: str, quiet: bool) -> None:
        self.folder = folder
        self.spec: StudySpec = record.spec
        self.workload, self.costs = workload, costs
        self._record = record
        self._quiet = quiet
        self._evaluator = Evaluator(record.spec, workload, costs)
        try:
            table_path(costs)
            self._formats = self._evaluator.formats()
            self._space = Space(record.spec.space, self._formats.valid)
        except LimenError as error:
            raise LimenError(f"{record.path}: {error}") from None
        # Accuracies may take minutes to measure: here without them.
        self._accept_trials(self._evaluator.cost_figures)

    def _accept_trials(self, evaluate: Callable[[Coordinates], Figures]) -> None:
        """Take over what the record has read. Raises LimenError where anything of it can't be trusted."""
        try:
            self._trials = self._record.trials()
            check_trials(self._trials, self.spec, self._space)
            self._check_unchanged(evaluate)
        except LimenError as error:
            raise LimenError(f"{self._record.path}: {error}") from None

    def __repr__(self) -> str:
        total = min(self.spec.trials, self._space.size)
        return f"<Study {Path(self.workload).stem} in {self.folder}: {len(self._trials)} of {total} trials>"

    @property
    def left_out(self) -> list[str]:
        """A line for each op and width of the space's file that is in no point of the space, and why."""
        return self._formats.notices()

    @property
    def space_size(self) -> int:
        """Points of the space, those that will be refused among them; formats that are `left_out` are not."""
        return self._space.size

    def run(self) -> Study:
        """Evaluate until `trials` designs are complete or the space is exhausted, then write the reports.

        Raises:
            LimenError: another run holds the folder; code, workload or table changed since the stored trials; or no
                point satisfies the constraints.
        """
        with exclusive(self.folder), ProgressBar(self._quiet) as bar, closing(self._record):
            self._record.read_again()
            self._accept_trials(self._evaluator.figures)
            self._record.move_sources(*(portable(name, self.folder) for name in (self.workload, self.costs)))
            sampler = Sampler(self.spec.sampler, self._space, directions(self.spec))
            for trial in self._trials:
                sampler.learn(trial)
            total = min(self.spec.trials, self._space.size)
            for number in range(len(self._trials), total):
                bar.show("trials", number, total)
                trial = self._evaluate(number, sampler)
                self._record.add(trial)
                self._trials.append(trial)
                sampler.learn(trial)
            bar.show("trials", total, total)
            self.write_reports()
        return self

    def _evaluate(self, number: int, sampler: Sampler) -> FrozenTrial:
        """Return the next trial, as it is stored."""
        started = datetime.now()
        parameters = sampler.suggest()
        point = self._space.at(parameters)
        state, values, violations = TrialState.COMPLETE, None, {}
        try:
            figures = self._evaluator.figures(point)
            values = [float(figures[name]) for name in self.spec.objectives]
            for bound in self.spec.bounds():
                violations[f"{bound.name} {self.spec.constraints[bound.name]}"] = bound.violation(figures[bound.name])
        except Refusal as error:
            state, figures = TrialState.FAIL, {"design": point.key, "refusal": str(error)}
        trial = FrozenTrial(
            number=number, trial_id=number, state=state, value=None, values=values, datetime_start=started,
            datetime_complete=datetime.now(), params=dict(parameters), distributions=sampler.distributions,
            # By name as Optuna 5 stores them, and in the list that optuna-dashboard reads.
            user_attrs=figures, system_attrs={"constraints": [*violations.values()]} if violations else {},
            intermediate_values={},
        )  # fmt: skip
        for name, violation in violations.items():
            trial.set_constraint(name, violation)
        seal(trial)
        return trial

    def _check_unchanged(self, evaluate: Callable[[Coordinates], Figures]) -> None:
        """Evaluate the first stored trial of either kind again: figures of two tables must not stand in one study.

        Raises:
            LimenError: it gives other figures now.
        """
        changed = "workload, cost table or program changed under this study; run its file into another folder"
        first = {trial.state: trial for trial in reversed(self._trials)}
        for trial in first.values():
            number = f"trial {trial.number}"
            try:
                now = evaluate(self._space.at(trial.params))
            except Refusal as error:
                if "refusal" in trial.user_attrs:
                    continue
                raise LimenError(f"{number} has figures and is refused now, {error}: {changed}") from None
            if "refusal" in trial.user_attrs:
                raise LimenError(f"{number} was refused and has figures now: {changed}")
            for name, value in now.items():
                stored = trial.user_attrs.get(name)
                if stored != value:
                    raise LimenError(f"{name}: {number} has {stored!r} and gives {value!r} now: {changed}")

    @property
    def points(self) -> list[Point]:
        """All evaluated designs in the order of their trials."""
        return [
            Point(trial.number, self._space.at(trial.params), _without_digest(trial.user_attrs), self._evaluator)
            for trial in self._trials
            if trial.state == TrialState.COMPLETE
        ]

    def trials(self) -> pandas.DataFrame:
        """Return a row per trial: where it is in the space, every figure, whether it is feasible.

        accuracy is the validation split's. refusal: why a point has no figures: it can't be built, fitted, counted or
        priced.
        """
        bounds = self.spec.bounds()
        rows: list[dict[str, Any]] = []
        for trial in self._trials:
            point, stored = self._space.at(trial.params), trial.user_attrs
            row = {"trial": trial.number, "design": point.key, **point.fields()}
            row |= {name: stored[name] for name in FIGURES if name in stored}
            row["refusal"] = stored.get("refusal", "")
            row["feasible"] = not row["refusal"] and all(bound.violation(stored[bound.name]) <= 0 for bound in bounds)
            rows.append(row)
        columns = [name for name in (*FIGURES, "refusal", "feasible") if any(name in row for row in rows)]
        return pandas.DataFrame(rows, columns=["trial", "design", *Coordinates._fields, *columns])

    def front(self, op: str | None = None) -> pandas.DataFrame:
        """Return a row per non-dominated feasible distinct design, sorted by the first objective.

        op: only designs of this op, against each other.

        Raises:
            LimenError: no trial yet, or none that satisfies the constraints.
        """
        table = self.trials()
        if table.empty:
            raise LimenError(f"{self.folder}: no trial yet: limen study run")
        table = table[table["feasible"]].drop_duplicates("design")
        if op is not None:
            table = table[table["op"] == op]
        if table.empty:
            raise LimenError(f"{self.folder}: no valid point: {self._why_none(op)}")
        table = table[non_dominated(table, self.spec.objectives)]
        return table.sort_values([*self.spec.objectives, "trial"]).reset_index(drop=True)

    def _why_none(self, op: str | None) -> str:
        """Return why no trial, or none of an op, is feasible."""
        tried = [trial for trial in self._trials if op in (None, self._space.at(trial.params).op)]
        refused = [trial.user_attrs["refusal"] for trial in tried if "refusal" in trial.user_attrs]
        of_op = f" of op {op}" if op else ""
        if not tried:
            return f"no trial{of_op}"
        if len(refused) == len(tried):
            return f"every trial{of_op} was refused, {len(tried)} of {self._space.size} points, the first: {refused[0]}"
        bounds = " and ".join(f"{name} {bound}" for name, bound in self.spec.constraints.items())
        also = f"; {len(refused)} were refused, the first: {refused[0]}" if refused else ""
        return f"no trial{of_op} has {bounds}{also}"

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
        return self._numbered(trial)

    def _numbered(self, trial: int) -> Point:
        for point in self.points:
            if point.trial == trial:
                return point
        for refused in self._trials:
            if refused.number == trial:
                raise LimenError(f"{self.folder}: trial {trial} was refused: {refused.user_attrs['refusal']}")
        done = len(self._trials)
        having = f"0 to {done - 1}" if done else "there is none yet: limen study run"
        raise LimenError(f"{self.folder}: trial {trial} is not allowed: {having}")

    def point(self, name: str | int) -> Point:
        """Return the point called knee, largest, like an op (the knee among designs of that op), or a trial's."""
        if name == "knee":
            return self.knee()
        if name == "largest":
            return self.largest()
        if name in known_ops():
            return self.knee(op=str(name))
        try:
            return self._numbered(int(name))
        except ValueError:
            names = ", ".join(("knee", "largest", *known_ops()))
            raise LimenError(f"point: {name!r} is not allowed: {names} or a trial's number") from None

    def plot_front(
        self, x: str | None = None, y: str | None = None, color: str = "op", axes: Axes | None = None
    ) -> Axes:
        """Draw all feasible points, the front filled; return the matplotlib Axes.

        x, y: columns of `trials()`; by default the first and the last objective. color: op or dataflow.
        """
        from dse.report.plot import draw_front

        names = list(self.spec.objectives)
        table = self.trials()
        front = self.front()
        x, y = x or names[0], y or (names[-1] if len(names) > 1 else "cycles")
        title = f"{Path(self.workload).stem}, {Path(self.spec.costs).stem}"
        return draw_front(table[table["feasible"]], front, x, y, color, title, axes)

    def write_reports(self) -> None:
        """Write trials.csv, front.csv and front.png, each whole or not at all. Raises LimenError."""
        from workloads.host.pictures import Figure, picture_bytes

        front = self.front()
        figure = Figure(figsize=(7, 4.5), layout="constrained")
        self.plot_front(axes=figure.add_subplot())
        for name, table in (("trials.csv", self.trials()), ("front.csv", front)):
            write_whole(self.folder / name, table_csv(table).encode())
        write_whole(self.folder / "front.png", picture_bytes(figure))


def table_csv(table: pandas.DataFrame) -> str:
    """Return a table as CSV, nothing where it has no value."""
    plain = table.astype(object).where(table.notna(), None)
    return csv_text(list(table), plain.itertuples(index=False, name=None))


def _without_digest(attributes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if name != DIGEST_ATTRIBUTE}


def _first_difference(stored: StudySpec, new: StudySpec) -> str:
    """Return the first field that differs, or nothing; files are compared elsewhere, by what they hold."""
    for name in StudySpec.model_fields:
        pair = getattr(stored, name), getattr(new, name)
        if name in ("workloads", "costs"):
            first, second = (names if isinstance(names, str) else names[0] for names in pair)
            if is_file_name(first, FILES) and is_file_name(second, FILES):
                continue
        if pair[0] != pair[1]:
            return name
    return ""
