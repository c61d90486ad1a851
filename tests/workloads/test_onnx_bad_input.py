"""Truncated, changed, huge and malicious ONNX files: one line, nothing written, no file elsewhere, little memory."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import refused, run_command, run_measured
from tests.workloads.onnx_models import Model, TensorProto, function, helper, in_process, onnx  # noqa: F401
from tests.workloads.quantised_models import qdq, qonnx
from workloads.errors import LONGEST_LINE, LimenError
from workloads.host.specfile import validate
from workloads.imports.imported import NumberFormats
from workloads.imports.onnx import worker
from workloads.imports.onnx.limits import MOST_LAYERS, MOST_MEMORY, MOST_NODES
from workloads.imports.onnx.reading import read_graph
from workloads.imports.read_file import read_file
from workloads.networks.network import NetworkFile


def small() -> Model:
    model = Model()
    x = model.node("Relu", model.node("Conv", model.input("n", 3, 8, 8), model.weights(4, 3, 3, 3), model.weights(4)))
    x = model.node("Reshape", x, model.constant([1, -1], "int64"))
    model.node("Softmax", model.node("Gemm", x, model.weights(144, 5)))
    return model


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def field(number: int, content: bytes) -> bytes:
    """Return a field of a protobuf message that holds bytes."""
    return varint(number << 3 | 2) + varint(len(content)) + content


HEADER = b"\x08\x08" + field(8, b"\x10\x0d")
"""Of a model: IR version 8, opset 13."""


def cycle() -> bytes:
    model = small()
    model.nodes[0].input[0] = model.nodes[1].output[0]
    return model.proto().SerializeToString()


def negative_size() -> bytes:
    proto = small().proto()
    proto.graph.initializer[0].dims[1] = -3
    return proto.SerializeToString()


def negative_input() -> bytes:
    model = Model()
    model.node("Conv", model.input(1, 3, -8, 8), model.weights(4, 3, 3, 3))
    return model.proto().SerializeToString()


def external(location: str) -> bytes:
    proto = small().proto()
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    return proto.SerializeToString()


def free_size() -> bytes:
    model = Model()
    model.node("Conv", model.input("n", 3, "height", 8), model.weights(4, 3, 3, 3))
    return model.proto().SerializeToString()


def wide(**sizes: int) -> bytes:
    model = Model()
    model.node("Conv", model.input(1, 3, sizes["height"], 8), model.weights(4, 3, 3, 3))
    return model.proto().SerializeToString()


def claims(nodes: int) -> bytes:
    """A graph that says it is as long as so many nodes of 100 bytes, and isn't."""
    return HEADER + varint(7 << 3 | 2) + varint(100 * nodes) + field(1, b"\x22\x04Relu")


def nested(depth: int) -> bytes:
    """Branches within branches."""
    graph = field(1, field(4, b"Neg") + field(2, b"y"))
    for _ in range(depth):
        graph = field(
            1, field(4, b"If") + field(2, b"y") + field(5, field(1, b"b") + field(6, graph) + b"\xa0\x01\x05")
        )
    return HEADER + field(7, graph)


def functions(count: int) -> bytes:
    """Each calls the next one twice, the last one the first."""
    model = Model(17, local=1)
    model.node("F0", model.input("n", 3, 8, 8), model.weights(4, 3, 3, 3), domain="local")
    proto = model.proto()
    for place in range(count):
        inner = f"F{(place + 1) % count}" if count == 1 else f"F{place + 1}"
        steps = [(inner, "local", "aw", "t"), (inner, "local", "tw", "y")]
        proto.functions.append(function(f"F{place}", steps if inner != f"F{count}" else [("Relu", "", "a", "y")]))
    return proto.SerializeToString()


def no_layer() -> bytes:
    model = Model()
    model.node("Relu", model.input(1, 3, 8, 8))
    return model.proto().SerializeToString()


BAD = {
    "empty": (b"", "no graph"),
    "text": (b"layers: []\n" * 100, "not a readable ONNX file"),
    "truncated": (small().proto().SerializeToString()[:-40], "not a readable ONNX file"),
    "cycle": (cycle(), "cycle"),
    "negative size": (negative_size(), "dimension -3 is not allowed: at least 0"),
    "negative input": (negative_input(), "input 'x': dimension 2: -8 is not allowed"),
    "free size": (free_size(), "input 'x': dimension 2: 'height' is not allowed"),
    "wide": (wide(height=10**12), "height"),
    "claims 10^9 nodes": (claims(10**9), "not a readable ONNX file"),
    "function of itself": (functions(1), "recursive"),
    "functions without end": (functions(28), "1024 MiB"),
    "nested": (nested(5000), "not a readable ONNX file"),
    "opset 6": (HEADER.replace(b"\x0d", b"\x06") + field(7, field(1, field(4, b"Neg") + field(2, b"y"))), "opset: 6"),
    "no layer": (no_layer(), "holds no operator that is a layer"),
    "written twice": (HEADER + field(7, field(1, field(4, b"Neg") + field(2, b"y")) * 2), "'y': written twice"),
    "read nowhere": (HEADER + field(7, field(1, field(1, b"z") + field(4, b"Neg") + field(2, b"y"))), "'z'"),
}


