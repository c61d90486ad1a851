"""The sweeps behind a system table, each a study's folder that is resumed: `limen study` reads and checks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas

from dse.study.study import Study
from dse.system.scenario import Scenario
from workloads.errors import LimenError
from workloads.host.files import check_writable, write_whole


def sweep(
    scenario: Scenario, folder: Path, kinds: Sequence[str], jobs: int | None = None, quiet: bool = False
) -> dict[str, pandas.DataFrame]:
    """Return a row for each design of a scenario's sweeps, by their names; what is done is read, the rest evaluated.

    kinds: of the scenario's `sweeps` those that are wanted. Each is a study, folder/NAME.yaml, and its results,
    folder/NAME. Raises LimenError as studies do; of one that can't be, nothing is left.
    """
    check_writable(folder)
    tables = {}
    for kind in kinds:
        name = f"{scenario.name}-{kind}"
        path, page = folder / f"{name}.yaml", scenario.page(kind, folder).encode()
        with _written(path, page):
            study = Study(path, folder / name, quiet=quiet)
        study.run(jobs)
        tables[name] = study.trials()
    return tables


@contextmanager
def _written(path: Path, page: bytes) -> Iterator[None]:
    """Have a study's page there for the block; one that it refuses goes again, and the refusal doesn't name it.

    Raises LimenError where another page is there.
    """
    if path.is_file():
        if path.read_bytes() != page:
            raise LimenError(f"{path}: is not the study of this version of Limen; name another folder")
        yield
        return
    new = not path.parent.exists()
    write_whole(path, page)
    try:
        yield
    except LimenError as error:
        path.unlink()
        if new:
            path.parent.rmdir()
        raise LimenError(str(error).removeprefix(f"{path}: ")) from None
