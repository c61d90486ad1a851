"""The pages of the file formats: their tables have every key, as the specifications do, and their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from dse.study.study_spec import BitsSpec, MemorySpec, SamplerSpec, SpaceSpec, StudySpec, load_study
from simulator.designs.design import Design
from simulator.run import load_design, simulate
from tests.docs.schema_rows import SchemaRow, schema_rows
from tests.support.paths import ROOT
from workloads.host.specfile import validate
from workloads.networks.network import InputEntry, InputMap, LayerEntry, Network, NetworkFile, load_network
from workloads.training.recipe import OpRecipe, Recipe

TABLES: dict[tuple[str, str], type[BaseModel]] = {
    ("network-format", "the file"): NetworkFile,
    ("network-format", "`input`"): InputEntry,
    ("network-format", "`layers`"): LayerEntry,
    ("network-format", "`input_map`"): InputMap,
    ("design-format", "the file"): Design,
    ("study-format", "the file"): StudySpec,
    ("study-format", "`memory`"): MemorySpec,
    ("study-format", "`space`"): SpaceSpec,
    ("study-format", "`bits`"): BitsSpec,
    ("study-format", "`sampler`"): SamplerSpec,
    ("recipe-format", "the file"): Recipe,
    ("recipe-format", "`ops`"): OpRecipe,
}
"""The specification behind each section "Keys of …" of a page."""


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def examples(name: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)


def test_no_section_is_left_out() -> None:
    pages = dict.fromkeys(name for name, _ in TABLES)
    assert [(name, own) for name in pages for own in re.findall("^## Keys of (.*)$", page(name), re.M)] == [*TABLES]


@pytest.mark.parametrize(("name", "section"), TABLES)
def test_table_has_every_key(name: str, section: str) -> None:
    text = page(name).split(f"\n## Keys of {section}\n")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    rows = schema_rows(TABLES[name, section])
    wanted = "\n".join(row.line() for row in rows)
    assert [SchemaRow(own[0].strip("`"), *own[1:3]) for own in cells] == rows, f"{name} should have\n{wanted}"
    assert all(len(own) == 4 and own[3] for own in cells), "a key without its meaning"


def fitting_design(network: Network) -> Design:
    """Return a built-in design for these ops."""
    ops = {layer.op for layer in network.layers}
    return load_design("mac-threshold-16x16" if len(ops) > 1 else "threshold-16x16")


@pytest.mark.parametrize("text", examples("network-format"), ids=lambda text: text.split("name: ")[1].split()[0])
def test_network_example_runs(text: str, tmp_path: Path) -> None:
    path = tmp_path / "network.yaml"
    path.write_text(text, encoding="utf-8")
    network = load_network(path)
    run = simulate(network, fitting_design(network))
    assert len(run.layers) == len(network.layers) and (run.layers["cycles"] > 0).all()


def test_network_examples_show_what_the_page_says() -> None:
    texts = examples("network-format")
    for key in ("residual:", "groups:", "kind: maxpool", "kind: conv1d", "offset:", "op: mac"):
        assert any(key in text for text in texts), key


@pytest.mark.parametrize("text", examples("design-format"), ids=["shortest", "larger"])
def test_design_example_runs(text: str, tmp_path: Path) -> None:
    path = tmp_path / "design.yaml"
    path.write_text(text, encoding="utf-8")
    assert simulate("digits", path).cycles > 0


def test_study_example_is_a_study(tmp_path: Path) -> None:
    (text,) = examples("study-format")
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_study(str(path)).trials == 48


def test_recipe_example_is_a_recipe() -> None:
    (text,) = examples("recipe-format")
    assert validate(Recipe, YAML(typ="safe").load(text), "recipe.yaml").epochs == 10
