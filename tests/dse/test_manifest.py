"""Where results come from: manifests beside them, metadata in pictures, and studies held against both."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import dse.sweep.block_runs
from dse.evaluation.evaluate import Evaluator
from dse.evaluation.inputs import origin_of
from dse.evaluation.refusal import Refusal
from dse.evaluation.unchanged import Changed
from dse.study.check import check_study
from dse.study.study import Study
from tests.dse.stored_study import SMALL, execute
from tests.dse.study_files import NETWORK
from tests.support.command import refused, run_command
from tests.support.manifests import unnamed
from tests.support.paths import ROOT
from workloads.host.journal import key_of
from workloads.host.manifest import Origin, command, commit, read_manifest
from workloads.version import VERSION


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def manifest_of(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


@pytest.fixture
def finished(small: Path, tmp_path: Path) -> Path:
    """A copy of the study in out/, to change."""
    shutil.copytree(small / "out", tmp_path / "out")
    shutil.copyfile(small / "small.yaml", tmp_path / "small.yaml")
    return tmp_path


def test_a_study_says_where_it_comes_from(small: Path, seed: int) -> None:
    content = manifest_of(small / "out" / "manifest.json")
    assert content["version"] == 1 and {*content["files"]} == {"trials.csv", "front.csv", "front.png"}
    assert all(digest == sha256(small / "out" / name) for name, digest in content["files"].items())
    assert unnamed(small / "out") == []
    (run,) = content["runs"]
    assert run["command"] == "limen study run small.yaml --out out" and run["trials"] == [0, 40]
    assert run["seed"] == seed and run["seconds"] > 0 and re.match(r"\d{4}-\d\d-\d\dT.*\+00:00$", run["started"])
    assert run["limen"] == {"version": VERSION, "commit": commit()}
    assert run["python"] == ".".join(map(str, sys.version_info[:3])) and {"numpy", "optuna"} <= {*run["packages"]}
    assert run["processor"] and run["cores"] >= 1 and run["system"].startswith("Linux")
    inputs = run["inputs"]
    family, table = ROOT / "workloads" / "families" / "digits", ROOT / "cost_models" / "data" / "ihp130.csv"
    assert inputs["study"] == Study.open(small / "out").spec.digest()
    assert inputs["costs ihp130"] == sha256(table)
    for name in ("mac.npz", "threshold.npz", "accuracy.csv", "mac.yaml"):
        assert inputs[f"workload digits: {name}"] == sha256(family / name)


def test_the_commit_is_that_of_the_checkout() -> None:
    if not (ROOT / ".git").exists():
        assert commit() is None
        pytest.skip("no git checkout")
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True)
    said = commit()
    assert said is not None and said.removesuffix("-dirty") == head.stdout.strip()


def test_runs_that_add_trials_are_named_others_not(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    study = Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True)
    study._search._spec = study.spec.model_copy(update={"trials": 2})  # type: ignore[union-attr]
    study.run()
    Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True).run()
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None and [run["trials"] for run in manifest.runs] == [[0, 2], [2, 6]]
    before = (tmp_path / "out" / "manifest.json").read_bytes()
    Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True).run()
    assert (tmp_path / "out" / "manifest.json").read_bytes() == before
    for words in ("", "[]", '{"version": 1, "files": {}, "runs": [{}]}', '{"version": 2, "files": {}, "runs": []}'):
        (tmp_path / "out" / "manifest.json").write_text(words)
        assert read_manifest(tmp_path / "out") is None
    assert Study(tmp_path / "small.yaml", tmp_path / "out", quiet=True).run()
    assert manifest_of(tmp_path / "out" / "manifest.json")["runs"][0]["trials"] == [6, 6]


def test_a_sound_study(finished: Path) -> None:
    """As the command says it; every stored point, and without a manifest too."""
    outcome = run_command("study", "check", "out", "--sample", "5", "--seed", "3", cwd=finished)
    assert (outcome.returncode, outcome.stderr) == (0, "")
    words = "out: 5 points evaluated again (seed 3), all figures equal; inputs and reports as in manifest.json\n"
    assert outcome.stdout == words
    assert check_study(finished / "out", 1000, quiet=True) == (40, True)
    (finished / "out" / "manifest.json").unlink()
    outcome = run_command("study", "check", "out", "--sample", "2", cwd=finished)
    assert outcome.stdout.endswith("all figures equal; no manifest.json: inputs not compared\n")


def found(folder: Path, *words: str) -> None:
    """`study check` ends with code 1 and one line that holds all words."""
    outcome = run_command("study", "check", "out", "--sample", "1000", cwd=folder)
    assert (outcome.returncode, outcome.stdout) == (1, ""), outcome
    assert outcome.stderr.count("\n") == 1 and all(word in outcome.stderr for word in words), outcome.stderr


def test_a_figure_that_comes_out_different(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the last of its digits, in any trial; a study's first trial is compared as it is opened, too."""
    stored = Study.open(finished / "out").points
    evaluate = Evaluator.cost_figures
    for number in (29, 0):
        point = stored[number].coordinates

        def another(self: Evaluator, place: Any, point: Any = point) -> Any:
            figures = evaluate(self, place)
            return figures | {"energy_uj": figures["energy_uj"] * (1 + 2e-16)} if place == point else figures

        monkeypatch.setattr(Evaluator, "cost_figures", another)
        found(finished, f"trial {number}", "energy_uj", repr(stored[number].figures["energy_uj"]))


