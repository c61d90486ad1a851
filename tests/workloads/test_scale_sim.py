"""SCALE-Sim's topologies read: every oddity of the public collection in small files of our own, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from workloads.errors import LimenError
from workloads.host.specfile import validate
from workloads.imports.imported import Imported, NumberFormats, write_imported
from workloads.imports.read_file import read_file
from workloads.imports.scale_sim_writer import write_topology
from workloads.networks.network import Network, NetworkFile, load_network

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
CONV = "Conv1, 9, 8, 3, 2, 4, 6, 1,\n"
SIZES = [(7 * 7, 6, 3 * 2 * 4)]
"""M, N and K of CONV."""


def imported(text: str | bytes, folder: Path) -> Imported:
    path = folder / "topo.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(path, NumberFormats())


def network_of(text: str | bytes, folder: Path) -> Network:
    page = folder / "topo.yaml"
    page.unlink(missing_ok=True)
    return write_imported(imported(text, folder), folder / "topo.csv", page)


def sizes(network: Network) -> list[tuple[int, int, int]]:
    return [(layer.pixels, layer.out_channels, layer.fan_in) for layer in network.layers]


READ = {
    "plain": (HEADER + CONV, []),
    "header without its last comma": (HEADER.replace("Strides,", "Strides") + CONV, []),
    "no last commas at all": (HEADER.replace("Strides,", "Strides") + CONV.replace("1,\n", "1\n"), []),
    "no line end at the end": (HEADER + CONV.strip(), []),
    "byte order mark": (f"\ufeff{HEADER}{CONV}", []),
    "spaces that don't break": ((HEADER + CONV).replace(" ", "\xa0"), []),
    "lines of Windows": ((HEADER + CONV).replace("\n", "\r\n"), []),
    "lines of old Macs": ((HEADER + CONV).replace("\n", "\r"), []),
    "tabs": ((HEADER + CONV).replace(",", "\t"), []),
    "header of other words": ("Schicht,a,b,c,d,e,f,g\n" + CONV, []),
    "header of wrong words": (HEADER.replace("Height", "Width") + CONV, []),
    "empty lines": (HEADER + "\n  \n" + CONV + "\n\n", []),
    "rows of commas": (
        HEADER + CONV + ",,,,,,,,\n,,,,\n",
        ["rows of separators alone ignored: 2, the first in line 3"],
    ),
    "section titles": (
        HEADER + "AlexNet,\n" + CONV + "see the paper\nTotals, here\n",
        ["rows of text ignored: 3, the first in line 2, 'AlexNet,'"],
    ),
    "titles with digits": (HEADER + "Stage 2, 3x3 filters\n" + CONV, ["rows of text ignored: 1, the first in line 2"]),
    "a second header": (HEADER + CONV + HEADER, ["rows of text ignored: 1, the first in line 3"]),
    "comments": (HEADER + CONV.replace("\n", "#dw\n"), ["comments behind layers ignored: 1"]),
    "sparsity": (HEADER + CONV.replace("\n", " 2:4,\n"), ["sparsity ignored, all weights counted: 1"]),
    "batch": (HEADER + CONV.replace("\n", " 16,\n"), ["batch sizes ignored, one image counted: 1"]),
    "further columns": (HEADER + CONV.replace("\n", ",,110,110\n"), ["further columns ignored: 1"]),
    "two kinds at once": (
        HEADER + CONV.replace("\n", "#dw,,7\n"),
        ["comments behind layers ignored: 1", "further columns ignored: 1"],
    ),
    "a comma and a space changed": (
        HEADER + "Conv1, 9, 8, 3, ,2 4, 6, 1,\n",
        ["a comma and a space that changed places put right: 1, the first in line 2"],
    ),
    "no header": (CONV, ["no header, and a first row that SCALE-Sim skips read as a layer: 1"]),
    "a number for a name": (HEADER + CONV.replace("Conv1", "1"), ["names changed to letters, digits and _"]),
    "no name": (HEADER + CONV.replace("Conv1", ""), ["names changed to letters, digits and _"]),
}
"""Files of one layer, CONV, and the notices they give."""


@pytest.mark.parametrize("kind", READ)
def test_one_layer_in_every_form(kind: str, tmp_path: Path) -> None:
    text, notices = READ[kind]
    assert sizes(network_of(text, tmp_path)) == SIZES
    lines = imported(text, tmp_path).notices
    assert len(lines) == len(notices) and all(map(str.startswith, lines, notices)), lines


def test_products(tmp_path: Path) -> None:
    text = "Layer,M,N,K,\nQKT,10,20,30,\n2,1,2,3,\nsparse,4,5,6,3:4,\nextra,7,8,9,,x\n"
    network = network_of(text, tmp_path)
    assert sizes(network) == [(10, 20, 30), (1, 2, 3), (4, 5, 6), (7, 8, 9)]
    assert [layer.name for layer in network.layers] == ["QKT", "layer_2", "sparse", "extra"]
    assert len(imported(text, tmp_path).notices) == 3


def test_products_with_a_further_column(tmp_path: Path) -> None:
    """Numbers behind K, of the first row, too, where the header names no convolution."""
    text = "Layer,M,N,K,Repeat,\nQKT,10,20,30,12,\n2,1,2,3,\n"
    assert sizes(network_of(text, tmp_path)) == [(10, 20, 30), (1, 2, 3)]
    assert imported(text, tmp_path).notices[0].startswith("comments behind layers ignored")


def test_names_are_made_ours(tmp_path: Path) -> None:
    names = ["same", "same", "same_2", "Conv 1-a", "input", "Größe", "x" * 99]
    network = network_of(HEADER + "".join(CONV.replace("Conv1", name) for name in names), tmp_path)
    assert [layer.name for layer in network.layers] == [
        "same", "same_2", "same_2_2", "Conv_1_a", "input_2", "Gr_e", "x" * 64,
    ]  # fmt: skip
    (notice,) = imported(HEADER + CONV + CONV, tmp_path).notices
    assert notice == "names changed to letters, digits and _, each once: 1, the first in line 3, 'Conv1'"


@pytest.mark.parametrize(("height", "window", "stride"), [(8, 3, 2), (56, 1, 2), (5, 5, 3), (224, 11, 4), (7, 2, 7)])
def test_last_windows_may_be_partial(height: int, window: int, stride: int, tmp_path: Path) -> None:
    outputs = -(-(height - window) // stride) + 1
    text = f"{HEADER}c, {height}, {height}, {window}, {window}, 1, 1, {stride},\n"
    (layer,) = network_of(text, tmp_path).layers
    assert (layer.out_height, layer.out_width) == (outputs, outputs)
    partial = (height - window) % stride > 0
    assert [notice.split(":")[0] for notice in imported(text, tmp_path).notices] == (
        ["last windows that are partial read zeros beyond the IFMAP"] if partial else []
    )


def test_depthwise_by_name(tmp_path: Path) -> None:
    (layer,) = network_of(HEADER + "Conv_DP1, 9, 9, 3, 3, 8, 2, 1,\n", tmp_path).layers
    assert (layer.groups, layer.group_channels, layer.out_channels, layer.fan_in) == (8, 1, 16, 9)


LARGE = {
    "1, 1, 1, 1, 138000, 8, 1": [(1, 8, 138000)],
    "1, 512, 1, 1, 500000, 4, 1": [(512, 4, 500000)],
    "9, 9, 3, 3, 70000, 4, 2": [(16, 4, 630000)],
    "65536, 8192, 1, 8192, 1, 1024, 1": [(65536, 1024, 8192)],
    "1024, 8192, 1, 8192, 1, 65536, 1": [(1024, 32768, 8192)] * 2,
}


@pytest.mark.parametrize("row", LARGE)
def test_sizes_beyond_the_format(row: str, tmp_path: Path) -> None:
    """M, N and K stay what they are; only how they are spelt differs."""
    network = network_of(f"{HEADER}large, {row},\nnext, 9, 9, 3, 3, 1, 1, 1,\n", tmp_path)
    assert sizes(network)[:-1] == LARGE[row]
    assert any("spelt as a matrix product" in notice for notice in imported(f"{HEADER}l, {row}\n", tmp_path).notices)


TEMPLATE = "LSTM_igate_h, 1, B, 1, 1, H, H, 1,\n"
REFUSED = {
    "": "no layer; expected rows, with commas, of a name and 7 or 3 integers",
    HEADER: "no layer",
    "some text\n": "no layer",
    HEADER + TEMPLATE: "line 2: IFMAP width: 'B' is not allowed: an integer from 1 to 2147483647; a template's letters",
    HEADER + "LSTM, 1, 1, 1, B, H, 1, 1,\n": "line 2: filter width: 'B' is not allowed",
    HEADER + CONV + "Conv2, 9, 8, 3\n": "line 3: filter width: missing; a layer has 7 numbers: IFMAP height",
    HEADER + "Conv2, 9, 8, 3\n": "line 2: 3 numbers; its header names 7",
    HEADER + CONV + "Conv2, 9, 8, 3, 2, 4\n": "line 3: filters: missing",
    HEADER + "Conv1, 9, 8, , 2, 4, 6, 1,\n": "line 2: filter height: '' is not allowed",
    HEADER + "Conv1, 9, 8, 3, 2, 4.5, 6, 1,\n": "line 2: channels: '4.5' is not allowed",
    HEADER + "Conv1, 9, 8, 3, 2, -4, 6, 1,\n": "line 2: channels: '-4' is not allowed",
    HEADER + "Conv1, 9, 8, 3, 2, 4, 0, 1,\n": "line 2: filters: 0 is not allowed: an integer from 1",
    HEADER + "Conv1, 9, 8, 3, 2, 4, 99999999999, 1,\n": "line 2: filters: 99999999999 is not allowed",
    HEADER + f"Conv1, {'9' * 5000}, 8, 3, 2, 4, 6, 1,\n": "line 2: IFMAP height: '99999",
    HEADER + "Conv1, 9, 8, 10, 2, 4, 6, 1,\n": "line 2: filter height: 10 is not allowed: at most the IFMAP's, 9",
    HEADER + "Conv1, 9, 8, 3, 9, 4, 6, 1,\n": "line 2: filter width: 9 is not allowed: at most the IFMAP's, 8",
    HEADER + "Conv1_DP, 9, 8, 3, 2, 40000, 6, 1,\n": "line 2: channels: 40000 are not allowed",
    "Layer,M,N,K,\nfc,131101,1,1,\n": "line 2: M: 131101 is not allowed: at most 65535, or a product of two",
    "Layer,M,N,K,\nfc,1,1,131101,\n": "line 2: K: 131101 is not allowed",
    "Layer,M,N,K,\nfc,1,2000000000,1,\n": "line 2: more than 4096 layers are not allowed",
    "Layer,M,N,K,\nfc,1,B,3,\n": "line 2: N: 'B' is not allowed",
    "Layer,M,N,K,note,\nfc,1,2,,mine\n": "line 2: K: '' is not allowed",
    "fc,1,2,B,\n": "line 1: K: 'B' is not allowed",
    "Layer,M,N,K,\nfc,1,2,3,\nfc,1,2,\n": "line 3: K: missing; a layer has 3 numbers: M, N, K",
    "PK\x03\x04\0\0": "it holds zero bytes",
    HEADER + CONV * 4097: "line 4098: more than 4096 layers are not allowed",
    HEADER + "x" * (1 << 20): "larger than 1024 KiB is not allowed",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: REFUSED[text][:40])
def test_refused_in_one_line(text: str, tmp_path: Path) -> None:
    with pytest.raises(LimenError) as caught:
        network_of(text, tmp_path)
    assert REFUSED[text] in str(caught.value), caught.value
    assert [path.name for path in tmp_path.iterdir()] == ["topo.csv"]


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "latin.csv").write_bytes(b"Gr\xf6\xdfe,1,2,3,\n")
    for name, words in (
        ("folder.csv", "Is a directory"),
        ("gone.csv", "No such file"),
        ("latin.csv", "not UTF-8 text"),
        ("net.txt", "'.txt' is not allowed: a name that ends in .csv"),
    ):
        with pytest.raises(LimenError, match=words):
            read_file(tmp_path / name, NumberFormats())
    with pytest.raises(LimenError, match="--batch: 2 is not allowed"):
        read_file(tmp_path / "gone.csv", NumberFormats(), 2)


def with_integers(folder: Path, bias: int) -> Imported:
    """Return a network whose integers are zeros but for a bias."""
    network = imported(HEADER + CONV, folder)
    (layer,) = validate(NetworkFile, network.content, "topo").build_layers()
    arrays = {"weights": np.zeros(layer.weights_shape, dtype=np.int8), "shift": np.zeros(layer.out_channels, dtype=int)}
    arrays["bias"] = np.full(layer.out_channels, bias)
    return replace(network, arrays={f"Conv1.{part}": array for part, array in arrays.items()})


def test_integers_are_written_beside_the_page(tmp_path: Path) -> None:
    network = write_imported(with_integers(tmp_path, 5), tmp_path / "topo.csv", tmp_path / "own.yaml")
    assert network.trained()[0].bias.tolist() == [5] * 6
    with pytest.raises(LimenError, match=r"topo.csv/own.npz: Conv1.bias: 140737488355328 is not allowed"):
        write_imported(with_integers(tmp_path, 1 << 47), tmp_path / "topo.csv", tmp_path / "large" / "own.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.npz", "own.yaml", "topo.csv"]


def test_nothing_is_left_where_a_page_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process takes the page's name at the last moment: what stands there stays, without our checkpoint."""

    def late(path: str | Path) -> Network:
        (tmp_path / "topo.yaml").write_text("another's")
        return load_network(path)

    monkeypatch.setattr("workloads.imports.imported.load_network", late)
    with pytest.raises(LimenError, match=r"topo.yaml: exists"):
        write_imported(with_integers(tmp_path, 0), tmp_path / "topo.csv", tmp_path / "topo.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["topo.csv", "topo.yaml"]
    assert (tmp_path / "topo.yaml").read_text() == "another's"


ALL_KINDS = """
version: 1
name: kinds
op: mac
x_bits: 8
w_bits: 8
input: {height: 12, width: 10, channels: 4}
layers:
  - {name: plain, kind: conv2d, out_channels: 8, kernel: [3, 2], padding: [1, 1, 0, 1], stride: [2, 2]}
  - {name: oDDPairs, kind: conv2d, out_channels: 8, kernel: [1, 1]}
  - {name: depthwise, kind: conv2d, out_channels: 16, groups: 8, kernel: [3, 3], padding: [1, 1, 1, 1]}
  - {name: grouped, kind: conv2d, out_channels: 6, groups: 2}
  - {name: pool, kind: maxpool, kernel: [2, 2]}
  - {name: uneven, kind: conv2d, out_channels: 4, kernel: [2, 2], stride: [3, 1], padding: [1, 1, 1, 1]}
  - {name: uneven_groups, kind: conv2d, out_channels: 4, groups: 4, kernel: [1, 2], stride: [1, 2]}
  - {name: mean, kind: avgpool, kernel: [1, 2]}
  - {name: added, kind: conv2d, out_channels: 4, residual: mean}
  - {name: product, kind: matmul, synapses: mean, transposed: true}
  - {name: scores, kind: linear, out_channels: 3}
"""


@pytest.mark.parametrize("products", [False, True])
def test_written_and_read_again(products: bool, tmp_path: Path) -> None:
    """M, N and K of every group come back; of depthwise layers as one layer, or, as products, as one a group."""
    (tmp_path / "kinds.yaml").write_text(ALL_KINDS)
    network = load_network(tmp_path / "kinds.yaml")
    topology = write_topology(network, products)
    assert topology.notices == ("layers of max pooling left out: 1", "residuals that layers add left out: 1")
    rows = topology.text.splitlines()
    assert all(row.endswith(",") and row.count(",") == (4 if products else 8) for row in rows)
    wanted = []
    for layer in network.layers:
        if layer.kind != "maxpool":
            whole = not products and layer.group_channels == 1
            count, outputs = (1, layer.out_channels) if whole else (layer.groups, layer.group_outputs)
            wanted += [(layer.pixels, outputs, layer.fan_in)] * count
    assert sizes(network_of(topology.text, tmp_path)) == wanted
    depthwise = [row.split(",")[0] for row in rows if "DP" in row]
    assert depthwise == ([] if products else ["DP_depthwise", "DP_uneven_groups", "DP_mean"])


def test_fuzzed_files_are_read_or_refused(tmp_path: Path) -> None:
    """Random cells in random rows, and bytes changed: a network or one line, and nothing beside it."""
    import random

    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    cells = ["1", "7", "65535", "65536", "2147483647", "", "-1", "x", "DP", "2:4", "1 2", "\t", "\xa03", "9" * 20]
    for _ in range(300):
        rows = [[chance.choice(cells) for _ in range(chance.choice((1, 4, 5, 8, 9)))] for _ in range(4)]
        text = chance.choice((HEADER, "L,M,N,K\n", "")) + CONV * chance.randrange(2)
        content = bytearray((text + "\n".join(map(",".join, rows))).encode())
        for _ in range(chance.choice((0, 0, 3))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            network_of(bytes(content), tmp_path)
        except LimenError as error:
            assert "\n" not in str(error) and "topo" in str(error)
            assert not (tmp_path / "topo.yaml").exists()
