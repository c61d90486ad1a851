"""What runs do to each part of the machine, in events: exact counts, summed over layers, of many designs at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from simulator.designs.design_block import for_each
from simulator.designs.sizes import either
from simulator.plan.counts import Counts
from simulator.timing.integers import COUNT_NAMES
from workloads.ops.operation import Operation
from workloads.ops.registry import operation

if TYPE_CHECKING:
    from simulator.designs.design_block import DesignBlock


@dataclass(frozen=True)
class Events:
    """Events of some layers and one image on each of some designs, [designs] int64, beside `total`, summed counts.

    shift: PE-cycles in which stationary operands or accumulators move down. streaming: cycles in which a fold's
    operands enter the array. beyond_cols, beyond_rows, beyond_both: PE-cycles in which they pass PEs that lie beyond
    the fold's columns, its rows, or both. operand_rows: reads of all lanes' operands at once. requantises,
    accumulates: values through the edge that are final, and those that aren't yet. pooled: words the pooling unit
    compares. packs: steps of the packer. compute: cycles in which the array or the pooling unit works.
    """

    total: Counts
    shift: Any
    streaming: Any
    beyond_cols: Any
    beyond_rows: Any
    beyond_both: Any
    operand_rows: Any
    requantises: Any
    accumulates: Any
    pooled: Any
    packs: Any

    @property
    def compute(self) -> Any:
        total = self.total
        return total.preload + total.stream + total.drain + total.pipeline + total.pool


def sum_counts(counts: np.ndarray, port_bytes: Any) -> Counts:
    """Return the sums over the layers of counts [designs, layers], as [designs] each."""
    sums = cast(dict[str, Any], {name: counts[name].sum(axis=1) for name in COUNT_NAMES})
    return Counts(**sums, port_bytes=port_bytes)


def count_events(layers: np.ndarray, counts: np.ndarray, designs: DesignBlock) -> Events:
    """Return the events of layers that were counted on some designs.

    layers: [layers] of LAYER_INTEGERS; counts: [designs, layers] of COUNT_INTEGERS.
    """
    total = sum_counts(counts, designs.port_bits // 8)
    computing = layers["pool"] == 0
    results = layers["out_height"] * layers["out_width"] * layers["outputs"]
    final = results[computing].sum()
    streaming = total.stream - total.folds * (designs.rows + designs.cols - 2 + designs.pe_stages - 1)
    turned = designs.dataflow == "is"
    rows: Any = streaming
    packs: Any = total.pack_reads
    if turned.any():
        rows = np.where(turned, _preloaded_rows(layers[computing], counts[:, computing], designs), rows)
        # A block is read, then turned into words: one a step.
        packs = np.where(turned, packs + total.beats_store * designs.port_bits // designs.word_bits, packs)
    in_rows, in_cols = total.used_rows * designs.cols, total.used_cols * designs.rows
    return Events(
        total=total,
        shift=(total.preload + total.drain) * designs.pes,
        streaming=streaming,
        beyond_cols=in_rows - total.busy,
        beyond_rows=in_cols - total.busy,
        beyond_both=streaming * designs.pes - in_rows - in_cols + total.busy,
        operand_rows=rows,
        requantises=final,
        accumulates=total.ofmap_writes - final,
        pooled=counts["ifmap_reads"][:, ~computing].sum(axis=1),
        packs=packs,
    )


def _preloaded_rows(layers: np.ndarray, counts: np.ndarray, designs: DesignBlock) -> np.ndarray:
    """Return the rows of activations preloaded under is: those of a fold that K fills. Exact where K isn't tiled."""
    k = layers["kernel_h"] * layers["kernel_w"] * layers["channels"] // layers["groups"]
    array_rows = designs.rows[:, None]
    return (counts["preload"] * k // (array_rows * -(-k // array_rows))).sum(axis=1)


def pe_events(designs: DesignBlock, events: Events) -> dict[str, np.ndarray]:
    """Return the PE-cycles that take more than an idle one, by what takes it: the `energy_per_…_pj` of a PE's rows.

    While a fold's operands stream, PEs beyond its columns see the operand from the left alone, those beyond its rows
    the operand from the top (os) or the psums of the rows above (ws, is), those beyond both nothing, as a rule.
    """
    os = designs.dataflow == "os"
    # Psums pass beyond both where ops of a neutral operand aren't 0: -|x|, or an x above every narrower w.
    passes = for_each(_acts_on_neutral, designs.op, designs.x_bits, designs.w_bits, designs.dataflow)
    polar = designs.polarity_bits > 0
    down_all = polar & os & (designs.polarity == "input")  # one polarity goes down all columns
    along_all = polar & (designs.dataflow == "is") & (designs.polarity == "neuron")  # or along all rows
    beyond = events.beyond_both
    return {
        "op": events.total.busy,
        "shift_cycle": events.shift,
        "left_cycle": events.beyond_cols,
        "top_cycle": either(os, events.beyond_rows, 0),
        "psum_cycle": either(os, 0, events.beyond_rows + beyond * passes),
        "polarity_cycle": either(
            down_all, events.beyond_cols + beyond, either(along_all, events.beyond_rows + beyond, 0)
        ),
    }


def _acts_on_neutral(op: str, x_bits: int, w_bits: int, dataflow: str) -> bool:
    return _acts(operation(op), x_bits, w_bits, dataflow == "ws")


@lru_cache(maxsize=4096)
def _acts(room: Operation, x_bits: int, w_bits: int, x_moves: bool) -> bool:
    return room.acts_on_neutral(x_bits, w_bits, x_moves)
