"""What descriptors hold is the same in Python and in Verilog: fields, flags, sizes and codes, compared."""

from __future__ import annotations

import re

import numpy as np
import pytest

from simulator import encoding
from simulator.encoding import LAYER, TILE, Dataflow, Kind, Op, Phase, Polarity, descriptor_words, field_places
from simulator.plan.counts import Counts
from simulator.rtl.vectors import COUNTED
from tests.support.paths import ROOT

RTL = ROOT / "simulator" / "rtl"
DESCRIPTORS = {"LAYER": LAYER, "TILE": TILE}


def verilog(name: str) -> str:
    """Return a module's text without comments, a blank between words."""
    text = re.sub(r"//.*", "", (RTL / "verilog" / f"limen_{name}.v").read_text())
    return " ".join(text.split())


def constants(text: str) -> dict[str, int]:
    """Return the constants of localparams that are numbers."""
    lists = re.findall(r"localparam (?:\[\d+:0\] )?([^;]+);", text)
    pairs = [re.match(r"(\w+) = (?:\d+'d)?(\d+)$", own) for part in lists for own in part.split(", ")]
    return {pair[1]: int(pair[2]) for pair in pairs if pair}


@pytest.mark.parametrize("kind", DESCRIPTORS)
def test_fields(kind: str) -> None:
    """Every field begins at its bit, and every wire is as wide as its field."""
    text, fields = verilog("descriptor"), DESCRIPTORS[kind].fields
    assert fields is not None
    begins = {f"{kind}_{name.upper()}": 8 * offset for name, (_, offset) in fields.items() if name != "reserved"}
    assert {name: at for name, at in constants(text).items() if name.startswith(f"{kind}_")} == begins
    wires = re.findall(rf"assign (?:next_|now_|fill_|stored_)?(\w+) = \w+\[{kind}_(\w+) \+: (\d+)\];", text)
    assert {place.lower() for _, place, _ in wires} == fields.keys() - {"flag_bits", "reserved"}
    for name, place, bits in wires:
        assert name == place.lower() and int(bits) == 8 * fields[name][0].itemsize
    for high, name in re.findall(r"output wire \[(\d+):0\] (?:next_|now_|fill_|stored_)?(\w+)", text):
        assert name not in fields or int(high) + 1 == 8 * fields[name][0].itemsize


def test_words() -> None:
    sizes = constants(verilog("top"))
    there = {kind: sizes[f"{kind}_WORDS"] for kind in DESCRIPTORS}
    assert {kind: descriptor_words(own) for kind, own in DESCRIPTORS.items()} == there


def test_flags() -> None:
    """A flag is a bit of flag_bits in Verilog and its value in Python; an op stands above the layer's flags."""
    bits = constants(verilog("descriptor"))
    for name in "LAST RAW POOL RESIDUAL LOAD_FILTER LOAD_IFMAP LOAD_RESIDUAL STORE FIRST_K LAST_K".split():
        assert getattr(encoding, name) == 1 << bits[name], name
    assert bits["OP_PLACE"] == encoding.OP_PLACE and f"+: {encoding.OP_MASK.bit_length()}];" in verilog("descriptor")
    bit = r"assign (?:next_|now_|tile_)?(\w+) = (\w+)\[(\w+)_FLAG_BITS \+ (\w+)\];"
    for name, word, kind, flag in re.findall(bit, verilog("descriptor")):
        assert name.upper() == flag and (kind == "LAYER") == (word == "layer")


CODES = {"KIND_": Kind, "PHASE_": Phase, "OP_": Op, "POLARITY_": Polarity, "": Dataflow}
"""How the names of codes begin in Verilog, in whatever module: KIND_STORE, PHASE_IDLE, OP_MAC, POLARITY_INPUT, OS."""


@pytest.mark.parametrize("prefix", CODES, ids=lambda own: own or "dataflow")
def test_codes(prefix: str) -> None:
    """In every module a code has the value that it has in Python, and every code is named somewhere."""
    codes: dict[str, int] = {prefix + code.name: code.value for code in CODES[prefix]}
    seen = set()
    for path in (RTL / "verilog").glob("*.v"):
        text = verilog(path.stem.removeprefix("limen_"))
        there = constants(text)
        named = there.keys() & codes.keys()
        if prefix in ("KIND_", "PHASE_"):  # nothing else begins so
            named |= set(re.findall(rf"\b{prefix}\w+\b", text))
        assert {name: there.get(name) for name in named} == {name: codes.get(name) for name in named}, path.name
        seen |= named
    assert seen == codes.keys()


def test_several_ops() -> None:
    for name in ("top", "layer_op", "parameters"):
        assert constants(verilog(name))["SEVERAL_OPS"] == encoding.SEVERAL_OPS


def test_phases_and_polarities() -> None:
    """As the comments over phase and POLARITY say, and the testbench calls them."""
    top, testbench = (RTL / "verilog" / "limen_top.v").read_text(), (RTL / "testbench" / "limen_tb.cpp").read_text()
    said = re.search(r"parameter POLARITY = 0, +// ((?:\d: \w+,? ?)+)", top)
    assert said and re.findall(r"\d: (\w+)", said[1]) == [own.name.lower() for own in Polarity]
    names = [re.findall(r'"(\w+)"', part) for part in re.findall(r"_NAMES\[\w+\] = \{([^}]*)\}", testbench)]
    assert names[0] == [phase.name.lower() for phase in Phase]
    assert tuple(names[0][1:] + names[1]) == COUNTED and len(Phase) - 1 <= len(Counts.__dataclass_fields__)


def test_unpacking() -> None:
    """Random descriptors: the words at each field's place hold what numpy has in the record, sign included."""
    random = np.random.default_rng(5)
    for kind in DESCRIPTORS.values():
        content = random.bytes(kind.itemsize)
        words, record = np.frombuffer(content, "<u4").astype(np.int64), np.frombuffer(content, kind)[0]
        for name, (word, bit, bits, signed) in zip(kind.names or (), field_places(kind), strict=True):
            pattern = int(words[word]) >> int(bit) & (1 << int(bits)) - 1
            value = pattern - (pattern >> int(bits) - 1 << int(bits)) if signed else pattern
            assert value == int(record[name]), name
