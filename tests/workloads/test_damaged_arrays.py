"""Files of arrays and of accuracies that are damaged, foreign or of another form: one line, whatever they hold."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from workloads.errors import LimenError
from workloads.host.files import read_arrays
from workloads.networks.accuracy import FILE, AccuracyRow, read_accuracies
from workloads.networks.family import Family
from workloads.networks.network import load_network

FORM = """version: 1
name: tiny
op: threshold
x_bits: 8
w_bits: 8
input: {height: 1, width: 1, channels: 3}
layers: [{name: only, kind: linear, out_channels: 2}]
"""
SHAPE = (2, 1, 1, 3)


def family_arrays() -> dict[str, np.ndarray]:
    """The arrays `Family` documents, for a layer of two neurons with three synapses."""
    side = (7, 7)
    return {
        "only.float_weights": np.ones(SHAPE, dtype=np.float32),
        "only.polarity": np.ones(SHAPE, dtype=np.int8),
        "only.w_exponent": np.zeros((*side, 2), dtype=np.int8),
        "only.bias": np.zeros((*side, 2), dtype=np.int32),
        "only.shift": np.zeros((*side, 2), dtype=np.int8),
        "input_offset": np.zeros(side, dtype=np.int8),
        "input_shift": np.zeros(side, dtype=np.int8),
        "tuned": np.zeros(side, dtype=np.int8),
    }


def checkpoint_arrays() -> dict[str, np.ndarray]:
    return {
        "only.weights": np.ones(SHAPE, dtype=np.int64),
        "only.polarity": np.ones(SHAPE, dtype=np.int64),
        "only.bias": np.zeros(2, dtype=np.int64),
        "only.shift": np.zeros(2, dtype=np.int64),
    }


@pytest.fixture
def family(tmp_path: Path) -> Family:
    (tmp_path / "threshold.yaml").write_text(FORM)
    np.savez(tmp_path / "threshold.npz", **family_arrays())
    return Family("tiny", tmp_path)


def refusal(read: Callable[[], object]) -> str:
    with pytest.raises(LimenError) as error:
        read()
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "array", "line"),
    [
        ("tuned", np.zeros(7, dtype=np.int8), "tuned: int8 [7]; expected integers [7, 7]"),
        ("tuned", np.zeros((7, 7)), "tuned: float64 [7, 7]; expected integers [7, 7]"),
        ("tuned", np.full((7, 7), 9, dtype=np.int8), "only.tuned_9: missing; expected float32 [2, 1, 1, 3]"),
        ("only.bias", np.zeros((7, 7)), "only.bias: float64 [7, 7]; expected integers [7, 7, 2]"),
        (
            "only.bias",
            np.full((7, 7, 2), 2**63, dtype=np.uint64),
            "only.bias: 9223372036854775808 is not allowed: at m",
        ),
        (
            "only.float_weights",
            np.ones((2, 3), dtype=np.float32),
            "only.float_weights: float32 [2, 3]; expected float32",
        ),
        (
            "only.float_weights",
            np.ones(SHAPE),
            "only.float_weights: float64, or NaN or infinity; expected finite float",
        ),
        (
            "only.float_weights",
            np.full(SHAPE, np.nan, np.float32),
            "only.float_weights: float32, or NaN or infinity; e",
        ),
        ("only.w_exponent", np.full((7, 7, 2), 1000), "only.w_exponent: one is not allowed: -128 to 127"),
        ("only.polarity", np.zeros(SHAPE, dtype=np.int8), "network tiny-threshold-x8-w8: only.polarity: holds values"),
        (
            "input_shift",
            np.full((7, 7), 99),
            "InputMap: shift: 99 is not allowed: input should be less than or equal to",
        ),
        (
            "more",
            np.zeros(1, dtype=[("a", int)]),
            "checkpoint: more: [('a', '<i8')] is not allowed: an array of numbers",
        ),
        ("more", np.array("text"), "checkpoint: more: <U4 is not allowed: an array of numbers"),
        ("more", np.array([None]), "checkpoint: not a readable .npz file: Object arrays cannot be loaded when"),
    ],
)
def test_families(family: Family, name: str, array: np.ndarray, line: str) -> None:
    assert family.network("threshold", 8, 8).parameters is not None
    path = family.folder / "threshold.npz"
    np.savez(path, **{**family_arrays(), name: array})
    assert refusal(lambda: family.network("threshold", 8, 8)).startswith(f"{path}: {line}")
    np.savez(path, **{key: value for key, value in family_arrays().items() if key != name})
    if name in family_arrays():
        assert f"{name}: missing; expected " in refusal(lambda: family.network("threshold", 8, 8))


@pytest.mark.parametrize(
    ("name", "array", "line"),
    [
        ("only.weights", np.ones((2, 3), dtype=int), "only.weights: int64 [2, 3]; expected int64 [2, 1, 1, 3]"),
        ("only.weights", np.array(1), "only.weights: int64 []; expected int64 [2, 1, 1, 3]"),
        (
            "only.polarity",
            np.full(SHAPE, 2**64 - 1, dtype=np.uint64),
            "only.polarity: 18446744073709551615 is not allowed",
        ),
        ("only.bias", np.zeros(2, dtype=bool), "only.bias: bool [2]; expected int64 [2]"),
        (
            "only.bias",
            np.zeros(2, dtype=complex),
            "checkpoint: only.bias: complex128 is not allowed: an array of numbers",
        ),
        (
            "only.bias",
            np.zeros(2, dtype="M8[s]"),
            "checkpoint: only.bias: datetime64[s] is not allowed: an array of num",
        ),
    ],
)
def test_checkpoints(name: str, array: np.ndarray, line: str, tmp_path: Path) -> None:
    path = tmp_path / "tiny.yaml"
    path.write_text(f"{FORM}checkpoint: tiny.npz\n")
    np.savez(tmp_path / "tiny.npz", **checkpoint_arrays())
    assert load_network(path).parameters is not None
    np.savez(tmp_path / "tiny.npz", **{**checkpoint_arrays(), name: array})
    assert refusal(lambda: load_network(path)).startswith(f"{tmp_path / 'tiny.npz'}: {line}")


def test_archives_of_other_things(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    assert refusal(lambda: read_arrays(path)) == f"{path}: checkpoint: missing; expected an .npz file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bias.npy", b"no array at all")
    assert (
        refusal(lambda: read_arrays(path)) == f"{path}: checkpoint: bias: no array is not allowed: an array of numbers"
    )
    single = io.BytesIO()
    np.save(single, np.zeros(3))
    path.write_bytes(single.getvalue())
    assert refusal(lambda: read_arrays(path)) == f"{path}: checkpoint: not a readable .npz file: it is a single array"
    announced = bytearray(single.getvalue())
    at = announced.index(b"(3,)")
    announced[at : at + 4], announced[-30:] = b"(9e9", b""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("bias.npy", bytes(announced))
    assert refusal(lambda: read_arrays(path)).startswith(f"{path}: checkpoint: not a readable .npz file: ")
    assert refusal(lambda: read_arrays(tmp_path)).startswith(f"{tmp_path}: checkpoint: not a readable .npz file: ")
    name = tmp_path / ("n" * 300 + ".npz")
    assert "checkpoint: not a readable .npz file: " in refusal(lambda: read_arrays(name))


ROW = "threshold,8,8,0.5,0.25,{0},{0}".format("0" * 64)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"\xff\xfe", "cannot be read: 'utf-8' codec can't decode byte 0xff"),
        (b"", "columns: [] are not allowed: op, x_bits, w_bits, "),
        (b"op,x_bits\n", "columns: ['op', 'x_bits'] are not allowed: op, x_bits, w_bits, "),
        (f"{ROW}\n{ROW}", "line 3: threshold 8 x 8: stands there already"),
        (f"{ROW},more", "line 2: 8 fields; expected 7"),
        ("threshold,8", "line 2: 2 fields; expected 7"),
        (ROW.replace("0.5", "nan"), "line 2: validation_accuracy: nan is not allowed: 0 to 1"),
        (ROW.replace("0.25", "25"), "line 2: test_accuracy: 25.0 is not allowed: 0 to 1"),
        (ROW.replace(",8,8", f",8,{'8' * 5000}"), "line 2: not a row of an accuracy table: ['threshold', '8', '8888"),
        (ROW.replace("threshold", '"t'), "cannot be read: unexpected end of data"),
        (ROW.replace("threshold", "t" * 200_000), "cannot be read: field larger than field limit"),
    ],
)
def test_accuracy_tables(text: str | bytes, line: str, family: Family) -> None:
    path = family.folder / FILE
    head = ",".join(AccuracyRow._fields) + "\n"
    path.write_text(f"{head}{ROW}\n")
    assert read_accuracies(family)["threshold", 8, 8].test_accuracy == 0.25
    path.write_bytes(text if isinstance(text, bytes) else (head + text).encode())
    message = refusal(lambda: read_accuracies(family))
    assert message.startswith(f"{path}: {line}") and len(message) <= 500


def test_described_is_json_of_the_right_kinds(tmp_path: Path) -> None:
    """A training's checkpoint whose description is JSON, but not ours."""
    from workloads.training.loop import CHECKPOINT_FORMAT, _resume
    from workloads.training.optimiser import Adam

    sound = {
        "format": CHECKPOINT_FORMAT,
        "identity": {},
        "steps": 0,
        "random": np.random.default_rng(0).bit_generator.state,
        "curve": [],
    }
    path = tmp_path / "a.checkpoint.npz"
    for change in (
        None, [], {"format": {}}, {"identity": 3}, {"identity": ["x"]}, {"steps": "x"}, {"steps": None},
        {"random": {}}, {"random": 3}, {"random": {"bit_generator": "MT19937"}}, {"curve": [[1]]}, {"curve": {"a": 1}},
        {"curve": [["a", "b", "c", "d"]]}, {"curve": [None]},
    ):  # fmt: skip
        content = sound | change if isinstance(change, dict) else change
        np.savez(path, described=np.frombuffer(json.dumps(content).encode(), dtype=np.uint8))
        line = refusal(lambda: _resume(path, {}, Adam([]), np.random.default_rng(0), {}))
        assert line.startswith(f"{path}: checkpoint: "), line
