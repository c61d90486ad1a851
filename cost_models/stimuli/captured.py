"""A trained network's own operands: what PEs of the cycle model saw, fold by fold, cut into windows.

The family, the array, the images and the cuts are fixed here, so that anyone captures the same, however cuts are chosen
elsewhere. Only layers count that fill the array's rows and columns in every fold: no PE of theirs is fed neutral
operands while others work.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np

from cost_models.stimuli.op_values import in_polarity_order, op_values
from cost_models.stimuli.stimulus import STEPS, WARM_UP
from cost_models.table.operands import FAMILY
from cost_models.units.unit import Pe
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Dataflow, Design
from simulator.program.program import compile_network
from simulator.run import choose_inputs, simulate
from workloads.datasets import content_hash
from workloads.host.journal import key_of
from workloads.layers.given_cut import GivenCut
from workloads.layers.layer import Layer
from workloads.networks.family import FAMILY_BITS, find_network, load_family
from workloads.ops.integers import as_signed
from workloads.ops.op_field import Op

IMAGES = 9
ROWS = {"os": 4, "ws": 16}
COLS = 8
CUTS = {"os": {"conv2": (2, 1), "conv3": (1, 2)}, "ws": {"conv2": (2, 1), "conv3": (4, 2)}}
"""Into how many parts output and input channels are cut of the layers that count."""

OTHER_CUTS: dict[tuple[str, str], dict[str, tuple[int, ...]]] = {
    ("os", "conv2"): {"threshold": (7, 8), "mac": (8,), "adder": (8,)},
    ("os", "conv3"): {"threshold": (5, 6, 7), "mac": (6, 7), "adder": (6, 7)},
    ("ws", "conv3"): {"mac": (2,), "adder": (2,), "shift": (2,)},
}
"""Where they are cut into two parts of each: op and x_bits. The shipped tables' rows have been captured so."""

SHORTEST = WARM_UP + STEPS
"""Steps of a stream: folds with fewer are left out."""

READ_TO_REGISTER = 1
"""Clock edges from a row's read to its operand in the register of PE (0, 0); one more for every row and column on."""

X, SYNAPSE, VALUE = range(3)


@dataclass(frozen=True)
class Fold:
    """What the PEs [T, R, C] saw: patterns of x and synapse, and the integers they added to (os: from 0; ws: psum)."""

    x: np.ndarray
    synapse: np.ndarray
    before: np.ndarray


def has_network(unit: Pe) -> bool:
    """Return whether the family has a network of this op and width."""
    return unit.x_bits in FAMILY_BITS and unit.op in load_family(FAMILY).ops()


def operands_digest() -> str:
    """Return the SHA-256 of what captured operands are made from beside code: the family and its data set."""
    family = load_family(FAMILY)
    names = [f"{op}.{end}" for op in family.ops() for end in ("yaml", "npz")]
    hashes = {name: hashlib.sha256((family.folder / name).read_bytes()).hexdigest() for name in names}
    return key_of({"family": hashes, "data": content_hash(FAMILY)})  # the data set has the family's name


