"""Hashes of Verilog are over its tokens: form doesn't change them, anything else does."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cost_models.fpga import fpga
from cost_models.gates import synthesis
from cost_models.sources.unit_sources import unit_source
from cost_models.units.catalogue import operator
from simulator.rtl.verilog_tokens import canonical_verilog
from tests.support.paths import ROOT
from tests.support.tools import skip_without

FILES = sorted(ROOT.glob("*/*/verilog/*.v"))
TINY = ROOT / "tests" / "data" / "tiny.lib"
FORMS = (" ", "   ", "\t", "\n", "\r\n", ' // `words "and ;\n', " /* of // two\nlines */ ", " /**/ ", "\n\n    ")
EDITS = 40
"""Of each kind in a file."""

needs_yosys = skip_without("pyosys", "synth")


def code_of(line: str) -> str:
    """Return a line without its comment; our files have neither strings nor comments of several lines."""
    return line.partition("//")[0].rstrip()


def reformatted(text: str, choice: random.Random) -> str:
    lines = []
    for code in map(code_of, text.splitlines()):
        if code.startswith("`"):
            lines.append(f"\n   {code.replace(' ', '  ')} // other\n")
        else:
            spaced = re.sub(r"[;,()\[\]{}]", lambda match: choice.choice(["{}", " {}", "{} "]).format(match[0]), code)
            lines.append(re.sub(r" +", lambda _: choice.choice(FORMS), spaced) + choice.choice(FORMS))
    return "".join(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_form_changes_nothing_and_all_else_does(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert '"' not in "".join(map(code_of, text.splitlines())) and "/*" not in text
    choice, plain = random.Random(path.stem), canonical_verilog(text)
    assert {canonical_verilog(reformatted(text, choice)) for _ in range(5)} == {plain}
    code = "\n".join(map(code_of, text.splitlines()))
    signs = [at for at, sign in enumerate(code) if not sign.isspace()]
    within = [match.start() + 1 for match in re.finditer(r"(?<!')\b\w\w|[<>=!]=|&&|\|\||<<|>>|\+:", code)]
    between = [match.start() for match in re.finditer(r"(?<=\w) (?=\w)", code)]
    edits = [(at, at + 1, choice.choice([mark for mark in "q7_;+[" if mark != code[at]])) for at in pick(signs, choice)]
    edits += [(at, at + 1, "") for at in pick(signs, choice)]
    edits += [(at, at, " ") for at in pick(within, choice)] + [(at, at + 1, "") for at in pick(between, choice)]
    for start, end, put in edits:
        edited = code[:start] + put + code[end:]
        assert canonical_verilog(edited) != plain, f"{edited[start - 20 : start + 20]!r}"


def pick(places: list[int], choice: random.Random) -> list[int]:
    return choice.sample(places, min(EDITS, len(places)))


@pytest.mark.parametrize(
    "same",
    [
        ("a/**/b", "a b", "a // c\nb", "a\r\n\tb", "/* // */ a b", "// /*\na b // */"),
        ('$display("// x") ;', '$display("// x");// x', '/* " */$display ( "// x" );'),
        ("4'hF+1", "4 'h F + 1", "4'h F // '\n+1"),
        ("wire \\a//b ;", "wire \\a//b // c\n;"),
        ("`define A (x) + 1\nwire a;", "  `define  A  (x) + 1 // one\n\n wire a ; // two"),
        ("`ifdef A\nx\n`endif\n", "`ifdef A // c\n x\n/* c */ `endif"),
        ("(* keep *) reg a;", "(*keep*)reg a; // (* keep *)"),
        ("a <= 1.5e-3;", "a<=1.5e-3 ;"),
    ],
)  # fmt: skip
def test_one_text_in_several_forms(same: tuple[str, ...]) -> None:
    assert len(set(map(canonical_verilog, same))) == 1


@pytest.mark.parametrize(
    "different",
    [
        ("a/**/b", "ab", "a/ **/b", "a"),
        ('"// x"', '"//  x"', '"//x"', '"', '"/* */"', '"\\"// x"'),
        ('"a" // "\n', '"a // "\n', '"a" "'),
        ("a <= b", "a < = b", "a < b", "a = b"),
        ("a & & b", "a && b"),
        ("4'b1 ? a : b", "4'b1? a : b"),
        ("1.5e-3", "1.5e - 3", "1 .5e-3"),
        ("wire \\a//b ;", "wire \\a ;", "wire a//b ;"),
        ("`define A (x)\n", "`define A(x)\n", "`define A\n(x)\n", "`define A (y)\n"),
        ("`define A b\nc", "`define A b c", "`define A\nb c", "`define A b \\\nc"),
        ("`define A \\\n b // c\n d", "`define A \\\n b // d\n d"),
        ("`ifdef A\nx\n`endif", "`ifdef B\nx\n`endif", "`ifndef A\nx\n`endif", "x"),
        ("`default_nettype none\n", "`default_nettype wire\n", "default_nettype none\n", ""),
        ("wire [`W-1:0] a;", "wire [`W -1:0] a;", "wire [`V-1:0] a;"),
        ("(* keep *) reg a;", "reg a;", "(* keep = 0 *) reg a;", "( * keep * ) reg a;"),
        ("a // synopsys translate_off\nb", "a\nb", "a // synopsys translate_on\nb"),
        ("`X /* a\n*/ b // c", "`X /* a\n// */ b", "`X /* a\n// */ c"),
    ],
)  # fmt: skip
def test_texts_that_mean_different_things(different: tuple[str, ...]) -> None:
    assert len(set(map(canonical_verilog, different))) == len(different)


@needs_yosys
def test_yosys_reads_the_tokens_as_it_reads_the_files(tmp_path: Path) -> None:
    """Yosys prints what it parsed, before anything is done with it, as Verilog of its own."""
    shown = []
    for folder in (tmp_path / "files", tmp_path / "tokens"):
        folder.mkdir()
        for path in FILES:
            text = path.read_text(encoding="utf-8")
            (folder / path.name).write_text(text if folder.name == "files" else canonical_verilog(text), "utf-8")
        names = " ".join(path.name for path in FILES)
        command = f"read_verilog -overwrite -dump_vlog1 {names}"
        program = f"from pyosys import libyosys; libyosys.run_pass({command!r}, libyosys.Design())"
        outcome = subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True)
        assert outcome.returncode == 0, outcome.stderr
        shown.append(re.sub(r"\.v:[\d.-]+", ".v:", outcome.stdout))  # where in a file
    assert shown[0] == shown[1] and shown[0].count("endmodule") >= len(FILES)


def test_fingerprints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unit = operator("threshold", 4)
    kit = synthesis.open_kit(TINY, tmp_path)
    verilog = shutil.copytree(synthesis.VERILOG, tmp_path / "verilog")
    monkeypatch.setattr(synthesis, "VERILOG", verilog)

    def both() -> tuple[str, str]:
        source = unit_source(unit)
        return synthesis.fingerprint(kit, source, "partial_products"), fpga.fingerprint("ecp5", unit, "booth")

    path = verilog / "limen_op_threshold.v"
    text, before = path.read_text(encoding="utf-8"), both()
    path.write_text("// Another head.\n" + text.replace("    ", "\t").replace("endmodule", "endmodule // end"), "utf-8")
    assert both() == before
    assert ">" in text
    path.write_text(text.replace(">", "<", 1), "utf-8")
    after = both()
    assert after[0] != before[0] and after[1] != before[1]
