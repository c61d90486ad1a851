"""The vector file of an exported design: the memory image, inputs, and what the chip must leave behind and count.

Expected tensors come from the bit-true reference and expected counts from the timing model; nothing in the file
was computed by the cycle model or the Verilog.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.cuts.layout import Place, place_tensors, tensor_beats
from simulator.encoding import WORD_BITS, Dataflow
from simulator.plan.counts import PHASES, Counts
from simulator.program.program import Program, pack_tensor
from simulator.timing.timing import ALWAYS_READY, count_program
from workloads.errors import LimenError, shown
from workloads.exact import reference
from workloads.host.progress import Progress
from workloads.layers.graph import INPUT

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from workloads.networks.network import Network

VERSION = 4
HEX_DIGITS = set("0123456789abcdef")
COUNTED = (*PHASES, "beats_in", "beats_out", "ifmap_reads", "weight_reads", "channel_reads", "pack_reads")
"""What the testbench counts of each layer, as it calls it."""


def counted(counts: Counts) -> dict[str, int]:
    """Return what the testbench counts of a layer too, by name."""
    beats = {"beats_in": counts.beats - counts.beats_store, "beats_out": counts.beats_store}
    values = vars(counts) | beats
    return {name: values[name] for name in COUNTED}


def _line(keyword: str, *values: object) -> str:
    return " ".join([keyword, *(str(value) for value in values)])


def _header(design: FittedDesign, first_beat: int, input_beats: int, beats: int) -> dict[str, int]:
    """Return the numbers a vector file begins with, a line each.

    first_beat: of the tensors. input_beats: of the input. beats: of the memory.
    """
    return {
        "limen-vectors": VERSION,
        "dataflow": Dataflow[design.dataflow.upper()].value,
        "rows": design.rows,
        "cols": design.cols,
        "port_words": design.port_bits // WORD_BITS,
        "latency": design.memory_latency,
        "interval": design.port_interval,
        "first_beat": first_beat,
        "input_beats": input_beats,
        "beats": beats,
    }


def _hex(words: Iterable[int]) -> str:
    return " ".join(f"{word:08x}" for word in words)


class Stored(NamedTuple):
    """Where a layer's output lies: its first beat, and its beats, which follow one another."""

    address: int
    beats: int