def captured_windows(
    unit: Pe, random: np.random.Generator, steps: int, lanes: int, in_order: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x and synapse patterns [steps, lanes] and what they are added to: os [lanes], ws [steps, lanes].

    A lane is a window of one PE in one fold, all drawn at random. in_order: os folds in polarity order.
    """
    folds = captured_folds(unit.op, unit.x_bits, unit.w_bits, unit.dataflow)
    x, synapse = (np.zeros((steps, lanes), dtype=np.int64) for _ in range(2))
    before = np.zeros((steps, lanes), dtype=np.int64)
    for lane in range(lanes):
        fold = folds[random.integers(len(folds))]
        time, rows, cols = fold.x.shape
        row, col = random.integers(rows), random.integers(cols)
        start = random.integers(time - steps + 1)
        fold_x, fold_synapse = fold.x[:, row, col], fold.synapse[:, row, col]
        added_to = fold.before[:, row, col]
        if in_order:
            fold_x, fold_synapse = (
                pattern[:, 0] for pattern in in_polarity_order(unit, fold_x[:, None], fold_synapse[:, None])
            )
            ops = op_values(unit, fold_x, fold_synapse)
            added_to = np.cumsum(ops) - ops
        window = slice(start, start + steps)
        x[:, lane], synapse[:, lane], before[:, lane] = fold_x[window], fold_synapse[window], added_to[window]
    return x, synapse, before[0] if unit.dataflow == "os" else before


@lru_cache(maxsize=4)
def captured_folds(op: Op, x_bits: int, w_bits: int, dataflow: str) -> tuple[Fold, ...]:
    """Return the folds of all images; under ws those of one set of weights behind each other in time."""
    network = find_network(FAMILY, op, x_bits, w_bits)
    rows = ROWS[dataflow]
    design = Design(
        op=op, x_bits=x_bits, w_bits=w_bits, x_signed=network.layers[0].x_signed, rows=rows, cols=COLS,
        dataflow=cast(Dataflow, dataflow), schedule=_cuts(op, x_bits, dataflow),
    ).fitted(network)  # fmt: skip
    program = compile_network(network, design)
    timing = simulate(network, design)
    ends = np.cumsum([counts.cycles for counts in timing.counts])
    full = [_fills(layer, dataflow, rows) for layer in network.layers]
    bits = design.acc_bits if dataflow == "os" else design.psum_bits
    assert bits is not None
    by_image = []
    for image in choose_inputs(network, IMAGES):
        run = run_cycle(program, image, traced_cycles=timing.pass_cycles, signal_cycles=timing.pass_cycles)
        assert run.trace is not None and run.signals is not None
        reads = np.flatnonzero(np.diff(np.r_[0, run.signals["x_read"], 0]))
        by_image.append(
            [
                _fold(run.trace, first, last, dataflow, bits)
                for first, last in reads.reshape(-1, 2)
                if full[int(np.searchsorted(ends, first, side="right"))]
            ]
        )
    if dataflow == "os":
        folds = [fold for image_folds in by_image for fold in image_folds]
    else:
        folds = [_joined(image_folds) for image_folds in zip(*by_image, strict=True)]
    return tuple(fold for fold in folds if len(fold.x) >= SHORTEST)


def _cuts(op: Op, x_bits: int, dataflow: str) -> tuple[GivenCut, ...]:
    cuts = []
    for layer, parts in CUTS[dataflow].items():
        other = x_bits in OTHER_CUTS.get((dataflow, layer), {}).get(op, ())
        outputs, channels = (2, 2) if other else parts
        cuts.append(GivenCut(layer=layer, outputs=outputs, channels=channels))
    return tuple(cuts)


def _fills(layer: Layer, dataflow: str, rows: int) -> bool:
    """Return whether a layer's folds all fill the array."""
    if layer.kind == "maxpool":
        return False
    over_rows = layer.fan_in if dataflow == "ws" else layer.pixels
    return layer.groups == 1 and over_rows % rows == 0 and layer.out_channels % COLS == 0


def _fold(trace: np.ndarray, first: int, last: int, dataflow: str, bits: int) -> Fold:
    """Return a fold of a trace [cycles, 3, R, C] whose rows of x are read from cycle `first` to before `last`."""
    _, _, rows, cols = trace.shape
    late = np.arange(rows)[:, None] + np.arange(cols) + READ_TO_REGISTER
    cycle = np.arange(first, last)[:, None, None] + late
    row, col = np.arange(rows)[:, None], np.arange(cols)
    x = trace[cycle, X, row, col]
    if dataflow == "os":
        return Fold(x, trace[cycle, SYNAPSE, row, col], as_signed(trace[cycle - 1, VALUE, row, col], bits))
    synapse = trace[cycle - 1, SYNAPSE, row, col]
    above = np.where(row > 0, trace[cycle - 1, VALUE, np.maximum(row - 1, 0), col], 0)
    return Fold(x, synapse, as_signed(above, bits))


def _joined(folds: tuple[Fold, ...]) -> Fold:
    """Return folds of the same weights behind each other in time."""
    parts = ("x", "synapse", "before")
    return Fold(*(np.concatenate([getattr(fold, part) for fold in folds]) for part in parts))
