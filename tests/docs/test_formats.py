"""The pages of the file formats: their tables have every key, as the specifications do, and their examples run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel

from dse.space.study_spec import BitsSpec, MemorySpec, SamplerSpec, SpaceSpec, StopSpec, StudySpec, load_study
from simulator.designs.design import Design
from simulator.designs.memory import Memory
from simulator.run import choose_inputs, load_design, reference_scores, simulate
from tests.docs.schema_rows import SchemaRow, schema_rows
from tests.levels.graphs import random_parameters
from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.host.specfile import read_spec
from workloads.layers.given_cut import GivenCut
from workloads.layers.layer import POOLS
from workloads.networks.network import InputEntry, InputMap, LayerEntry, Network, NetworkFile, load_network
from workloads.networks.published import Published
from workloads.networks.unmapped import UnmappedOp
from workloads.training.classifier import load_data
from workloads.training.make_family import op_layers
from workloads.training.recipe import OpRecipe, Recipe

TABLES: dict[tuple[str, str], type[BaseModel]] = {
    ("network-format", "the file"): NetworkFile,
    ("network-format", "`input`"): InputEntry,
    ("network-format", "`layers`"): LayerEntry,
    ("network-format", "`own_input`"): InputEntry,
    ("network-format", "`input_map`"): InputMap,
    ("network-format", "`schedule`"): GivenCut,
    ("network-format", "`unmapped_ops`"): UnmappedOp,
    ("network-format", "`published`"): Published,
    ("design-format", "the file"): Design,
    ("design-format", "`memory`"): Memory,
    ("design-format", "`schedule`"): GivenCut,
    ("study-format", "the file"): StudySpec,
    ("study-format", "`memory`"): MemorySpec,
    ("study-format", "`space`"): SpaceSpec,
    ("study-format", "`bits`"): BitsSpec,
    ("study-format", "`sampler`"): SamplerSpec,
    ("study-format", "`stop`"): StopSpec,
    ("recipe-format", "the file"): Recipe,
    ("recipe-format", "`ops`"): OpRecipe,
}
"""The specification behind each section "Keys of …" of a page."""


IMPLIED = {
    (LayerEntry, key): str(list(value))
    for key, value in LayerEntry(name="any", kind="conv2d", out_channels=1).geometry(1, 1).items()
}
"""What a key that is left out means, where the schema's default is no value."""

KINDS = {
    "conv2d": ("conv2d", "{height: 8, width: 8, channels: 4}"),
    "conv1d": ("conv1d", "{length: 8, channels: 4}"),
    "linear": ("linear", "{height: 8, width: 8, channels: 4}"),
    "maxpool of an image": ("maxpool", "{height: 8, width: 8, channels: 4}"),
    "maxpool of a 1-D network": ("maxpool", "{length: 8, channels: 4}"),
    "avgpool of an image": ("avgpool", "{height: 8, width: 8, channels: 4}"),
    "avgpool of a 1-D network": ("avgpool", "{length: 8, channels: 4}"),
    "matmul": ("matmul", "{height: 8, width: 8, channels: 4}"),
}
"""Lines of the table of kinds: the kind, and an input that it reads."""