def test_a_point_that_is_refused_now(finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    point, evaluate = Study.open(finished / "out").points[17].coordinates, Evaluator.figures

    def refuse(self: Evaluator, place: Any) -> Any:
        if place == point:
            raise Refusal("no room")
        return evaluate(self, place)

    monkeypatch.setattr(Evaluator, "figures", refuse)
    found(finished, "trial 17 has figures, and is refused now: no room")


def test_figures_of_ones_own_are_left_alone(tmp_path: Path) -> None:
    """Their functions are not stored; all other figures are compared, also of a point that a function refused."""
    (tmp_path / "own.yaml").write_text(SMALL.replace("{energy_uj: min,", "{mine: min, energy_uj: min,"))

    def mine(row: Any) -> float:
        if row["rows"] == 2:
            raise ValueError("too small")
        return float(row["energy_uj"] * row["area_mm2"])

    Study(tmp_path / "own.yaml", tmp_path / "out", quiet=True, figures={"mine": mine}).run()
    trials = Study.open(tmp_path / "out").trials()
    assert 0 < (trials["refusal"] != "").sum() < len(trials)
    assert check_study(tmp_path / "out", quiet=True) == (6, True)
    execute(tmp_path, "delete from trial_user_attributes where key = 'limen_sha256'")
    last = "select max(trial_id) from trial_user_attributes where key = 'utilisation'"
    execute(
        tmp_path,
        f"update trial_user_attributes set value_json = '1' where key = 'utilisation' and trial_id = ({last})",
    )
    found(tmp_path, "utilisation: 1 is stored, and ")


def test_a_report_that_was_changed(finished: Path) -> None:
    with (finished / "out" / "trials.csv").open("a") as file:
        file.write("\n")
    found(finished, "out/trials.csv", "changed since it was written; limen study run FILE --out out writes it again")
    (finished / "out" / "trials.csv").unlink()
    found(finished, "out/trials.csv", "SHA-256 is none")
    Study(finished / "small.yaml", finished / "out", quiet=True).run()
    assert check_study(finished / "out", quiet=True)[1]


def test_a_report_beside_and_a_folder_without_a_study(finished: Path) -> None:
    """A picture with a manifest of its own is compared; so are tables and pictures where there is no study."""
    Study.open(finished / "out").save_front(finished / "out" / "mine.svg")
    Study.open(finished / "out").save_front(finished / "pictures.svg")
    outcome = run_command("study", "check", ".", cwd=finished)
    assert outcome.stdout == ".: 1 file as its manifest has it; no study, whose points were evaluated again\n"
    (finished / "pictures.svg").write_text("")
    outcome = run_command("study", "check", ".", cwd=finished)
    assert outcome.returncode == 1 and "pictures.svg: SHA-256 is " in outcome.stderr
    for name in ("manifest.json", "mine.svg.manifest.json"):
        sound = (finished / "out" / name).read_bytes()
        (finished / "out" / name).write_bytes(sound[:-9])
        found(finished, f"out/{name}: is damaged, or no manifest of Limen's")
        (finished / "out" / name).write_bytes(sound)
    (finished / "out" / "mine.svg").write_text("")
    found(finished, "out/mine.svg", "changed since it was written")
    refused(run_command("study", "check", "gone", cwd=finished), "gone: study.db: missing")
    (finished / "out" / "study.db").unlink()
    found(finished, "out: study.db or sweep.json is missing: manifest.json is that of a study")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A study of a network's shapes and a cost table of one's own."""
    (tmp_path / "shapes.yaml").write_text(NETWORK)
    shutil.copyfile(ROOT / "cost_models" / "data" / "asap7.csv", tmp_path / "own.csv")
    lines = ["objectives: {energy_uj: min}" if line.startswith("obj") else line for line in SMALL.splitlines()]
    text = "\n".join(line for line in lines if not line.startswith("constraints"))
    text = text.replace("[digits]", "[shapes.yaml]").replace("ihp130", "own.csv").replace("4..5", "6..7")
    (tmp_path / "study.yaml").write_text(text)
    Study(tmp_path / "study.yaml", tmp_path / "out", quiet=True).run()
    return tmp_path


def test_inputs_that_were_changed(project: Path) -> None:
    """The first whose hash is another, even where all figures are the same; a moved project is the same."""
    moved = project.rename(project.with_name("moved"))
    assert check_study(moved / "out", quiet=True) == (6, True)
    before = sha256(moved / "shapes.yaml")[:12]
    (moved / "shapes.yaml").write_text(f"{NETWORK}# mine\n")
    now = sha256(moved / "shapes.yaml")[:12]
    found(moved, "out: workload shapes: shapes.yaml: SHA-256 was ", f"{before}…", f"{now}… now")
    (moved / "shapes.yaml").write_text(NETWORK)
    table = moved / "own.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    found(moved, "costs own: SHA-256 was ")


def test_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of it done, refused points among those that are drawn; then all of it."""
    monkeypatch.setattr(dse.sweep.block_runs, "LEAST_IN_A_BLOCK", 5)
    text = SMALL.split("sampler")[0].replace("dataflow:", "ofmap_kib: [16, 0.0625], dataflow:")
    text += "sampler: {name: exhaustive}\n"
    (tmp_path / "sweep.yaml").write_text(text)
    study = Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True)

    class Stopped(Exception):
        pass

    def stop(what: str, done: int, total: int) -> None:
        if done > total / 2:
            raise Stopped

    with pytest.raises(Stopped):
        study._search.run(stop, 1)
    half = study._search.designs
    assert 0 < half < study.space_size and check_study(tmp_path / "out", 10**6, quiet=True) == (half, False)
    Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True).run()
    assert {*manifest_of(tmp_path / "out" / "manifest.json")["files"]} >= {"sweep.json", "front.csv"}
    assert check_study(tmp_path / "out", 7, 1, quiet=True) == (7, True)
    assert [known.number for known in Study.open(tmp_path / "out").drawn(7, 1)] == sorted(
        known.number for known in Study.open(tmp_path / "out").drawn(7, 1)
    )
    monkeypatch.setattr(Evaluator, "figures", lambda self, point: {"design": point.key})
    with pytest.raises(Changed, match="trial"):
        check_study(tmp_path / "out", 7, 1, quiet=True)


