"""A small study, run once."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.dse.study_files import SPEC
from tests.support.command import run_command


@pytest.fixture(scope="package")
def seed() -> int:
    chosen = secrets.randbelow(10**6)
    print(f"seed {chosen}")
    return chosen


@pytest.fixture(scope="package")
def small(tmp_path_factory: pytest.TempPathFactory, seed: int) -> Path:
    """A folder with small.yaml and the study in out/, run without interruption."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "small.yaml").write_text(SPEC.replace("SEED", str(seed)))
    outcome = run_command("study", "run", "small.yaml", "--out", "out", cwd=folder)
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stderr == ""
    assert "40 trials, 40 distinct designs of 48" in outcome.stdout
    return folder
