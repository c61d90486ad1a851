"""Arrays of MATLAB's .mat files, by scipy, which only the sets that come as such need."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from workloads.errors import LimenError, pip_command
from workloads.host.children import run_child
from workloads.host.scratch import scratch_folder

REFUSED = 3
"""Exit code of the reader that says on stderr what is wrong with a file."""

PACKAGES = Path(__file__).parents[2]


def read_mat(path: Path, *keys: str) -> list[np.ndarray]:
    """Return the arrays of these names of a .mat file, read in a process of its own (`matlab_worker`).

    Raises:
        LimenError: scipy isn't installed; the file is damaged, or has no array of numbers of such a name.
    """
    if find_spec("scipy") is None:
        raise LimenError(f"{path}: reading .mat files needs scipy: {pip_command('data')}")
    with scratch_folder() as scratch:
        command = [sys.executable, "-m", "workloads.datasets.matlab_worker", str(path.absolute()), str(scratch), *keys]
        outcome = run_child(command, scratch, {**os.environ, "PYTHONPATH": str(PACKAGES)})
        if outcome.returncode == REFUSED:
            raise LimenError(f"{path}: {outcome.stderr}")
        if outcome.returncode:
            said = "".join(outcome.stderr.splitlines()[-1:]) or f"its reader ended with code {outcome.returncode}"
            raise LimenError(f"{path}: not a readable .mat file: {said}")
        return [np.load(scratch / f"{key}.npy", allow_pickle=False) for key in keys]
