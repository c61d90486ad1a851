"""The wheel in a fresh venv, used from an empty folder in which the user has a `workloads` of their own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.paths import ROOT


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
    wanted += ["simulator/rtl/testbench/limen_tb.cpp", "simulator/rtl/testbench/Makefile"]
    wanted += ["simulator/designs/mac-16x16.yaml"]
    wanted += ["workloads/families/digits/threshold.npz", "workloads/families/digits/mac.npz", "limen.py"]
    wanted += ["dse/studies/digits.yaml", "cost_models/data/ihp130.csv", "cost_models/sources/verilog/limen_neuron.v"]
    assert set(wanted) <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "notebooks/", "docs/"))]


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
    for command in (
        [str(venv / "bin" / "limen"), "simulate"],
        [str(venv / "bin" / "limen"), "simulate", "--level", "timing", "--level", "cycle"],
        [str(venv / "bin" / "python"), "-m", "limen", "simulate"],
        [str(venv / "bin" / "python"), "-c", code],
    ):
        outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert outcome.returncode == 0, f"{command}: {outcome.stderr}"
        assert outcome.stdout.strip()
    assert [path.name for path in folder.iterdir()] == ["workloads"]
