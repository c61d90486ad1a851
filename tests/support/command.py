"""The command line as a user types it: in this process, or in one of its own where the process is what is tested."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dse.cli.commands import run
from tests.support.paths import ROOT
from tests.support.signals import signals_kept

Outcome = subprocess.CompletedProcess[str]

LIMEN = (sys.executable, str(ROOT / "limen.py"))
"""What a shell's `limen` stands for."""


def run_command(*arguments: str, cwd: Path, **environment: str | None) -> Outcome:
    """Run a command in this process, a second faster than in one of its own: its exit code and what it prints.

    environment: variables; None takes one away.
    """
    output, errors = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.chdir(cwd), signals_kept(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["limen", *arguments])
        for name, value in environment.items():
            if value is None:
                patch.delenv(name, raising=False)
            else:
                patch.setenv(name, value)
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors), _log_on(errors):
            code = run()
    return subprocess.CompletedProcess(arguments, code, *(_text(stream) for stream in (output, errors)))


def run_process(*arguments: str, cwd: Path, **environment: str) -> Outcome:
    """Run a command in a process of its own."""
    command = [*LIMEN, *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True)


MEASURED = """import resource, subprocess, sys
outcome = subprocess.run(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(outcome.returncode)
"""
"""Runs a command from a small process that has no other: a process is told the most of all that it ever waited for."""


def run_measured(*arguments: str, cwd: Path) -> tuple[Outcome, int]:
    """Run a command as `run_process`; return also the most memory, in KiB, of its process or one that it waited for."""
    command = [sys.executable, "-c", MEASURED, *LIMEN, *arguments]
    outcome = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    *lines, most = outcome.stdout.splitlines()
    printed = "".join(f"{line}\n" for line in lines)
    return subprocess.CompletedProcess(outcome.args, outcome.returncode, printed, outcome.stderr), int(most)


def refused(outcome: Outcome, *words: str) -> None:
    """One line on stderr that holds all words, exit code 2, nothing on stdout."""
    assert outcome.returncode == 2, outcome.stdout + outcome.stderr
    assert outcome.stdout == ""
    lines = outcome.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("limen: "), outcome.stderr
    for word in words:
        assert word in lines[0], f"{word!r} is not in: {lines[0]}"


@contextlib.contextmanager
def _log_on(stream: io.TextIOWrapper) -> Iterator[None]:
    """What a command logs stands on stderr, where nobody else takes it, as pytest does."""
    handler = logging.StreamHandler(stream)
    logger = logging.getLogger("limen")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _text(stream: io.TextIOWrapper) -> str:
    stream.seek(0)
    return stream.read()
