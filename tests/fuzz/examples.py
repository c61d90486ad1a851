"""A valid example of every kind of file that Limen reads: folders of bytes, made when first asked for."""

from __future__ import annotations

import csv
import gzip
import io
import json
from atexit import register
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import numpy as np
from ruamel.yaml import YAML

import limen
from tests.levels.graphs import random_parameters
from tests.support.paths import TINY
from tests.workloads import dataset_files
from tests.workloads.tiny_recipes import NETWORK as RECIPE_NETWORK
from tests.workloads.tiny_recipes import RECIPE

Files = dict[str, bytes]
"""Contents by path."""

DESIGN = """version: 1
rows: 4
cols: 3
dataflow: ws
op: mac
x_bits: 8
w_bits: 8
x_signed: false
acc_policy: weights
ifmap_kib: 2
filter_kib: 2.5
feeder_width: 4
port_bits: 64
"""
NETWORK = """version: 1
name: tiny
op: mac
x_bits: 8
w_bits: 8
x_signed: false
input: {height: 4, width: 3, channels: 2}
checkpoint: tiny.npz
input_map: {offset: 1, shift: -1}
layers:
  - {name: conv, kind: conv2d, out_channels: 4, kernel: [3, 2], stride: [2, 1], padding: [1, 0, 0, 1], groups: 2}
  - {name: left, kind: conv2d, out_channels: 4, tensor: joined}
  - {name: right, kind: maxpool, input: conv, tensor: joined, offset: 4, kernel: [1, 1]}
  - {name: added, kind: conv2d, out_channels: 4, residual: conv, residual_shift: 2}
  - {name: scores, kind: linear, out_channels: 3}
"""
LISTED = """version: 1
name: listed
op: mac
x_bits: 8
w_bits: 8
x_signed: false
input: {height: 4, width: 3, channels: 2}
layers:
  - {name: conv, kind: conv2d, out_channels: 4, kernel: [3, 2], padding: [1, 0, 0, 1]}
  - {name: added, kind: conv2d, out_channels: 4, input: conv, residual: conv}
  - {name: product, kind: conv1d, own_input: {length: 5, channels: 6}, out_channels: 7}
  - {name: scores, kind: conv2d, own_input: {height: 4, width: 4, channels: 4}, groups: 4, out_channels: 8}
unmapped_ops:
  - {op: Softmax, count: 2, share: 0.25}
published: {source: us, macs: 1.5 k, parameters: "99", elsewhere: 3}
"""
TOPOLOGY = "Layer, IFMAP height, IFMAP width, Filter height, Filter width, Channels, Num filter, Strides,\n" + (
    "Net,\nConv 1, 9, 8, 3, 2, 4, 6, 2,\nConv_DP, 5, 5, 3, 3, 4, 1, 1, 1:4,\n,,,,,,,,\nFC,1,1,1,1,99,10,1,,7\n"
)
PRODUCTS = "Layer,M,N,K,\nQKT,4,5,6,\nQKT,4,5,6,2:4,\nlarge,3,70000,99999,\n"
STUDY = """version: 1
workloads: [tiny.yaml]
costs: tiny.csv
memory: {dram: lpddr4, dram_gb_per_s: 6.4, latency_ns: 100}
space: {rows: [4, 8], cols: [4], op: [mac], bits: {x: 8, w: [8]}, dataflow: [ws], ifmap_kib: [2, 4], feeder_width: [4]}
objectives: {energy_uj: min, latency_us: min}
constraints: {area_mm2: "<= 20"}
sampler: {name: nsga2, seed: 3}
trials: 4
"""


def arrays_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)  # type: ignore[arg-type]
    return content.getvalue()


def network_files() -> Files:
    """A design, a network of everything a file can say, its checkpoint, and a table that prices it."""
    from workloads.host.specfile import validate
    from workloads.networks.network import NetworkFile

    content = YAML(typ="safe", pure=True).load(NETWORK)
    rng = np.random.default_rng(0)
    arrays = {}
    for layer in validate(NetworkFile, content, "tiny").build_layers():
        for name, array in vars(random_parameters(layer, rng)).items():
            if layer.has_parameters and array is not None:
                arrays[f"{layer.name}.{name}"] = array
    return {
        "chip.yaml": DESIGN.encode(), "tiny.yaml": NETWORK.encode(), "tiny.npz": arrays_bytes(arrays),
        "tiny.csv": table_bytes(), "study.yaml": STUDY.encode(),
    }  # fmt: skip


def listed_files() -> Files:
    design = DESIGN.replace("acc_policy: weights\n", "")  # there are none
    return {"listed.yaml": LISTED.encode(), "chip.yaml": design.encode()}


@cache
def table_bytes() -> bytes:
    """The rows of the default table that one design needs, a few of each component's widths."""
    from cost_models.table.table import COLUMNS, load_table

    def wanted(row: dict[str, str]) -> bool:
        widths = (row["op"], row["x_bits"], row["w_bits"], row["dataflow"], row["stages"])
        if row["component"] == "pe":
            return widths == ("mac", "8", "8", "ws", "1") and row["stream"] in ("", "uniform")
        return row["component"] != "pe_line" and row["x_bits"] in ("", "8") and row["w_bits"] == ""

    rows = [row for row in load_table("ihp130").rows if wanted(row)]
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def recipe_files() -> Files:
    texts = {"recipe.yaml": RECIPE}
    for op, first in (("mac", ""), ("shift-adder", ", op: shift, w_bits: 5")):
        base = "adder" if op == "shift-adder" else op
        signed = str(base == "adder").lower()
        texts[f"{op}.yaml"] = RECIPE_NETWORK.format(op=base, w_bits=8, signed=signed, first=first)
    return {name: text.encode() for name, text in texts.items()}


