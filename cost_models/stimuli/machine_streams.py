"""Stimuli of the units around the array: one stream per energy quantity, every memory's answer included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cost_models.gates.switching import LANES
from cost_models.units.sizes import scratchpad_banks
from simulator.encoding import (
    FIRST_K,
    LAST,
    LAST_K,
    LAYER,
    LOAD_FILTER,
    TILE,
    WORD_BITS,
    Phase,
    descriptor_beats,
)
from workloads.ops.generated_polarity import CHANNEL_TOP, WORD_MASK, mixed

if TYPE_CHECKING:
    from cost_models.units.unit import Control, Edge, Generator, Lanes, Packer, Pool, Scatter, Scratchpad, Shadow, Skew

Inputs = dict[str, np.ndarray]
Expected = dict[str, np.ndarray]
Fields = Mapping[str, int | np.ndarray]
"""Fields of a descriptor that aren't 0, by name; an array has a value a sequence."""

HALF, OTHER_HALF = "g_half[0].ofmap_bank.memory", "g_half[1].ofmap_bank.memory"


class Values:
    """Sequences [steps, LANES] of one generator: uniform, constant, counting, pulses."""

    def __init__(self, random: np.random.Generator, steps: int) -> None:
        self.random, self.steps = random, steps

    def uniform(self, bits: int) -> np.ndarray:
        """Uniform patterns of at most 62 bits; wider ones are `wide`."""
        return self.random.integers(0, 1 << bits, (self.steps, LANES), dtype=np.int64)

    def wide(self, name: str, bits: int, held: int = 1) -> Inputs:
        """Uniform patterns of any width, as slices of at most 32 bits named NAME@LOW, new every `held` steps."""
        slices = {}
        for low in range(0, bits, 32):
            fresh = self.uniform(min(32, bits - low))
            slices[f"{name}@{low}"] = fresh[np.arange(self.steps) // held]
        return slices

    def constant(self, value: int) -> np.ndarray:
        return np.full((self.steps, LANES), value, dtype=np.int64)

    def counting(self, modulus: int) -> np.ndarray:
        return np.arange(self.steps)[:, None] % modulus + np.zeros(LANES, dtype=np.int64)

    def pulse(self, step: int) -> np.ndarray:
        pulse = self.constant(0)
        pulse[step] = 1
        return pulse

    def random_constant(self, low: int, high: int) -> np.ndarray:
        return np.broadcast_to(self.random.integers(low, high, (1, LANES)), (self.steps, LANES))


def signed(pattern: np.ndarray, bits: int) -> np.ndarray:
    return pattern - ((pattern >> (bits - 1)) << bits)


def edge(unit: Edge, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A psum a cycle, accumulated or requantised; a word packed; a word scattered; nothing."""
    acc, limit = unit.acc_bits, 1 << (unit.x_bits - 1)
    mask, shift = (1 << acc) - 1, max(0, min(31, acc - unit.x_bits - 2))
    fixed = {
        "y_low": values.constant(-limit & ((1 << (unit.x_bits + 1)) - 1)),
        "y_high": values.constant(limit - 1),
        "b_shift": values.constant(shift),
        "b_bias": np.broadcast_to(values.uniform(acc)[:1], (values.steps, LANES)),
    }
    # Half the range, as a psum beside an accumulator.
    psum = signed(values.uniform(acc - 1), acc - 1) & mask
    stored, address = values.uniform(acc), values.counting(256)
    busy = fixed | {"a_valid": values.constant(1), "a_addr": address, "b_value": psum, f"{HALF}.read_data": stored}
    rounded = (signed((stored + psum) & mask, acc) + (1 << shift >> 1)) >> shift
    y = np.roll(np.clip(rounded, -limit, limit - 1) & mask, 1, axis=0)
    packed, scattered = values.uniform(acc), values.uniform(acc)
    reading = {"pack_read": values.constant(1), "pack_addr": address, f"{OTHER_HALF}.read_data": packed}
    writing = {"scatter_write": values.constant(1), "scatter_half": values.constant(1), "scatter_addr": address}
    return {
        "accumulate": (busy, {f"{HALF}.write_data": (stored + psum) & mask}),
        "requantise": (busy | {"a_last": values.constant(1)}, {f"{HALF}.write_data": y}),
        "pack": (fixed | reading, {"pack_word": packed}),
        "scatter": (fixed | writing | {"scatter_data": scattered}, {f"{OTHER_HALF}.write_data": scattered}),
        "idle_cycle": (fixed, {}),
    }


def lanes(unit: Lanes, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """All lanes handed an operand; a word written; nothing."""
    x, whole = unit.x_bits, unit.dataflow != "ws"
    element = values.counting(unit.feeder_width) if whole else values.constant(0)
    reading = {"read_valid": values.constant(1), "lanes_left": values.constant(unit.lanes), "element": element}
    operands = []
    for index in range(unit.lanes):
        # A word stays while its channels are handed out; it comes a cycle after its first element is named.
        words = values.wide(f"g_lane[{index}].g_half[0].bank.memory.read_data", x * (unit.feeder_width if whole else 1))
        for name, patterns in words.items():
            held = (
                (np.arange(values.steps) + unit.feeder_width - 1) // unit.feeder_width
                if whole
                else np.arange(values.steps)
            )
            words[name] = patterns[held]
        reading |= words
        chosen = np.zeros((values.steps, LANES), dtype=np.int64)
        place = np.roll(element, 1, axis=0) * x
        for bit in range(x):
            for low in range(0, x * unit.feeder_width, 32):
                part = words.get(f"g_lane[{index}].g_half[0].bank.memory.read_data@{low}")
                if part is not None:
                    inside = (place + bit >= low) & (place + bit < low + 32)
                    chosen |= np.where(inside, part >> np.clip(place + bit - low, 0, 31) & 1, 0) << bit
        operands.append(chosen)
    expected = {f"x_out@{index * x}+{x}": operand for index, operand in enumerate(operands)}
    writing = {"write_valid": values.constant(1), "write_addr": values.counting(64)}
    writing |= values.wide("word", x * unit.feeder_width)
    writing |= {"write_lane": values.counting(unit.lanes)}
    writing |= {"write_count": values.constant(unit.feeder_width)}
    return {
        "read": (reading, expected),
        "write": (writing, {}),
        "idle_cycle": ({"write_valid": values.constant(0)}, {}),
    }


def scratchpad(unit: Scratchpad, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A beat of its own, a beat of another memory's, a row read, nothing."""
    beat = values.wide("beat", unit.port_bits)
    beat_ports = {"beat_valid": values.constant(1), "beat_first": values.pulse(1), "rows": values.constant(65535)}
    if unit.memory == "ifmap":
        beat_ports["skip"] = values.random_constant(0, unit.port_bits)
    banks = scratchpad_banks(unit.row_bits, unit.port_bits)
    reading = {"read_enable": values.constant(1), "read_row": values.counting(256)}
    for bank in range(banks):
        name = f"g_bank[{bank}].g_half[0].g_whole.bank.memory"
        name = name if unit.memory == "ifmap" else f"scratchpad.{name}"
        fresh = values.wide(f"{name}.read_data", unit.row_bits)
        turn = (np.arange(values.steps) - 1 - bank) // banks % values.steps  # each bank answers in its turn
        reading |= {port: data[turn] for port, data in fresh.items()}
    return {
        "beat": (beat_ports | beat, {}),
        "other_beat": (beat, {}),
        "read": (reading, {}),
        "idle_cycle": ({"beat_valid": values.constant(0)}, {}),
    }


def packer(unit: Packer, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """Outputs packed without a pause; nothing."""
    sizes = {"pixels": values.constant(2), "channels": values.constant(1 << 15), "start": values.pulse(1)}
    sizes |= {"group_outputs": values.constant(unit.cols), "beat_taken": values.constant(1)}
    words = values.wide("words", unit.cols * unit.acc_bits)
    return {"step": (sizes | words, {}), "idle_cycle": ({"rst": values.constant(0)}, {})}


def scatter(unit: Scatter, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A word of channels written a step; a beat of another memory's; nothing."""
    sizes = {"pixels": values.constant(2), "channels": values.constant(1 << 15), "start": values.pulse(1)}
    sizes |= {"group_outputs": values.constant(unit.cols), "word_valid": values.constant(1)}
    words = values.wide("word_in", unit.feeder_width * unit.x_bits)
    beats = values.wide("beat", unit.port_bits)
    return {"step": (sizes | words, {}), "other_beat": (beats, {}), "idle_cycle": ({"rst": values.constant(0)}, {})}


def pool(unit: Pool, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A word compared a cycle, windows of four; a word passing by; nothing."""
    place = values.counting(4)
    words = values.wide("word", unit.feeder_width * unit.x_bits)
    flags = {"enable": values.constant(1), "word_valid": values.constant(1), "word_inside": values.constant(1)}
    flags |= {"word_first": (place == 0) + 0, "word_last": (place == 3) + 0, "out_taken": values.constant(1)}
    return {"word": (flags | words, {}), "other_word": (words, {}), "idle_cycle": ({"rst": values.constant(0)}, {})}


def skew(unit: Skew, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A fresh value a cycle; the same again."""
    moving = values.wide("in", unit.width)
    expected = {
        name.replace("in@", "out@") + f"+{min(32, unit.width - 32 * i)}": np.roll(patterns, 1, axis=0)
        for i, (name, patterns) in enumerate(moving.items())
    }
    return {"op": (moving, expected), "idle_cycle": ({"in@0": values.constant(0)}, {})}


def generator(unit: Generator, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A row of signs a cycle, from anywhere; under is a position moving into the lanes; nothing."""
    lanes, places = np.arange(unit.lanes)[:, None, None], np.arange(values.steps)[:, None]
    position, channel = (values.random_constant(0, WORD_MASK + 1) for _ in range(2))
    down = unit.dataflow == "ws"
    tile = {"first_position": position, "first_channel": channel, "start": values.pulse(GENERATOR_START)}
    tile |= {"channels": values.constant(64), "tap_positions": values.constant(64)}
    tile |= {"first_element": values.constant(63 * down), "lanes_left": values.constant(unit.lanes)}
    idle: dict[str, tuple[Inputs, Expected]] = {"idle_cycle": ({"start": values.constant(0)}, {})}
    # The row asked for a step ago, which was the first one in the step after the start.
    rows = places - GENERATOR_START - 2
    if unit.dataflow != "is":
        always = {"filter_read": values.constant(1), "next_row": values.constant(1)}
        positions, channels = position + (-rows if down else rows), channel + lanes
        return {"row": (tile | always, {"signs": _signs(channels, positions)}), **idle}
    loading = {name: (rows + 1 >= 0) & (rows + 1 < unit.lanes) | values.constant(0) for name in ("preload", "x_read")}
    reading = {"filter_read": (rows + 1 >= unit.lanes) | values.constant(0)}
    signs = _signs(channel + rows - unit.lanes, position + unit.lanes - 1 - lanes)
    moving = {"preload": values.constant(1), "x_read": values.constant(1)}
    return {"row": (tile | loading | reading, {"signs": signs}), "word": (tile | moving, {}), **idle}


GENERATOR_START = 1
"""Step in which a tile begins."""


def _signs(channels: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Return rows of signs of [lanes, steps, LANES] channels and positions, as patterns [steps, LANES]."""
    words = (channels & WORD_MASK | CHANNEL_TOP) & mixed(positions & WORD_MASK)
    bits = np.bitwise_count(words).astype(np.int64) & 1
    return (bits << np.arange(len(bits))[:, None, None]).sum(axis=0)


def shadow(unit: Shadow, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A fresh value from above a cycle; the same kept, while others pass."""
    moving = values.wide("above", unit.width)
    expected = {
        name.replace("above@", "value@") + f"+{min(32, unit.width - 32 * i)}": np.roll(patterns, 1, axis=0)
        for i, (name, patterns) in enumerate(moving.items())
    }
    return {
        "move": (moving | {"shift_in": values.constant(1)}, expected),
        "idle_cycle": ({"shift_in": values.constant(0), "load_in": values.constant(0)}, {}),
    }


def control(unit: Control, values: Values) -> dict[str, tuple[Inputs, Expected]]:
    """A cycle of a convolution, its operands being fetched meanwhile; a beat of a long load; nothing.

    The program comes over the memory port at once: what its beats hold is known by the step they come in.
    """
    always = {"mem_request_ready": values.constant(1), "mem_read_valid": values.constant(1)}
    always |= {"rst": values.pulse(0), "start": values.pulse(START)}
    width, pixels = values.random_constant(9, 24), values.random_constant(48, 96)
    layer: Fields = {
        **{"flag_bits": LAST, "tiles": 1, "in_width": width, "out_width": width, "row_step": width, "pad_left": 1},
        **{"stride_w": 1, "stride_h": 1, "kernel_h": 3, "kernel_w": 3},
    }
    tile: Fields = {
        **{"flag_bits": FIRST_K | LAST_K, "groups": 1, "tile_rows": 20, "plane_words": width * 20, "pixels": pixels},
        **{"k_size": 144, "group_outputs": 64, "tile_outputs": 64, "channels": 16},
    }
    load: Fields = {"flag_bits": LOAD_FILTER, "groups": 1, "weight_beats": 60000, "weight_rows": 60000}
    loading = always | _program(unit, values, layer, load)
    return {
        "compute_cycle": (always | _program(unit, values, layer, tile), {"done": values.constant(0)}),
        "beat": (loading, {"phase": values.constant(Phase.STALL_FILTER)}),
        "idle_cycle": ({"rst": values.pulse(0)}, {"phase": values.constant(Phase.IDLE)}),
    }


START = 2
"""Step in which the program is started."""


def _program(unit: Control, values: Values, layer: Fields, tile: Fields) -> Inputs:
    """Return mem_read_data: a layer's words and a tile's in the steps in which the DMA takes them, then anything."""
    beats_in = values.wide("mem_read_data", unit.port_bits)
    for first, beats in (
        (START + 3, _beats(unit, LAYER, layer)),
        (START + 8 + descriptor_beats(LAYER, unit.port_bits), _beats(unit, TILE, tile)),
    ):
        for place in range(beats.shape[1]):
            beats_in[f"mem_read_data@{WORD_BITS * place}"][first : first + len(beats)] = beats[:, place]
    return beats_in


def _beats(unit: Control, descriptor: np.dtype, fields: Fields) -> np.ndarray:
    """Return a descriptor of these fields a sequence: words [beats, words a beat, LANES]."""
    records = np.zeros(LANES, dtype=descriptor)
    for name, value in fields.items():
        records[name] = value[0] if isinstance(value, np.ndarray) else value
    words = records.view("<u4").reshape(LANES, -1).T
    beats, per_beat = descriptor_beats(descriptor, unit.port_bits), unit.port_bits // WORD_BITS
    padded = np.zeros((beats * per_beat, LANES), dtype=np.int64)
    padded[: len(words)] = words
    return padded.reshape(beats, per_beat, LANES)
