"""`make_artifact`: finished studies as a folder that a reviewer runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dse.artifact.folder import MARKER, Outcome, write_artifact
from dse.artifact.studies import check_place, finished, study_part, write_part
from workloads.errors import LimenError
from workloads.host.files import check_replaceable


def make_artifact(places: Sequence[str], target: Path, run: bool = True) -> Outcome:
    """Write the artifact of some studies and return what its scripts said.

    places: finished studies' folders; study files or built-in studies, which are run first, beside `target`. run: every
    script once, which measures their minutes.

    Raises:
        LimenError: a study that isn't there or isn't finished, two of one name, or a folder that is no artifact.
    """
    runs = target.with_name(f"{target.name}-studies")
    check_replaceable(target, MARKER)
    names = [check_place(place, runs) for place in places]
    for name in names:
        if names.count(name) > 1:
            raise LimenError(f"study: {name} is not allowed twice: folders of other names")
    parts = [study_part(finished(place, runs)) for place in places]

    def fill(folder: Path) -> None:
        for part in parts:
            write_part(part, folder)

    inputs = {f"{part.name}, {name}": digest for part in parts for name, digest in part.inputs.items()}
    items = [item for part in parts for item in part.items]
    data = list(dict.fromkeys(part.data for part in parts))
    return write_artifact(target, f"Artifact: {', '.join(names)}", items, data, inputs, fill, run)
