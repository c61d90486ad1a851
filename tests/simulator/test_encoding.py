"""What descriptors hold is the same in Python and in Verilog: fields, flags, sizes and codes, compared."""

from __future__ import annotations

import math
import re
from enum import IntEnum
from typing import NamedTuple

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


WORDS = {"layer": "LAYER", "next_tile": "TILE", "now": "TILE", "stored_tile": "TILE", "scattered": "TILE"}
"""Descriptors, by what limen_top calls their words."""

RENAMED = {
    "residual_stride": "plane_stride",
    "store_stride": "plane_stride",
    "lowest": "y_low",
    "shift": "residual_shift",
    "packer.channels": "tile_outputs",
    "scatter.channels": "tile_outputs",
    "ifmap_scratchpad.rows": "plane_words",
    "weight_scratchpad.rows": "weight_rows",
    "polarity_scratchpad.rows": "polarity_rows",
    "channel_scratchpad.rows": "channel_rows",
}
"""Fields behind ports of another name, some of them by their instance."""

FLAGS = ("raw", "pool", "residual", "load_filter", "load_ifmap", "load_residual", "first_k", "last_k")
IN_SEQUENCER = ("STORE", "LOAD_FILTER", "LOAD_IFMAP", "FIRST_K", "LAST")


class Slice(NamedTuple):
    """Bits of a descriptor that go to a port or a wire. bits: 0 where parameters decide."""

    name: str
    kind: str
    begin: int
    bits: int


def number(text: str) -> int:
    """Return a sum of products."""
    return sum(math.prod(map(int, part.split("*"))) for part in text.split("+"))


def slices() -> list[Slice]:
    """Return all bits of descriptors that limen_top names."""
    found = []
    text = verilog("top")
    for ports in re.split(r"\) (?=\w+ \( \.)", text):
        instance = ports.partition(" (")[0]
        for name, words, bits in re.findall(r"(?:\.|wire )(\w+)(?:\(| = )(?:pool \? 4'd0 : )?(\w+)\[([^\]]+)\]", ports):
            if words in WORDS and not bits.startswith("TILE_"):
                begin, _, width = bits.partition(" +: ")
                high, _, low = begin.partition(":")
                width = str(int(high) - int(low) + 1) if low else width or "1"
                known = RENAMED.get(f"{instance}.{name}", RENAMED.get(name, name))
                found.append(Slice(known, WORDS[words], number(low or high), int(width) if width.isdigit() else 0))
    return found


def test_fields() -> None:
    """Every field goes to the port of its name in Verilog, from the bit where it begins, as wide as it is."""
    found = [own for own in slices() if own.name not in FLAGS]
    for own in found:
        kind, offset = DESCRIPTORS[own.kind].fields[own.name][:2]
        assert own.begin == 8 * offset, own
        # Widths of the datapath decide how much is read of limits and of bits to skip; a shift has four bits.
        known = {"y_low": 0, "y_high": 0, "skip": 0, "residual_shift": 4}
        assert own.bits == known.get(own.name, 8 * kind.itemsize), own
    read = {(own.kind, own.name) for own in found} | {("LAYER", "tiles")}  # by the sequencer
    fields = {(kind, name) for kind, descriptor in DESCRIPTORS.items() for name in descriptor.names or ()}
    assert fields - read == {("LAYER", "flag_bits"), ("LAYER", "reserved"), ("TILE", "flag_bits")}


def test_flags() -> None:
    """A flag is a bit of a descriptor's first word in Verilog and its value in Python."""
    found = {own.name: own for own in slices() if own.name in FLAGS}
    for name, own in found.items():
        assert (1 << own.begin, own.bits) == (getattr(encoding, name.upper()), 1), own
    assert found.keys() == set(FLAGS)
    sequencer, places = verilog("sequencer"), {name: int(math.log2(getattr(encoding, name))) for name in IN_SEQUENCER}
    for line in (
        "store = tile_valid_reg & tile_reg[{STORE}];",
        "if (next_reg[{LOAD_FILTER}]) filter_half",
        "if (next_reg[{LOAD_IFMAP}]) ifmap_half",
        "next_valid_reg ? next_reg[{FIRST_K}] : store",
        "done <= layer[{LAST}];",
        "tiles_left_reg <= layer[31:16];",
    ):
        assert line.format(**places) in sequencer, line
    op = encoding.OP_PLACE, encoding.OP_PLACE + encoding.OP_MASK.bit_length() - 1
    assert f"op_reg <= layer[{op[1]}:{op[0]}];" in verilog("top")


def test_words() -> None:
    sizes = constants(verilog("sequencer"))
    words = {kind: descriptor_words(own) for kind, own in DESCRIPTORS.items()}
    assert {kind: sizes[f"{kind}_WORDS"] for kind in DESCRIPTORS} == words
    top = verilog("top")
    for kind, count in words.items():
        assert f"localparam {kind}_BEATS = ({count} * 32 + PORT_BITS - 1) / PORT_BITS;" in top


@pytest.mark.parametrize(
    ("codes", "module", "prefix"),
    [
        *((Op, "top", ""), (Dataflow, "folds", ""), (Kind, "dma", "KIND_"), (Polarity, "folds", "POLARITY_")),
        (Phase, "folds", "PHASE_"),
    ],
    ids=lambda own: getattr(own, "__name__", own),
)
def test_codes(codes: type[IntEnum], module: str, prefix: str) -> None:
    """A module has all codes of a kind; of phases, the folds have those in which something is computed."""
    there = constants(verilog(module))
    named = {code.name: code.value for code in codes if codes is not Phase or code <= Phase.STALL_FEEDER}
    assert {name: there[f"{prefix}{name}"] for name in named} == named


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
