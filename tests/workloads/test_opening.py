"""Only regular files are read: a pipe, a socket or a folder in a file's place is one line, at once."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cost_models.derive.build import journal_of
from dse.cli.commands import commands
from dse.study.study import Study
from tests.cost_models.tiny_library import TINY
from tests.dse.study_files import SPEC
from tests.support.paths import ROOT
from tests.workloads.dataset_files import WRITERS, written
from workloads.datasets import load_split
from workloads.errors import LimenError
from workloads.host.files import read_arrays
from workloads.networks.accuracy import read_accuracies
from workloads.networks.family import Family

WORDS = "cannot be read: not a regular file"


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    """A test that waits for somebody to write to a pipe fails."""

    def stop(*_: Any) -> None:
        raise TimeoutError("waited for a pipe")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


COMMANDS = [
    *("simulate -d X.yaml", "simulate -w X.yaml", "describe X.yaml", "describe X.csv", "price --costs X.csv"),
    *("costs show X.lib --cells", "costs show X.lib.gz --cells", "costs build --liberty X.lib --out Y.csv"),
    *("costs check X.csv --liberty TINY", "study run X.yaml --out Y", "net train X.yaml --out Y", "net stats X.yaml"),
    *("net accuracy X.yaml", "export -d X.yaml --out Y", "study front X.db", "study run digits --out X.db"),
    *("describe X.db", "study export X.db --out Y"),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_refuse_pipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "X.db").mkdir()
    for name in ("X.yaml", "X.csv", "X.lib", "X.lib.gz", "X.db/study.db"):
        os.mkfifo(tmp_path / name)
    outcome = CliRunner().invoke(commands, command.replace("TINY", str(TINY)).split())
    assert isinstance(outcome.exception, LimenError) and WORDS in str(outcome.exception), outcome
    assert str(outcome.exception).startswith("X.") and not any((tmp_path / name).exists() for name in ("Y", "Y.csv"))


def test_sockets_and_folders(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.yaml"))
        (tmp_path / "f.yaml").mkdir()
        for name, words in (("s.yaml", WORDS), ("f.yaml", "cannot be read: Is a directory")):
            outcome = CliRunner().invoke(commands, ["describe", str(tmp_path / name)])
            assert isinstance(outcome.exception, LimenError) and words in str(outcome.exception)


@pytest.mark.parametrize("name", WRITERS)
def test_data_sets_refuse_pipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("LIMEN_DATA", str(tmp_path))
    files = sorted(path for path in written(tmp_path, name).rglob("*") if path.is_file() and "subject" not in path.name)
    for path in {files[0], files[-1]}:
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(LimenError, match=rf"{path.name}.*not a regular file"):
            load_split(name, "test")
        path.unlink()
        path.write_bytes(content)


def test_files_beside_refuse_pipes(tmp_path: Path) -> None:
    """A family's checkpoint and accuracies, and what a stopped costs build left."""
    for name in ("mac.npz", "accuracy.csv", "t.csv.partial"):
        os.mkfifo(tmp_path / name)
    family = Family("own", tmp_path)
    for call in (
        lambda: read_arrays(tmp_path / "mac.npz"),
        lambda: read_accuracies(family),
        journal_of(tmp_path / "t.csv").read,
    ):
        with pytest.raises(LimenError, match="not a regular file"):
            call()


@pytest.mark.parametrize("name", ["study.db-journal", "study.lock"])
def test_studies_beside_pipes(tmp_path: Path, name: str) -> None:
    """SQLite would wait for its own; a lock may be anything that can be locked."""
    (tmp_path / "s.yaml").write_text(re.sub("constraints.*", "", SPEC).replace("SEED", "0").replace("40", "2"))
    Study(tmp_path / "s.yaml", tmp_path / "out", quiet=True).run()
    command = [sys.executable, str(ROOT / "limen.py"), "study", "run", "s.yaml", "--out", "out"]
    (tmp_path / "out" / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / "out" / name)
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False)
    assert outcome.returncode == (0 if name == "study.lock" else 2), outcome
    assert name == "study.lock" or f"out/{name}: {WORDS}" in outcome.stderr
