"""Studies that grow: other trials, another sampler or another end than before, with all that is stored kept."""

from __future__ import annotations

from os import PathLike

from optuna.samplers import BaseSampler

from dse.space.sources import is_path
from dse.space.study_spec import StudySpec
from workloads.errors import LimenError, check_kind
from workloads.host.specfile import validate

GROWING = ("sampler", "trials", "stop")
"""What may differ from a stored search; of a sweep nothing may."""

FILE = "a file"
"""What files and folders of two studies are in the comparison of their pages: they are compared by what they hold."""


def changed(
    spec: StudySpec, source: str | PathLike[str], sampler: str | BaseSampler | None, trials: int | None
) -> StudySpec:
    """Return a study with another sampler, of the same seed, or other trials; those of the file for None.

    Raises LimenError: one line that begins with `source`.
    """
    check_kind("sampler", sampler, (str, BaseSampler, type(None)), "a sampler's name, or an object of optuna.samplers")
    check_kind("trials", trials, (int, type(None)), "an integer of at least 1")
    content = spec.model_dump(mode="json")
    if sampler is not None:
        content["sampler"]["name"] = sampler if isinstance(sampler, str) else "own"
    if trials is not None:
        content["trials"] = trials
    elif sampler == "exhaustive":
        content |= {"trials": None, "stop": None}
    return validate(StudySpec, content, source)


def check_grown(
    stored: StudySpec,
    new: StudySpec,
    source: str | PathLike[str],
    place: str | PathLike[str],
    otherwise: str = "name another folder",
) -> None:
    """Raise LimenError where a study is another than the one stored in a place, and hasn't grown out of it.

    otherwise: what to do for a study of its own.
    """
    difference = _first_difference(stored, new)
    if difference:
        raise LimenError(f"{source}: {difference} differs from the study in {place}; {otherwise}, or restore the file")


def _first_difference(stored: StudySpec, new: StudySpec) -> str:
    """Return the first field that differs, or nothing."""
    grows = not stored.is_sweep and not new.is_sweep
    for name in StudySpec.model_fields:
        pair = getattr(stored, name), getattr(new, name)
        if name in ("workloads", "costs"):
            lists = ([names] if isinstance(names, str) else names for names in pair)
            kinds = [[FILE if is_path(name) else name for name in names] for names in lists]
            if kinds[0] == kinds[1]:
                continue
        if pair[0] != pair[1] and not (grows and name in GROWING):
            return name
    return ""
