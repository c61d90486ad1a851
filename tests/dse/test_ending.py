"""How commands end: full disks, closed outputs, signals at any import, strange locales: one line and a code."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from tests.support.command import LIMEN
from tests.support.paths import ROOT

SHOW = ("costs", "show", "xc7-fabric")

HOOK = """
import os, signal, sys
left = int(os.environ.pop("LIMEN_TEST_IMPORTS"))
number = int(os.environ.pop("LIMEN_TEST_SIGNAL"))

def count(event, arguments):
    global left
    if event == "import" and signal.getsignal(number) not in (signal.SIG_DFL, signal.default_int_handler):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)

sys.addaudithook(count)
"""


def limen(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command line with stderr kept, and stdout unless it's among the options of subprocess.run."""
    command = [*LIMEN, *arguments]
    chosen = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **options}
    return subprocess.run(command, **chosen)  # type: ignore[call-overload,no-any-return]


@pytest.mark.parametrize("arguments", [SHOW, ("--help",), ()])
def test_output_that_is_full(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        outcome = limen(*arguments, stdout=full)
    line = "limen: standard output: cannot be written: No space left on device\n"
    assert (outcome.returncode, outcome.stderr) == (2, line)


def test_output_that_is_closed() -> None:
    outcome = limen(*SHOW, stdout=None, preexec_fn=lambda: os.close(1))
    assert (outcome.returncode, outcome.stderr.count("\n")) == (2, 1)
    assert "standard output: cannot be written: Bad file descriptor" in outcome.stderr


def test_output_that_nobody_reads() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    outcome = limen(*SHOW, stdout=writing)
    os.close(writing)
    assert (outcome.returncode, outcome.stderr) == (128 + signal.SIGPIPE, "")


def test_errors_that_nobody_can_be_told() -> None:
    with open("/dev/full", "w") as full:
        assert limen("costs", "show", "nowhere", stderr=full).returncode == 2
    outcome = limen("costs", "show", "nowhere", stderr=None, preexec_fn=lambda: os.close(2))
    assert (outcome.returncode, outcome.stdout) == (2, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_import(number: signal.Signals, tmp_path: Path) -> None:
    """A study's command imports everything there is, some 1,070 modules; the hook sends the signal at one of them."""
    (tmp_path / "sitecustomize.py").write_text(HOOK)
    count = Random(int(number)).randrange(1, 1000)
    environment = {**os.environ, "LIMEN_TEST_IMPORTS": str(count), "LIMEN_TEST_SIGNAL": str(int(number))}
    outcome = limen("study", "front", str(tmp_path), env={**environment, "PYTHONPATH": str(tmp_path)})
    assert (outcome.returncode, outcome.stderr) == (128 + number, "limen: stopped\n"), count


def test_an_ignored_signal_stays_ignored() -> None:
    command = f"import signal, sys; sys.path[0] = {str(ROOT)!r}; sys.argv[1:] = ['--version']; import limen\n"
    for number, kept in ((signal.SIGHUP, True), (signal.SIGTERM, False)):
        code = f"signal.signal({int(number)}, signal.SIG_IGN)\n" if kept else ""
        code += "import dse.cli.ending as e; e._catch_signals(); "
        code += f"print(signal.getsignal({int(number)}) is signal.SIG_IGN)"
        outcome = subprocess.run([sys.executable, "-c", command + code], capture_output=True, text=True)
        assert outcome.stdout.split() == [str(kept)], outcome.stderr


def test_a_signal_while_an_object_is_deleted() -> None:
    """Python drops what a deletion raises, and goes on."""
    code = (
        "import os, signal, time\n"
        "from dse.cli.ending import Stopped, _catch_signals\n"
        "_catch_signals()\n"
        "class Last:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(0)\n"
        "try:\n"
        "    Last()\n"
        "    time.sleep(2)\n"
        "except Stopped:\n"
        "    print('stopped')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    outcome = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, "stopped\n", "")


def test_a_signal_while_compiled_code_runs(tmp_path: Path) -> None:
    """No Python runs in the main thread for a minute, so no handler either; folders go all the same."""
    code = (
        "import hashlib\n"
        "from dse.cli.ending import _catch_signals\n"
        "from workloads.host.scratch import scratch_folder\n"
        "_catch_signals()\n"
        "with scratch_folder():\n"
        "    print('here', flush=True)\n"
        "    hashlib.pbkdf2_hmac('sha256', b'', b'', 1 << 28)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "here\n"
        time.sleep(1)
        assert list(tmp_path.iterdir())
        process.terminate()
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert (process.returncode, errors) == (143, "limen: stopped\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "xx_YY.bogus"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_locales_and_names_that_are_no_text(environment: dict[str, str], tmp_path: Path) -> None:
    """Σ and file names of bytes that are no UTF-8, in what is printed and in what is refused."""
    design = b"version: 1\nrows: 4\ncols: 4\ndataflow: ws\nop: threshold\nx_bits: 8\nw_bits: 8\n"
    name = tmp_path / os.fsdecode("Σ\udcff.yaml".encode("utf-8", "surrogateescape"))
    name.write_bytes(design)
    options = {"env": {**os.environ, **environment}, "text": False, "cwd": tmp_path}
    outcome = limen("simulate", "-d", os.fsencode(name), **options)  # type: ignore[arg-type]
    assert (outcome.returncode, outcome.stderr) == (0, b"")
    for arguments in (("costs", "show"), ("verify",)):
        outcome = limen(*arguments, os.fsencode(tmp_path / "µ") + b"\xff.yaml", **options)  # type: ignore[arg-type]
        assert (outcome.returncode, outcome.stderr.count(b"\n")) == (2, 1), outcome.stderr
        assert outcome.stderr.startswith(b"limen: ")


@pytest.mark.parametrize(
    ("arguments", "most"),
    [
        (("study", "init", "out"), 1000),
        (("export", "-o", "out"), 20_000),
        (("waves", "--layer", "scores", "-o", "out"), 20_000),
        (("study", "run", "digits", "-o", "out"), 0),
        (("study", "run", "digits", "-o", "out"), 60_000),
        (("net", "stats", "--images", "2", "-o", "out"), 4000),
    ],
)
def test_a_disk_that_is_full(arguments: tuple[str, ...], most: int, tmp_path: Path) -> None:
    """Files of so many bytes and no more, which a process can impose on itself: to it, as good as a full disk.

    Python takes half of a module's bytecode for the whole and would keep it, for every later test: it keeps none here.
    """
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))  # noqa: E731
    arguments = tuple(f"{word}.yaml" if word == "out" and "init" in arguments else word for word in arguments)
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    outcome = limen(*arguments, cwd=tmp_path, preexec_fn=limit, env=environment)
    lines = [line for line in outcome.stderr.splitlines() if "compiled kernels" not in line]  # nor are they kept then
    assert outcome.returncode == 2 and len(lines) == 1, outcome.stderr
    assert lines[0].startswith("limen: out") and "cannot be written" in lines[0]
    kept = (
        "study.db",
        "study.lock",
        "sweep.json",
        "stats.csv",
        "stats.md",
    )  # whole: what came before the file that is too large
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {*kept}
    assert not list(tmp_path.rglob(".limen-*"))
