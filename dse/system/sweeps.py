"""The sweeps behind a system table, each a study's folder that is resumed: `limen study` reads and checks it."""

from __future__ import annotations

from pathlib import Path

import pandas

from dse.study.study import Study
from dse.system.scenario import Scenario
from workloads.errors import LimenError
from workloads.host.files import check_writable, write_whole


def sweep(
    scenario: Scenario, folder: Path, jobs: int | None = None, quiet: bool = False
) -> dict[str, pandas.DataFrame]:
    """Return a row for each design of a scenario's sweeps, by their names; what is done is read, the rest evaluated.

    Each is a study, folder/NAME.yaml, and its results, folder/NAME. Raises LimenError as studies do.
    """
    check_writable(folder)
    tables = {}
    for kind in scenario.sweeps:
        name = f"{scenario.name}-{kind}"
        path, page = folder / f"{name}.yaml", scenario.page(kind, folder).encode()
        folder.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            write_whole(path, page)
        elif path.read_bytes() != page:
            raise LimenError(f"{path}: is not the study of this version of Limen; name another folder")
        study = Study(path, folder / name, quiet=quiet)
        study.run(jobs)
        tables[name] = study.trials()
    return tables
