"""A seeded handful of what `make kills` does."""

from __future__ import annotations

import subprocess
import sys

from tests.support.paths import ROOT

QUICK = ("study init", "study run", "study run, a sweep", "study front", "study export", "export", "waves", "net train")


def test_killed_commands_leave_nothing_and_go_on() -> None:
    command = [sys.executable, "-m", "tests.kills", "--count", "16", "--seed", "16"]
    command += [word for name in QUICK for word in ("--only", name)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    last = outcome.stdout.splitlines()[-1] if outcome.stdout else outcome.stderr
    assert last == "seed 16: 8 commands, 16 kills, leftovers 0", outcome.stdout + outcome.stderr
