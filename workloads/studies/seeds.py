"""The study of seeds: each op of a recipe trained with several, compared at 8 bits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from workloads.host.files import check_writable
from workloads.host.journal import key_of
from workloads.host.progress import Progress
from workloads.host.specfile import read_spec
from workloads.networks.family import FamilyOp, member_w_bits
from workloads.networks.network import NetworkFile
from workloads.studies import stored_rows
from workloads.training.classifier import Data, load_data
from workloads.training.float_master import FloatLayer
from workloads.training.loop import array_hash
from workloads.training.make_family import (
    TUNING_KEYS,
    calibrated,
    chosen_ops,
    kept_master,
    member_network,
    network_path,
    op_layers,
)
from workloads.training.quantise import quantise_member
from workloads.training.recipe import TEACHER, Recipe
from workloads.training.train_and_tune import Course, train_master

CODE_VERSION = 1
"""Raised whenever the code changes what a run gives, so that no row of before is taken for one of now."""

BITS = 8
"""Width of x at which seeds are compared; w has the same, or the widest its op has."""

FILE = "seeds.csv"


class SeedRow(NamedTuple):
    """One trained network; accuracies are shares of the split's images. settings: see `settings_of`."""

    op: str
    seed: int
    validation_accuracy_float: float
    validation_accuracy_8_bits: float
    test_accuracy_8_bits: float
    settings: str


class SeedSummary(NamedTuple):
    """The seeds of one op: how many, mean and sample standard deviation of the 8-bit test accuracy, best seed.

    best_seed: highest 8-bit validation accuracy, the lowest of equals; the test split has no say.
    """

    op: str
    seeds: int
    test_mean: float
    test_deviation: float
    best_seed: int


def settings_of(recipe: Recipe, recipe_path: str | os.PathLike[str], data: Data) -> str:
    """Return 12 hex digits that differ where the same run would give something else: data, networks, recipe, code."""
    ops = [op for op in recipe.ops if network_path(recipe_path, op).exists()]
    pages = {op: read_spec(NetworkFile, network_path(recipe_path, op)).model_dump(mode="json") for op in ops}
    described = {
        "code": CODE_VERSION,
        "recipe": recipe.model_dump(exclude={"name", *TUNING_KEYS}),
        "networks": pages,
        "data": array_hash({"pixels": data.pixels, "labels": data.labels}),
    }
    return key_of(described)[:12]


def run_study(
    recipe_path: str | os.PathLike[str],
    seeds: int,
    out: Path,
    ops: Sequence[FamilyOp] | None = None,
    data_folder: Path | None = None,
    progress: Progress | None = None,
) -> list[SeedRow]:
    """Train each op of a recipe with seeds 0 to `seeds` - 1 and return the rows of `out`/seeds.csv.

    The file is rewritten whole after each run; runs it already has are kept and not trained again. A run that is
    stopped goes on from its checkpoint of the last epoch; they are removed at the end. The float master that the
    family beside the recipe has of a seed is taken as it is. One study at a time may write a folder.

    Raises LimenError as `train_family` does, and for a seeds.csv that is damaged or of other settings.
    """
    stored_rows.check_seeds(seeds)
    recipe = read_spec(Recipe, recipe_path)
    check_writable(out)
    data = load_data(recipe.dataset, data_folder)
    chosen = chosen_ops(recipe, ops, recipe_path)
    layers = {op: op_layers(recipe, op, recipe_path, data) for op in chosen}
    settings = settings_of(recipe, recipe_path, data)
    masters: dict[tuple[str, int], list[FloatLayer]] = {}

    def checkpoint(op: str, seed: int) -> Path:
        return out / f"{op}-seed-{seed}.checkpoint.npz"

    def master_of_run(op: FamilyOp, seed: int) -> list[FloatLayer]:
        if (op, seed) not in masters:
            teacher = master_of_run(TEACHER, seed) if recipe.teaches(op) else None
            course = Course(recipe, op, seed, data, teacher)
            master = kept_master(Path(recipe_path).parent / f"{op}.npz", layers[op], course)
            if master is None:
                master, _ = train_master(layers[op], course, checkpoint(op, seed), progress)
            masters[op, seed] = master
        return masters[op, seed]

    def run_one(run: tuple[FamilyOp, int]) -> SeedRow:
        op, seed = run
        master = master_of_run(op, seed)
        w_bits = min(BITS, member_w_bits(op)[-1])
        form = read_spec(NetworkFile, network_path(recipe_path, op))
        network = member_network(master, quantise_member(calibrated(master, data), BITS, w_bits), form, BITS, w_bits)
        real = Course(recipe, op, seed, data).task(layers[op]).validate(master)
        shares = (real, *(network.accuracy(split, data_folder) for split in ("validation", "test")))
        # Rounded as they are stored: a resumed study must sum the very numbers an unbroken one does.
        validation_real, validation, test = (round(share, 6) for share in shares)
        return SeedRow(op, seed, validation_real, validation, test, settings)

    path = out / FILE
    stored = read_rows(path, settings) if path.exists() else []
    rows = {cast("tuple[FamilyOp, int]", _run_of(row)): row for row in stored}
    runs = [(op, seed) for seed in range(seeds) for op in chosen]
    done = stored_rows.complete(path, rows, runs, run_one, in_order, ("seeds", progress))
    for run in runs:
        checkpoint(*run).unlink(missing_ok=True)
    return done


def _run_of(row: SeedRow) -> tuple[str, int]:
    return row.op, row.seed


def in_order(rows: Iterable[SeedRow]) -> list[SeedRow]:
    """Return rows by op and seed, as they stand in seeds.csv."""
    return sorted(rows, key=_run_of)


def read_rows(path: Path, settings: str | None = None) -> list[SeedRow]:
    """Return the rows of a seeds.csv, see `workloads.studies.stored_rows`."""
    return stored_rows.read_rows(path, SeedRow, "study of seeds", {}, settings)


def summarise(rows: Sequence[SeedRow]) -> list[SeedSummary]:
    """Return a summary per op, in the order in which the ops appear."""
    summaries = []
    for op in dict.fromkeys(row.op for row in rows):
        op_rows = [row for row in rows if row.op == op]
        test = [row.test_accuracy_8_bits for row in op_rows]
        deviation = float(np.std(test, ddof=1)) if len(test) > 1 else 0.0
        best = min(op_rows, key=lambda row: (-row.validation_accuracy_8_bits, row.seed))
        summaries.append(SeedSummary(op, len(op_rows), float(np.mean(test)), deviation, best.seed))
    return summaries
