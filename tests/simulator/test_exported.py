"""A folder from somebody else: what it may hold, and what is believed of it."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulator.rtl.exported import _read_parameters, read_exported
from simulator.rtl.verilog_text import plain_verilog
from tests.simulator.small_export import IMAGES, edit, edit_facts, edit_line, export_small
from tests.support.command import refused, run_command
from tests.support.paths import ROOT, TINY
from workloads.errors import LimenError


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
    "more images": (lambda facts: facts.update(images=3), ("vectors.txt", "20 lines", "21")),
    "a googol of images": (lambda facts: facts.update(images=10**100), ("vectors.txt", "lines")),
    "no layers": (lambda facts: facts.update(layers=[]), ("layers",)),
    "layers of another type": (lambda facts: facts.update(layers={"0": 1}), ("layers", "list")),
    "another key": (lambda facts: facts.update(colour="red"), ("colour", "unknown key")),
    "no design": (lambda facts: facts.pop("design"), ("design", "missing")),
    "another array": (lambda facts: facts["design"].update(rows=4), ("verilog", "differs")),
    "another parameter": (lambda facts: facts["verilog"].update(ROWS=4), ("verilog", "differs")),
    "accumulators of no size": (lambda facts: facts["design"].update(acc_bits=None), ("acc_bits", "nothing")),
    "a design named self": (lambda facts: facts["design"].update(self=1), ("self: unknown key",)),
    "rows of null": (lambda facts: facts["design"].update(rows="\0"), ("design: rows", r"'\x00'")),
    "a faster memory": (lambda facts: facts["design"].update(memory_latency=1), ("line 6", "latency 1")),
    "fewer bits": (lambda facts: facts["layers"][0].update(bits=1), ("scores", "bits", "1", "64")),
    "more bits": (lambda facts: facts["layers"][0].update(bits=10**9), ("scores", "bits", "64")),
    "fewer cycles": (lambda facts: facts["layers"][0].update(cycles=1), ("line 13", "scores", "1 cycles")),
    "a larger layer": (
        lambda facts: facts["layers"][0].update(out_channels=4, bits=128),
        ("line 10", "beats 38"),
    ),
    "a huge layer": (
        lambda facts: facts["layers"][0].update(kind="conv2d", height=65535, width=65535, channels=65535),
        ("bits",),
    ),
    "another layer's name": (lambda facts: facts["layers"][0].update(layer="other"), ("line 13", "layer other")),
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


def vectors(chip: Path) -> Path:
    return chip / "vectors" / "vectors.txt"


def huge(chip: Path, first_beat: int) -> None:
    """Say that the tensors begin there."""
    edit_line(chip, 8, f"first_beat {first_beat}")
    edit_line(chip, 10, f"beats {first_beat + 5}")
    edit(vectors(chip), "store_beat 34", f"store_beat {first_beat + 3}")


VECTORS: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "another version": (lambda chip: edit_line(chip, 1, "limen-vectors 1"), ("line 1", "limen-vectors 4")),
    "another array": (lambda chip: edit_line(chip, 4, "cols 4"), ("line 4", "cols 2")),
    "all memory is input": (lambda chip: edit_line(chip, 9, "input_beats 5"), ("line 9", "input_beats 3")),
    "gigabytes": (lambda chip: huge(chip, 4_000_000_000), ("line 15", "4000000000")),
    "more than addresses reach": (lambda chip: huge(chip, 9_999_999_999), ("4294967296",)),
    "no number": (lambda chip: edit_line(chip, 8, "first_beat thirty"), ("line 8", "a number")),
    "an endless number": (lambda chip: edit_line(chip, 8, f"first_beat {'9' * 9999}"), ("line 8", "a number")),
    "a number of another name": (lambda chip: edit_line(chip, 7, "latency 1"), ("line 7", "interval 1")),
    "a silent memory": (lambda chip: edit_line(chip, 11, "mask 0"), ("line 11", "mask 1")),
    "two layers": (lambda chip: edit_line(chip, 12, "layers 2"), ("line 12", "layers 1")),
    "counts below nothing": (
        lambda chip: edit(vectors(chip), "preload 0 stream 5", "preload -1 stream 6"),
        ("line 13",),
    ),
    "an output elsewhere": (lambda chip: edit(vectors(chip), "store_beat 34", "store_beat 35"), ("store_beat 34",)),
    "a longer output": (lambda chip: edit(vectors(chip), "store_beats 2", "store_beats 3"), ("store_beats 2",)),
    "an input elsewhere": (lambda chip: edit_line(chip, 16, "inputs 2 input_beat 30"), ("line 16", "input_beat 31")),
    "a count too few": (lambda chip: edit(vectors(chip), " pack_reads 2", ""), ("line 13", "16 counts")),
    "a count of another name": (lambda chip: edit(vectors(chip), "preload", "stream"), ("line 13", "16 counts")),
    "no image": (lambda chip: edit_line(chip, 15, ""), ("line 15", "31 words")),
    "a word of the image too few": (
        lambda chip: edit(vectors(chip), "image\n00010003 ", "image\n"),
        ("line 15",),
    ),
    "other digits": (lambda chip: edit_line(chip, 17, "tensors" + " 0000000G" * 5), ("line 17", "5 words")),
    "longer words": (lambda chip: edit_line(chip, 17, "tensors 000000000" + " 0000000" * 4), ("line 17",)),
    "words in one": (lambda chip: edit_line(chip, 17, "tensors " + "0" * 44), ("line 17",)),
    "an input alone": (lambda chip: edit_line(chip, 18, "tensors" + " 00000000" * 3), ("line 18", "5 words")),
    "other words at the end": (lambda chip: edit_line(chip, 19, "PASS"), ("line 19", "'end'")),
    "more after the end": (lambda chip: edit_line(chip, 20, "more"), ("line 20", "''")),
    "cut short": (lambda chip: vectors(chip).write_text("limen-vectors 4\n"), ("2 lines", "20")),
    "empty": (lambda chip: vectors(chip).write_text(""), ("1 lines", "20")),
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


LISTED = sorted(path.name for path in (ROOT / "simulator" / "rtl" / "verilog").glob("*.v"))
LINE = f"line {LISTED.index('limen_op.v') + 1}"


def listing(line: str) -> Callable[[Path], object]:
    """Return a change of the line of limen_op.v."""
    return lambda chip: edit(chip / "filelist.f", "rtl/limen_op.v\n", f"{line}\n")


FILES: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "an absolute path": (listing("/etc/passwd"), ("filelist.f", LINE, "'/etc/passwd'", "rtl/limen_NAME.v")),
    "a parent": (listing("rtl/../../limen_op.v"), ("filelist.f", LINE)),
    "a folder below": (listing("rtl/limen_a/limen_op.v"), ("filelist.f", LINE)),
    "an option": (listing("-CFLAGS -O0"), ("filelist.f", "'-CFLAGS -O0'")),
    "another list": (listing("-f other.f"), ("filelist.f", LINE)),
    "C++": (listing("rtl/limen_op.cpp"), ("filelist.f", LINE)),
    "a shell's words": (listing("rtl/limen_op.v;touch seen;.v"), ("filelist.f", LINE)),
    "a blank": (listing("rtl/limen_op .v"), ("filelist.f", LINE)),
    "Yosys' words": (listing("rtl/full_adder.v"), ("filelist.f", LINE)),
    "a file twice": (listing("rtl/limen_bank.v"), ("filelist.f", LINE, "each once")),
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

    monkeypatch.setattr("simulator.rtl.exported._read_parameters", replace_first)
    with pytest.raises(LimenError, match=r"filelist\.f: cannot be read"):
        read_exported(chip)


def test_refusals_on_the_command_line(chip: Path) -> None:
    """One line and exit code 2, by both commands that read a folder; nothing is run."""
    edit(chip / "rtl" / "limen_op.v", "\nmodule", '\nmodule limen_x; initial $system("touch seen"); endmodule\nmodule')
    for command in (["verify", "chip"], ["costs", "whole", "chip", "--liberty", str(TINY)]):
        refused(run_command(*command, cwd=chip.parent), "chip/rtl/limen_op.v: line ", "is not allowed")
    shutil.copyfile(ROOT / "simulator/rtl/verilog/limen_op.v", chip / "rtl/limen_op.v")
    edit(chip / "rtl" / "limen_bank.v", "reg [WIDTH-1:0] words", "reg [2*WIDTH-1:0] words")
    command = ["costs", "whole", "chip", "--liberty", str(TINY)]
    refused(run_command(*command, cwd=chip.parent), "limen_bank.v", "differs from Limen's")
    assert not list(chip.parent.rglob("seen"))
