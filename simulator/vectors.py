"""The vector file of an exported design: the memory image, inputs, and what the chip must leave behind and count.

Expected tensors come from the bit-true reference and expected counts from the timing model; nothing in the file
was computed by the cycle model or the Verilog.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from simulator.counts import PHASES, Counts
from simulator.encoding import Dataflow
from simulator.layout import place_tensors
from simulator.program import Program, pack_tensor
from simulator.timing import ALWAYS_READY, count_program
from workloads import reference
from workloads.errors import LimenError, shown
from workloads.graph import INPUT

if TYPE_CHECKING:
    from simulator.design import Design
    from workloads.network import Network

VERSION = 2
HEX_DIGITS = set("0123456789abcdef")
COUNTED = 6
"""Accesses that the testbench counts, see `counted_accesses`."""


def counted_accesses(counts: Counts) -> tuple[int, ...]:
    """Return the accesses the testbench counts too, in its order."""
    beats_in = counts.beats - counts.beats_store
    return (
        beats_in,
        counts.beats_store,
        counts.ifmap_reads,
        counts.weight_reads,
        counts.channel_reads,
        counts.pack_reads,
    )


def _line(keyword: str, *values: object) -> str:
    return " ".join([keyword, *(str(value) for value in values)])


def _hex(words: Iterable[int]) -> str:
    return " ".join(f"{word:08x}" for word in words)


def expected_tensors(program: Program, x: np.ndarray) -> np.ndarray:
    """Return all tensors after a run on x [H, W, C] as the reference gives them, [beats, port words]."""
    network, design = program.network, program.design
    first = program.places[INPUT].address
    found = np.zeros((len(program.image) - first, program.image.shape[1]), dtype=np.int64)
    outputs = reference.run(network.layers, network.trained(), x[None])
    values = {name: np.zeros((t.height, t.width, t.channels), dtype=np.int64) for name, t in network.tensors.items()}
    values[INPUT][:] = x
    for index, output in enumerate(outputs):
        name, offset = network.writes(index)
        values[name][:, :, offset : offset + output.shape[-1]] = output[0]
    for name, tensor in network.tensors.items():
        beats = pack_raw(program, name, values[name]) if tensor.bits is None else pack_tensor(values[name], design)
        at = program.places[name].address - first
        found[at : at + len(beats)] = beats
    return found


def pack_raw(program: Program, name: str, values: np.ndarray) -> np.ndarray:
    """Return raw scores [H, W, N] as their tiles lie in memory: one 32-bit accumulator a beat, channel by channel."""
    index = next(i for i in range(len(program.schedules)) if program.network.writes(i)[0] == name)
    words = []
    for step in program.schedules[index].steps:
        if step.last_k:
            tile = step.tile
            part = values[tile.row : tile.row_end, :, tile.out : tile.out_end]
            words.append(part.reshape(-1, part.shape[-1]).T.reshape(-1) & 0xFFFFFFFF)
    beats = np.zeros((sum(map(len, words)), program.image.shape[1]), dtype=np.int64)
    beats[:, 0] = np.concatenate(words)
    return beats


def format_vectors(program: Program, x: np.ndarray, mask: np.ndarray = ALWAYS_READY) -> str:
    """Return the vector file of a program for int64 inputs x [images, H, W, C] and a memory's ready-mask."""
    design, places = program.design, program.places
    first = places[INPUT].address
    inputs = len(pack_tensor(x[0], design))
    counts = count_program(program.schedules, design, mask)
    lines = [
        _line("limen-vectors", VERSION),
        _line("design", Dataflow[design.dataflow.upper()].value, design.rows, design.cols, design.port_bits // 32),
        _line("memory", design.memory_latency, design.port_interval, first, inputs, len(program.image)),
        _line("mask", "".join(str(int(bit)) for bit in mask)),
        _line("layers", len(counts)),
    ]
    for layer, own in zip(program.network.layers, counts, strict=True):
        lines.append(_line("layer", layer.name, *(getattr(own, name) for name in PHASES), *counted_accesses(own)))
    lines += ["image", _hex(program.image[:first].reshape(-1)), _line("inputs", len(x))]
    lines += [_line("tensors", _hex(expected_tensors(program, image).reshape(-1))) for image in x]
    return "\n".join([*lines, "end"]) + "\n"


def check_vectors(
    content: bytes, path: Path, network: Network, design: Design, images: int, cycles: Sequence[int]
) -> None:
    """Check that a vector file is of these layers, their cycles and so many images on a memory that always answers.

    Then every tensor of every image is in it and the file holds as much as the memory that it asks for.

    Raises:
        LimenError: it isn't, naming the line and what is allowed there.
    """
    try:
        lines = content.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise LimenError(f"{path}: not ASCII text; expected a vector file of limen export") from None
    layers, words = len(network.layers), design.port_bits // 32
    if len(lines) != layers + images + 10:
        raise LimenError(f"{path}: {len(lines)} lines are not allowed: {layers + images + 10}, as params.json")

    def refuse(number: int, allowed: str) -> LimenError:
        return LimenError(f"{path}: line {number}: {shown(lines[number - 1])} is not allowed: {allowed}")

    def expect(number: int, *wanted: object) -> None:
        if lines[number - 1] != _line(*map(str, wanted)):
            raise refuse(number, f"{_line(*map(str, wanted))!r}, as params.json")

    def expect_words(number: int, keyword: str, beats: int) -> None:
        line, count = lines[number - 1].removeprefix(keyword), beats * words
        blanks, digits = set(line[8::9]), set(line.replace(" ", ""))
        if len(line) != 9 * count - 1 or line.count(" ") != count - 1 or blanks - {" "} or digits - HEX_DIGITS:
            raise refuse(number, f"{keyword}{count} words of 8 hexadecimal digits")

    memory = re.fullmatch(r"memory \d+ \d+ (\d{1,10}) \d+ \d+", lines[2])
    if memory is None:
        raise refuse(3, "memory and five numbers")
    first = int(memory[1])
    places, end = place_tensors(network, first, design)
    inputs = list(places.values())[1].address - first
    expect(1, "limen-vectors", VERSION)
    expect(2, "design", Dataflow[design.dataflow.upper()].value, design.rows, design.cols, words)
    expect(3, "memory", design.memory_latency, design.port_interval, first, inputs, end)
    expect(4, "mask", 1)
    expect(5, "layers", layers)
    for number, (layer, wanted) in enumerate(zip(network.layers, cycles, strict=True), 6):
        counts = re.fullmatch(rf"layer {layer.name}((?: \d{{1,13}}){{{len(PHASES) + COUNTED}}})", lines[number - 1])
        if counts is None or sum(map(int, counts[1].split()[: len(PHASES)])) != wanted:
            raise refuse(number, f"layer {layer.name}, {len(PHASES)} parts of {wanted} cycles and {COUNTED} counts")
    expect(layers + 6, "image")
    expect_words(layers + 7, "", first)
    expect(layers + 8, "inputs", images)
    for number in range(layers + 9, layers + images + 9):
        expect_words(number, "tensors ", end - first)
    expect(layers + images + 9, "end")
    expect(layers + images + 10, "")
