"""Studies that grow: more trials, another sampler, designs of another study, an end where nothing more is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import optuna
import pandas
import pytest
from click.testing import CliRunner

from dse.cli.commands import commands
from dse.front.hypervolume import scale_of
from dse.search.stall import Stall
from dse.space.study_spec import StopSpec
from dse.study.study import Study
from tests.dse.study_files import SPEC
from tests.support.command import refused, run_command
from workloads.errors import LimenError

PAGE = SPEC.replace("SEED", "5")


def study(folder: Path, out: str, page: str, **options: object) -> Study:
    (folder / f"{out}.yaml").write_text(page)
    return Study(folder / f"{out}.yaml", folder / out, quiet=True, **options)  # type: ignore[arg-type]


def test_grown_is_as_if_always_so_long(small: Path, tmp_path: Path, seed: int) -> None:
    """By an edited file and by arguments, ending with the same bytes as the study of 40 trials."""
    text = (small / "small.yaml").read_text()
    study(tmp_path, "a", text.replace("trials: 40", "trials: 12")).run()
    grown = study(tmp_path, "a", text.replace("trials: 40", "trials: 30")).run()
    assert len(grown.trials()) == 30
    outcome = run_command("study", "run", "a.yaml", "--out", "a", "--trials", "40", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    assert "a: resumed after 30 trials" in outcome.stdout and "then" not in outcome.stdout
    for name in ("trials.csv", "front.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (small / "out" / name).read_bytes()
    again = Study(tmp_path / "a.yaml", tmp_path / "a", quiet=True).run()  # its file says 30
    assert len(again.trials()) == 40 and Study.open(tmp_path / "a").spec.trials == 40
    with pytest.raises(LimenError, match=r"^trials: 20 is not allowed: .*a has 40 already$"):
        Study(tmp_path / "a.yaml", tmp_path / "a", quiet=True, trials=20)


def test_another_sampler_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.replace("trials: 40", "trials: 12")
    first = study(tmp_path, "a", page).run().trials()
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(
        commands, ["study", "run", "a.yaml", "--out", "a", "--trials", "20", "--sampler", "random"]
    )
    assert outcome.exit_code == 0 and "\ntrials: 12 by nsga2, then 8 by random\n" in outcome.stdout
    grown = Study.open(tmp_path / "a")
    assert grown.trials().head(12).equals(first) and grown.trials()["design"].nunique() == 20
    assert grown.spec.sampler.name == "random"
    own = Study(
        tmp_path / "a.yaml", tmp_path / "a", quiet=True, sampler=optuna.samplers.TPESampler(seed=1), trials=24
    ).run()
    assert own.notes == ["trials: 12 by nsga2, then 8 by random, then 4 by TPESampler"]
    with pytest.raises(LimenError, match=r"sampler: own is a program's: limen.Study"):
        study(tmp_path, "b", page.replace("nsga2", "own"))
    for name, line in (
        ("annealing", r"a.yaml: sampler.name: 'annealing' is not allowed: .*'nsga2'.*'qmc'"),
        ("exhaustive", r"a.yaml: sampler differs from the study in .*a; name another folder"),
    ):
        with pytest.raises(LimenError, match=line):
            Study(tmp_path / "a.yaml", tmp_path / "a", quiet=True, sampler=name)


def test_warm_start(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best designs of a search that are points of the space come first, and have the figures that they had."""
    page = PAGE.replace("rows: [2, 4]", "rows: [4, 8]").replace("trials: 40", "trials: 30")
    (tmp_path / "warm.yaml").write_text(page)
    arguments = ["study", "run", str(tmp_path / "warm.yaml"), "--out", str(tmp_path / "warm"), "--from", "out"]
    monkeypatch.chdir(small)
    outcome = CliRunner().invoke(commands, arguments)
    assert outcome.exit_code == 0
    old, new = Study.open(small / "out").trials(), Study.open(tmp_path / "warm").trials()
    old_study = Study.open(small / "out")
    fronts = pandas.concat([old_study.front("mac"), old_study.front("threshold")])
    shared = old[old["trial"].isin(fronts["trial"]) & (old["rows"] == 4)].reset_index(drop=True)
    count, best = len(shared), len(fronts)
    assert 0 < count < (old["rows"] == 4).sum()
    with pytest.raises(LimenError, match=r"^from: .*warm is not allowed: it is this study"):
        study(tmp_path, "warm", page).warm_start(tmp_path / "sub/../warm")
    for wrong in (
        lambda: old_study.report(5),  # type: ignore[arg-type]
        lambda: old_study.save_front(5),  # type: ignore[arg-type]
        lambda: old_study.point(None),  # type: ignore[arg-type]
        lambda: old_study.run(jobs="2"),  # type: ignore[arg-type]
        lambda: old_study.warm_start(5),  # type: ignore[arg-type]
    ):
        with pytest.raises(LimenError, match=r"^(path|point|jobs|from): .* is not allowed: "):
            wrong()
    assert old_study.point(np.int64(3)).trial == 3  # type: ignore[arg-type]
    said = f"out: {count} of the {best} designs that no other of their op beats are points of this space; {count} "
    assert f"{said}evaluated again" in outcome.stdout
    assert "no trial is left" not in outcome.stdout
    assert f"trials: {count} by out, evaluated again, then {30 - count} by nsga2" in outcome.stdout
    assert new.head(count).drop(columns="trial").equals(shared.drop(columns="trial"))
    assert len(new) == new["design"].nunique() == 30
    again = Study(tmp_path / "warm.yaml", tmp_path / "warm", quiet=True, trials=31).warm_start(small / "out")
    assert again == (best, count, 0)
    (tmp_path / "full.yaml").write_text(page.replace("trials: 30", f"trials: {count}"))
    full = ["study", "run", str(tmp_path / "full.yaml"), "--out", str(tmp_path / "full"), "--from", "out"]
    line = f"\nno trial is left to search the space: give --trials more than {count}\n"
    assert line in CliRunner().invoke(commands, full).stdout
    sweep = page.replace("{name: nsga2, seed: 5}", "{name: exhaustive}").replace("trials: 30\n", "")
    with pytest.raises(LimenError, match=r"from: .*warm is not allowed: sampler exhaustive tries every point"):
        study(tmp_path, "sweep", sweep).warm_start(tmp_path / "warm")
    whole = Study(tmp_path / "sweep.yaml", tmp_path / "sweep", quiet=True).run()
    best = study(tmp_path, "best", page)
    taken = best.warm_start(tmp_path / "sweep")
    assert taken.added == taken.fitting == taken.best < whole.space_size
    assert best.front()["design"].tolist() == whole.front()["design"].tolist()


