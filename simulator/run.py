"""`simulate` and `export`: a network on a design, at any of the three levels."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from simulator.counts import Counts
from simulator.design import Design
from simulator.timing import count_layer
from workloads.errors import LimenError
from workloads.network import Network
from workloads.numbers import operand_range

if TYPE_CHECKING:
    import pandas

    from simulator.verify import Proof

Level = Literal["timing", "cycle", "rtl"]
PHASES = ("preload", "stream", "drain", "pipeline")


@dataclass(frozen=True)
class Run:
    """A network's exact cycles on a design and, at the levels that carry data, its scores.

    counts: one per layer, of one image; cycles do not depend on values.
    scores: [images, N] int64 raw scores, or None at level "timing".
    toggles: per layer, bit changes of each PE register over all images; level "cycle" only.
    """

    network: Network
    design: Design
    level: Level
    counts: tuple[Counts, ...]
    scores: np.ndarray | None = None
    toggles: tuple[dict[str, int], ...] | None = None

    @property
    def cycles(self) -> int:
        """Cycles of one image through all layers."""
        return sum(counts.cycles for counts in self.counts)

    @property
    def layers(self) -> pandas.DataFrame:
        """A row per layer: sizes, folds, cycles by phase, busy PE-cycles, utilisation[, toggles by register]."""
        import pandas

        rows = []
        for index, (layer, counts) in enumerate(zip(self.network.layers, self.counts, strict=True)):
            row: dict[str, object] = {"layer": layer.name, "op": layer.op}
            row |= {"M": layer.pixels, "N": layer.out_channels, "K": layer.fan_in, "folds": counts.folds}
            row |= {"cycles": counts.cycles} | {phase: getattr(counts, phase) for phase in PHASES}
            row |= {"busy": counts.busy, "utilisation": counts.utilisation(self.design.pes)}
            if self.toggles is not None:
                row |= {f"toggles_{name}": count for name, count in self.toggles[index].items()}
            rows.append(row)
        return pandas.DataFrame(rows)


@dataclass(frozen=True)
class Exported:
    """A folder written by `export`; verify() proves it."""

    folder: Path
    design: Design

    def verify(self, images: int | None = None) -> Proof:
        """Build and run the folder's testbench; see `simulator.verify.verify`."""
        from simulator.verify import verify

        return verify(self.folder, images)


def choose_inputs(network: Network, images: int, seed: int = 0) -> np.ndarray:
    """Return int64 activations [images, H, W, C]: the first test images, or seeded uniform ones without data.

    Raises:
        LimenError: more images than the test split has.
    """
    first = network.layers[0]
    if images < 1:
        raise LimenError(f"images: {images} is not allowed: at least 1")
    if seed < 0:
        raise LimenError(f"seed: {seed} is not allowed: at least 0")
    if network.dataset is None:
        low, high = operand_range(first.x_bits, first.x_signed)
        return np.random.default_rng(seed).integers(low, high + 1, (images, *first.input_shape), dtype=np.int64)
    x, _ = network.inputs("test")
    if images > len(x):
        raise LimenError(f"images: {images} is not allowed: 1 to {len(x)}, the test split of {network.dataset}")
    return x[:images]


def simulate(network: Network, design: Design, level: Level = "timing", images: int = 1, seed: int = 0) -> Run:
    """Run `network` on `design` and return exact counts and scores.

    level: "timing" (no data), "cycle" (steps every register) or "rtl" (Verilator on the exported Verilog).
    images: how many, at the levels with data: the first of the test split, or random ones from `seed`.

    Raises:
        LimenError: the design can't run the network, no checkpoint, a tool missing, an unknown level.
    """
    if level not in get_args(Level):
        raise LimenError(f"level: {level!r} is not allowed: one of {', '.join(get_args(Level))}")
    design = design.fitted(network)
    if level == "timing":
        return Run(network, design, level, tuple(count_layer(layer, design) for layer in network.layers))
    network.trained()
    x = choose_inputs(network, images, seed)
    return _run_cycle(network, design, x) if level == "cycle" else _run_rtl(network, design, x)


def _run_cycle(network: Network, design: Design, x: np.ndarray) -> Run:
    from simulator.cycle import step_layer

    counts: list[Counts] = []
    toggles: list[dict[str, int]] = []
    for layer, own in zip(network.layers, network.trained(), strict=True):
        runs = [step_layer(layer, own, design, image.reshape(layer.input_shape)) for image in x]
        counts.append(runs[0].counts)
        toggles.append({name: sum(run.toggles[name] for run in runs) for name in runs[0].toggles})
        x = np.stack([run.outputs for run in runs])
    return Run(network, design, "cycle", tuple(counts), x.reshape(len(x), -1), tuple(toggles))


def _run_rtl(network: Network, design: Design, x: np.ndarray) -> Run:
    from simulator.export import export as write_folder
    from simulator.toolchain import build_testbench, run_testbench

    with tempfile.TemporaryDirectory(prefix="limen-") as scratch:
        folder = Path(scratch) / "chip"
        write_folder(network, design, x, folder)
        program = build_testbench(folder)
        arguments = [str(folder / "vectors" / "vectors.txt"), "--outputs", str(Path(scratch) / "outputs.txt")]
        outcome = run_testbench(program, arguments)
        rows = (Path(scratch) / "outputs.txt").read_text(encoding="utf-8").splitlines()
    counts = []
    for line, layer in zip(outcome.stdout.splitlines(), network.layers, strict=False):
        words = line.split()
        cycles = {name: int(value) for name, value in zip(words[2::2], words[3::2], strict=True)}
        folds = count_layer(layer, design).folds
        counts.append(Counts(folds=folds, busy=layer.pairs, **{phase: cycles[phase] for phase in PHASES}))
    scores = np.array([row.split() for row in rows[-len(x) :]], dtype=np.int64)
    return Run(network, design, "rtl", tuple(counts), scores)


def export(network: Network, design: Design, folder: str | Path, images: int = 20, seed: int = 0) -> Exported:
    """Write `folder`: Verilog, vectors for `images` inputs, testbench and Makefile; it stands alone.

    Raises:
        LimenError: the design can't run the network, no checkpoint, or the folder can't be written.
    """
    from simulator.export import export as write_folder

    design = design.fitted(network)
    network.trained()
    return Exported(Path(folder), write_folder(network, design, choose_inputs(network, images, seed), Path(folder)))


def built_in_designs() -> list[str]:
    """Return the names of the designs that come with Limen."""
    return sorted(path.stem for path in (Path(__file__).parent / "designs").glob("*.yaml"))


def load_design(name: str) -> Design:
    """Return a built-in design by name, or the one in a YAML file. Raises LimenError."""
    from workloads.specfile import read_spec

    if name in built_in_designs():
        return read_spec(Design, Path(__file__).parent / "designs" / f"{name}.yaml")
    if not name.endswith((".yaml", ".yml")):
        raise LimenError(f"design: {name!r} is not allowed: {', '.join(built_in_designs())} or a .yaml file")
    return read_spec(Design, name)
