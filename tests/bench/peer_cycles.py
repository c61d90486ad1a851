"""Known networks in SCALE-Sim 3, ZigZag 3.9 and Limen, from the same topologies, on 32 × 32 MAC PEs: `make peers`.

The networks are the zoo's, written as topologies by `limen net export`; all three read those files. Two comparisons:

- Compute cycles with ideal memory, each layer in one tile, weights kept: SCALE-Sim and Limen count the same machine, so
  every row must be equal, or the run ends with code 1.
- Cycles with a memory: Limen by the best cut of each layer, ZigZag by the best mapping that it finds. Their machines
  are not the same: ZigZag's is its `tpu_like`, of 32 × 32 PEs that keep weights too, but whose fan-in is spread by
  channels alone, which leaves all but one PE idle in a depthwise layer, with 2 MB of SRAM, 8 bytes a cycle to the DRAM
  without latency, no feeder, and folds that overlap where its memories let them. Limen's has three buffers of 256
  KiB, 8 bytes a cycle after 20 cycles of latency, an im2col unit of 8 channels a cycle, and folds one after another.

Seconds are CPU time on one core, imports left out. SCALE-Sim's are of its operand and demand matrices, without its
model of the memory; rows of like sizes are counted once by the peers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from simulator.plan.axes import Axes
from simulator.plan.geometry import Geometry, layer_geometry
from simulator.timing.timing import Cut, count_layers
from tests.bench.counting import choose_one
from tests.bench.peers import SCALESIM_SETTINGS, python_of, run_peer
from tests.bench.zoo import design
from workloads.imports.imported import NumberFormats, write_imported
from workloads.imports.read_file import read_file
from workloads.imports.scale_sim_writer import write_topology
from workloads.networks.family import find_network

NETWORKS = ("resnet18", "resnet50", "mobilenetv2", "vit-tiny-16")
ONE_TILE = Cut(Axes(1, 1, 1), "rows")
MACHINE = design("ws", op="mac", ifmap_kib=256, ofmap_kib=256)


class Count(NamedTuple):
    """Cycles of a network, row by row, and the seconds that counting them took."""

    cycles: list[int]
    seconds: float

    def __str__(self) -> str:
        return f"{sum(self.cycles):15,} {self.seconds:10.3f}"


def zigzag_layer(layer: Geometry) -> dict[str, Any]:
    """Return a layer in ZigZag's format."""
    stride = layer.stride[0]
    sizes = [1, layer.groups, layer.group_outputs, layer.group_channels, layer.out_height, layer.out_width]
    return {
        "id": 0,
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"],
        "loop_dims": ["B", "G", "K", "C", "OY", "OX", "FY", "FX"],
        "loop_sizes": [*sizes, *layer.kernel],
        "pr_loop_dims": ["IX", "IY"],
        "pr_loop_sizes": [layer.width, layer.height],
        "operand_precision": {"W": 8, "I": 8, "O": 16, "O_final": 8},
        "operand_source": {},
        "padding": [[0, 0], [0, 0]],
    }


def read_rows(topology: Path) -> list[Geometry]:
    """Return the layers of a topology as Limen imports them."""
    page = topology.with_suffix(".yaml")
    network = write_imported(read_file(topology, NumberFormats()), topology, page)
    return [layer_geometry(network, index) for index in range(len(network.layers))]


def compute_cycles(layers: list[Geometry]) -> Count:
    """Return SCALE-Sim's figure of each row by Limen's own counting: a depthwise layer is a layer a channel there."""
    start = time.process_time()
    counted = count_layers(layers, [ONE_TILE] * len(layers), MACHINE)
    cycles = [counts.preload + counts.stream - layer.groups for layer, counts in zip(layers, counted, strict=True)]
    return Count(cycles, time.process_time() - start)


def best_cycles(layers: list[Geometry]) -> Count:
    start = time.process_time()
    cuts = [choose_one(layer, MACHINE) for layer in layers]
    cycles = [counts.cycles for counts in count_layers(layers, cuts, MACHINE)]
    return Count(cycles, time.process_time() - start)


def scalesim(folder: Path, topology: Path, settings: Path, layers: list[Geometry]) -> Count:
    found: Any = run_peer(python_of(folder, "SCALE-Sim"), "scalesim_compute.py", str(settings), str(topology))
    rows = iter(found["cycles"])
    cycles = [sum(next(rows) for _ in range(layer.groups)) for layer in layers]
    assert next(rows, None) is None, f"{topology}: SCALE-Sim has more layers than Limen"
    return Count(cycles, found["seconds"])


def zigzag(folder: Path, scratch: Path, layers: list[Geometry]) -> Count:
    pages = [json.dumps(zigzag_layer(layer)) for layer in layers]
    often = Counter(pages)
    workload = scratch / "layers.json"
    workload.write_text(f"[{','.join(often)}]", encoding="utf-8")
    found: Any = run_peer(python_of(folder, "ZigZag"), "zigzag_layers.py", str(workload), str(scratch / "results"))
    cycles = dict(zip(often, found["cycles"], strict=True))
    return Count([round(cycles[page]) for page in pages], sum(found["seconds"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the peers' environments are, or are made")
    parser.add_argument("--networks", nargs="+", default=NETWORKS, metavar="NAME", help="of the zoo")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    wrong = 0
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        settings = Path(scratch, "scale.cfg")
        settings.write_text(SCALESIM_SETTINGS, encoding="utf-8")
        for name in arguments.networks:
            topology = Path(scratch, f"{name}.csv")
            topology.write_text(write_topology(find_network(name, "mac", 8, 8)).text, encoding="utf-8")
            layers = read_rows(topology)
            count_layers(layers[:1], [ONE_TILE], MACHINE), choose_one(layers[0], MACHINE)  # kernels are loaded
            ours, theirs = compute_cycles(layers), scalesim(folder, topology, settings, layers)
            differing = sum(a != b for a, b in zip(ours.cycles, theirs.cycles, strict=True))
            wrong += differing
            print(f"{name}: {len(layers)} rows{'':12}{'cycles':>15} {'seconds':>10}")
            print(f"  compute alone: SCALE-Sim      {theirs}")
            print(f"  compute alone: Limen          {ours}  rows that differ: {differing}")
            print(f"  with memory: ZigZag           {zigzag(folder, Path(scratch), layers)}")
            print(f"  with memory: Limen, best cuts {best_cycles(layers)}", flush=True)
    if wrong:
        sys.exit(f"{wrong} rows differ from SCALE-Sim's")


if __name__ == "__main__":
    main()
