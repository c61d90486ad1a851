"""How a study's designs are tried: by a search or a sweep, alone or as one of several workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dse.evaluation.evaluate import Evaluator, Formats
from dse.evaluation.inputs import STUDY, input_hashes
from dse.search.optuna_search import OptunaSearch
from dse.search.postgres import Postgres
from dse.search.record import Record
from dse.search.search import Search
from dse.search.shared_search import SharedSearch
from dse.search.shared_study import SharedStudy
from dse.space.study_spec import StudySpec
from dse.space.workload import SEPARATOR, called, title_of
from dse.study.growing import check_grown
from dse.sweep.record import SweepRecord
from dse.sweep.shared_sweep import SharedSweep
from dse.sweep.sweep import Sweep
from workloads.host.journal import PACKAGES, code_digest
from workloads.host.specfile import validate

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def join(database: Postgres, path: Path, spec: StudySpec, workload: str, costs: str) -> SharedStudy:
    """Return the study that a database has under the name of a study's file; made where there is none.

    workload, costs: names or paths, see `input_hashes`.

    Raises LimenError: the database can't be reached, or is of another version; it has another study or inputs.
    """
    hashes = {"program": code_digest((*PACKAGES, "dse")), **input_hashes(spec, workload, costs)}
    inputs = {what: digest for what, digest in hashes.items() if what != STUDY}
    tables = SEPARATOR.join(called(name) for name in costs.split(SEPARATOR))
    shared = SharedStudy(database, path.stem, spec, (title_of(workload), tables), inputs)
    stored = validate(StudySpec, shared.stored_spec, shared.where)
    check_grown(stored, spec, path, shared.where, "give the file another name")
    return shared


def search_in(
    folder: Path,
    evaluator: Evaluator,
    sources: tuple[str, str],
    formats: Formats,
    record: Record | SweepRecord,
    spec: StudySpec,
    own: BaseSampler | None,
    shared: SharedStudy | None,
) -> Search:
    """Return the search or the sweep of a record in a folder, shared where there is something to share."""
    if isinstance(record, SweepRecord):
        sweep = folder, record, evaluator, sources, formats
        return Sweep(*sweep) if shared is None else SharedSweep(*sweep, shared=shared)
    search = folder, record, evaluator, sources, formats, spec, own
    return OptunaSearch(*search) if shared is None else SharedSearch(*search, shared=shared)
