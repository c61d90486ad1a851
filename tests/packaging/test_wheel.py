"""The wheel in a fresh venv, used from an empty folder in which the user has a `workloads` of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.rtl.export import TESTBENCH
from tests.support.paths import ROOT

NETWORK = """version: 1
name: tiny
op: threshold
x_bits: 4
w_bits: 4
input: {height: 1, width: 1, channels: 3}
checkpoint: tiny.npz
layers: [{name: scores, kind: linear, out_channels: 2}]
"""
DESIGN = """version: 1
rows: 1
cols: 1
dataflow: os
op: threshold
x_bits: 4
w_bits: 4
"""
"""As small as they get: the cycle model takes no time on them uncompiled; to compile it takes half a minute."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy: setuptools builds in the source's folder, which other tests read."""
    folder = tmp_path_factory.mktemp("wheel")
    ignored = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "runs", "*.egg-info")
    source = shutil.copytree(ROOT, folder / "source", ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return next(folder.glob("limen-*.whl"))


def test_contents(wheel: Path) -> None:
    """Everything a user needs is inside, and nothing of the tests."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    wanted = [f"simulator/rtl/verilog/{path.name}" for path in (ROOT / "simulator" / "rtl" / "verilog").glob("*.v")]
    wanted += [f"simulator/rtl/testbench/{name}" for name in TESTBENCH.values()]
    wanted += ["simulator/designs/mac-16x16.yaml"]
    wanted += [f"workloads/zoo/{path.name}" for path in (ROOT / "workloads" / "zoo").glob("*.yaml")]
    wanted += ["workloads/families/digits/threshold.npz", "workloads/families/digits/mac.npz", "limen.py"]
    wanted += ["dse/studies/digits.yaml", "cost_models/data/ihp130.csv", "cost_models/sources/verilog/limen_neuron.v"]
    wanted += [f"dse/report/page.{end}" for end in ("html", "css", "js")]
    assert set(wanted) <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "docs/"))]


def test_submodules_are_found(wheel: Path, tmp_path: Path) -> None:
    """`limen` is a module without a folder; that of its submodules is in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    command = [sys.executable, "-c", "import sys; sys.modules['torch'] = None\nfrom limen.torch import to_family"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    outcome = subprocess.run(command, cwd=tmp_path / "empty", env=environment, capture_output=True, text=True)
    assert "limen.torch needs PyTorch, not installed: " in outcome.stderr.splitlines()[-1]


def test_beside_a_users_own_workloads(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(venv / "bin" / "pip"), "install", "--quiet", str(wheel)], check=True, capture_output=True)
    folder = tmp_path / "empty"
    (folder / "workloads").mkdir(parents=True)
    (folder / "workloads" / "__init__.py").write_text("raise ImportError('the wrong workloads')\n")
    code = (
        "import limen; network = limen.network('digits', 'mac', 8, 8);"
        "print(limen.simulate(network, limen.load_design('mac-16x16')).cycles)"
    )
    (folder / "tiny.yaml").write_text(NETWORK)
    (folder / "one.yaml").write_text(DESIGN)
    arrays = {"weights": np.ones((2, 1, 1, 3)), "polarity": np.ones((2, 1, 1, 3)), "bias": [0, 0], "shift": [0, 0]}
    integers: dict[str, Any] = {f"scores.{name}": np.array(values, dtype=np.int64) for name, values in arrays.items()}
    np.savez(folder / "tiny.npz", **integers)
    tiny = ["--workload", "tiny.yaml", "--design", "one.yaml"]
    for command, compiled in (
        ([str(venv / "bin" / "limen"), "simulate"], True),
        ([str(venv / "bin" / "limen"), "simulate", *tiny, "--level", "timing", "--level", "cycle"], False),
        ([str(venv / "bin" / "python"), "-m", "limen", "simulate"], True),
        ([str(venv / "bin" / "python"), "-c", code], True),
    ):
        environment = os.environ | {"NUMBA_DISABLE_JIT": "0" if compiled else "1"}
        outcome = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert outcome.returncode == 0, f"{command}: {outcome.stderr}"
        assert outcome.stdout.strip()
    assert sorted(path.name for path in folder.iterdir()) == ["one.yaml", "tiny.npz", "tiny.yaml", "workloads"]
