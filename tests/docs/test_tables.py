"""docs/tables shows what the shipped rows and runs say."""

from __future__ import annotations

import pytest

from tests.docs.machine_features import Setting, features, rows
from tests.docs.tables import FAMILIES, FILES, FOLDER, PAGES, PICTURES, SWEPT, accuracies, index
from tests.support.paths import ROOT
from workloads.host.manifest import MANIFEST


@pytest.mark.parametrize("name", PAGES)
def test_table_is_what_the_rows_say(name: str) -> None:
    assert (FOLDER / f"{name}.md").read_text(encoding="utf-8") == PAGES[name].text(), "run `make tables`"


@pytest.mark.parametrize("name", FILES)
def test_file_is_what_the_rows_say(name: str) -> None:
    assert (FOLDER / name).read_bytes() == FILES[name](), "run `make tables`"


def test_the_folder_has_these_and_no_others() -> None:
    there = {path.name for path in FOLDER.iterdir()} - {MANIFEST}
    assert there == {"README.md", *FILES, *SWEPT, *PICTURES, *(f"{name}.md" for name in PAGES)}
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == index(), "run `make tables`"


@pytest.mark.parametrize("family", FAMILIES)
def test_page_of_a_family_has_its_accuracies(family: str) -> None:
    page = (ROOT / "workloads" / "families" / family / "README.md").read_text(encoding="utf-8")
    lines = [line.removeprefix(f"| {family} ") for line in accuracies().splitlines() if line.startswith(f"| {family} ")]
    assert lines and not [line for line in lines if line not in page]


def test_features_help() -> None:
    """Folds that overlap keep 65 % of ResNet-18's os array busy; nothing is slower for it; each setting is there."""
    for op in ("threshold", "mac"):
        row = rows()[Setting("resnet18-32x32", 32, "os", op, 8)]["overlap"]
        assert row.utilisation is not None and row.utilisation >= 0.65
    for setting, of_features in rows().items():
        assert [*of_features] == features(setting)
        before, after = (of_features[name].cycles for name in ("baseline", "overlap"))
        assert before is not None and after is not None and after < before