@cache
def digits() -> Any:
    from workloads.training.classifier import load_data

    return load_data("digits")


def family_files() -> Files:
    from tests.workloads.test_damaged_arrays import FORM, ROW, family_arrays
    from workloads.networks.accuracy import AccuracyRow

    table = f"{','.join(AccuracyRow._fields)}\n{ROW}\n{ROW.replace('8,8', '8,7')}\n"
    return {
        "threshold.yaml": FORM.encode(), "threshold.npz": arrays_bytes(family_arrays()), "accuracy.csv": table.encode(),
    }  # fmt: skip


@cache
def training() -> tuple[Any, Any]:
    """A recipe of one epoch on a few images, and its layers."""
    from workloads.host.specfile import read_spec
    from workloads.training.make_family import op_layers
    from workloads.training.recipe import Recipe

    path = example_folder("recipe") / "recipe.yaml"
    recipe = read_spec(Recipe, path).model_copy(update={"epochs": 1})
    return recipe, op_layers(recipe, "mac", path, digits())


def training_files() -> Files:
    from workloads.training.train_and_tune import Course, train_master

    path = example_folder("empty") / "mac.checkpoint.npz"
    recipe, layers = training()
    train_master(layers, Course(recipe, "mac", 0, digits()), path)
    return {path.name: path.read_bytes()}


def polarity_files() -> Files:
    from workloads.studies.polarity import PolarityRow

    rows = [f"digits,2,synapse,{name},{seed},0.5,0.25,0.5,0,3,abc" for name in ("random", "learned") for seed in (0, 1)]
    return {"runs.csv": "\n".join([",".join(PolarityRow._fields), *rows, ""]).encode()}


def liberty_text() -> bytes:
    return TINY.read_bytes()


def partial_files() -> Files:
    unit = {"component": "pe", "op": "mac", "x_bits": 8, "w_bits": 8, "acc_bits": 20, "dataflow": "os"}
    points = [{"unit": unit, "multiplier": "booth", "digest": "ab", "values": {"area_um2": 1.5}}]
    lines = [json.dumps({"key": "00ff", "result": result}) for result in (points, points[0])]
    return {"t.csv.partial": "".join(f"\n{line}" for line in lines).encode()}


def exported_files() -> Files:
    folder = example_folder("network")
    return folder_files(
        limen.export(folder / "tiny.yaml", folder / "chip.yaml", example_folder("empty") / "x", 2).folder
    )


def study_files() -> Files:
    """A study that ran in the folder of its files."""
    folder = example_folder("empty")
    for name, content in network_files().items():
        write(folder / name, content)
    limen.Study(folder / "study.yaml", folder, quiet=True).run()
    return folder_files(folder)


def folder_files(folder: Path) -> Files:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def packed_cifar() -> Files:
    folder = example_folder("empty") / "packed"
    folder.mkdir()
    dataset_files.write_cifar(folder)
    dataset_files.pack_cifar(folder)
    return folder_files(folder)


def dataset_files_of(name: str) -> Files:
    """Return a data set's folder, as its fixture in the tests writes it."""
    folder = example_folder("empty") / name
    folder.mkdir()
    dataset_files.WRITERS[name][0](folder)
    return folder_files(folder)


def plain_svhn() -> Files:
    """Return SVHN's files not compressed, so that a change of a byte is one of the arrays."""
    from scipy.io import loadmat, savemat

    files = {}
    for name, content in dataset_files_of("svhn").items():
        plain = io.BytesIO()
        arrays = {key: value for key, value in loadmat(io.BytesIO(content)).items() if not key.startswith("__")}
        savemat(plain, arrays, do_compression=False)
        files[name] = plain.getvalue()
    return files


EXAMPLES: dict[str, Callable[[], Files]] = {
    "empty": dict,
    "network": network_files,
    "listed": listed_files,
    "topology": lambda: {"topo.csv": TOPOLOGY.encode(), "gemm.csv": PRODUCTS.encode()},
    "recipe": recipe_files,
    "family": family_files,
    "liberty": lambda: {"tiny.lib": liberty_text()},
    "liberty.gz": lambda: {"tiny.lib.gz": gzip.compress(liberty_text(), mtime=0)},
    "training": training_files,
    "polarity": polarity_files,
    "partial": partial_files,
    "exported": exported_files,
    "study.db": study_files,
    "cifar-10.tar": packed_cifar,
    "svhn.mat": plain_svhn,
    **{name: partial(dataset_files_of, name) for name in dataset_files.WRITERS},
}

_FOLDERS: dict[str, Path] = {}


def example_folder(name: str) -> Path:
    """Return the folder of an example, which lasts as long as the process; "empty": a fresh one for what makes them."""
    if name not in _FOLDERS or name == "empty":
        folder = Path(mkdtemp(prefix="limen-fuzz-"))
        register(rmtree, folder, ignore_errors=True)
        for path, content in EXAMPLES[name]().items():
            write(folder / path, content)
        _FOLDERS[name] = folder
    return _FOLDERS[name]


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
