"""What runs do to each part of the machine, in events: exact counts, summed over layers, of many designs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from simulator.designs.design_block import for_each
from simulator.designs.sizes import either, least
from simulator.encoding import NO_MATMUL, TRANSPOSED_MATMUL
from simulator.plan.counts import Counts
from simulator.timing.integers import COUNT_NAMES
from workloads.ops.names import AND
from workloads.ops.operation import Operation
from workloads.ops.registry import operation

if TYPE_CHECKING:
    from simulator.designs.design_block import DesignBlock


PLACES = ("", "second_")
"""How events and energies of a PE's ops begin, in the order of its ops: tables have PEs of one op and of two."""


@dataclass(frozen=True)
class PeCycles:
    """PE-cycles in which operands of layers of one op stream, [designs]: see `Events`; op: an operand pair each."""

    op: Any
    beyond_cols: Any
    beyond_rows: Any
    beyond_both: Any


@dataclass(frozen=True)
class Events:
    """Events of some layers and one image on each of some designs, [designs] int64, beside `total`, summed counts.

    shift: PE-cycles in which stationary operands or accumulators move down or, where folds overlap, to or from shadows.
    moves: of values into shadows. streaming: cycles in which operands enter the array. pe_cycles: of each op of
    a PE what its layers do; beyond_cols, beyond_rows, beyond_both: PE-cycles in which operands pass PEs that lie beyond
    the fold's columns, its rows, or both. operand_rows: reads of all lanes' operands at once. requantises, accumulates:
    values through the edge that are final, and those that aren't yet. pooled: words the pooling unit compares. packs:
    steps of the packer. straight_steps, turned_steps: of the units that write a matmul's synapses, a word's channels
    side by side or one by one; synapse_rows: rows that these fill. compute: cycles in which the array or the pooling
    unit works.
    """

    total: Counts
    shift: Any
    moves: Any
    streaming: Any
    pe_cycles: tuple[PeCycles, ...]
    operand_rows: Any
    requantises: Any
    accumulates: Any
    pooled: Any
    packs: Any
    straight_steps: Any
    turned_steps: Any
    synapse_rows: Any

    @property
    def beyond_cols(self) -> Any:
        return sum(cycles.beyond_cols for cycles in self.pe_cycles)

    @property
    def beyond_rows(self) -> Any:
        return sum(cycles.beyond_rows for cycles in self.pe_cycles)

    @property
    def beyond_both(self) -> Any:
        return sum(cycles.beyond_both for cycles in self.pe_cycles)

    @property
    def compute(self) -> Any:
        total = self.total
        return total.preload + total.stream + total.drain + total.pipeline + total.pool


def sum_counts(counts: np.ndarray, port_bytes: Any) -> Counts:
    """Return the sums over the layers of counts [designs, layers], as [designs] each."""
    sums = cast(dict[str, Any], {name: counts[name].sum(axis=1) for name in COUNT_NAMES})
    return Counts(**sums, port_bytes=port_bytes)


