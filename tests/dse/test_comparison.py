"""Samplers compared on a space that is known: replayed searches are real ones, and nothing is done twice."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dse.cli.commands import commands
from dse.report.sampler_table import ShareRow, table_csv, table_latex, table_markdown
from dse.study import comparison
from dse.study.comparison import Piece, compare, looks_of, replay
from dse.study.known_space import Swept, read_swept
from dse.study.study import Study
from tests.dse.study_files import SPEC, rows_of
from tests.support.command import run_command
from tests.support.manifests import unnamed
from workloads.errors import LimenError

PAGE = SPEC.replace("SEED", "3").replace("4..5", "4..6")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with page.yaml, a search of 72 designs, and its comparison in own/, done by the command."""
    folder = tmp_path_factory.mktemp("comparison")
    (folder / "page.yaml").write_text(PAGE)
    options = ["--seeds", "2", "--trials", "30", "--samplers", "random,nsga2", "--jobs", "2", "--plot", "own.svg"]
    outcome = run_command("study", "compare", "page.yaml", "--out", "own", *options, cwd=folder)
    assert outcome.returncode == 0, outcome.stderr
    assert "digits: 72 points, " in outcome.stderr and "own.svg: written" in outcome.stderr
    lines = outcome.stdout.splitlines()
    assert lines[0].split() == "sampler seeds 30 trials 99 % after CPU ms a trial".split()
    assert {line.split()[0] for line in lines[1:]} == {"random", "nsga2"}
    assert unnamed(folder) == []
    assert (folder / "own.svg").read_bytes().startswith(b"<?xml")
    return folder


@pytest.fixture(scope="module")
def swept(folder: Path) -> Swept:
    return read_swept(folder / "own" / "sweep")


def test_processes_change_nothing(folder: Path, swept: Swept, tmp_path: Path) -> None:
    """The command's two processes, and this one; the journal stays."""
    rows = rows_of(folder / "own" / "comparison.csv")
    alone = compare(swept, ["random", "nsga2"], 2, 30, tmp_path / "journal", 1, lambda *_: None)
    assert len(rows) == len(alone) == 4 * len(looks_of(30))
    names = ("sampler", "seed", "trials", "share")
    assert [[row[name] for name in names] for row in rows] == [
        [row.sampler, str(row.seed), str(row.trials), f"{row.share:.6f}"] for row in alone
    ]
    assert len((folder / "own" / "comparison.jsonl").read_text().split()) >= 4


def test_a_replay_is_a_search(folder: Path, swept: Swept) -> None:
    """The same hypervolume after 40 trials as of the study that evaluates them."""
    study = Study(folder / "page.yaml", folder / "tpe", quiet=True, sampler="tpe").run()
    front = study.front()[[*study.spec.objectives]].to_numpy(dtype=np.float64)
    shares = replay(swept, Piece("tpe", 3, 40)).shares
    assert shares[-1] == pytest.approx(swept.scale.volume(front) / swept.volume, rel=1e-12)
    assert shares == sorted(shares) and 0 < shares[0] < shares[-1] < 1


def test_all_points_have_all_of_the_front(swept: Swept) -> None:
    assert replay(swept, Piece("random", 0, 72)).shares[-1] == pytest.approx(1.0, rel=1e-12)


def test_looks() -> None:
    assert looks_of(4) == [4] and looks_of(12) == [10, 11, 12]
    assert {10, 20, 50, 100, 200, 500, 1000} <= {*looks_of(1000)}
    assert looks_of(1000) == sorted({*looks_of(1000)}) and len(looks_of(1000)) < 50


