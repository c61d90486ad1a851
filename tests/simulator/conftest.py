"""A small exported folder, and a copy of it to change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.simulator.small_export import export_small


@pytest.fixture(scope="package")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust") / "chip"
    export_small(folder)
    return folder


@pytest.fixture
def chip(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "chip")
