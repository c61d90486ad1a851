"""The depth study: accuracy against depth at equal operations, and whether a threshold neuron needs norms there.

A cell is a depth, a form (with residual adds or plain), an op and a norm of its layers; each is trained once a seed.
Wide shallow networks and narrow deep ones have the same operations an image. Accuracies are those of the float master.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from workloads.datasets import dataset, load_split
from workloads.errors import LimenError
from workloads.host.files import check_writable
from workloads.host.journal import key_of
from workloads.host.progress import Progress
from workloads.layers.layer import Layer
from workloads.networks.network import NetworkFile
from workloads.studies import stored_rows
from workloads.studies.polarity import EXAMPLES, SHRUNK_FROM, TRAINING_IMAGES
from workloads.training.classifier import Classifier, Data, load_data
from workloads.training.float_master import outputs_of, real_inputs
from workloads.training.forward_backward import TrainingNorm, initialise
from workloads.training.loop import Schedule, array_hash, train
from workloads.training.recipe import Recipe

CODE_VERSION = 1
"""Raised whenever the code changes what a run gives, so that no row of before is taken for one of now."""

DEPTHS = (2, 4, 8, 14, 20)
"""Layers on the longest way from the input to the scores: a stem, blocks of two, the linear layer of the scores."""

FORMS = ("residual", "plain")

STAGES = {2: (), 4: (1,), 8: (0, 1, 2), 14: (0, 0, 1, 1, 2, 2), 20: (0, 0, 0, 1, 1, 1, 2, 2, 2)}
"""The stage of each block, by depth. A stage has half the side of the one before, and twice the channels."""

RATES: dict[str, dict[str, float]] = {
    "threshold": {"mean": 0.08, "centred": 0.08, "none": 0.03},
    "mac": {"batch": 0.01, "mean": 0.01, "none": 0.01},
}
"""Norms of each op, its own in training first, and the highest learning rate of each."""

OPERATIONS, OPERATIONS_OF_SMALL = 2_000_000, 400_000
"""Pairs of activation and weight an image that a network has at most, where sides are SHRUNK_FROM or longer, or not."""

MOST_INPUTS = 65535
"""Of a linear layer."""


class DepthRow(NamedTuple):
    """A run. Accuracies are shares; operations: pairs an image; synapses: weights of all layers.

    diverged: 1 where the loss left all bounds; its accuracies are then a guess's. settings: see `settings_of`.
    """

    dataset: str
    depth: int
    form: str
    op: str
    norm: str
    seed: int
    operations: int
    synapses: int
    validation_accuracy: float
    test_accuracy: float
    diverged: int
    settings: str


Run = tuple[int, str, str, str, int]
"""(depth, form, op, norm, seed)."""


def network_layers(name: str, op: str, depth: int, form: str) -> tuple[Layer, ...]:
    """Return the layers for a data set: as wide as its operations allow, in steps of a quarter of a channel."""
    height, width, _ = dataset(name).shape
    shrunk = max(height, width) >= SHRUNK_FROM
    most = OPERATIONS if shrunk else OPERATIONS_OF_SMALL
    narrowest, widest = 4, MOST_INPUTS * (16 if shrunk else 4) // (height * width)  # scores may read all of the stem
    while widest - narrowest > 1:
        middle = (narrowest + widest) // 2
        fits = sum(layer.pairs for layer in _of_width(name, op, depth, form, middle)) <= most
        narrowest, widest = (middle, widest) if fits else (narrowest, middle)
    return _of_width(name, op, depth, form, narrowest)


def _of_width(name: str, op: str, depth: int, form: str, quarters: int) -> tuple[Layer, ...]:
    """Return the layers whose first stage has so many quarters of a channel, rounded down, and every next one twice."""
    height, width, channels = dataset(name).shape
    shrunk = max(height, width) >= SHRUNK_FROM
    entries = [_convolution("stem", quarters // 4, 5 if shrunk else 3, 2 if shrunk else 1)]
    last, stage = "stem", 0
    for index, place in enumerate(STAGES[depth]):
        stride, stage, own = 1 if place == stage else 2, place, (quarters << place) // 4
        added = last
        if form == "residual" and stride == 2:
            added = f"projection{index + 1}"
            entries.append(_convolution(added, own, 1, 2) | {"input": last})
            if op == "mac":  # only added: no ReLU may cut it
                entries[-1] |= {"y_bits": 8, "y_signed": True}
        entries.append(_convolution(f"first{index + 1}", own, 3, stride) | {"input": last})
        last = f"second{index + 1}"
        entries.append(_convolution(last, own, 3, 1) | ({"residual": added} if form == "residual" else {}))
    entries.append({"name": "scores", "kind": "linear", "out_channels": dataset(name).classes})
    page = NetworkFile.model_validate(
        {
            "version": 1, "name": "depth", "op": op, "x_bits": 8, "w_bits": 8, "x_signed": op != "mac",
            "input": {"height": height, "width": width, "channels": channels}, "layers": entries,
        }
    )  # fmt: skip
    return page.build_layers()


def _convolution(name: str, channels: int, side: int, stride: int) -> dict[str, Any]:
    shape = {"kernel": [side, side], "stride": [stride, stride], "padding": [side // 2] * 4}
    return {"name": name, "kind": "conv2d", "out_channels": channels, **shape}


def recipe_of(data: Data) -> Recipe:
    """Return how every run on these training data is trained, but for the rate of its op and norm."""
    return Recipe.model_validate(
        {
            "version": 1, "name": "depth", "dataset": data.name, "epochs": max(1, round(EXAMPLES / len(data.labels))),
            "batch": 64, "shift_pixels": 1,
            "ops": {op: {"learning_rate": next(iter(rates.values()))} for op, rates in RATES.items()},
        }
    )  # fmt: skip


def settings_of(data: Data, recipe: Recipe) -> str:
    """Return 12 hex digits that differ where the same run would give something else: data, networks, recipe, code."""
    networks = [network_layers(data.name, op, depth, form) for op in RATES for depth in DEPTHS for form in FORMS]
    described = {
        "code": CODE_VERSION,
        "recipe": recipe.model_dump(),
        "rates": RATES,
        "networks": [[layer.model_dump() for layer in layers] for layers in networks],
        "data": array_hash({"pixels": data.pixels, "labels": data.labels}),
    }
    return key_of(described)[:12]


def train_run(run: Run, data: Data, recipe: Recipe, test: tuple[np.ndarray, np.ndarray], settings: str) -> DepthRow:
    """Return the row of one training; the same for the same inputs on one machine. test: (pixels, labels), reported."""
    depth, form, op, norm, seed = run
    layers = network_layers(data.name, op, depth, form)
    task = Classifier(data, recipe, signed=layers[0].x_signed)
    random = np.random.default_rng(seed)
    chain = initialise(layers, task.sample, random, norm=cast(TrainingNorm, norm))
    name = f"{data.name}, depth {depth}, {form}, {op}, norm {norm}, seed {seed}"
    schedule = Schedule(name, recipe.epochs, RATES[op][norm], recipe.warm_up, recipe.final_rate)
    guess = 1 / dataset(data.name).classes
    accuracies, diverged = (guess, guess), 0
    try:
        master, curve = train(chain, task, schedule, random, {})
        outputs = outputs_of(master, real_inputs(test[0], data.levels, layers[0].x_signed))
        accuracies = curve[-1].validation_accuracy, float(np.mean(outputs.argmax(axis=1) == test[1]))
    except LimenError:  # without a checkpoint, nothing but a loss beyond all bounds
        diverged = 1
    counts = sum(layer.pairs for layer in layers), sum(int(np.prod(layer.weights_shape)) for layer in layers)
    # Rounded as they are stored: a resumed study must sum the very numbers an unbroken one does.
    validation, tested = (round(accuracy, 6) for accuracy in accuracies)
    return DepthRow(data.name, depth, form, op, norm, seed, *counts, validation, tested, diverged, settings)


def run_study(
    name: str,
    depths: Sequence[int],
    seeds: int,
    out: Path,
    folder: Path | None = None,
    progress: Progress | None = None,
    effort: Recipe | None = None,
) -> list[DepthRow]:
    """Train every cell of these depths with seeds 0 … seeds − 1 and return the rows of `out`/runs.csv.

    The file is rewritten whole after each run; runs it already has are kept and not trained again, also those of depths
    and seeds not asked for now. One study at a time may write a folder. folder: of the data set's files, see
    `load_split`. effort: instead of `recipe_of`.

    Raises:
        LimenError: unknown data set or missing files, a series, a depth or number of seeds that can't be, a folder that
            can't be written, a runs.csv that is damaged or of other settings.
    """
    if min(dataset(name).shape[:2]) == 1:
        raise LimenError(f"dataset: {name!r} is not allowed: depth is studied on images")
    stored_rows.check_depths(depths, DEPTHS)
    stored_rows.check_seeds(seeds)
    check_writable(out)
    data = load_data(name, folder, TRAINING_IMAGES)
    recipe = effort or recipe_of(data)
    settings = settings_of(data, recipe)
    path = out / "runs.csv"
    rows = {_run_of(row): row for row in (read_rows(path, settings) if path.exists() else [])}
    test = load_split(name, "test", folder)
    runs = [
        (depth, form, op, norm, seed)
        # Seed by seed: a study stopped early has whole rounds of all cells.
        for seed in range(seeds)
        for depth in sorted(set(depths))
        for form in (FORMS if STAGES[depth] else FORMS[1:])
        for op in RATES
        for norm in RATES[op]
    ]

    def run_one(run: Run) -> DepthRow:
        return train_run(run, data, recipe, test, settings)

    return stored_rows.complete(path, rows, runs, run_one, in_order, (f"depth of {name}", progress))


def _run_of(row: DepthRow) -> Run:
    return row.depth, row.form, row.op, row.norm, row.seed


def in_order(rows: Iterable[DepthRow]) -> list[DepthRow]:
    """Return rows by cell, then seed, as they stand in runs.csv whatever the order of training."""

    def place(row: DepthRow) -> tuple[int, ...]:
        return row.depth, FORMS.index(row.form), [*RATES].index(row.op), [*RATES[row.op]].index(row.norm), row.seed

    return sorted(rows, key=place)


def read_rows(path: Path, settings: str | None = None) -> list[DepthRow]:
    """Return the rows of a runs.csv, see `workloads.studies.stored_rows`."""
    norms = [norm for rates in RATES.values() for norm in rates]
    allowed = {"depth": DEPTHS, "form": FORMS, "op": [*RATES], "norm": norms, "diverged": (0, 1)}
    return stored_rows.read_rows(path, DepthRow, "depth study", allowed, settings)
