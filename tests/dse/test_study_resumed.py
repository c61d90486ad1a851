"""Studies that are killed, resumed, changed, or run twice at a time."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dse.study.study import Study
from tests.dse.study_files import SPEC, stored_trials
from tests.support.command import LIMEN, run_command
from tests.support.paths import ROOT
from workloads.errors import LimenError


def test_killed_and_resumed_is_the_same_study(small: Path, seed: int) -> None:
    """kill -9 at random moments: what was stored stays, and the end is that of the study never stopped."""
    random = Random(seed)
    database = small / "killed" / "study.db"
    arguments = [*LIMEN, "study", "run", "small.yaml", "--out", "killed"]
    kept = 0
    for target in sorted(random.sample(range(1, 38), 2)):
        process = subprocess.Popen(arguments, cwd=small, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = 0
        while process.poll() is None and (seen := len(stored_trials(database))) < target:
            time.sleep(0.002)
        time.sleep(random.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        after = stored_trials(database)
        assert after == list(range(len(after)))
        assert len(after) >= max(seen, kept)
        assert not (small / "killed" / "trials.csv").exists() or len(after) == 40
        kept = len(after)
    outcome = run_command("study", "run", "small.yaml", "--out", "killed", cwd=small)
    assert outcome.returncode == 0, outcome.stderr
    assert f"resumed after {kept} trials" in outcome.stdout
    assert stored_trials(database) == list(range(40))
    for name in ("trials.csv", "front.csv"):
        assert (small / "killed" / name).read_bytes() == (small / "out" / name).read_bytes()
    assert not [path for path in (small / "killed").iterdir() if path.name.startswith(".")]


def test_one_run_at_a_time(small: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*LIMEN, "study", "run", str(small / "small.yaml"), "--out", "out"], cwd=tmp_path, stdout=subprocess.DEVNULL
    )
    try:
        while process.poll() is None and len(stored_trials(tmp_path / "out" / "study.db")) < 1:
            time.sleep(0.01)
        with pytest.raises(LimenError, match="another run of this study is under way"):
            Study(small / "small.yaml", tmp_path / "out", quiet=True).run()
    finally:
        process.kill()
        process.wait()


def test_changed_study_is_refused(small: Path) -> None:
    before = (small / "out" / "study.db").read_bytes()
    changed = small / "changed.yaml"
    changed.write_text((small / "small.yaml").read_text().replace("dataflow: [os, ws, is]", "dataflow: [os, ws]"))
    outcome = run_command("study", "run", "changed.yaml", "--out", "out", cwd=small)
    assert outcome.returncode == 2
    assert outcome.stderr.splitlines() == [
        "limen: changed.yaml: space differs from the study in out; name another folder, or restore the file"
    ]
    changed.write_text("# a comment changes nothing\n" + (small / "small.yaml").read_text())
    assert len(Study(changed, small / "out", quiet=True).points) == 40
    assert (small / "out" / "study.db").read_bytes() == before


def test_changed_prices_are_refused(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of two tables must never stand in one study."""
    from dataclasses import replace

    import cost_models.price.price

    price = cost_models.price.price.price

    def dearer(*arguments: Any) -> Any:
        cost = price(*arguments)
        return replace(cost, energy_uj=cost.energy_uj * 1.01)

    monkeypatch.setattr(cost_models.price.price, "price", dearer)
    with pytest.raises(LimenError, match=r"energy_uj: trial 0 has .* changed under this study"):
        Study(small / "small.yaml", small / "out", quiet=True).run()


def test_a_table_that_goes_during_a_study_ends_it(tmp_path: Path) -> None:
    """That is no property of a point."""
    shutil.copyfile(ROOT / "cost_models" / "data" / "ihp130.csv", tmp_path / "own.csv")
    (tmp_path / "s.yaml").write_text(SPEC.replace("SEED", "0").replace("ihp130", "own.csv"))
    study = Study(tmp_path / "s.yaml", tmp_path / "out", quiet=True)
    (tmp_path / "own.csv").write_text("nothing\n")
    with pytest.raises(LimenError, match=r"own.csv: nothing: unknown column"):
        study.run()
    assert study.trials().empty