@pytest.mark.parametrize("case", BAD)
def test_one_line(case: str, tmp_path: Path) -> None:
    content, words = BAD[case]
    (tmp_path / "model.onnx").write_bytes(content)
    refused(run_command("net", "import", "model.onnx", cwd=tmp_path), "model.onnx", words)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("part", [b"", b"\x22\x04Relu\x12\x01y"], ids=["empty", "named alike"])
def test_many_nodes_take_little_memory(part: bytes, tmp_path: Path) -> None:
    """Millions of nodes in a file of fifty megabytes; the process ends at its limit, and the system lives on."""
    node = field(1, part)
    count = 50_000_000 // len(node)
    path = tmp_path / "model.onnx"
    with open(path, "wb") as file:
        file.write(HEADER + varint(7 << 3 | 2) + varint(count * len(node)))
        for _ in range(count // 1_000_000 + 1):
            file.write(node * min(1_000_000, count))
            count -= min(1_000_000, count)
    outcome, most_kib = run_measured("net", "import", "model.onnx", cwd=tmp_path)
    refused(outcome, f"model.onnx: needs more than {MOST_MEMORY >> 20} MiB of memory")
    assert most_kib <= MOST_MEMORY >> 10


def test_too_many_nodes(tmp_path: Path) -> None:
    nodes = b"".join(field(1, field(4, b"Neg") + field(2, str(place).encode())) for place in range(MOST_NODES + 1))
    (tmp_path / "model.onnx").write_bytes(HEADER + field(7, nodes))
    with pytest.raises(LimenError, match=f"nodes: {MOST_NODES + 1} or more are not allowed: at most {MOST_NODES}"):
        read_graph(tmp_path / "model.onnx")


def many(op: str) -> Model:
    """Return a model of one operator that reads more tensors than there may be layers, and is as many."""
    model = Model()
    first = model.node("Conv", model.input(1, 1, 2, 2), model.weights(1, 1, 1, 1))
    others = [model.input(1, 1, 2, 2, name=f"x{place}") for place in range(MOST_LAYERS)]
    made = (
        model.node("Sum", first, *[first] * MOST_LAYERS)
        if op == "Sum"
        else model.node("Concat", first, *others, axis=1)
    )
    model.node("GlobalMaxPool", made)
    return model


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("op", ["Sum", "Concat"])
def test_too_many_layers(op: str, tmp_path: Path) -> None:
    """A page has no room for them, and no time is spent on them."""
    with pytest.raises(LimenError, match=rf"\({op}\): more than {MOST_LAYERS} (layers|tensors) are not allowed"):
        read_file(many(op).save(tmp_path / "model.onnx"), NumberFormats())


@pytest.mark.usefixtures("in_process")
def test_too_much_to_hand_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the process that reads a file hands on is bounded, too: long names, many small constants."""
    monkeypatch.setattr(worker, "MOST_WRITTEN", 1 << 20)
    proto = small().proto()
    proto.graph.node[0].name = "n" * (1 << 20)
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(LimenError, match="names, sizes and constants of more than 1 MiB"):
        read_file(tmp_path / "model.onnx", NumberFormats())


@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "link", "pipe", "missing", "", "."])
def test_no_file_elsewhere_is_opened(location: str, tmp_path: Path) -> None:
    """Shapes need no weights: none is opened. Values may lie in the model's folder, and nowhere else."""
    import os

    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"\0" * 4096)
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    (folder / "model.onnx").write_bytes(external(location))
    assert len(read_file(folder / "model.onnx", NumberFormats()).content["layers"]) == 2
    with pytest.raises(LimenError) as caught:
        read_graph(folder / "model.onnx", with_values=True)
    assert "tensor 'c0': external data" in str(caught.value)


def test_weights_beside_the_model(tmp_path: Path) -> None:
    proto = small().proto()
    raw = proto.graph.initializer[0].raw_data
    (tmp_path / "weights.bin").write_bytes(b"\1" * 8 + raw)
    tensor = onnx.load_from_string(external("weights.bin"))
    tensor.graph.initializer[0].external_data.add(key="offset", value="8")
    (tmp_path / "model.onnx").write_bytes(tensor.SerializeToString())
    read = read_graph(tmp_path / "model.onnx", with_values=True)
    assert read.values["c0"].tobytes() == raw