def count_events(layers: np.ndarray, counts: np.ndarray, designs: DesignBlock, layer_ops: Sequence[str] = ()) -> Events:
    """Return the events of layers that were counted on some designs.

    layers: [layers] of LAYER_INTEGERS; counts: [designs, layers] of COUNT_INTEGERS. layer_ops: the op of each layer
    where PEs have several, the same for all designs; pooling has any.
    """
    total = sum_counts(counts, designs.port_bits // 8)
    computing = layers["pool"] == 0
    results = layers["out_height"] * layers["out_width"] * layers["outputs"]
    final = results[computing].sum()
    streaming = total.streaming
    turned = designs.dataflow == "is"
    rows: Any = streaming
    packs: Any = total.pack_reads
    if turned.any():
        rows = np.where(turned, _preloaded_rows(layers[computing], counts[:, computing]), rows)
        # A block is read, then turned into words: one a step.
        packs = np.where(turned, packs + total.beats_store * designs.port_bits // designs.word_bits, packs)
    of_ops = [counts]
    if layer_ops:
        of_ops = [counts[:, np.array(layer_ops) == op] for op in str(designs.op[0]).split(AND)]
    products = layers["matmul"] != NO_MATMUL
    side_by_side, one_by_one = _synapses(layers[products], counts[:, products], designs)
    return Events(
        total=total,
        shift=either(designs.overlap, total.folds, total.preload + total.drain) * designs.pes,
        moves=designs.overlap * total.folds * designs.cols * (designs.rows * (designs.rows + 1) // 2),
        streaming=streaming,
        pe_cycles=tuple(_pe_cycles(of_op, designs) for of_op in of_ops),
        operand_rows=rows,
        requantises=final,
        accumulates=total.ofmap_writes - final,
        pooled=counts["ifmap_reads"][:, ~computing].sum(axis=1),
        packs=packs,
        straight_steps=side_by_side / least(designs.synapse_lanes, designs.feeder_width),
        turned_steps=one_by_one,
        synapse_rows=counts["weight_writes"][:, products].sum(axis=1),
    )


def _synapses(products: np.ndarray, counts: np.ndarray, designs: DesignBlock) -> tuple[np.ndarray, np.ndarray]:
    """Return the synapses [designs] of matmuls that are written side by side, and those that are one by one.

    Parts of the tensor have its planes and beats, so its beats tell how often it is loaded. A row of the scratchpad has
    outputs side by side under os and ws, positions of K under is.
    """
    transposed = products["matmul"] == TRANSPOSED_MATMUL
    pixels = np.where(transposed, products["outputs"], products["channels"])
    channels = np.where(transposed, products["channels"], products["outputs"])
    words, word_bits, port_bits = (
        numbers[:, None] for numbers in (designs.feeder_width, designs.word_bits, designs.port_bits)
    )
    loads = counts["beats_residual"] // (-(-channels // words) * -(-pixels * word_bits // port_bits))
    written = loads * products["outputs"] * products["channels"]
    beside = transposed == (designs.dataflow == "is")[:, None]
    return np.where(beside, written, 0).sum(axis=1), np.where(beside, 0, written).sum(axis=1)


def _pe_cycles(counts: np.ndarray, designs: DesignBlock) -> PeCycles:
    total = sum_counts(counts, designs.port_bits // 8)
    in_rows, in_cols = total.used_rows * designs.cols, total.used_cols * designs.rows
    return PeCycles(
        op=total.busy,
        beyond_cols=in_rows - total.busy,
        beyond_rows=in_cols - total.busy,
        beyond_both=total.streaming * designs.pes - in_rows - in_cols + total.busy,
    )


def _preloaded_rows(layers: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the rows of activations preloaded under is: those of a fold that K fills.

    An output leaves the array once for each fold that its K takes, in whatever tiles: so the writes of outputs tell the
    folds of one K, and the folds how often K is preloaded.
    """
    k = layers["kernel_h"] * layers["kernel_w"] * layers["channels"] // layers["groups"]
    outputs = layers["out_height"] * layers["out_width"] * layers["outputs"]
    return (counts["folds"] * outputs // counts["ofmap_writes"] * k).sum(axis=1)


def pe_events(designs: DesignBlock, events: Events) -> dict[str, np.ndarray]:
    """Return the PE-cycles that take more than an idle one, by what takes it: the `energy_per_…_pj` of a PE's rows.

    While a fold's operands stream, PEs beyond its columns see the operand from the left alone, those beyond its rows
    the operand from the top (os) or the psums of the rows above (ws, is), those beyond both nothing, as a rule.
    """
    spent: dict[str, np.ndarray] = {}
    for place, cycles in enumerate(events.pe_cycles):
        spent |= {f"{PLACES[place]}{name}": number for name, number in _op_events(designs, cycles, place).items()}
        if place == 0:
            spent["shift_cycle"] = events.shift
    return spent


def _op_events(designs: DesignBlock, cycles: PeCycles, place: int) -> dict[str, np.ndarray]:
    """Return those of the op at a place among the ops of a PE."""
    os = designs.dataflow == "os"
    ops = for_each(lambda names: names.split(AND)[place], designs.op)
    # Psums pass beyond both where ops of a neutral operand aren't 0: -|x|, or an x above every narrower w.
    several = for_each(lambda names: AND in names, designs.op)
    passes = for_each(_acts_on_neutral, ops, designs.x_bits, designs.w_bits, designs.dataflow, several)
    polar = for_each(lambda op: operation(op).polar, ops)
    down_all = polar & os & (designs.polarity == "input")  # one polarity goes down all columns
    along_all = polar & (designs.dataflow == "is") & (designs.polarity == "neuron")  # or along all rows
    beyond = cycles.beyond_both
    return {
        "op": cycles.op,
        "left_cycle": cycles.beyond_cols,
        "top_cycle": either(os, cycles.beyond_rows, 0),
        "psum_cycle": either(os, 0, cycles.beyond_rows + beyond * passes),
        "polarity_cycle": either(
            down_all, cycles.beyond_cols + beyond, either(along_all, cycles.beyond_rows + beyond, 0)
        ),
    }


def _acts_on_neutral(op: str, x_bits: int, w_bits: int, dataflow: str, several: bool) -> bool:
    return _acts(operation(op), x_bits, w_bits, dataflow == "ws", several)


@lru_cache(maxsize=4096)
def _acts(room: Operation, x_bits: int, w_bits: int, x_moves: bool, several: bool) -> bool:
    return room.acts_on_neutral(x_bits, room.fitted_bits(w_bits), x_moves, (0, 0) if several else None)
