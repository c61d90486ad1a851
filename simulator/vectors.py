"""The vector file of an exported design: the memory image, inputs, and what the chip must leave behind and count.

Expected tensors come from the bit-true reference and expected counts from the timing model; nothing in the file
was computed by the cycle model or the Verilog.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simulator.counts import PHASES, Counts
from simulator.program import Program, pack_tensor
from simulator.timing import ALWAYS_READY, count_program
from workloads import reference
from workloads.graph import INPUT

VERSION = 2
DATAFLOW_CODES = {"os": 0, "ws": 1, "is": 2}


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
        _line("design", DATAFLOW_CODES[design.dataflow], design.rows, design.cols, design.port_bits // 32),
        _line("memory", design.memory_latency, design.port_interval, first, inputs, len(program.image)),
        _line("mask", "".join(str(int(bit)) for bit in mask)),
        _line("layers", len(counts)),
    ]
    for layer, own in zip(program.network.layers, counts, strict=True):
        lines.append(_line("layer", layer.name, *(getattr(own, name) for name in PHASES), *counted_accesses(own)))
    lines += ["image", _hex(program.image[:first].reshape(-1)), _line("inputs", len(x))]
    lines += [_line("tensors", _hex(expected_tensors(program, image).reshape(-1))) for image in x]
    return "\n".join([*lines, "end"]) + "\n"