@pytest.mark.parametrize(
    ("page", "options", "words"),
    [
        (PAGE, ["--out", "new", "--from", "gone"], "gone: study.db: missing"),
        (PAGE, ["--out", "new", "--dask", "tcp://no:1"], "--dask: is not allowed with sampler nsga2: a cluster "),
        (PAGE, ["--out", ""], "--out: '' is not allowed: the path of a file or a folder"),
        (f"{PAGE}memory: {{dram: hbm9}}\n", ["--out", "new"], "dram: 'hbm9' is not allowed: lpddr4, "),
    ],
)
def test_nothing_is_begun(tmp_path: Path, page: str, options: list[str], words: str) -> None:
    (tmp_path / "page.yaml").write_text(page)
    refused(run_command("study", "run", "page.yaml", *options, cwd=tmp_path), words)
    assert [path.name for path in tmp_path.iterdir()] == ["page.yaml"]


def test_a_search_that_stalls_ends(tmp_path: Path) -> None:
    """At the same trial with the same trials before, also where it grew in two processes: nsga2 learns generations."""
    page = PAGE.replace("trials: 40", "trials: 48\nstop: {stalled: 10, gain: 0.02}")
    ended = study(tmp_path, "a", page).run()
    table = ended.trials()
    assert 10 < len(table) < 48
    line = f"stalled after {len(table)} of 48 trials: the last 10 made at most 2 % of the hypervolume"
    assert ended.notes == [line]
    feasible = table[table["feasible"]]
    values = feasible[list(ended.spec.objectives)].to_numpy(dtype=np.float64)
    before = (feasible["trial"] < len(table) - 10).to_numpy()
    scale = scale_of(ended.front()[list(ended.spec.objectives)].to_numpy(dtype=np.float64), ended.spec.objectives)
    assert scale.volume(values[before]) >= 0.98 * scale.volume(values)
    assert Study.open(tmp_path / "a").run().trials().equals(table)
    study(tmp_path, "b", page.replace("trials: 48", "trials: 11")).run()
    assert study(tmp_path, "b", page).run(jobs=2).trials().equals(table)
    longer = study(tmp_path, "b", page.replace("stalled: 10", "stalled: 47")).run()
    assert len(longer.trials()) == 48 and not longer.notes


def test_stalls_by_hand() -> None:
    stall = Stall(StopSpec(stalled=20, gain=0.0), {"energy_uj": "min", "area_mm2": "min"})
    assert [*stall.looks(3, 9)] == [4, 6, 8] and [*stall.looks(4, 4)] == []
    front = [[1.0, 2.0], [2.0, 1.0]]
    assert stall.is_stalled([*front, *[[2.0, 2.0]] * 20])
    assert not stall.is_stalled([*front, *[[2.0, 2.0]] * 19])  # nothing before the last 20
    assert not stall.is_stalled([*front, *[[2.0, 2.0]] * 19, [1.9, 1.9]])
    assert not stall.is_stalled([*front, *[[2.0, 2.0]] * 19, [0.9, 3.0]])
    assert stall.is_stalled([*front, *[None] * 20])
    assert not stall.is_stalled([None] * 30)


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("trials: 40", "trials: 40\nstop: {stalled: 0}", r"stop.stalled: 0 is not allowed"),
        ("trials: 40", "trials: 40\nstop: {gain: 1, stalled: 3}", r"stop.gain: .* is not allowed"),
        ("trials: 40", "stop: {stalled: 3}", r"trials: nothing is not allowed: sampler nsga2"),
        ("{name: nsga2, seed: 5}\ntrials: 40", "{name: exhaustive}\nstop: {stalled: 3}", r"stop: not allowed: sampler"),
    ],
)
def test_bad_ends(tmp_path: Path, old: str, new: str, line: str) -> None:
    with pytest.raises(LimenError, match=line):
        study(tmp_path, "bad", PAGE.replace(old, new))
