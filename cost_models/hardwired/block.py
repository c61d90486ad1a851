"""Blocks of the table of hard-wired layers, as Verilog to synthesise and with their own operands."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from cost_models.gates.switching import LANES
from cost_models.hardwired.table import FAMILY, Block
from cost_models.sources.source import Source
from cost_models.stimuli.stimulus import Stream
from simulator.hardwired.adders import Adders
from simulator.hardwired.chip import layer_windows, packed, x_bits, y_bits
from simulator.hardwired.export import adders_of
from simulator.hardwired.sharing import FORMS
from simulator.hardwired.trees import CARRY_CHAIN, CARRY_SAVE, CHAINED
from simulator.hardwired.verilog import layer_verilog, module_name, output_bits
from simulator.hardwired.window import layer_index, windows_of
from workloads.networks.family import find_network
from workloads.networks.network import Network
from workloads.ops.op_field import Op

FIRST = "conv1"
WARM_UP = 2
"""Windows that fill the register and aren't counted."""

COUNTED = 64
"""Windows of a lane that are counted at most: 64 lanes of as many are simulated, of images behind each other."""

COUNTED_OF_LARGE = 16
"""The same of a large block, of which a window of all lanes takes seconds."""

SLICE = 32

LARGE = 600
"""Additions above which a block takes tools minutes: deeper layers', but for the 3-bit MAC's scores."""


def blocks() -> tuple[Block, ...]:
    """Return the blocks of the table.

    The first layer of every op and form at 4 and 8 bits; all layers at 4 bits, at 8 without sharing, and of MACs with
    3-bit weights, whose accuracy on the test images is that of 4-bit thresholds.
    """
    ops: tuple[tuple[Op, int], ...] = (("threshold", 8), ("mac", 8), ("adder", 8), ("shift", 5))
    found = []
    for bits in (4, 8):
        for op, widest in ops:
            forms = tuple(FORMS) if op in ("threshold", "mac") else ("shared",)
            found += [Block(op, bits, min(bits, widest), FIRST, form) for form in forms]
    for layer in ("scores", "conv2", "conv3"):
        found += [Block(op, 4, 4, layer, form) for op, _ in ops[:2] for form in ("sums", "shared")]
        found += [Block(op, 8, 8, layer, "sums") for op, _ in ops[:2]]
    found += [Block("mac", 4, 3, layer, "shared") for layer in (FIRST, "scores", "conv2", "conv3")]
    return tuple(block for block in found if block.form != "products" or block.op == "mac")


def network_of(block: Block) -> Network:
    return find_network(FAMILY, block.op, block.x_bits, block.w_bits)


@lru_cache(maxsize=8)
def adders(block: Block) -> Adders:
    """Return a block's additions. Raises LimenError where the package that makes them is missing."""
    return adders_of(windows_of(network_of(block), (block.layer,))[0], block.form)


def is_large(block: Block) -> bool:
    """Return whether a block has so many additions that tools take minutes for it."""
    return adders(block).adds > LARGE


def windows_of_image(block: Block) -> int:
    """Return how many windows an image has: cycles of a block."""
    network = network_of(block)
    return network.layers[layer_index(network, block.layer)].pixels


def source(block: Block, tree: str = CARRY_SAVE) -> Source:
    """Return a block's Verilog, sums as trees `tree`; one of many additions is mapped as large, see `Source`."""
    logic = adders(block)
    return Source(
        module_name(block.layer), (), {}, layer_verilog(logic, tree), buffered=True, large=is_large(block),
        kept=CHAINED if tree == CARRY_CHAIN else "",
    )  # fmt: skip


@lru_cache(maxsize=4)
def _operands(op: Op, x_bits: int, w_bits: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the windows and outputs of every layer of a member, on all test images."""
    network = find_network(FAMILY, op, x_bits, w_bits)
    return layer_windows(network, network.inputs("test")[0])


def stream(block: Block) -> Stream:
    """Return windows of the test images, one a cycle, as stimulus, and the outputs that the reference gives of each.

    A lane has windows of images behind each other; ports are cut into slices of as many bits as a number has.
    """
    network, logic = network_of(block), adders(block)
    windows, outputs = _operands(block.op, block.x_bits, block.w_bits)[layer_index(network, block.layer)]
    x = packed(windows.reshape(-1, windows.shape[-1]), block.x_bits)
    y = packed(outputs.reshape(-1, outputs.shape[-1]), output_bits(logic))
    whole = len(x) // LANES
    counted = COUNTED_OF_LARGE if is_large(block) else COUNTED
    steps = min(WARM_UP + counted, whole)
    order = np.arange(LANES)[None, :] * whole + np.arange(steps)[:, None]  # [steps, lanes]
    late = np.concatenate([order[:1], order[:-1]])  # the register gives a window's outputs a cycle later
    return Stream(
        "energy_per_window_pj",
        _sliced("x", x[order], x_bits(logic)),
        _sliced("y", y[late], y_bits(logic)),
        valid_from=1,
        warm_up=WARM_UP,
        operands="network",
    )


def _sliced(port: str, bits: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Return bits [steps, lanes, count] as numbers of at most SLICE bits by the slice of the port that they drive."""
    slices = {}
    for low in range(0, count, SLICE):
        width = min(SLICE, count - low)
        values = bits[:, :, low : low + width].astype(np.int64) << np.arange(width)
        slices[f"{port}@{low}+{width}"] = values.sum(axis=2)
    return slices
