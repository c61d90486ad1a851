"""How much of a layer's cycles each component is in use: one access, row, step or beat a cycle at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cost_models.price.breakdown import STREAMS
from cost_models.price.machine import MAIN

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.plan.counts import Counts

SCRATCHPADS = ("ifmap", "weight", "polarity", "channel")


def utilisations(counts: Counts, design: FittedDesign) -> dict[str, float]:
    """Return the utilisation of components by their names, a memory's without the kind of its banks.

    pe: busy PE-cycles over all. Lanes and columns: values over lanes or columns × cycles. Scratchpads: rows or words
    read. packer: steps; pooling unit: cycles of pooling; control: cycles in which the array or that unit works; skew
    registers: cycles in which operands stream. DRAM and main memory: cycles that beats take. Others have no count.
    """
    working = counts.preload + counts.stream + counts.drain + counts.pipeline + counts.pool
    edge, lanes = counts.ofmap_writes / design.cols, counts.operand_reads / design.x_lanes
    used = {
        "pe": counts.busy / design.pes,
        "skew registers": counts.streaming,
        "operand lanes": lanes,
        "operand memory": lanes,
        "edge": edge,
        "ofmap memory": edge,
        "packer": counts.pack_reads,
        "pooling unit": counts.pool,
        "control": working,
        f"{MAIN} memory": counts.beats * design.port_interval,
    }
    for name in SCRATCHPADS:
        used[f"{name} unpacker"] = used[f"{name} memory"] = getattr(counts, f"{name}_reads")
    used |= {f"dram {stream}": getattr(counts, f"beats_{stream}") * design.port_interval for stream in STREAMS}
    return {component: cycles / counts.cycles for component, cycles in used.items()}
