"""The study of unknown speakers: spoken digits learned without one speaker, and tested on that one, all in turn.

The customary split of the set has every speaker in training and test, and says nothing of a voice never heard.
Networks, recipe and quantiser are those of the family spoken-digits; accuracies are those of exact integers at 8 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from workloads.datasets import dataset
from workloads.datasets.registry import locate
from workloads.datasets.spoken_digits import Recordings, read_recordings, split
from workloads.errors import LimenError
from workloads.host.files import check_writable
from workloads.host.journal import key_of
from workloads.host.progress import Progress
from workloads.host.specfile import read_spec
from workloads.networks.family import find_recipe
from workloads.networks.network import NetworkFile
from workloads.studies import stored_rows
from workloads.training.classifier import Data
from workloads.training.float_master import outputs_of, real_inputs
from workloads.training.loop import array_hash
from workloads.training.make_family import calibrated, member_network, network_path, op_layers
from workloads.training.quantise import quantise_member
from workloads.training.recipe import Recipe
from workloads.training.train_and_tune import Course, train_master

CODE_VERSION = 1
"""Raised whenever the code changes what a run gives, so that no row of before is taken for one of now."""

NAME = "spoken-digits"
"""Of the data set, and of the family whose recipe and networks are trained."""

NOBODY = "nobody"
"""Held out by the customary split."""

BITS = 8


class SpeakerRow(NamedTuple):
    """A run; accuracies are shares. recordings: of the test split. settings: see `settings_of`."""

    held_out: str
    op: str
    seed: int
    train_recordings: int
    test_recordings: int
    validation_accuracy: float
    test_accuracy: float
    test_accuracy_float: float
    settings: str


Run = tuple[str, Any, int]
"""(held out, op, seed)."""


def settings_of(recordings: Recordings, recipe: Recipe) -> str:
    """Return 12 hex digits that differ where the same run would give something else: data, networks, recipe, code."""
    pages = {op: read_spec(NetworkFile, network_path(find_recipe(NAME), cast(Any, op))) for op in recipe.ops}
    arrays = {"pixels": recordings.pixels, "labels": recordings.labels, "indices": recordings.indices}
    described = {
        "code": CODE_VERSION,
        "recipe": recipe.model_dump(),
        "networks": {op: page.model_dump(mode="json") for op, page in pages.items()},
        "data": array_hash(arrays),
        "speakers": recordings.speakers.tolist(),
    }
    return key_of(described)[:12]


def train_run(held_out: str, op: Any, seed: int, recordings: Recordings, recipe: Recipe, settings: str) -> SpeakerRow:
    """Return the row of one training; the same for the same inputs on one machine."""
    parts = split(recordings, None if held_out == NOBODY else held_out)
    data = Data(NAME, dataset(NAME).levels, *parts["train"], *parts["validation"])
    path = find_recipe(NAME)
    master, _ = train_master(op_layers(recipe, op, path, data), Course(recipe, op, seed, data))
    member = quantise_member(calibrated(master, data), BITS, BITS)
    network = member_network(master, member, read_spec(NetworkFile, network_path(path, op)), BITS, BITS)
    signed = network.layers[0].x_signed
    shares = []
    for pixels, labels in (parts["validation"], parts["test"]):
        scores = network.predict(network.input_map.apply(pixels, BITS, signed))
        shares.append(float(np.mean(scores.argmax(axis=1) == labels)))
    pixels, labels = parts["test"]
    shares.append(float(np.mean(outputs_of(master, real_inputs(pixels, data.levels, signed)).argmax(axis=1) == labels)))
    counts = len(parts["train"][1]), len(parts["test"][1])
    # Rounded as they are stored: a resumed study must sum the very numbers an unbroken one does.
    validation, test, test_float = (round(share, 6) for share in shares)
    return SpeakerRow(held_out, op, seed, *counts, validation, test, test_float, settings)


def run_study(
    seeds: int,
    out: Path,
    folder: Path | None = None,
    progress: Progress | None = None,
    effort: Recipe | None = None,
) -> list[SpeakerRow]:
    """Train every op without each speaker in turn, and by the customary split, and return the rows of `out`/runs.csv.

    The file is rewritten whole after each run; runs it already has are kept and not trained again, also those of seeds
    not asked for now. One study at a time may write a folder. folder: of the recordings, see `load_split`. effort:
    instead of the family's recipe.

    Raises:
        LimenError: missing or damaged recordings, fewer than two speakers, a number of seeds that can't be, a folder
            that can't be written, a runs.csv that is damaged or of other settings, a training that diverges.
    """
    stored_rows.check_seeds(seeds)
    place = locate(NAME, folder)
    check_writable(out)
    recordings = read_recordings(place)
    speakers = sorted(set(recordings.speakers.tolist()))
    if len(speakers) < 2:
        raise LimenError(f"{place}: speakers: {', '.join(speakers)}; expected two at least, to leave one out")
    recipe = effort or read_spec(Recipe, find_recipe(NAME))
    settings = settings_of(recordings, recipe)
    path = out / "runs.csv"
    rows = {_run_of(row): row for row in (read_rows(path, settings) if path.exists() else [])}
    runs = [(held, op, seed) for seed in range(seeds) for held in (*speakers, NOBODY) for op in recipe.ops]

    def run_one(run: Run) -> SpeakerRow:
        return train_run(*run, recordings, recipe, settings)

    return stored_rows.complete(path, rows, runs, run_one, in_order, ("speakers", progress))


def _run_of(row: SpeakerRow) -> Run:
    return row.held_out, row.op, row.seed


def in_order(rows: Iterable[SpeakerRow]) -> list[SpeakerRow]:
    """Return rows by speaker, nobody last, then op and seed: as they stand in runs.csv."""
    return sorted(rows, key=lambda row: (row.held_out == NOBODY, *_run_of(row)))


def read_rows(path: Path, settings: str | None = None) -> list[SpeakerRow]:
    """Return the rows of a runs.csv, see `workloads.studies.stored_rows`."""
    return stored_rows.read_rows(path, SpeakerRow, "study of speakers", {}, settings)
