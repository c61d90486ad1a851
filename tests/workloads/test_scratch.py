"""Temporary folders and children: what a signal or a kill leaves, and what the next one clears."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest

from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.host.children import end_children, run_child, run_in_workers
from workloads.host.scratch import clear_folder, scratch_folder

HOLD = """
import sys, time
from pathlib import Path
from workloads.host.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "half").write_text("half")
    print(folder, flush=True)
    time.sleep(60)
"""
TREE = """
import sys
from workloads.host.children import run_child
print("running", flush=True)
run_child(["sh", "-c", f"sh -c 'sleep {sys.argv[1]}; true' & sleep {sys.argv[1]}; true"])
"""

WORKERS = """
import sys, time
from contextlib import closing
from workloads.host.children import run_in_workers

if __name__ == "__main__":
    with closing(run_in_workers(2, time.sleep, (0,), time.sleep, [0.0, 1.0, 60, 61])) as found:
        for item, result in found:
            print(item, flush=True)
"""


def started(program: str, argument: str, **more: str) -> tuple[subprocess.Popen[str], str]:
    """Return a Python process and the first line that it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-c", program, argument]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def processes_with(word: str, place: str = "cmdline") -> list[int]:
    """Return the numbers of processes, dead ones left out, that have a word in their command line or environment."""
    numbers = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            if state != "Z" and word.encode() in (process / place).read_bytes():
                numbers.append(int(process.name))
        except OSError:
            continue
    return numbers


def test_a_folder_vanishes_and_so_does_a_dead_one_but_no_living_one(tmp_path: Path) -> None:
    target = tmp_path / "target"
    living, name = started(HOLD, str(target))
    dead, left = started(HOLD, str(target))
    try:
        dead.kill()
        dead.wait()
        assert (Path(left) / "half").is_file()
        with scratch_folder(target) as scratch:
            assert {path for path in tmp_path.iterdir()} == {scratch, Path(name)}
        assert [str(path) for path in tmp_path.iterdir()] == [name]
    finally:
        living.kill()
        living.wait()


def test_a_folder_of_files_is_cleared_of_what_a_kill_left(tmp_path: Path) -> None:
    """As that of compiled parts of testbenches, in which nothing is written any more once all of them are there."""
    living, name = started(HOLD, str(tmp_path / "target"))
    dead, _ = started(HOLD, str(tmp_path / "target"))
    try:
        dead.kill()
        dead.wait()
        (tmp_path / "part.o").write_bytes(b"")
        clear_folder(tmp_path)
        assert {str(path) for path in tmp_path.iterdir()} == {name, str(tmp_path / "part.o")}
        clear_folder(tmp_path / "missing")
    finally:
        living.kill()
        living.wait()


def test_strangers_are_left_alone(tmp_path: Path) -> None:
    """Another machine's folder, a link and a file of our name are not ours to judge."""
    prefix = f".limen-{os.uname().nodename}-"
    (tmp_path / f".limen-not-{os.uname().nodename}-01234567").mkdir()
    (tmp_path / f"{prefix}01234567").write_text("a file")
    (tmp_path / "precious").mkdir()
    (tmp_path / f"{prefix}89abcdef").symlink_to("precious")
    before = sorted(tmp_path.iterdir())
    with scratch_folder(tmp_path / "target"):
        pass
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LimenError, match="file/target: cannot be written: "), scratch_folder(tmp_path / "file/target"):
        pass
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(LimenError, match="TMPDIR: no temporary folder can be made: "), scratch_folder():
        pass


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_end_while_the_folder_is_made(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither it nor the folders above it stay, which were made for it."""
    monkeypatch.setattr("workloads.host.scratch._lock", Mock(side_effect=error(24, "Too many open files")))
    with pytest.raises((error, LimenError)), scratch_folder(tmp_path / "new" / "deep" / "target"):
        pass
    assert not list(tmp_path.iterdir())


def test_what_a_child_says(tmp_path: Path) -> None:
    done = run_child(["sh", "-c", "pwd; echo $SIGN; echo bad >&2; exit 3"], tmp_path, {**os.environ, "SIGN": "σ"})
    assert (done.returncode, done.stdout, done.stderr) == (3, f"{tmp_path}\nσ\n", "bad\n")
    assert run_child(["sh", "-c", "kill -9 $$"]).returncode == 128 + signal.SIGKILL
    assert run_child(["sh", "-c", "printf '\\377'; cat"]).stdout == "�"  # nor does it wait for our input
    assert run_child([str(tmp_path / "nowhere")]).returncode == 127
    made = run_child(["mktemp", "-d"], tmp_path).stdout.strip()  # what it doesn't remove goes with its folder
    assert (tmp_path / made).is_dir() and (tmp_path / made).resolve().parent == tmp_path.resolve()


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_children_of_children_end_with_their_parent(kill: signal.Signals) -> None:
    seconds = f"{70 + os.getpid() / 1e7:.7f}"
    process, _ = started(TREE, seconds)
    end = time.monotonic() + 30
    while len(processes_with(f"sleep\0{seconds}")) < 2 and time.monotonic() < end:
        time.sleep(0.02)
    assert len(processes_with(f"sleep\0{seconds}")) == 2
    process.send_signal(kill)
    process.wait(20)
    end = time.monotonic() + 30
    while processes_with(seconds) and time.monotonic() < end:
        time.sleep(0.02)
    assert processes_with(seconds) == []


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(kill: signal.Signals) -> None:
    mark = secrets.token_hex(8)
    process, first = started(WORKERS, mark, LIMEN_TEST_MARK=mark)
    assert first == "0.0"
    assert len(processes_with(mark, "environ")) >= 3
    process.send_signal(kill)
    process.wait(20)
    end = time.monotonic() + 30
    while processes_with(mark, "environ") and time.monotonic() < end:
        time.sleep(0.02)
    assert processes_with(mark, "environ") == []


def test_a_worker_that_is_killed() -> None:
    with pytest.raises(LimenError, match="a worker process was ended from outside"), ending() as results:
        next(results)


@contextmanager
def ending() -> Iterator[Iterator[tuple[int, None]]]:
    """The work of a process that ends itself."""
    with closing(run_in_workers(1, time.sleep, (0,), os._exit, [1])) as results:
        yield results


def test_children_in_threads_are_ended(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(run_child, ["sh", "-c", f"touch {tmp_path}/{name}; sleep 60"]) for name in "ab"]
        end = time.monotonic() + 30
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        end_children()
        assert [future.result(20).returncode for future in waiting] == [-signal.SIGKILL] * 2