def test_nothing_is_done_twice(swept: Swept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal cut short by a kill loses one search; more seeds are done beside those that are there."""
    done: list[Piece] = []

    def counted(swept: Swept, piece: Piece) -> comparison.Replay:
        done.append(piece)
        return replay(swept, piece)

    monkeypatch.setattr(comparison, "replay", counted)
    journal, shown = tmp_path / "journal", []
    first = compare(swept, ["random", "nsga2"], 2, 20, journal, 1, lambda *each: shown.append(each))
    assert [(piece.sampler, piece.seed) for piece in done] == [
        ("random", 0), ("nsga2", 0), ("random", 1), ("nsga2", 1)
    ]  # fmt: skip
    assert shown == [(count, 4) for count in range(5)]
    journal.write_bytes(journal.read_bytes()[:-9])
    again = compare(swept, ["random", "nsga2"], 2, 20, journal, 1, lambda *_: None)
    assert [row[:4] for row in again] == [row[:4] for row in first] and len(done) == 5
    more = compare(swept, ["nsga2", "random", "tpe"], 2, 20, journal, 1, lambda *_: None)
    assert len(done) == 7 and {row.sampler for row in more} == {"nsga2", "random", "tpe"}
    compare(swept, ["random"], 1, 21, journal, 1, lambda *_: None)
    assert done[-1] == ("random", 0, 21)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["sweep", "--samplers", "nsga2,annealing"],
            "samplers: 'annealing' is not allowed: surrogate, tpe, nsga2, nsga3, gp, qmc",
        ),
        (["own/sweep", "--samplers", "tpe,tpe"], "samplers: 'tpe' is not allowed: surrogate, tpe"),
        (["own/sweep", "--samplers", "exhaustive"], "samplers: 'exhaustive' is not allowed: surrogate, tpe"),
        (["own/sweep", "--samplers", "random"], "trials: 1000 is not allowed: the space has 72 points"),
        (["own/sweep", "--plot", "front.gif"], "front.gif: not allowed: a name that ends in one of"),
        (["search"], "search: sampler random is not allowed: a sweep, whose sampler is exhaustive"),
        (["best"], "'best'"),
    ],
)
def test_bad_input(folder: Path, arguments: list[str], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    if arguments == ["search"]:
        Study(folder / "page.yaml", folder / "search", quiet=True, sampler="random", trials=2)
    outcome = CliRunner().invoke(commands, ["study", "compare", *arguments, "--out", "none"])
    assert line in str(outcome.exception)
    assert not (folder / "none" / "comparison.csv").exists()


def test_a_sweep_that_is_not_complete(folder: Path, tmp_path: Path) -> None:
    Study(folder / "page.yaml", tmp_path / "sweep", quiet=True, sampler="exhaustive")
    with pytest.raises(LimenError, match=r"sweep: 0 of 72 points are done: limen study run, to its end"):
        read_swept(tmp_path / "sweep")


def test_tables_by_hand() -> None:
    """Medians and quartiles of three seeds, and after how many trials half of them have 99 %; one stops early."""
    ends = {"tpe": (0.98, 0.99, 1.0), "random": (0.5, 0.6, 0.7), "gp": (0.5, 0.5, 0.5)}
    rows = [
        ShareRow(name, seed, trials, share * (0.5 if trials == 50 else 1.0), 1.5)
        for name, shares in ends.items()
        for seed, share in enumerate(shares)
        for trials in (50, 100, 150)
        if name != "gp" or trials < 150
    ]
    head = ["sampler", "seeds", "100 trials", "150 trials", "99 % after", "CPU ms a trial"]
    lines = [
        ["tpe", "3", "99.0 [98.5, 99.5]", "99.0 [98.5, 99.5]", "100", "1.50"],
        ["random", "3", "60.0 [55.0, 65.0]", "60.0 [55.0, 65.0]", "–", "1.50"],
        ["gp", "3", "50.0 [50.0, 50.0]", "–", "–", "1.50"],
    ]
    assert [*csv.reader(io.StringIO(table_csv(rows)))] == [head, *lines]
    assert table_markdown(rows).splitlines()[2] == f"| {' | '.join(lines[0])} |"
    assert r"tpe & 3 & 99.0 [98.5, 99.5] & 99.0" in table_latex(rows)
