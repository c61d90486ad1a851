"""`limen artifact`: a folder that runs, says `differs` where something was changed, and is whole or not there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dse.artifact import artifact, studies
from dse.artifact.citation import citation
from dse.artifact.compare import compare
from dse.artifact.folder import write_artifact
from dse.artifact.item import Item
from dse.artifact.pinned import installed
from dse.artifact.studies import check_place
from dse.space.study_spec import load_study
from dse.study.study import Study
from tests.dse.study_files import SPEC, write_network
from tests.support.command import LIMEN, refused, run_command
from tests.support.latex import compiled, compiler
from tests.support.manifests import unnamed
from tests.support.paths import ROOT
from workloads.errors import LimenError

FAKE = """#!/bin/sh
# Does what Limen would, from stored files: front, plot, check.
case "$2" in
  front) cat "$3/front.csv" ;;
  plot) cp "$(dirname "$0")/art/expected/out-figure.svg" "$5" ;;
  check) echo "$3: sound" ;;
esac
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small: Path) -> Path:
    """The artifact of the small study, in a folder with nothing else."""
    folder = tmp_path_factory.mktemp("artifact")
    shutil.copytree(small / "out", folder / "out")
    outcome = run_command("artifact", "out", "--out", "art", "--no-run", cwd=folder)
    assert outcome.returncode == 0 and outcome.stdout == "art: written; run it: sh art/run-all.sh\n", outcome.stderr
    shutil.rmtree(folder / "out")  # it stands alone
    (folder / "fake").write_text(FAKE)
    return folder


