"""What a study's figures depend on, as hashes: its page, its workloads' files, costs and data; its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cost_models.table.table import table_path
from dse.evaluation.tally import total
from dse.space.sources import family_files
from dse.space.study_spec import StudySpec
from dse.space.workload import SEPARATOR, called
from workloads.datasets import content_hash
from workloads.host.manifest import Origin, file_hash, read_manifest
from workloads.networks.family import is_page
from workloads.networks.pages import read_page, zoo_pages

if TYPE_CHECKING:
    from dse.study.study import Study

STUDY = "study"
"""What the study's page is called among the inputs."""

SWEEP = "sweep.json"
"""Of a sweep, whose trials' files it names by their hashes."""


def input_hashes(spec: StudySpec, workload: str, costs: str) -> dict[str, str]:
    """Return the SHA-256 of each input by what it is. Raises LimenError where one can't be read.

    workload: names, see `Workload`. costs: built-in tables' names or tables' paths.
    """
    return {
        STUDY: spec.digest(),
        **workload_hashes(workload),
        **{f"costs {called(name)}": file_hash(table_path(name)) for name in costs.split(SEPARATOR)},
    }


def workload_hashes(workload: str) -> dict[str, str]:
    """Return the same of workloads: of a network its page, checkpoint and data, of a family all files that count."""
    hashes: dict[str, str] = {}
    for name in workload.split(SEPARATOR):
        title = called(name)
        hashes |= {f"workload {title}: {path.name}": file_hash(path) for path in _files(name)}
        data = _data_hash(name)
        hashes |= {f"data of {title}": data} if data else {}
    return hashes


def origin_of(study: Study) -> Origin:
    """Return what results of a study come from, from now on. Raises LimenError where an input can't be read."""
    inputs = input_hashes(study.spec, study.workload, study.costs)
    return Origin(inputs, getattr(study.spec.sampler, "seed", None))


@contextmanager
def recorded(study: Study, origin: Origin, before: int) -> Iterator[None]:
    """Write a study's manifest.json when the block has written its reports, all of them or those of its trials alone.

    It gets a run more, unless that only wrote the same files again. before: trials that there were when it began.
    Raises LimenError.
    """
    try:
        yield
    finally:
        earlier, tried = read_manifest(study.folder), total(study.tallies().values()).tried
        runs = earlier.runs if earlier is not None else []
        paths = [path for path in (*study.reports, study.folder / SWEEP) if path.is_file()]
        again = bool(runs) and tried == before and runs[-1]["inputs"] == origin.inputs
        if not again or earlier is None or earlier.files != {path.name: file_hash(path) for path in paths}:
            origin.write_into(study.folder, paths, runs, trials=[before, tried])


def _files(workload: str) -> list[Path]:
    if not is_page(workload):
        return family_files(workload)
    page = zoo_pages().get(workload, Path(workload))
    checkpoint = read_page(page).checkpoint
    return [page, *([page.parent / checkpoint] if checkpoint else [])]


def _data_hash(workload: str) -> str | None:
    """Return the hash of the data on which a network file's accuracy is measured; a family's is stored beside it."""
    if not is_page(workload):
        return None
    page = read_page(zoo_pages().get(workload, Path(workload)))
    return content_hash(page.dataset) if page.dataset and page.checkpoint else None
