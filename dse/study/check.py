"""A stored study checked: inputs and files against its manifest, and points evaluated again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dse.evaluation.evaluate import Evaluator
from dse.evaluation.inputs import STUDY, SWEEP, input_hashes
from dse.evaluation.own_figures import is_own
from dse.evaluation.refusal import Refusal
from dse.evaluation.unchanged import Changed, Known
from dse.report.progress import ProgressBar
from dse.search.record import DATABASE, Record
from dse.search.search import Show
from dse.space.figures import figure_names
from dse.space.sources import find
from dse.space.study_spec import StudySpec
from dse.study.stored import stored_record
from dse.study.study import Study
from workloads.host.manifest import MANIFEST, Manifest, file_hash, manifests_in, read_manifest

SHOWN_DIGITS = 12
"""Of a SHA-256, in a line."""

WRITTEN_AGAIN = ("trials.csv", "op_fronts.csv", "front.csv", "front.png")
"""Reports that every run of a study writes, from what is stored of its trials."""


def check_study(out: str | Path, sample: int = 20, seed: int = 0, quiet: bool = False) -> tuple[int, bool]:
    """Compare inputs and reports of a stored study with its manifest, then evaluate a sample of its points again.

    Returns how many points, all with the very same figures, and whether there is a manifest. quiet: no progress bar.

    Raises:
        Changed: the first difference, or the input that is another now. LimenError: no study, or none to be read.
    """
    folder = Path(out)
    record, manifest = stored_record(folder) or Record(folder), read_manifest(folder)
    workload, costs = find(record.workload, folder), find(record.costs, folder)
    if manifest is not None and workload is not None and costs is not None:
        check_inputs(manifest, record.spec, workload, costs, folder)
    check_results(folder)
    study = Study.open(folder)
    known = study.drawn(sample, seed)
    with ProgressBar(quiet) as bar:
        check_points(study.spec, Evaluator(study.spec, study.workload, study.costs), known, bar.show)
    return len(known), manifest is not None


def check_inputs(manifest: Manifest, spec: StudySpec, workload: str, costs: str, folder: Path) -> None:
    """Compare inputs with those of each run that a study's manifest names; its page with the last one's: studies grow.

    Raises:
        Changed: the first that is another now. LimenError: an input that can't be read.
    """
    now = input_hashes(spec, workload, costs)
    grown = [place for place, run in enumerate(manifest.runs) if _added_trials(run)]
    for place, run in enumerate(manifest.runs):
        for name in dict.fromkeys((*run["inputs"], *now)):
            if name == STUDY and place != max(grown, default=0):
                continue
            before = run["inputs"].get(name)
            if before != now.get(name):
                when = f"when {run.get('command', 'it')} ran, {run.get('started', 'once')}"
                raise Changed(
                    f"{folder}: {name}: SHA-256 was {_short(before)} {when}, and is {_short(now.get(name))} now"
                )


def _added_trials(run: Mapping[str, Any]) -> bool:
    trials = run.get("trials")
    return isinstance(trials, list) and len(trials) == 2 and trials[0] != trials[1]


def check_results(folder: Path) -> int:
    """Return how many files of a folder, a study's or not, are what manifests in it say: all that they name.

    Raises Changed for the first that isn't, and for a manifest that says nothing; LimenError where it can't be read.
    """
    files: dict[str, str] = {}
    for place, manifest in manifests_in(folder).items():
        if manifest is None:
            raise Changed(f"{place}: is damaged, or no manifest of Limen's: nothing can be compared with it")
        files |= manifest.files
    for name, digest in files.items():
        path = folder / name
        now = file_hash(path) if path.is_file() else None
        if now != digest:
            again = f"; limen study run FILE --out {folder} writes it again" if name in WRITTEN_AGAIN else ""
            raise Changed(
                f"{path}: SHA-256 is {_short(now)}, and {_short(digest)} in {MANIFEST}: changed since it was written"
                f"{again}"
            )
    return len(files)


def check_alone(folder: Path) -> int:
    """Return how many files of a folder without a study are as their manifests have them.

    Raises as `check_results` does, and Changed where its manifest is that of a study, which isn't there any more.
    """
    manifest = read_manifest(folder)
    if manifest is not None and any("trials" in run for run in manifest.runs):
        raise Changed(f"{folder}: {DATABASE} or {SWEEP} is missing: {MANIFEST} is that of a study, gone since then")
    return check_results(folder)


def _short(digest: object) -> str:
    return "none" if digest is None else f"{str(digest)[:SHOWN_DIGITS]}…"


def check_points(spec: StudySpec, evaluator: Evaluator, known: Sequence[Known], show: Show) -> None:
    """Evaluate points again, one at a time, and compare every figure, exactly.

    Figures of the user's own are compared where their functions are there. Raises Changed for the first difference.
    """
    names = [
        name for name in ("design", *figure_names(spec)) if name not in spec.figures or name in evaluator.functions
    ]
    for done, point in enumerate(known):
        show("points", done, len(known))
        if is_own(point.refusal) and not evaluator.functions:
            continue
        try:
            now: Mapping[str, Any] = evaluator.figures(point.point)
        except Refusal as error:
            if point.figures is None:
                continue
            raise Changed(f"trial {point.number} has figures, and is refused now: {error}") from None
        if point.figures is None:
            raise Changed(f"trial {point.number} was refused, and has figures now: {point.refusal}")
        for name in names:
            stored, given = point.figures.get(name), now.get(name)
            if stored != given:
                raise Changed(f"trial {point.number}: {name}: {stored!r} is stored, and {given!r} comes out now")
