"""The kinds of files that Limen reads: of each what is changed, and what reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import limen
from tests.fuzz.examples import digits, example_folder, training


@dataclass(frozen=True)
class Kind:
    """A folder of files.

    weight: of the cases, about in thousandths. example: the valid files, by name, see `examples`.
    targets: those that are changed, one a case, by path, and their forms, see `mutations`.
    use: reads a folder as a Python caller does. command: arguments that do so on the command line, run in the folder.
    """

    name: str
    weight: int
    example: str
    targets: dict[str, str]
    use: Callable[[Path], object]
    command: list[str] | None = None


MOST_PAIRS = 100_000
"""Of layers that are counted as well as read."""

MOST_CYCLES = 5000
"""Of a machine that is stepped as well as counted."""


def use_network(folder: Path) -> None:
    """Load, count and price; a trained network also computes."""
    from workloads.networks.network import load_network

    network = load_network(folder / "tiny.yaml")
    run = limen.simulate(network, folder / "chip.yaml")
    limen.price(run, folder / "tiny.csv")
    if network.parameters is not None:
        network.predict(np.ones((1, *network.input_shape), dtype=np.int64))
        if run.cycles < MOST_CYCLES:
            assert limen.simulate(network, folder / "chip.yaml", "cycle").counts == run.counts


def use_topology(folder: Path) -> None:
    """Read topologies, write them as pages elsewhere, and count one that is small."""
    from workloads.imports.imported import NumberFormats, write_imported
    from workloads.imports.read_file import read_file

    with TemporaryDirectory() as scratch:
        for path in sorted(folder.glob("*.csv")):
            network = write_imported(read_file(path, NumberFormats()), path, Path(scratch, f"{path.stem}.yaml"))
            if sum(layer.pairs for layer in network.layers) < MOST_PAIRS:
                limen.simulate(network, "mac-16x16")


def use_listed(folder: Path) -> None:
    """Count layers with inputs of their own."""
    limen.simulate(folder / "listed.yaml", folder / "chip.yaml")


def use_study(folder: Path) -> None:
    """Read a study, and look up its space as the first run does."""
    from dse.evaluation.evaluate import Evaluator
    from dse.space.sources import resolve_all, resolve_workloads
    from dse.space.study_spec import load_study

    spec = load_study(str(folder / "study.yaml"))
    workload, costs = resolve_workloads(spec.workloads, folder), resolve_all(spec.tables, folder)
    evaluator = Evaluator(spec, workload, costs)
    evaluator.check_prices(evaluator.formats().valid)


def use_table(folder: Path) -> None:
    from cost_models.table.table import show

    show(str(folder / "tiny.csv"))
    limen.price(example_run(), folder / "tiny.csv")


@cache
def example_run() -> Any:
    from workloads.networks.network import load_network

    folder = example_folder("network")
    return limen.simulate(load_network(folder / "tiny.yaml"), folder / "chip.yaml")


def use_recipe(folder: Path) -> None:
    from workloads.host.specfile import read_spec
    from workloads.training.make_family import op_layers
    from workloads.training.recipe import Recipe

    recipe = read_spec(Recipe, folder / "recipe.yaml")
    for op in ("mac", "shift-adder"):
        if op in recipe.ops:
            op_layers(recipe, op, folder / "recipe.yaml", digits())


def use_family(folder: Path) -> None:
    from workloads.host.files import read_arrays
    from workloads.insight.failure_signs import check_master
    from workloads.networks.accuracy import read_accuracies
    from workloads.networks.family import Family

    family = Family("tiny", folder)
    read_accuracies(family)
    check_master(read_arrays(folder / "threshold.npz"))
    network = family.network("threshold", 8, 8)
    network.predict(np.ones((1, *network.input_shape), dtype=np.int64))


def use_training(folder: Path) -> None:
    """Go on from a checkpoint at its end: nothing is left to train."""
    from workloads.training.train_and_tune import Course, train_master

    recipe, layers = training()
    path = folder / "mac.checkpoint.npz"
    if path.is_file():  # where there is none, a training begins
        train_master(layers, Course(recipe, "mac", 0, digits()), path)


def use_polarity(folder: Path) -> None:
    from dse.report.polarity_report import summarise
    from workloads.studies.polarity import read_rows

    summarise(read_rows(folder / "runs.csv", "abc"))


def use_liberty(folder: Path) -> None:
    from cost_models.liberty.liberty_reader import read_library

    for path in folder.iterdir():
        read_library(path).clock_slew_ns()


def use_partial(folder: Path) -> None:
    from cost_models.derive import build
    from cost_models.fpga import fpga_build

    build.journal_of(folder / "t.csv").read()
    fpga_build.journal_of("t.csv", folder).read()


def use_exported(folder: Path) -> None:
    """All that `verify` and `costs whole` read, up to the compiler and to Yosys."""
    from simulator.rtl.exported import read_exported

    read_exported(folder)


def use_study_folder(folder: Path) -> None:
    from dse.study.study import Study

    study = Study.open(folder)
    study.trials()
    study.front()
    study.point("knee")


def use_dataset(name: str, folder: Path) -> None:
    from workloads import datasets

    datasets._read.cache_clear()
    for split in datasets.SPLITS:
        datasets.load_split(name, split, folder)


SIMULATE = ["simulate", "-d", "chip.yaml", "-w", "tiny.yaml"]
PRICE = ["price", "-d", "chip.yaml", "-w", "tiny.yaml", "--costs", "tiny.csv"]
RECIPES = {"recipe.yaml": "yaml", "mac.yaml": "yaml", "shift-adder.yaml": "yaml"}
FAMILY = {"threshold.yaml": "yaml", "threshold.npz": "arrays", "accuracy.csv": "csv"}
EXPORTED = {"params.json": "json", "vectors/vectors.txt": "text", "filelist.f": "text", "rtl/limen_top.v": "text"}
IMAGES = {"train-images-idx3-ubyte.gz": "gzip", "train-labels-idx1-ubyte.gz": "gzip"}
BATCHES = {"data_batch_1.bin": "bytes", "test_batch.bin": "bytes"}
LABELS = {"train/y_train.txt": "text", "train/subject_train.txt": "text"}
SIGNALS = {"test/Inertial Signals/body_acc_x_test.txt": "text"}
MATRICES = {"acc_data.mat": "bytes", "acc_labels.mat": "header"}


def of_dataset(name: str, weight: int, targets: dict[str, str], example: str = "") -> Kind:
    return Kind(example or name, weight, example or name, targets, partial(use_dataset, name))


KINDS = [
    Kind("design", 170, "network", {"chip.yaml": "yaml"}, use_network, SIMULATE),
    Kind("network", 250, "network", {"tiny.yaml": "yaml"}, use_network, SIMULATE),
    Kind("checkpoint", 90, "network", {"tiny.npz": "arrays"}, use_network, ["describe", "tiny.yaml"]),
    Kind("listed", 30, "listed", {"listed.yaml": "yaml"}, use_listed, ["describe", "listed.yaml"]),
    Kind("topology", 40, "topology", {"topo.csv": "csv", "gemm.csv": "csv"}, use_topology),
    Kind("study", 120, "network", {"study.yaml": "yaml"}, use_study, ["describe", "study.yaml"]),
    Kind("recipe", 50, "recipe", RECIPES, use_recipe),
    Kind("family", 80, "family", FAMILY, use_family),
    Kind("table", 80, "network", {"tiny.csv": "csv"}, use_table, PRICE),
    Kind("liberty", 60, "liberty", {"tiny.lib": "text"}, use_liberty, ["costs", "show", "--cells", "tiny.lib"]),
    Kind("liberty.gz", 25, "liberty.gz", {"tiny.lib.gz": "gzip"}, use_liberty),
    Kind("training", 15, "training", {"mac.checkpoint.npz": "arrays"}, use_training),
    Kind("polarity", 15, "polarity", {"runs.csv": "csv"}, use_polarity),
    Kind("partial", 10, "partial", {"t.csv.partial": "lines"}, use_partial),
    Kind("exported", 60, "exported", EXPORTED, use_exported),
    Kind("study.db", 15, "study.db", {"study.db": "database"}, use_study_folder, ["study", "front", "."]),
    of_dataset("mnist", 20, IMAGES),
    of_dataset("cifar-10", 5, BATCHES),
    of_dataset("cifar-10", 8, {"cifar-10-binary.tar.gz": "gzip"}, "cifar-10.tar"),
    of_dataset("svhn", 3, {"train_32x32.mat": "bytes"}),
    of_dataset("svhn", 5, {"train_32x32.mat": "header"}, "svhn.mat"),
    of_dataset("uci-har", 6, LABELS | SIGNALS),
    of_dataset("unimib-shar", 4, MATRICES),
    of_dataset("spoken-digits", 12, {"3_jackson_7.wav": "header", "0_jackson_0.wav": "bytes"}),
]