def script(folder: Path, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script of an artifact, by this very Limen unless another is given."""
    own = {"LIMEN": " ".join(LIMEN), "PYTHON": sys.executable, "FULL": ""}
    return subprocess.run(
        ["sh", str(folder / "art" / name)], env={**os.environ, **own, **environment}, capture_output=True, text=True,
        check=False, timeout=600,
    )  # fmt: skip


def test_a_script_computes_again(made: Path) -> None:
    outcome = script(made, "scripts/out-front.sh")
    assert outcome.returncode == 0 and re.fullmatch(r"equal: out-front: \d+ rows of \d+ columns\n", outcome.stdout)


def test_all_scripts(made: Path) -> None:
    """And a value that is changed by hand is found, by its row and column; so is another picture."""
    fake = {"LIMEN": f"sh {made / 'fake'}"}
    outcome = script(made, "run-all.sh", **fake)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.splitlines()[-1] == "3 equal, 0 differ"
    timed = (made / "art" / "results" / "minutes.csv").read_text().splitlines()
    assert [line.split(",")[::2] for line in timed[1:]] == [
        [f"out-{name}", "0"] for name in ("figure", "front", "points")
    ]
    expected = made / "art" / "expected" / "out-front.csv"
    sound = expected.read_text()
    head, first, *_ = sound.splitlines()
    place = head.split(",").index("energy_uj")
    cells = first.split(",")
    value, cells[place] = cells[place], "1.5"
    expected.write_text(sound.replace(first, ",".join(cells), 1))
    outcome = script(made, "run-all.sh", **fake)
    expected.write_text(sound)
    assert outcome.returncode == 1 and outcome.stdout.splitlines()[-1] == "2 equal, 1 differ"
    assert f"differs: out-front: row 1, energy_uj: '{value}'; expected '1.5'\n" in outcome.stdout


def test_what_is_in_it(made: Path) -> None:
    folder = made / "art"
    assert unnamed(folder) == [] or {*unnamed(folder)} <= {
        path for path in unnamed(folder) if path.startswith("results/")
    }
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert load_study(str(folder / "studies" / "out" / "study.yaml")) == Study.open(folder / "studies/out/stored").spec
    pins = dict(line.split("==") for line in (folder / "requirements.txt").read_text().splitlines()[1:])
    versions = {name: version.partition("+")[0] for name, version in installed().items()}
    assert pins == versions and {"numpy", "numba", "optuna", "matplotlib"} <= {*pins}
    (run,) = json.loads((folder / "manifest.json").read_text())["runs"]
    assert "out, costs ihp130" in run["inputs"] and run["command"] == "limen artifact out --out art --no-run"
    appendix = (folder / "appendix.tex").read_text()
    for key in ("Data set", "How much disk space required (approximately)?", "How much time is needed to prepare",
                "How much time is needed to complete experiments", "Code licenses"):  # fmt: skip
        assert rf"\item \textbf{{{key}" in appendix
    assert re.search(r"\d+ MiB, and \d+ MiB of packages", appendix) and re.search(
        r"from scratch \d+\.\d minutes", appendix
    )
    page = (folder / "README.md").read_text()
    assert all(f"`scripts/{path.name}`" in page for path in (folder / "scripts").iterdir())


@pytest.mark.skipif(compiler() is None, reason="no LaTeX on PATH")
def test_the_appendix_compiles(made: Path, tmp_path: Path) -> None:
    compiled([(made / "art" / "appendix.tex").read_text()], tmp_path)


def test_a_study_with_files_of_its_own(tmp_path: Path) -> None:
    """They go with it, and its page and what it stored find them there."""
    write_network(tmp_path / "shapes.yaml")
    text = SPEC.replace("SEED", "0").replace("[digits]", "[shapes.yaml]").replace("4..5", "6").replace("40", "2")
    text = text.replace(", accuracy: max", "").replace("[threshold, mac]", "[threshold]")
    lines = [line for line in text.splitlines() if not line.startswith("constraints")]
    (tmp_path / "own.yaml").write_text("\n".join(lines))
    artifact.make_artifact([str(tmp_path / "own.yaml")], tmp_path / "art", run=False)
    home = tmp_path / "art" / "studies" / "own"
    assert sorted(path.name for path in home.iterdir()) == ["shapes.npz", "shapes.yaml", "stored", "study.yaml"]
    shutil.move(tmp_path / "art", tmp_path / "elsewhere")
    for name in ("shapes.yaml", "shapes.npz", "own.yaml"):
        (tmp_path / name).unlink()
    shutil.rmtree(tmp_path / "art-studies")
    moved = Study.open(tmp_path / "elsewhere" / "studies" / "own" / "stored")
    assert Path(moved.workload).is_relative_to(tmp_path / "elsewhere")
    # Of a place that an artifact can't have:
    with pytest.raises(LimenError, match="is not allowed in an artifact: a file in the folder of the study's page"):
        studies._copy("../shapes.yaml", home / "shapes.yaml", home)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "study: 'nosuch' is not allowed"),
        (["empty"], "empty: no study is stored there; expected a finished study's folder"),
        (["begun"], "begun: 0 of 40 trials are done: limen study run FILE --out begun, to its end"),
        (["out", "out"], "study: out is not allowed twice"),
        (["out", "--out", "mine"], "mine: exists and is not an earlier"),
        (["begun.yaml", "--out", "mine"], "mine: exists and is not an earlier"),
        (["begun.yaml", "nosuch"], "study: 'nosuch' is not allowed"),
        ([], "Missing argument 'STUDIES...'"),
    ],
)
def test_bad_input(tmp_path: Path, small: Path, arguments: list[str], words: str) -> None:
    shutil.copytree(small / "out", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    (tmp_path / "begun.yaml").write_text((small / "small.yaml").read_text())
    if arguments == ["begun"]:
        Study(tmp_path / "begun.yaml", tmp_path / "begun", quiet=True)
    command = ["artifact", *arguments, *([] if "--out" in arguments else ["--out", "art"]), "--no-run"]
    refused(run_command(*command, cwd=tmp_path), words)
    assert [*(tmp_path / "mine").iterdir()] == [tmp_path / "mine" / "letter.txt"]
    assert not [*tmp_path.glob("art*"), *tmp_path.glob("mine-*")]  # nothing was run for it either


def test_nothing_half_written(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*rest: Any) -> None:
        raise LimenError("no")

    monkeypatch.setattr(artifact, "write_part", broken)
    with pytest.raises(LimenError, match="no"):
        artifact.make_artifact([str(small / "out")], tmp_path / "art", run=False)
    assert [*tmp_path.iterdir()] == []


def test_a_study_of_own_figures_is_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = Study.open(small / "out")
    monkeypatch.setattr(study, "spec", study.spec.model_copy(update={"figures": ["my_own"]}))
    monkeypatch.setattr(studies, "_of_folder", lambda folder: study)
    with pytest.raises(LimenError, match="figures: my_own is not allowed in an artifact"):
        check_place(str(small / "out"), small)


def test_scripts_are_run_once(tmp_path: Path) -> None:
    """Which measures their minutes, counts what differs, and leaves nothing of it in the folder."""
    bodies = {"a": 'echo "equal: a: all"', "b": 'echo "differs: b: x"; exit 1', "c": "echo no >&2; exit 2"}
    items = [Item(name, "table", name, "How.", body, {}, 9.0) for name, body in bodies.items()]
    outcome = write_artifact(tmp_path / "art", "T", items, ["none"], {}, lambda folder: None)
    assert outcome.lines == ["equal: a: all", "differs: b: x", "differs: c: no result, exit code 2"]
    assert outcome.differ == 2 and not (tmp_path / "art" / "results").exists()
    assert "# 0.1 minutes." in (tmp_path / "art" / "scripts" / "a.sh").read_text()
    assert "; 0.3 minutes." in (tmp_path / "art" / "run-all.sh").read_text()


@pytest.mark.parametrize(
    ("now", "words"),
    [
        ("a,b\n1,2\n", "equal: t: 1 rows of 2 columns"),
        ("a,b\n1,3\n", "differs: t: row 1, b: '3'; expected '2'"),
        ("a,c\n1,2\n", "differs: t: columns a, c; expected a, b"),
        ("a,b\n", "differs: t: 0 rows; expected 1"),
        ("a,b\n1,2\n3,4\n", "differs: t: 2 rows; expected 1"),
        ("a,b\n1\n", "differs: t: row 1, b: None; expected '2'"),
        ("", "differs: t: columns none; expected a, b"),
        (None, "differs: t: "),
    ],
)
def test_comparison(tmp_path: Path, now: str | None, words: str) -> None:
    """Text for text: 2 and 2.0 differ, too."""
    (tmp_path / "e.csv").write_text("a,b\n1,2\n")
    if now is not None:
        (tmp_path / "n.csv").write_text(now)
    equal, line = compare("t", str(tmp_path / "e.csv"), str(tmp_path / "n.csv"))
    assert line.startswith(words) and equal == words.startswith("equal")
    (tmp_path / "e.svg").write_bytes(b"one")
    (tmp_path / "n.svg").write_bytes(b"two")
    assert compare("p", str(tmp_path / "e.svg"), str(tmp_path / "n.svg"))[1].startswith(
        "differs: p: other bytes; look at"
    )


def check_citation(content: dict[str, Any]) -> None:
    """Assert what the schema of the Citation File Format 1.2.0 asks for, of the keys that are used here."""
    assert {"cff-version", "message", "title", "authors"} <= {*content} <= {
        "cff-version", "message", "type", "title", "version", "license", "authors", "keywords", "references", "commit"
    }  # fmt: skip
    assert content["cff-version"] == "1.2.0" and content["type"] in ("software", "dataset")
    assert content["license"] == "Apache-2.0" and all(isinstance(word, str) for word in content["keywords"])
    for work in (content, *content["references"]):
        assert isinstance(work["title"], str) and work["title"] and work["authors"]
        for person in work["authors"]:
            assert {*person} in ({"name"}, {"family-names", "given-names"})
    for work in content["references"]:
        assert {"type", "title", "authors"} <= {*work} <= {"type", "title", "authors", "year", "url", "identifiers"}
        assert work["type"] == "article" and isinstance(work["year"], int) and work["url"].startswith("https://")
        assert all(each["type"] in ("doi", "url", "swh", "other") and each["value"] for each in work["identifiers"])


def test_citation() -> None:
    """The repository's is what the program writes; an artifact's also has its commit, where files are as in one."""
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert text == citation()
    check_citation(YAML(typ="safe", pure=True).load(text))
    check_citation(YAML(typ="safe", pure=True).load(citation("0" * 40)))
    assert citation("0" * 40).endswith(f"commit: '{'0' * 40}'\n") and citation("0" * 40 + "-dirty") == text