def test_it_needs_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from workloads.imports.onnx import reading

    small().save(tmp_path / "model.onnx")
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    refused(run_command("net", "import", "model.onnx", cwd=tmp_path), "needs onnx", "pip install '.[onnx]'")


def test_nothing_else_imports_it() -> None:
    code = "import sys, limen, dse.cli.commands, workloads.imports.onnx_model; print('onnx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


OPERATORS = ("Conv", "Gemm", "MatMul", "Add", "Concat", "Flatten", "Transpose", "MaxPool", "GlobalAveragePool", "Clip",
             "BatchNormalization", "QLinearConv", "QLinearAdd", "ReduceMean", "Squeeze", "LSTM", "Quant")  # fmt: skip


def changed_bytes(content: bytes, chance: random.Random) -> bytes:
    """Return a file cut off, or with bytes changed, put in or taken out."""
    if chance.random() < 0.2:
        return content[: chance.randrange(len(content))]
    out = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place = chance.randrange(len(out))
        how = chance.random()
        if how < 0.6:
            out[place] = chance.choice((0, 1, 127, 128, 255, chance.randrange(256)))
        elif how < 0.8:
            out[place:place] = bytes(chance.randrange(256) for _ in range(chance.choice((1, 4))))
        else:
            del out[place : place + chance.choice((1, 4))]
    return bytes(out)


def changed_graph(content: bytes, chance: random.Random) -> bytes:
    """Return a model of other operators, tensors, sizes or attributes, well-formed as a file."""
    model = onnx.load_from_string(content)
    names = [name for node in model.graph.node for name in (*node.input, *node.output)]
    for _ in range(chance.choice((1, 2, 4))):
        node = chance.choice(model.graph.node)
        how = chance.randrange(6)
        if how == 0:
            node.op_type = chance.choice(OPERATORS)
        elif how == 1 and node.input:
            node.input[chance.randrange(len(node.input))] = chance.choice([*names, ""])
        elif how == 2:
            dims = chance.choice(model.graph.initializer).dims
            if dims:
                dims[chance.randrange(len(dims))] = chance.choice((0, 1, 2, 7, 10**6, 2**62, -1))
        elif how == 3:
            key = chance.choice(
                (
                    "pads",
                    "strides",
                    "group",
                    "axis",
                    "axes",
                    "perm",
                    "kernel_shape",
                    "auto_pad",
                    "transB",
                    "to",
                    "alpha",
                )
            )
            value = chance.choice((0, 1, -1, 2**40, "x", [1, 1], [0], [2, 2, 2, 2], [1.5], [0, 3, 1, 2]))
            node.attribute.append(helper.make_attribute(key, value))
        elif how == 4 and node.input:
            del node.input[chance.randrange(len(node.input))]
        else:
            size = chance.choice(model.graph.input[0].type.tensor_type.shape.dim)
            size.dim_value = chance.choice((0, 1, 2, 9, 65536, 2**62, -1))
    return model.SerializeToString()


def outcome(path: Path) -> Any:
    """Return the line with which a file is refused, or None; whatever else is raised is a fault."""
    try:
        validate(NetworkFile, read_file(path, NumberFormats()).content, path).build_layers()
    except LimenError as error:
        return str(error)
    except Exception as error:
        # In a process of its own every error of the packages is a line: `worker.main`.
        frames = []
        trace = error.__traceback__
        while trace is not None:
            frames.append(trace.tb_frame.f_code.co_filename)
            trace = trace.tb_next
        if any(name.endswith("worker.py") for name in frames):
            return "not a readable ONNX file"
        raise
    return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.usefixtures("in_process")
@pytest.mark.parametrize(("model", "seed"), [(small(), 20), (qdq(), 21), (qonnx("FLOOR"), 22)])
def test_changed_files(model: Model, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changes of models with real weights and with integers: a network, or one line."""
    from workloads.imports.onnx import values

    monkeypatch.setattr(values, "compared", lambda *_: "not compared")
    print(f"seed {seed}")
    chance = random.Random(seed)
    content = model.proto().SerializeToString()
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert outcome(path) is None
    lines = []
    for _ in range(80):
        path.write_bytes(chance.choice((changed_bytes, changed_graph, changed_graph))(content, chance))
        lines.append(outcome(path))
    said = [line for line in lines if line]
    assert 20 < len(said) < 75
    assert all(line.isprintable() and len(line) <= LONGEST_LINE for line in said)