def stores(network: Network, places: dict[str, Place], design: FittedDesign) -> list[Stored]:
    """Return what each layer stores."""
    stored = []
    for index, layer in enumerate(network.layers):
        name, offset = network.writes(index)
        place, width = places[name], design.feeder_width
        beats = place.stride * -(-layer.out_channels // width) if place.stride else layer.pixels * layer.out_channels
        stored.append(Stored(place.address + offset // width * place.stride, beats))
    return stored


def expected_stores(program: Program, x: np.ndarray) -> list[np.ndarray]:
    """Return what each layer stores in a run on x [H, W, C] as the reference gives it, [beats, port words] each."""
    network = program.network
    outputs = reference.run(network.layers, network.trained(), x[None])
    return [
        pack_raw(program, index, output[0])
        if network.layers[index].y_bits is None
        else pack_tensor(output[0], program.design)
        for index, output in enumerate(outputs)
    ]


def expected_tensors(program: Program, x: np.ndarray) -> np.ndarray:
    """Return the tensors' part of the memory after a run on x [H, W, C], [beats, port words]; 0 where none was."""
    image = program.load(x)
    stored = stores(program.network, program.places, program.design)
    for (address, beats), words in zip(stored, expected_stores(program, x), strict=True):
        image[address : address + beats] = words
    return image[program.first_beat :]


def pack_raw(program: Program, index: int, values: np.ndarray) -> np.ndarray:
    """Return a layer's raw scores [H, W, N] as its tiles lie in memory: one 32-bit accumulator a beat, by channel."""
    words = []
    for step in program.schedules[index].steps:
        if step.last_k:
            tile = step.tile
            part = values[tile.row : tile.row_end, :, tile.out : tile.out_end]
            words.append(part.reshape(-1, part.shape[-1]).T.reshape(-1) & 0xFFFFFFFF)
    beats = np.zeros((sum(map(len, words)), program.image.shape[1]), dtype=np.int64)
    beats[:, 0] = np.concatenate(words)
    return beats


def format_vectors(
    program: Program, x: np.ndarray, mask: np.ndarray = ALWAYS_READY, progress: Progress | None = None
) -> str:
    """Return the vector file of a program for int64 inputs x [images, H, W, C] and a memory's ready-mask."""
    design, network, first = program.design, program.network, program.first_beat
    inputs = tensor_beats(network, design)[INPUT]
    counts = count_program(program.schedules, design, mask)
    lines = [_line(*pair) for pair in _header(design, first, inputs, len(program.image)).items()]
    lines += [_line("mask", "".join(str(int(bit)) for bit in mask)), _line("layers", len(counts))]
    stored = stores(network, program.places, design)
    for layer, store, layer_counts in zip(network.layers, stored, counts, strict=True):
        lines.append(_line("layer", layer.name, *_at(store), *chain.from_iterable(counted(layer_counts).items())))
    lines += ["image", _hex(program.image[:first].reshape(-1))]
    lines.append(_line("inputs", len(x), "input_beat", program.places[INPUT].address))
    for index, image in enumerate(x):
        if progress is not None:
            progress("vectors", index, len(x))
        words = np.concatenate([pack_tensor(image, design), *expected_stores(program, image)])
        lines.append(_line("tensors", _hex(words.reshape(-1))))
    return "\n".join([*lines, "end"]) + "\n"


def _at(store: Stored) -> tuple[object, ...]:
    return "store_beat", store.address, "store_beats", store.beats


def check_vectors(
    content: bytes, path: Path, network: Network, design: FittedDesign, images: int, cycles: Sequence[int]
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
    layers, words = len(network.layers), design.port_bits // WORD_BITS
    names = list(_header(design, 0, 0, 0))
    expected_lines = len(names) + layers + images + 7
    if len(lines) != expected_lines:
        raise LimenError(f"{path}: {len(lines)} lines are not allowed: {expected_lines}, as params.json")
    numbered = enumerate(lines, 1)

    def refuse(number: int, line: str, allowed: str) -> LimenError:
        return LimenError(f"{path}: line {number}: {shown(line)} is not allowed: {allowed}")

    def expect(*values: object) -> None:
        number, line = next(numbered)
        if line != _line(*map(str, values)):
            raise refuse(number, line, f"{_line(*map(str, values))!r}, as params.json")

    def expect_words(keyword: str, beats: int) -> None:
        number, whole = next(numbered)
        line, count = whole.removeprefix(keyword), beats * words
        blanks, digits = set(line[8::9]), set(line.replace(" ", ""))
        if len(line) != 9 * count - 1 or line.count(" ") != count - 1 or blanks - {" "} or digits - HEX_DIGITS:
            raise refuse(number, whole, f"{keyword}{count} words of 8 hexadecimal digits")

    number = names.index("first_beat") + 1
    begins = re.fullmatch(r"first_beat (\d{1,10})", lines[number - 1])
    if begins is None:
        raise refuse(number, lines[number - 1], "first_beat and a number")
    first = int(begins[1])
    places, end = place_tensors(network, first, design)
    inputs, stored = tensor_beats(network, design)[INPUT], stores(network, places, design)
    for name, value in _header(design, first, inputs, end).items():
        expect(name, value)
    expect("mask", 1)
    expect("layers", layers)
    for layer, store, expected_cycles in zip(network.layers, stored, cycles, strict=True):
        _expect_counts(*next(numbered), _line(layer.name, *_at(store)), expected_cycles, refuse)
    expect("image")
    expect_words("", first)
    expect("inputs", images, "input_beat", places[INPUT].address)
    for _ in range(images):
        expect_words("tensors ", inputs + sum(store.beats for store in stored))
    expect("end")
    expect("")


def _expect_counts(
    number: int, line: str, layer: str, cycles: int, refuse: Callable[[int, str, str], LimenError]
) -> None:
    """Check a layer's line: its name, what it stores, every count by name, of which the phases are so many cycles."""
    form = " ".join(rf"{name} (?P<{name}>\d{{1,13}})" for name in COUNTED)
    counts = re.fullmatch(f"layer {layer} {form}", line)
    if counts is None or sum(int(counts[name]) for name in PHASES) != cycles:
        allowed = f"layer {layer} and {len(COUNTED)} counts by name, {len(PHASES)} of them parts of {cycles} cycles"
        raise refuse(number, line, allowed)
