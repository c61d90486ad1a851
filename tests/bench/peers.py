"""SCALE-Sim 3 and ZigZag 3.9 beside Limen, one design each, in one run: `make bench-peers`.

ResNet-18 on images of 32 × 32 pixels without its pooling, which SCALE-Sim hasn't, on 32 × 32 PEs that keep weights.
Each peer is installed in an environment of its own in the folder that is named, and counts one design once: SCALE-Sim
by its fixed folds, ZigZag by the best mapping that it finds. Limen counts it by given cuts in a batch, and by cuts that
it searches first. CPU time on one core, imports left out. Cycles are of three machines that are not the same one.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

from simulator.plan.geometry import Geometry
from simulator.timing.cut_kernels import new_job
from simulator.timing.integers import COUNT_INTEGERS, layer_integers, machine_integers
from simulator.timing.search_kernels import choose_cut
from simulator.timing.timing import count_layers
from tests.bench.counting import batch_seconds, choose_one, least_seconds
from tests.bench.zoo import design, resnet18

PEERS = {"SCALE-Sim": ("scalesim==3.0.0", "numpy<2.3"), "ZigZag": ("zigzag-dse==3.9.1", "six")}
"""What pip installs: SCALE-Sim 3.0.0 breaks under numpy 2.4; ZigZag imports six without asking for it."""

RUNS = Path(__file__).parent / "peer_runs"

SCALESIM_SETTINGS = """
[general]
run_name = resnet18

[architecture_presets]
ArrayHeight: 32
ArrayWidth: 32
IfmapSramSzkB: 64
FilterSramSzkB: 256
OfmapSramSzkB: 64
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Dataflow: ws
Bandwidth: 16
ReadRequestBuffer: 64
WriteRequestBuffer: 64

[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2

[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40

[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def scalesim_rows(layers: list[Geometry]) -> str:
    """Return layers in SCALE-Sim's format, which has no padding: the ifmap is larger instead."""
    lines = ["Layer name, IFMAP height, IFMAP width, Filter height, Filter width, Channels, Num filter, Strides,"]
    for index, layer in enumerate(layers):
        stride, (down, across) = layer.stride[0], layer.kernel
        height, width = (layer.out_height - 1) * stride + down, (layer.out_width - 1) * stride + across
        lines.append(f"layer{index}, {height}, {width}, {down}, {across}, {layer.channels}, {layer.outputs}, {stride},")
    return "\n".join(lines) + "\n"


def zigzag_layers(layers: list[Geometry]) -> list[dict[str, Any]]:
    """Return layers in ZigZag's format, each after the one before."""
    pages = []
    for index, layer in enumerate(layers):
        stride, pad = layer.stride[0], layer.pad_top
        sizes = (1, layer.outputs, layer.channels, layer.out_height, layer.out_width, *layer.kernel)
        pages.append(
            {
                "id": index,
                "operator_type": "Conv",
                "equation": "O[b][k][oy][ox]+=W[k][c][fy][fx]*I[b][c][iy][ix]",
                "dimension_relations": [f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"],
                "loop_dims": ["B", "K", "C", "OY", "OX", "FY", "FX"],
                "loop_sizes": list(sizes),
                "pr_loop_dims": ["IX", "IY"],
                "pr_loop_sizes": [layer.width, layer.height],
                "operand_precision": {"W": 8, "I": 8, "O": 16, "O_final": 8},
                "operand_source": {"I": index - 1} if index else {},
                "padding": [[pad, pad], [pad, pad]],
            }
        )
    return pages


def python_of(folder: Path, name: str) -> Path:
    """Return the Python of a peer's environment, which is made where there is none."""
    place = folder / name
    python = place / "bin" / "python"
    if not (place / "installed").is_file():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS[name]], check=True)
        (place / "installed").touch()
    return python


def run_peer(python: Path, script: str, *arguments: str) -> dict[str, float]:
    """Return what a peer's run prints: seconds and cycles. One thread."""
    one_thread = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    command = [python, RUNS / script, *arguments]
    done = subprocess.run(command, env={**os.environ, **one_thread, "PYTHONPATH": ""}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def peers(folder: Path, layers: list[Geometry]) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        topology, settings, workload = (Path(scratch, name) for name in ("resnet18.csv", "scale.cfg", "resnet18.json"))
        topology.write_text(scalesim_rows(layers), encoding="utf-8")
        settings.write_text(SCALESIM_SETTINGS, encoding="utf-8")
        workload.write_text(json.dumps(zigzag_layers(layers)), encoding="utf-8")
        results = str(Path(scratch, "results"))
        return {
            "ZigZag": run_peer(python_of(folder, "ZigZag"), "zigzag_run.py", str(workload), results),
            "SCALE-Sim": run_peer(
                python_of(folder, "SCALE-Sim"), "scalesim_run.py", str(settings), str(topology), results
            ),
        }


def limen(layers: list[Geometry]) -> dict[str, dict[str, float]]:
    machine = design("ws")
    cuts = [choose_one(layer, machine) for layer in layers]
    cycles = sum(counts.cycles for counts in count_layers(layers, cuts, machine))
    job, counts = new_job(), np.zeros(1, COUNT_INTEGERS)
    job.machine[:] = machine_integers(machine)

    def search() -> None:
        for layer in layers:
            job.layer[:] = layer_integers(layer)
            choose_cut(job, counts[0])

    given = batch_seconds(layers, [machine], [cuts])
    return {
        "Limen, cuts given": {"seconds": given, "cycles": cycles},
        "Limen, cuts searched": {"seconds": given + least_seconds(search), "cycles": cycles},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the peers' environments are, or are made")
    folder = parser.parse_args().folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    layers = [layer for layer in resnet18() if layer.groups == 1]  # pooling has as many groups as channels
    ours, theirs = limen(layers), peers(folder, layers)
    print(f"ResNet-18, {len(layers)} layers, one design of 32 x 32 PEs: CPU seconds a design")
    print(f"{'':22} {'seconds':>12} {'cycles':>12}" + "".join(f"{'times ' + name:>28}" for name in ours))
    for name, row in (ours | theirs).items():
        ratios = "".join(f"{row['seconds'] / each['seconds']:28.3g}" for each in ours.values())
        print(f"{name:22} {row['seconds']:12.6f} {row['cycles']:12.0f}{ratios}")


if __name__ == "__main__":
    main()