def test_pictures_say_what_they_are_of(finished: Path) -> None:
    """PNG, PDF and SVG: the program, the hashes of what they are made from, no time."""
    study = Study.open(finished / "out")
    inputs = origin_of(study).inputs
    with Image.open(finished / "out" / "front.png") as image:
        said = dict(image.info)
    assert said["Software"] == f"Limen {VERSION}" and json.loads(said["Description"])["inputs"] == inputs
    for form in ("svg", "pdf"):
        outcome = run_command("study", "plot", "out", "--out", f"front.{form}", cwd=finished)
        assert outcome.returncode == 0, outcome.stderr
        content = (finished / f"front.{form}").read_bytes()
        assert inputs["costs ihp130"].encode() in content.replace(b"\\\n", b"")
        beside = manifest_of(finished / f"front.{form}.manifest.json")
        assert beside["files"] == {f"front.{form}": sha256(finished / f"front.{form}")}


def test_passwords_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/limen", "study", "run", "--storage", "postgresql://me:secret@host/s"])
    assert command() == "limen study run --storage postgresql://…@host/s"
    monkeypatch.setattr(sys, "argv", ["/home/me/search.py", "--token", "secret"])
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert command() == "search" and Origin({}).words() == json.dumps({"limen": VERSION, "inputs": {}, "seed": None})
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", importlib.util.find_spec("tests.docs.tables"))
    assert command() == "python -m tests.docs.tables"


def test_a_storage_of_another_version(finished: Path) -> None:
    """Of Limen's page and of Optuna's tables: a line that names what it has, and what is allowed."""
    database = finished / "out" / "study.db"
    sound = database.read_bytes()
    query = (
        "update study_user_attributes set value_json = json_set(value_json, '$.version', 2) where key = 'limen_study'"
    )
    execute(finished, query)
    refused(run_command("study", "front", "out", cwd=finished), "out/study.db", "version", "2", "1")
    database.write_bytes(sound)
    execute(finished, "update version_info set schema_version = 99")
    refused(run_command("study", "front", "out", cwd=finished), "out/study.db: versions of Optuna's tables", "99", "12")
    later: dict[str, Any] = {
        "version": 99,
        "study": {},
        "workload": "digits",
        "costs": "ihp130",
        "key": "",
        "points": 0,
    }
    later |= {"blocks": [], "tallies": {}, "fronts": []}
    (finished / "sweep").mkdir()
    (finished / "sweep" / "sweep.json").write_text(json.dumps(later | {"sha256": key_of(later)}))
    refused(run_command("study", "front", "sweep", cwd=finished), "sweep/sweep.json: version: 99 is not allowed: ")
