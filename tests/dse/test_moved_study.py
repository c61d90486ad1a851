"""Projects may move: a study finds its files again, or the line says how."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from dse.study.study import Study
from tests.dse.stored_study import FIGURE_CHANGES, SMALL, execute, state
from tests.dse.study_files import NETWORK
from tests.support.paths import ROOT
from workloads.errors import LimenError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a network, a cost table and a study of them, half run."""
    project = tmp_path / "before"
    for name in ("nets", "tables"):
        (project / name).mkdir(parents=True)
    (project / "nets" / "shapes.yaml").write_text(NETWORK)
    shutil.copyfile(ROOT / "cost_models" / "data" / "asap7.csv", project / "tables" / "own.csv")
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in SMALL.splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("constraints"))
    text = text.replace("[digits]", "[nets/shapes.yaml]").replace("ihp130", "tables/own.csv").replace("4..5", "6..7")
    (project / "study.yaml").write_text(text)
    Study(project / "study.yaml", project / "runs" / "a", quiet=True).run()
    return project


def stored_paths(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "study.db") as connection:
        rows = dict(connection.execute("select key, value_json from study_user_attributes"))
    connection.close()
    return {key: json.loads(rows[key]) for key in ("limen_workload", "limen_costs")}


def store_absolute(project: Path) -> None:
    """Make the study what earlier versions wrote."""
    for key, path in (("limen_workload", "nets/shapes.yaml"), ("limen_costs", "tables/own.csv")):
        with sqlite3.connect(project / "runs" / "a" / "study.db") as connection:
            connection.execute(
                "update study_user_attributes set value_json = ? where key = ?", (json.dumps(str(project / path)), key)
            )
        connection.close()


RELATIVE = {"limen_workload": "../../nets/shapes.yaml", "limen_costs": "../../tables/own.csv"}


@pytest.mark.parametrize("absolute", [False, True], ids=["this version's", "earlier version's"])
def test_a_project_is_moved_and_renamed(project: Path, absolute: bool) -> None:
    trials = Study.open(project / "runs" / "a").trials()
    assert stored_paths(project / "runs" / "a") == RELATIVE
    if absolute:
        store_absolute(project)
        assert Study.open(project / "runs" / "a").trials().equals(trials)
    after = project.parent / "elsewhere" / "after"
    after.parent.mkdir()
    project.rename(after)
    study = Study.open(after / "runs" / "a")
    assert (study.workload, study.costs) == (str(after / "nets/shapes.yaml"), str(after / "tables/own.csv"))
    assert study.trials().equals(trials)
    resumed = Study(after / "study.yaml", after / "runs" / "a", quiet=True).run()
    assert resumed.trials().equals(trials)
    assert stored_paths(after / "runs" / "a") == RELATIVE


def test_a_study_is_moved_without_its_files(project: Path) -> None:
    """It can't be opened, and the line says how to; its file run again finds them, from then on it opens."""
    moved = project.parent / "archive"
    (project / "runs" / "a").rename(moved)
    trials = stored_paths(moved)
    with pytest.raises(LimenError) as caught:
        Study.open(moved)
    assert str(caught.value).startswith(f"{moved}/study.db: workloads: ")
    assert str(caught.value).endswith(f"limen study run FILE --out {moved}")
    study = Study(project / "study.yaml", moved, quiet=True).run()
    assert len(study.trials()) == 6
    assert stored_paths(moved) == {
        "limen_workload": "../before/nets/shapes.yaml", "limen_costs": "../before/tables/own.csv"
    } != trials  # fmt: skip
    assert Study.open(moved).trials().equals(study.trials())


@pytest.mark.parametrize("change", [None, FIGURE_CHANGES["energy"]], ids=["prices", "energy"])
def test_a_moved_study_that_is_refused_keeps_its_paths(project: Path, change: str | None) -> None:
    """Changed prices or a damaged trial: everything is checked before the moved files' paths are stored."""
    moved = project.parent / "archive"
    (project / "runs" / "a").rename(moved)
    for path in moved.iterdir():
        if path.name != "study.db":
            path.unlink()
    if change is None:
        table = project / "tables" / "own.csv"
        lines = table.read_text().splitlines(keepends=True)
        table.write_text("".join(line for line in lines if ",dff_" not in line).replace("0.0", "0.9"))
    else:
        (project.parent / "out").symlink_to(moved)
        execute(project.parent, *change.split(";"))
        (project.parent / "out").unlink()
    before = state(moved)
    with pytest.raises(LimenError, match=r"study\.db: .*trial"):
        Study(project / "study.yaml", moved, quiet=True).run()
    assert state(moved) == before


def test_another_file_of_the_same_name(project: Path) -> None:
    """A file that holds something else is another workload, a copy isn't."""
    other = project.parent / "other"
    shutil.copytree(project, other, ignore=shutil.ignore_patterns("runs"))
    assert len(Study(other / "study.yaml", project / "runs" / "a", quiet=True).trials()) == 6
    (other / "nets" / "shapes.yaml").write_text(NETWORK + "# mine\n")
    with pytest.raises(LimenError, match=r"other/study.yaml: workloads: '.*other/nets.*' is not allowed: .* has "):
        Study(other / "study.yaml", project / "runs" / "a", quiet=True)
