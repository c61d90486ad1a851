"""`limen net import`, `export` and `init`: what they write and say, and that nothing is half-written."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.command import Outcome, refused, run_command, run_measured
from tests.support.paths import ROOT
from workloads.layers.given_cut import GivenCut
from workloads.layers.input_size import InputEntry
from workloads.networks.network import InputMap, LayerEntry, NetworkFile, load_network

TOPOLOGY = """Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,
Net,
Conv1, 9, 9, 3, 3, 4, 6, 2,
FC, 1, 1, 1, 1, 96, 10, 1,
"""


def net(*arguments: str, cwd: Path) -> Outcome:
    return run_command("net", *arguments, cwd=cwd)


def test_import_and_count(tmp_path: Path) -> None:
    (tmp_path / "topo.csv").write_text(TOPOLOGY)
    outcome = net("import", "topo.csv", cwd=tmp_path)
    assert outcome.stderr == "topo.csv: rows of text ignored: 1, the first in line 2, 'Net,'\n"
    count = "limen simulate --workload topo.yaml --design mac-16x16"
    assert outcome.stdout == f"topo.yaml: 2 layers, {16 * 6 * 36 + 960:,} pairs; count it: {count}\n"
    assert run_command(*count.split()[1:], cwd=tmp_path).returncode == 0
    refused(net("import", "topo.csv", cwd=tmp_path), "topo.yaml", "exists")
    refused(
        run_command("simulate", "--workload", "topo.yaml", "--level", "cycle", "-d", "mac-16x16", cwd=tmp_path),
        "checkpoint",
        "only level timing",
    )


def test_the_page_shows_what_is_said(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "networks.md").read_text(encoding="utf-8")
    (tmp_path / "topo.csv").write_text(page.split("```csv\n")[1].split("```")[0])
    outcome = net("import", "topo.csv", cwd=tmp_path)
    said = [line.strip() for line in page.splitlines() if line.startswith("    topo.")]
    assert [*outcome.stderr.splitlines(), *outcome.stdout.splitlines()] == said


@pytest.mark.parametrize("op", ["threshold", "mac", "adder", "shift"])
def test_import_at_an_op(op: str, tmp_path: Path) -> None:
    (tmp_path / "topo.csv").write_text(TOPOLOGY)
    outcome = net("import", "topo.csv", "--op", op, "--out", "own one.yaml", cwd=tmp_path)
    count = shlex.split(outcome.stdout.partition("count it: limen ")[2])
    keys = "; one of op: shift, x_bits: 8, w_bits: 5, x_signed: false does"
    assert (f"own one.yaml: no built-in design runs it{keys}" in outcome.stderr) == (op == "shift")
    if op == "shift":  # no design that comes with Limen has this op and unsigned activations
        (tmp_path / "DESIGN.yaml").write_text(
            f"version: 1\nrows: 4\ncols: 4\ndataflow: ws\nop: {op}\nx_bits: 8\nw_bits: 5\n"
        )
    assert run_command(*count, cwd=tmp_path).returncode == 0
    assert net("import", "topo.csv", "--op", op, "--x-bits", "6", "--out", "six.yaml", cwd=tmp_path).returncode == 0
    layers = load_network(tmp_path / "six.yaml").layers
    assert {(layer.op, layer.x_bits, layer.w_bits) for layer in layers} == {(op, 6, 5 if op == "shift" else 8)}


def test_import_refused(tmp_path: Path) -> None:
    (tmp_path / "topo.csv").write_text(TOPOLOGY)
    (tmp_path / "template.csv").write_text(TOPOLOGY.replace("96", "H"))
    refused(net("import", "template.csv", cwd=tmp_path), "template.csv: line 4: channels: 'H' is not allowed")
    refused(net("import", "gone.csv", cwd=tmp_path), "gone.csv", "No such file")
    refused(net("import", "topo.yaml", cwd=tmp_path), "'.yaml' is not allowed", ".csv")
    refused(net("import", "topo.csv", "--out", "topo.txt", cwd=tmp_path), "topo.txt", ".yaml")
    refused(net("import", "topo.csv", "--x-bits", "17", cwd=tmp_path), "topo.csv: x_bits: 17 is not allowed")
    refused(net("import", "topo.csv", "--op", "shift", "--w-bits", "8", cwd=tmp_path), "w_bits: 8", "2 to 5")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["template.csv", "topo.csv"]


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    """A gigabyte, of zeros or of layers without end: one line, and no more than is read of it."""
    with (tmp_path / "large.csv").open("wb") as file:
        file.write(TOPOLOGY.encode())
        file.truncate(1 << 30)
    outcome, most_kib = run_measured("net", "import", "large.csv", cwd=tmp_path)
    refused(outcome, "large.csv", "larger than 1024 KiB")
    assert most_kib < 1 << 20
    assert [path.name for path in tmp_path.iterdir()] == ["large.csv"]


def test_export_and_import_again(tmp_path: Path) -> None:
    outcome = net("export", "digits", "--out", "digits.csv", cwd=tmp_path)
    assert outcome.stdout == "digits.csv: 4 rows, columns of convolutions\n"
    assert net("import", "digits.csv", cwd=tmp_path).returncode == 0
    refused(net("export", "digits", "--out", "digits.csv", cwd=tmp_path), "digits.csv", "exists")
    refused(net("export", "digits", "--out", "digits.txt", cwd=tmp_path), "digits.txt", ".csv")
    refused(net("export", "letters", "--out", "l.csv", cwd=tmp_path), "letters")
    assert net("export", "digits.yaml", "--gemm", "--out", "again.csv", cwd=tmp_path).returncode == 0
    assert net("import", "again.csv", cwd=tmp_path).returncode == 0
    sizes = [
        [(layer.pixels, layer.out_channels, layer.fan_in) for layer in load_network(tmp_path / name).layers]
        for name in ("digits.yaml", "again.yaml")
    ]
    assert sizes[0] == sizes[1]


def test_export_says_what_import_refuses(tmp_path: Path) -> None:
    """A product a group, of which depthwise layers have many."""
    outcome = net("export", "mobilenetv2", "--gemm", "--out", "m.csv", cwd=tmp_path)
    rows = (tmp_path / "m.csv").read_text().count("\n") - 1
    assert f"m.csv: {rows} rows, a group each, of which limen net import reads 4096 at most" in outcome.stderr
    refused(net("import", "m.csv", cwd=tmp_path), "m.csv: line 4098: more than 4096 layers are not allowed")


def test_init_writes_a_network_that_runs(tmp_path: Path) -> None:
    outcome = net("init", cwd=tmp_path)
    assert outcome.stdout == "network.yaml: written; count it: limen simulate --workload network.yaml\n"
    assert run_command("simulate", "--workload", "network.yaml", cwd=tmp_path).returncode == 0
    refused(net("init", cwd=tmp_path), "network.yaml", "exists")
    refused(net("init", "network.txt", cwd=tmp_path), "network.txt", ".yaml")


def test_init_says_every_key(tmp_path: Path) -> None:
    net("init", "own.yaml", cwd=tmp_path)
    text = (tmp_path / "own.yaml").read_text()
    for model in (NetworkFile, InputEntry, LayerEntry, InputMap, GivenCut):
        missing = [key for key in model.model_fields if key not in text]
        assert not missing, f"{model.__name__}: {missing}"


def test_init_uncommented_is_right(tmp_path: Path) -> None:
    """Keys that stand there as comments are as the format has them."""
    net("init", cwd=tmp_path)
    text = (tmp_path / "network.yaml").read_text()
    for key in ("dataset", "input_map", "unmapped_ops", "  - {op", "published", "schedule", "  - {layer"):
        text = text.replace(f"# {key}", key)
    (tmp_path / "network.yaml").write_text(text)
    network = load_network(tmp_path / "network.yaml")
    assert network.dataset == "cifar-10" and network.input_map.offset == 128 and len(network.schedule) == 1