def page(name: str) -> str:
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def examples(name: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", page(name), re.MULTILINE | re.DOTALL)


def test_no_section_is_left_out() -> None:
    pages = dict.fromkeys(name for name, _ in TABLES)
    sections = [(name, section) for name in pages for section in re.findall("^## Keys of (.*)$", page(name), re.M)]
    assert sections == [*TABLES]


@pytest.mark.parametrize(("name", "section"), TABLES)
def test_table_has_every_key(name: str, section: str) -> None:
    text = page(name).split(f"\n## Keys of {section}\n")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| `")]
    model = TABLES[name, section]
    rows = [
        row._replace(default=f"`{IMPLIED[model, row.key]}`") if (model, row.key) in IMPLIED else row
        for row in schema_rows(model)
    ]
    wanted = "\n".join(row.line() for row in rows)
    assert [SchemaRow(cell[0].strip("`"), *cell[1:3]) for cell in cells] == rows, f"{name} should have\n{wanted}"
    assert all(len(cell) == 4 and cell[3] for cell in cells), "a key without its meaning"


def fitting_design(network: Network) -> Design:
    """Return a built-in design for these ops."""
    ops = {layer.op for layer in network.layers}
    design = load_design("mac-threshold-16x16" if len(ops) > 1 else "threshold-16x16")
    if any(layer.kind == "matmul" for layer in network.layers):
        design = Design(**{**design.model_dump(), "matmul": True})
    return design


@pytest.mark.parametrize("text", examples("network-format"), ids=lambda text: text.split("name: ")[1].split()[0])
def test_network_example_runs(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "network.yaml"
    path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    (recipe,) = re.findall(r"^```python\n(.*?)^```$", page("network-format"), re.MULTILINE | re.DOTALL)
    if "checkpoint: " in text:
        exec(compile(recipe, "network-format.md", "exec"), {})
    network = load_network(path)
    run = simulate(network, fitting_design(network))
    assert len(run.layers) == len(network.layers) and (run.layers["cycles"] > 0).all()
    if "checkpoint: " in text:
        assert np.array_equal(simulate(network, fitting_design(network), "cycle").scores, reference_scores(network))


INTEGERS = ("int8", "int16", "int32", "int64", ">i4", "uint8", "uint16", "uint32", "uint64")


@pytest.mark.parametrize("text", examples("network-format"), ids=lambda text: text.split("name: ")[1].split()[0])
def test_network_example_takes_a_checkpoint(text: str, tmp_path: Path) -> None:
    """Arrays of the page's axes, each of a dtype that it lists and their values fit; what computes them agrees."""
    if "checkpoint: " in text:
        return
    (tmp_path / "network.yaml").write_text(f"{text}checkpoint: network.npz\n", encoding="utf-8")
    (tmp_path / "shapes.yaml").write_text(text, encoding="utf-8")
    rng, arrays = np.random.default_rng(0), {}
    for layer in load_network(tmp_path / "shapes.yaml").layers:
        parts = vars(random_parameters(layer, rng)) if layer.has_arrays else {}
        for part, values in parts.items():
            if values is not None and (layer.has_weights or part in ("bias", "shift")):
                ends = [(kind, np.iinfo(kind)) for kind in INTEGERS]
                fitting = [kind for kind, end in ends if end.min <= values.min() and values.max() <= end.max]
                arrays[f"{layer.name}.{part}"] = values.astype(rng.choice(fitting))
    np.savez(tmp_path / "network.npz", **arrays)  # type: ignore[arg-type]
    if "own_input" in text:
        with pytest.raises(LimenError, match="own_input: not allowed with a checkpoint"):
            load_network(tmp_path / "network.yaml")
        return
    network = load_network(tmp_path / "network.yaml")
    assert np.array_equal(reference_scores(network), network.predict(choose_inputs(network, 1)))


def loads(kind: str, source: str, key: str, value: str, folder: Path) -> bool:
    """Return whether a layer of this kind, reading this input, may have this key."""
    before = "conv1d" if "length" in source else "conv2d"
    own = {} if kind in POOLS else {"out_channels": "4"}
    if kind == "matmul":
        own = {"synapses": "before", "transposed": "true"}
    given = {"kind": kind, **own, key: value}
    entry = ", ".join(f"{name}: {word}" for name, word in {"name": "own", **given}.items() if word)
    text = f"""
version: 1
name: kinds
op: threshold
x_bits: 8
w_bits: 8
input: {source}
layers:
  - {{name: before, kind: {before}, out_channels: 4}}
  - {{name: flat, kind: linear, input: before, out_channels: 4}}
  - {{{entry}, input: {"flat" if kind == "linear" else "before"}}}
  - {{name: tail, kind: linear, input: own, out_channels: 4, residual: flat}}
  - {{name: scores, kind: linear, out_channels: 2}}
"""
    path = folder / "kinds.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        load_network(path)
    except LimenError:
        return False
    return True


@pytest.mark.parametrize("line", KINDS)
def test_kinds_take_what_the_page_says(line: str, tmp_path: Path) -> None:
    header, cells = (
        [cell.strip("` ") for cell in row.strip("| ").split(" | ")]
        for row in page("network-format").split("\n## Kinds\n")[1].splitlines()
        if row.startswith(("| kind |", f"| {line} |"))
    )
    kind, source = KINDS[line]
    values = {"groups": "2", "residual": "flat" if kind == "linear" else "before", "polarity": "input"}
    for key, cell in zip(header[1:], cells[1:], strict=True):
        where = f"{line}: {key}"
        if cell.isdigit():
            assert loads(kind, source, key, str([1] * int(cell)), tmp_path), where
            for count in {1, 2, 4} - {int(cell)}:
                assert kind in POOLS or not loads(kind, source, key, str([1] * count), tmp_path), where
        elif key == "out_channels":
            assert loads(kind, source, key, "4", tmp_path) == (cell == "required"), where
            assert loads(kind, source, key, "", tmp_path) != (cell == "required"), where
        elif cell == "leave out":
            assert loads(kind, source, "stride", "", tmp_path), where
        else:
            assert loads(kind, source, key, values[key], tmp_path) == (cell == "yes"), where


def test_network_examples_show_what_the_page_says() -> None:
    texts = examples("network-format")
    for key in (
        "residual:",
        "groups:",
        "kind: maxpool",
        "kind: avgpool",
        "kernel: global",
        "kind: matmul",
        "kind: conv1d",
        "own_input:",
        "offset:",
        "op: mac",
        "schedule:",
    ):
        assert any(key in text for text in texts), key


@pytest.mark.parametrize("text", examples("design-format"), ids=["shortest", "larger", "cut by hand", "on one chip"])
def test_design_example_runs(text: str, tmp_path: Path) -> None:
    path = tmp_path / "design.yaml"
    path.write_text(text, encoding="utf-8")
    assert simulate("digits", path).cycles > 0


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv2"])
def test_the_design_for_large_networks_holds_them(name: str, tmp_path: Path) -> None:
    (text,) = examples("networks")
    path = tmp_path / "chip.yaml"
    path.write_text(text, encoding="utf-8")
    assert simulate(name, path).cycles > 0


def test_study_example_is_a_study(tmp_path: Path) -> None:
    (text,) = examples("study-format")
    path = tmp_path / "study.yaml"
    path.write_text(text, encoding="utf-8")
    assert load_study(str(path)).trials == 48


def test_recipe_example_is_a_recipe_with_its_network(tmp_path: Path) -> None:
    path, (text, network) = tmp_path / "recipe.yaml", examples("recipe-format")
    path.write_text(text, encoding="utf-8")
    (tmp_path / "threshold.yaml").write_text(network, encoding="utf-8")
    recipe = read_spec(Recipe, path)
    (op,) = recipe.ops
    assert len(op_layers(recipe, op, path, load_data(recipe.dataset))) == 2
