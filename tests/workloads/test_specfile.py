"""Files of YAML: what is no specification is one line that says where, what and what is allowed."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

import limen
from dse.space.study_spec import load_study
from simulator.designs.built_in import load_design
from workloads.errors import LimenError
from workloads.host.specfile import read_spec, read_yaml
from workloads.networks.network import load_network
from workloads.training.recipe import Recipe

DESIGN = "version: 1\nrows: 4\ncols: 3\ndataflow: ws\nop: threshold\nx_bits: 8\nw_bits: 8\n"
NETWORK = """version: 1
name: tiny
op: mac
x_bits: 8
w_bits: 8
input: {height: 4, width: 3, channels: 2}
layers:
  - {name: conv, kind: conv2d, out_channels: 3, kernel: [3, 2]}
  - {name: scores, kind: linear, out_channels: 4}
"""
STUDY = """version: 1
workloads: [digits]
space: {rows: [4], cols: [4], op: [mac], bits: {x: 8}, dataflow: [os]}
objectives: {energy_uj: min}
trials: 1
"""
OPS = "'threshold', 'mac', 'adder' or 'shift'"
RECIPE = "version: 1\nname: r\ndataset: digits\nepochs: 2\nbatch: 64\nops: {mac: {learning_rate: 0.01}}\n"


def line_of(read, path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LimenError) as refusal:
        read(str(path))
    line = str(refusal.value)
    assert "\n" not in line and len(line) <= 500 and line.startswith(str(path)), line
    return line.removeprefix(str(path))


@pytest.mark.parametrize(
    ("value", "line"),
    [
        # Dates are text in YAML 1.2; as such no op.
        ("2001-01-31", ": op: '2001-01-31' is not allowed: input should be " + OPS),
        ("2001-99-99", ": op: '2001-99-99' is not allowed: input should be " + OPS),
        ("!!timestamp 3", ": op: '3' is not allowed: input should be " + OPS),
        ("!!float x", ": line 5: not valid YAML: 'x' is no float that can be read"),
        ("!!int x", ": line 5: not valid YAML: 'x' is no int that can be read"),
        ("!!bool x", ": line 5: not valid YAML: 'x' is no bool that can be read"),
        ("0x_", ": line 5: not valid YAML: '0x_' is no int that can be read"),
        ("{[a]: b}", ": op: {('a',): 'b'} is not allowed: input should be " + OPS),
        ("{{a: b}: c}", ": line 5: not valid YAML: found unhashable key"),
        ("{? [[a]] : b}", ": line 5: not valid YAML: found unhashable key"),
        ("!!set {mac}", ": op: {'mac'} is not allowed: input should be " + OPS),
        ("!!python/object:os.x {}", ": line 5: not valid YAML: could not determine a constructor for the tag"),
        (r'"\e[2J"', r": op: '\x1b[2J' is not allowed: input should be " + OPS),
        ("&a [*a]", ": op: [[[[[[[...]]]]]]] is not allowed: input should be " + OPS),
        ("[" * 3000, ": not a specification: nested hundreds deep"),
    ],
)
def test_values_that_yaml_types(value: str, line: str, tmp_path: Path) -> None:
    message = line_of(load_design, tmp_path / "chip.yaml", DESIGN.replace("threshold", value))
    assert message.startswith(line) if "YAML" in line else message == line


def test_long_values(tmp_path: Path) -> None:
    path = tmp_path / "chip.yaml"
    line = line_of(load_design, path, DESIGN.replace("threshold", "z" * 39_000))
    assert line.startswith(": op: 'zzzz") and line.endswith("is not allowed: input should be " + OPS)
    line = line_of(load_design, path, DESIGN.replace("rows: 4", f"rows: {'9' * 5000}"))
    assert line.startswith(": line 2: not valid YAML: '9999") and line.endswith("is no int that can be read")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_empty_files(text: str, tmp_path: Path) -> None:
    assert line_of(load_design, tmp_path / "a.yaml", text) == ": is empty; expected a mapping of keys to values"


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    assert line_of(read_yaml, path, "- 1\n- 2\n") == ": holds a list; expected a mapping of keys to values"
    assert line_of(read_yaml, path, "3: 4\n") == ": 3: not a name; keys are words"
    assert line_of(read_yaml, path, "a: " + "x" * (1 << 19)).startswith(": larger than 512 KiB is not allowed")
    for name, reason in (("a\0.yaml", "embedded null byte"), ("\ud800.yaml", "'utf-8' codec can't encode character")):
        with pytest.raises(LimenError, match=f"cannot be read: {reason}"):
            load_design(name)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LimenError, match="cannot be read: not UTF-8 text; expected a YAML file"):
        load_design(str(path))
    path.write_bytes(b"\xef\xbb\xbf" + DESIGN.encode())  # a byte-order mark
    assert load_design(str(path)).rows == 4


def test_bombs_of_aliases(tmp_path: Path) -> None:
    """A thousand million of values in a few lines, one naming or merging ten times the one before."""
    path = tmp_path / "bomb.yaml"
    tracemalloc.start()
    lists = "".join(f"a{i + 1}: &a{i + 1} [{', '.join([f'*a{i}'] * 10)}]\n" for i in range(9))
    line = line_of(load_design, path, f"a0: &a0 [x, x]\n{lists}{DESIGN.replace('op: threshold', 'op: *a9')}")
    assert line.startswith(": op: [[")
    merges = "".join(f"a{i + 1}: &a{i + 1} {{<<: [{', '.join([f'*a{i}'] * 10)}], k{i}: 1}}\n" for i in range(9))
    line = line_of(load_design, path, f"a0: &a0 {{x: 1, y: 2}}\n{merges}{DESIGN}")
    assert "<<: " in line and "at most 100 where mappings are merged" in line
    _, most_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most_bytes < 8 << 20
    shared = DESIGN.replace("rows: 4\n", "") + "<<: {rows: 8}\n"
    path.write_text(shared)
    assert load_design(str(path)).rows == 8


@pytest.mark.parametrize(
    ("read", "text", "old", "new", "line"),
    [
        (load_design, DESIGN, "rows: 4", "rowz: 4", "rowz: unknown key; the nearest is rows; allowed are version, r"),
        (load_design, DESIGN, "x_bits: 8", "xbits: 8", "xbits: unknown key; the nearest is x_bits; allowed are vers"),
        (load_design, DESIGN, "op: threshold", "colour: red", "colour: unknown key; allowed are version, rows, cols, "),
        (load_design, DESIGN, "rows: 4\n", "", "rows: missing; this key is required"),
        (load_network, NETWORK, "layers:", "layer:", "layer: unknown key; the nearest is layers; allowed are version"),
        (load_network, NETWORK, "height", "hieght", "input.hieght: unknown key; the nearest is height; allowed are h"),
        (load_network, NETWORK, "kernel:", "kernal:",
         "layer conv: kernal: unknown key; the nearest is kernel; allowed are name, kind, groups, input, "),
        (load_network, NETWORK, "out_channels: 4", "out_chanels: 4",
         "layer scores: out_chanels: unknown key; the nearest is out_channels; allowed are name, kind, "),
        (load_network, NETWORK, "out_channels: 4", "groups: 1", "layer scores: out_channels: missing; this key is "),
        (load_network, NETWORK, "name: scores, ", "", "layer number 2: name: missing; this key is required"),
        (load_network, NETWORK, "name: scores, ", "nam: x, ", "layer number 2: nam: unknown key; the nearest is nam"),
        (load_network, NETWORK, "kernel: [3, 2]", "kernel: [3, x]", "layer conv: kernel.1: 'x' is not allowed: input "),
        (load_network, NETWORK, "[3, 2]", "[9, 2]", "layer conv: kernel: [9, 2] is not allowed: at most the padded "),
        (load_network, NETWORK, "{name: scores, kind: linear, out_channels: 4}", "7", "layer number 2: 7 is not allow"),
        (load_study, STUDY, "rows:", "row:", "space.row: unknown key; the nearest is rows; allowed are rows, cols, op"),
        (load_study, STUDY, "{x: 8}", "{x: 8, y: 8}", "space.bits.y: unknown key; allowed are x, w"),
        (load_study, STUDY, "{x: 8}", "{x: 8, w: 70}", "space.bits.w: 70 is not allowed: a range such as 2..8, a list"),
        (load_study, STUDY, "trials", "sampler: {nam: tpe}\ntrials",
         "sampler.nam: unknown key; the nearest is name; allowed are name, seed"),
        (load_study, STUDY, "trials: 1", "trails: 1", "trails: unknown key; the nearest is trials; allowed are vers"),
        (load_study, STUDY, "trials", "memory: {dram_gbs: 3.2}\ntrials",
         "memory.dram_gbs: unknown key; the nearest is dram_gb_per_s; allowed are dram, dram_gb_per_s, latency_ns"),
        (lambda path: read_spec(Recipe, path), RECIPE, "learning_rate", "learningrate",
         "ops.mac.learningrate: unknown key; the nearest is learning_rate; allowed are seed, learning_rate"),
        (lambda path: read_spec(Recipe, path), RECIPE, "mac:", "max:",
         "ops.max: 'max' is not allowed: input should be 'threshold', 'mac', 'adder', 'shift', 'shift-adder' or 'mac"),
    ],
)  # fmt: skip
def test_places(read, text: str, old: str, new: str, line: str, tmp_path: Path) -> None:
    """Every kind of file: unknown keys with those allowed at their place, layers by name or number."""
    assert text.count(old) == 1
    message = line_of(read, tmp_path / "spec.yaml", text.replace(old, new))
    assert message.startswith(f": {line}"), message


def test_specifications_made_in_python() -> None:
    """A mistake is one line there, too; those of a specification inside another have their place."""
    layer = {"name": "a", "op": "mac", "x_bits": 8, "w_bits": 8, "out_channels": 4}
    for make, line in (
        (lambda: limen.Layer(channels=0), "Layer: name: missing; this key is required"),
        (lambda: limen.Layer(**layer, channels=0),
         "Layer: channels: 0 is not allowed: input should be greater than or equal to 1"),
        (lambda: limen.Layer(**layer, chanels=3),
         "Layer: chanels: unknown key; the nearest is channels; allowed are name, kind, groups, "),
        (lambda: limen.Layer("a", "conv2d"), "Layer: 'a' is not allowed: fields by name: name, kind, groups, "),
        (lambda: limen.Design(rows=True), "Design: rows: True is not allowed: input should be a valid integer"),
        (lambda: limen.Design(), "Design: rows: missing; this key is required"),
    ):  # fmt: skip
        with pytest.raises(LimenError) as refusal:
            make()
        assert str(refusal.value).startswith(line) and "\n" not in str(refusal.value), refusal.value
