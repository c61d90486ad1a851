"""Every notebook runs, in a temporary copy, against a study made moments before with a random seed."""

from __future__ import annotations

import json
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from dse.study.study import Study
from tests.support.paths import ROOT
from tests.support.tools import needs_verilator
from workloads.errors import pip_command

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

SPEC = """version: 1
workloads: [digits]
space: {{rows: [2, 4], cols: [2, 4], op: [threshold, mac], bits: {{x: 4..6, w: same}}, dataflow: [os, ws]}}
objectives: {{energy_uj: min, latency_us: min, area_mm2: min, accuracy: max}}
sampler: {{name: nsga2, seed: {seed}}}
trials: 30
"""


STUDIED = re.compile(r"\b(study|front|knee|trials|feasible|good|pairs|chosen)\b")
"""Cells whose outputs depend on the study, which is another here than the one the stored outputs are of."""


def said_of(cell: dict[str, Any]) -> list[list[str]]:
    """Return the words and numbers of a cell's outputs; how pandas aligns them isn't ours."""
    outputs = cell.get("outputs", ())
    return ["".join(output.get("text", output.get("data", {}).get("text/plain", ""))).split() for output in outputs]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    (folder / "small.yaml").write_text(SPEC.format(seed=seed))
    return Study(folder / "small.yaml", folder / "out", quiet=True).run().folder


def test_there_are_notebooks() -> None:
    names = ["01_first_hour", "02_the_front", "03_kernels", "04_whole_machines", "05_bits_and_accuracy"]
    assert [path.stem for path in NOTEBOOKS] == names


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook(notebook: Path, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = f"extra dev is not installed: {pip_command('dev')}"
    nbformat = pytest.importorskip("nbformat", reason=missing)
    nbclient = pytest.importorskip("nbclient", reason=missing)
    needs_verilator()
    copy = tmp_path / notebook.name
    shutil.copyfile(notebook, copy)
    monkeypatch.setenv("LIMEN_STUDY", str(study))
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=":")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setenv("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    book = nbformat.read(copy, as_version=4)
    stored = [said_of(cell) for cell in book.cells]
    nbclient.NotebookClient(
        book, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    said = [output for cell in book.cells for output in cell.get("outputs", ()) if output.get("name") == "stderr"]
    assert not said, "a notebook with warnings"
    assert not list(scratch.iterdir()), "a notebook that leaves something in /tmp"
    pictures = [
        output for cell in book.cells for output in cell.get("outputs", ()) if "image/png" in output.get("data", {})
    ]
    assert pictures, "a notebook without a picture"
    for cell, before in zip(book.cells, stored, strict=True):
        if not STUDIED.search(cell["source"]):
            assert said_of(cell) == before, "`make notebooks` stores what a notebook says today"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_keeps_its_outputs(notebook: Path) -> None:
    cells = [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1)), "run from top to bottom"
    kinds = {output["output_type"] for cell in cells for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result", "display_data"}, "an error"
    assert not [cell for cell in cells if any(output.get("name") == "stderr" for output in cell["outputs"])]
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_imports(notebook: Path) -> None:
    """Of ours only limen; of others only what draws and tabulates."""
    import ast

    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    assert names <= {"limen", "matplotlib", "pandas", "os", "tempfile", "pathlib"}
