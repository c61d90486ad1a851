"""`simulate` and `export`: a network on a design, at any of the three levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict, Unpack, get_args

import numpy as np

from simulator.cuts.all_layers import telling_all_layers
from simulator.cuts.loop_nest import loop_nest
from simulator.cuts.memory_use import MemoryUse, memory_use
from simulator.cuts.passes import in_passes, pass_of
from simulator.cuts.schedule import choose_network, count_network
from simulator.designs.built_in import load_design
from simulator.designs.design import Design, FittedDesign
from simulator.plan.counts import Counts
from simulator.program.program import Program, compile_network
from workloads.errors import LimenError, check_kind, shown
from workloads.host.names import check_is_path, is_file_name
from workloads.host.progress import Progress
from workloads.host.scratch import scratch_folder
from workloads.networks.network import Network
from workloads.ops.integers import operand_range

if TYPE_CHECKING:
    import pandas

    from simulator.insight.trace_file import Grain
    from simulator.rtl.proof import Proof

Level = Literal["timing", "cycle", "rtl"]
MOST_VALUES = 1 << 28
"""Of random inputs at once: 2 GiB of them."""


class Options(TypedDict, total=False):
    """What `simulate` may be told beside what it runs; nothing of it changes counts or scores.

    progress: told of the images that are done, at the levels with data.
    toggles: whether level "cycle" counts the bits that change, which takes up to twice as long; False by default.
    jobs: passes that are run at a time at level "cycle", a core each; 1 by default.
    """

    progress: Progress | None
    toggles: bool
    jobs: int


@dataclass(frozen=True)
class Run:
    """A network's exact counts on a design and, at the levels that carry data, its scores.

    network: that of a pass, see `pass_of`: of one image as it is.
    counts: one per layer, of one pass; they do not depend on values. Level "rtl" measures cycles and the accesses the
    testbench counts, and takes the rest from "timing".
    scores: [images, N] int64 raw scores, or None at level "timing".
    toggles: per layer, bit changes of each PE register over all passes, where they are asked for.
    """

    network: Network
    design: FittedDesign
    level: Level
    counts: tuple[Counts, ...]
    scores: np.ndarray | None = None
    toggles: tuple[dict[str, int], ...] | None = None

    def __repr__(self) -> str:
        machine = f"{self.design.rows} x {self.design.cols} {self.design.dataflow} {' + '.join(self.design.ops)}"
        return f"Run({self.network.name} on {machine}, level {self.level}: {self.cycles} cycles an image)"

    @property
    def pass_cycles(self) -> int:
        """Cycles of one pass through all layers."""
        return sum(counts.cycles for counts in self.counts)

    @property
    def cycles(self) -> int | float:
        """Cycles of one image through all layers: its share of a pass, a whole number where it is alone in it."""
        return self.of_image(self.pass_cycles)

    def of_image(self, count: int) -> int | float:
        """Return an image's share of what a pass counts."""
        images = self.design.images_at_once
        return count if images == 1 else count / images

    @property
    def memory(self) -> MemoryUse:
        """What the program takes of the memory behind the port."""
        return memory_use(self.network, choose_network(self.network, self.design), self.counts, self.design)

    @property
    def schedule(self) -> pandas.DataFrame:
        """A row per layer: into how many parts its axes are cut, the loop order, and the same as a loop nest."""
        import pandas

        rows = []
        for layer, (geometry, cut) in zip(self.network.layers, choose_network(self.network, self.design), strict=True):
            nest = loop_nest(layer.name, geometry, cut, self.design)
            rows.append({"layer": layer.name, **cut.parts._asdict(), "order": cut.order, "loop_nest": nest})
        return pandas.DataFrame(rows)

    @property
    def layers(self) -> pandas.DataFrame:
        """A row per layer, of one image: sizes, cycles by phase and stall, accesses, DRAM beats and bytes.

        Also toggles by register, of all passes, where they are asked for.
        """
        import pandas

        rows = []
        for index, (layer, counts) in enumerate(zip(self.network.layers, self.counts, strict=True)):
            row: dict[str, object] = {"layer": layer.name, "op": layer.op if layer.has_parameters else "max"}
            row |= {"M": layer.pixels // self.design.images_at_once, "N": layer.out_channels, "K": layer.fan_in}
            whole = {"cycles": counts.cycles, **vars(counts), "idle": counts.idle(self.design.pes)}
            whole |= {"dram_bytes": counts.dram_bytes}
            row |= {name: self.of_image(value) for name, value in whole.items() if name != "port_bytes"}
            row |= {"utilisation": counts.utilisation(self.design.pes)}
            if self.toggles is not None:
                row |= {f"toggles_{name}": count for name, count in self.toggles[index].items()}
            rows.append(row)
        return pandas.DataFrame(rows)

    @property
    def roofline(self) -> pandas.DataFrame:
        """A row per layer that computes: operations a byte and a cycle, the roof there; see `RooflinePoint`."""
        import pandas

        from simulator.insight.roofline import roofline_point

        names = [layer.name for layer in self.network.layers]
        points = [roofline_point(*layer, self.design) for layer in zip(names, self.counts, strict=True)]
        return pandas.DataFrame([vars(point) for point in points if point is not None])

    @property
    def bottlenecks(self) -> pandas.DataFrame:
        """A row per layer: what most of its cycles go to, and the change that lowers them most; see `Bottleneck`.

        Each change that could is counted, so this takes some ten times as long as the run did.
        """
        import pandas

        from simulator.insight.bottleneck import bottlenecks

        return pandas.DataFrame(list(map(vars, bottlenecks(self.network, self.counts, self.design))))

    def timeline(self, path: str | Path, grain: Grain = "tiles", layers: Sequence[str] = ()) -> int:
        """Write when each layer, tile, transfer and wait of a pass is, for Perfetto; see `write_timeline`."""
        from simulator.insight.trace_file import write_timeline

        counts = self.counts if self.level == "timing" else tuple(count_network(self.network, self.design))
        return write_timeline(replace(self, counts=counts), path, grain, layers)


@dataclass(frozen=True)
class Exported:
    """A folder written by `export`; verify() proves it. replaced: an earlier export was there."""

    folder: Path
    design: FittedDesign
    replaced: bool = False

    def verify(self, images: int | None = None, again: bool = False) -> Proof:
        """Build and run the folder's testbench, if that wasn't done before; see `simulator.rtl.verify.verify`."""
        from simulator.rtl.verify import verify

        return verify(self.folder, images, again)


def _check_inputs(images: int, seed: int, jobs: int = 1) -> None:
    """Raise LimenError unless these are a number of inputs, a seed and a number of inputs at a time."""
    for name, value, least in (("images", images, 1), ("seed", seed, 0), ("jobs", jobs, 1)):
        check_kind(name, value, Integral, f"a whole number, at least {least}")
        if value < least:
            raise LimenError(f"{name}: {shown(value)} is not allowed: at least {least}")


def choose_inputs(network: Network, images: int, seed: int = 0) -> np.ndarray:
    """Return int64 activations [images, H, W, C]: the first test images, or seeded uniform ones without data.

    Raises:
        LimenError: more images than the test split has.
    """
    first = network.layers[0]
    _check_inputs(images, seed)
    if network.dataset is None:
        low, high = operand_range(first.x_bits, first.x_signed)
        most = max(1, MOST_VALUES // math.prod(network.input_shape))
        if images > most:
            raise LimenError(f"images: {images} is not allowed: at most {most} of network {network.name} at once")
        return np.random.default_rng(seed).integers(low, high + 1, (images, *network.input_shape), dtype=np.int64)
    x, _ = network.inputs("test")
    if images > len(x):
        raise LimenError(f"images: {images} is not allowed: 1 to {len(x)}, the test split of {network.dataset}")
    return x[:images]


def reference_scores(network: Network, images: int = 1, seed: int = 0) -> np.ndarray:
    """Return the raw scores [images, N], int64, that the bit-true reference gives of the inputs `simulate` takes."""
    from workloads.exact import reference

    x = choose_inputs(network, images, seed)
    return np.concatenate(
        [reference.run(network.layers, network.trained(), image[None])[-1].reshape(1, -1) for image in x]
    )


def load_pair(
    network: Network | str | Path,
    design: Design | str | Path,
    op: str | None = None,
    x_bits: int | None = None,
    w_bits: int | None = None,
) -> tuple[Network, Design]:
    """Return a network and a design, each as it is or by name.

    op, x_bits, w_bits: of the network. Where they are None a family gives its member of the design's ops and widths, a
    network of the zoo has its shapes at them (and the design's sign), and a network file its own.

    Raises:
        LimenError: arguments of other kinds, and as `find_network` and `load_design`.
    """
    from workloads.networks.family import family_op, find_network
    from workloads.networks.pages import page_network, zoo_pages

    design = design if isinstance(design, Design) else load_design(design)
    if isinstance(network, Network):
        return network, design
    check_kind(
        "network",
        network,
        (str, Path),
        "a Network, a family's name or folder, a network's of the zoo, or a file (.yaml)",
    )
    if is_file_name(network):
        return find_network(network, op, x_bits, w_bits), design
    x_bits, w_bits = x_bits or design.x_bits, w_bits or design.w_bits
    page = zoo_pages().get(str(network))
    if page is not None:
        return page_network(page, op or design.op, x_bits, w_bits, design.x_signed), design
    return find_network(network, op or family_op(design.ops), x_bits, w_bits), design


def simulate(
    network: Network | str | Path,
    design: Design | str | Path,
    level: Level = "timing",
    images: int = 1,
    seed: int = 0,
    **options: Unpack[Options],
) -> Run:
    """Run `network` on `design` and return exact counts and scores.

    network, design: or their names, see `load_pair`.
    level: "timing" (no data), "cycle" (steps every register) or "rtl" (Verilator on the exported Verilog).
    images: how many, at the levels with data: the first of the test split, or random ones from `seed`.
    options: progress, toggles and jobs, see `Options`.

    Raises:
        LimenError: the design can't run the network, no checkpoint, a tool missing, an unknown level or option.
    """
    for name in options.keys() - Options.__annotations__.keys():
        raise LimenError(f"simulate: {name} is not allowed: one of {', '.join(Options.__annotations__)}")
    jobs, progress = options.get("jobs", 1), options.get("progress")
    if level not in get_args(Level):
        raise LimenError(f"level: {shown(level)} is not allowed: one of {', '.join(get_args(Level))}")
    _check_inputs(images, seed, jobs)
    network, design = load_pair(network, design)
    fitted = design.fitted(network)
    whole = pass_of(network, fitted)
    with telling_all_layers(whole, fitted):
        if level == "timing":
            return Run(whole, fitted, level, tuple(count_network(whole, fitted)))
        program = compile_network(whole, fitted)
    x = in_passes(choose_inputs(network, images, seed), fitted.images_at_once)
    if level == "cycle":
        run = _run_cycle(program, x, jobs, progress, options.get("toggles", False))
    else:
        run = _run_rtl(program, x, progress)
    assert run.scores is not None
    return replace(run, scores=run.scores[:images])


def _run_cycle(program: Program, x: np.ndarray, jobs: int, progress: Progress | None, toggles: bool) -> Run:
    """Run passes [passes, H, W, C], `jobs` at a time; scores are those of all their images.

    A thread a job is enough: the kernel runs a pass without Python.
    """
    from concurrent.futures import ThreadPoolExecutor, as_completed

    from simulator.cycle.cycle import run_cycle

    def run_pass(image: np.ndarray) -> Run:
        run = run_cycle(program, image, toggles=toggles)
        return Run(program.network, program.design, "cycle", run.counts, _scores(program, run.image), run.toggles)

    show = progress or (lambda *_: None)
    show("level cycle", 0, len(x))
    with ThreadPoolExecutor(jobs) as pool:
        passes = [pool.submit(run_pass, image) for image in x]
        try:
            for done, each in enumerate(as_completed(passes), start=1):
                each.result()
                show("level cycle", done, len(x))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    runs = [each.result() for each in passes]
    changes = tuple(
        {name: sum(of_run[name] for of_run in layer) for name in layer[0]}
        for layer in zip(*(run.toggles or () for run in runs), strict=True)
    )
    return replace(runs[0], scores=np.concatenate([run.scores for run in runs]), toggles=changes or None)


def _scores(program: Program, image: np.ndarray) -> np.ndarray:
    """Return the scores [images of a pass, N] in a memory image."""
    scores = program.tensor(image, program.network.writes(len(program.schedules) - 1)[0])
    return scores.reshape(program.design.images_at_once, -1)


def _run_rtl(program: Program, x: np.ndarray, progress: Progress | None) -> Run:
    from simulator.rtl.export import rtl_parameters, write_hardware
    from simulator.rtl.kept_builds import kept_testbench
    from simulator.rtl.toolchain import run_testbench
    from simulator.rtl.vectors import format_vectors
    from simulator.rtl.verify import read_report

    with scratch_folder() as scratch:
        write_hardware(scratch, rtl_parameters(program.design), "level rtl", program.design.operations)
        vectors, memory = scratch / "vectors.txt", scratch / "memory.txt"
        vectors.write_text(format_vectors(program, x))
        arguments = [str(vectors), "--memory", str(memory)]
        report = read_report(run_testbench(kept_testbench(scratch, progress), arguments, progress).stdout)
        tensors = [np.array([int(word, 16) for word in line.split()]) for line in memory.read_text().splitlines()]
    counts = [
        replace(layer_counts, **{name: value for name, value in reported.items() if name in vars(layer_counts)})
        for layer_counts, reported in zip(count_network(program.network, program.design), report.layers, strict=True)
    ]
    scores = []
    for words in tensors:
        image = program.image.copy()
        image[-(len(words) // image.shape[1]) :] = words.reshape(-1, image.shape[1])
        scores.append(_scores(program, image))
    return Run(program.network, program.design, "rtl", tuple(counts), np.concatenate(scores))


def export(
    network: Network | str | Path,
    design: Design | str | Path,
    folder: str | Path,
    images: int = 20,
    seed: int = 0,
    progress: Progress | None = None,
) -> Exported:
    """Write `folder`: Verilog, vectors for `images` inputs, testbench and Makefile; it stands alone.

    network, design: or their names, see `load_pair`. An earlier export there is replaced, as a whole or not at all; its
    proof stays where it is of the very same files. progress: told of the images that are done.

    Raises:
        LimenError: the design can't run the network, no checkpoint, or the folder can't be written.
    """
    from simulator.rtl.export import write_folder

    _check_inputs(images, seed)
    check_kind("folder", folder, (str, Path), "the folder to write")
    check_is_path("folder", folder)
    network, design = load_pair(network, design)
    fitted = design.fitted(network)
    whole = pass_of(network, fitted)
    with telling_all_layers(whole, fitted):
        program = compile_network(whole, fitted)
    x = in_passes(choose_inputs(network, images, seed), fitted.images_at_once)
    replaced = write_folder(program, x, Path(folder), progress)
    return Exported(Path(folder), fitted, replaced)
