"""The polarity study: how the signs p of Σ p·max(x − w, 0) are shared and chosen, against accuracy and depth.

The open question of arXiv 2412.13902. A cell of the study is a depth, a granularity (what a layer's polarity may
depend on: every synapse, the fan-in position, the neuron) and an initialisation; each cell is trained once a seed.
Accuracies are those of the float master: this asks what trains, not what integers keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from workloads.datasets import dataset, load_split
from workloads.host.files import check_writable
from workloads.host.journal import key_of
from workloads.host.progress import Progress
from workloads.layers.layer import Layer
from workloads.ops.generated_polarity import generated_polarity
from workloads.studies import stored_rows
from workloads.training.classifier import Classifier, Data, load_data
from workloads.training.float_master import outputs_of, real_inputs
from workloads.training.forward_backward import initialise
from workloads.training.loop import Schedule, array_hash, train
from workloads.training.recipe import OpRecipe, Recipe

CODE_VERSION = 1
"""Raised whenever the code changes what a run gives, so that no row of before is taken for one of now."""

DEPTHS = (2, 4, 8)
"""Threshold layers of a network, the linear one that writes the scores included."""

GRANULARITIES = ("synapse", "input", "neuron")
INITIALISATIONS = ("random", "balanced", "skewed", "learned", "generated")

SKEWED_TENTHS = 7
"""Tenths of a skewed set of signs that are +1."""

LATENT_REACH = {"synapse": 2.0, "input": 10.0, "neuron": 10.0}
"""Learned latents start uniform in ± this, by granularity.

Adam moves every array by about the learning rate a step, so the reach says how easily signs flip; a run moves a latent
by about 30 at most. A sign that a whole layer shares must flip seldom: with ± 2 networks of depth 8 and granularity
input fell to chance. Chosen on digits' validation images, seeds 100 to 102.
"""

TRAINING_IMAGES = 8000
"""Of larger data sets the first of the shuffled training images."""

EXAMPLES = 32000
"""Images a run is trained on, repeated ones counted: it sets the epochs, so every data set gets the same steps."""

CHANNELS = (12, 24)
"""Of the first convolution and of every later one."""

SHRUNK_FROM = 17
"""Sides from this length on are brought down by 4 in the first convolution, 5 wide; shorter ones keep their length."""


class PolarityRow(NamedTuple):
    """A run. Accuracies and shares are 0…1.

    positive: share of the network's synapses with p = +1 after training. flipped: share whose sign training changed,
    0 unless learned. settings: see `settings_of`.
    """

    dataset: str
    depth: int
    granularity: str
    initialisation: str
    seed: int
    validation_accuracy: float
    test_accuracy: float
    positive: float
    flipped: float
    epochs: int
    settings: str


Run = tuple[int, str, str, int]
"""(depth, granularity, initialisation, seed)."""


def draw_polarity(
    layer: Layer, random: np.random.Generator, initialisation: str
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return (polarity [N, kh, kw, C] float32 of ±1, latent) that `layer.polarity`, its granularity, allows.

    random: each free sign is +1 with probability 1/2. balanced, skewed: exactly half, or 7 tenths rounded, of a set of
    free signs are +1, in random places; a neuron's synapses are a set, or the positions, or the neurons. Half of an
    odd set is the number below or above, at random, lest every network lean the same way.
    learned: starts with the very signs that random draws, so that the two differ by learning alone.
    generated: what `generated_polarity` replays from a random seed: the signs of channel n at position k, n or k always
    0 where the granularity has no such.
    latent: float32 of the free signs' shape, [N, kh, kw, C], [1, kh, kw, C] or [N, 1, 1, 1], for learned, else None.
    """
    shape = layer.free_signs_shape
    latent = None
    if initialisation == "learned":
        reach = LATENT_REACH[layer.polarity]
        latent = (reach * (1 - 2 * random.random(shape))).astype(np.float32)
        positive = latent >= 0
    elif initialisation == "random":
        positive = random.random(shape) < 0.5
    elif initialisation == "generated":
        seed, positions = int(random.integers(1 << 32)), np.arange(np.prod(shape[1:]))
        positive = (generated_polarity(seed, np.arange(shape[0])[:, None], positions) > 0).reshape(shape)
    else:
        sets = shape[0] if layer.polarity == "synapse" else 1
        size = int(np.prod(shape)) // sets
        if initialisation == "balanced":
            counts = (size + random.integers(0, 2, sets)) // 2
        else:
            counts = np.full(sets, (SKEWED_TENTHS * size + 5) // 10)
        positive = random.permuted(np.arange(size) < counts[:, None], axis=1).reshape(shape)
    signs = np.where(positive, 1, -1).astype(np.float32)
    return np.broadcast_to(signs, layer.weights_shape).copy(), latent


def network_layers(name: str, depth: int, granularity: str) -> list[Layer]:
    """Return the threshold layers for a data set: depth − 1 convolutions, two of them with stride 2 from depth 4 on.

    Axes of length 1 are left alone, so series get convolutions along their length.
    """
    data = dataset(name)
    shape = data.shape
    layers: list[Layer] = []
    for index in range(depth - 1):
        first = index == 0
        # Two blocks after the first convolution; each opens with stride 2.
        stride = 1 if first or (index - 1) % ((depth - 2) // 2) else 2
        sides = [_side(length, first, stride) for length in shape[:2]]
        layers.append(
            Layer(
                name=f"conv{index + 1}", op="threshold", x_bits=8, w_bits=8, y_bits=8, polarity=granularity,  # type: ignore[arg-type]
                height=shape[0], width=shape[1], channels=shape[2], out_channels=CHANNELS[0 if first else 1],
                kernel=(sides[0][0], sides[1][0]), stride=(sides[0][1], sides[1][1]),
                padding=(sides[0][2], sides[0][2], sides[1][2], sides[1][2]),
            )
        )  # fmt: skip
        shape = layers[-1].output_shape
    scores = Layer(
        name="scores", kind="linear", op="threshold", x_bits=8, w_bits=8, polarity=granularity,  # type: ignore[arg-type]
        channels=int(np.prod(shape)), out_channels=data.classes,
    )  # fmt: skip
    return [*layers, scores]


def _side(length: int, first: bool, stride: int) -> tuple[int, int, int]:
    """Return (kernel, stride, padding at either end) along an axis."""
    if length == 1:
        return 1, 1, 0
    if first and length >= SHRUNK_FROM:
        return 5, 4, 1
    return 3, stride, 1


def recipe_of(data: Data) -> Recipe:
    """Return how every run on these training data is trained."""
    return Recipe(
        version=1, name="polarity", dataset=data.name, epochs=max(1, round(EXAMPLES / len(data.labels))), batch=64,
        shift_pixels=1, warm_up=0.05, final_rate=0.01, ops={"threshold": OpRecipe(learning_rate=0.12)},
    )  # fmt: skip


def settings_of(data: Data, recipe: Recipe) -> str:
    """Return 12 hex digits that differ where the same run would give something else: data, networks, recipe, code."""
    described = {
        "code": CODE_VERSION,
        "recipe": recipe.model_dump(),
        "networks": [[layer.model_dump() for layer in network_layers(data.name, depth, "synapse")] for depth in DEPTHS],
        "skewed_tenths": SKEWED_TENTHS,
        "latent_reach": LATENT_REACH,
        "data": array_hash({"pixels": data.pixels, "labels": data.labels}),
    }
    return key_of(described)[:12]


def train_run(run: Run, data: Data, recipe: Recipe, test: tuple[np.ndarray, np.ndarray], settings: str) -> PolarityRow:
    """Return the row of one training; the same for the same inputs on one machine.

    test: (pixels, labels), only reported. Cells of one depth and seed differ in polarity alone: noise of the
    thresholds, order of the images and their shifts are the same. Raises LimenError where training diverges.
    """
    depth, granularity, initialisation, seed = run
    layers = network_layers(data.name, depth, granularity)
    task = Classifier(data, recipe, signed=True)
    random = np.random.default_rng(seed)

    def draw(layer: Layer, shared: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        # A spawned generator leaves the shared one where it was, whatever the cell draws.
        return draw_polarity(layer, shared.spawn(1)[0], initialisation)

    chain = initialise(layers, task.sample, random, draw)
    before = _signs([trained.polarity for trained in chain])
    name = f"{data.name}, depth {depth}, {granularity}, {initialisation}, seed {seed}"
    rate = recipe.ops["threshold"].learning_rate
    schedule = Schedule(name, recipe.epochs, rate, recipe.warm_up, recipe.final_rate)
    master, curve = train(chain, task, schedule, random, {})
    after = _signs([float_layer.polarity for float_layer in master])
    right = outputs_of(master, real_inputs(test[0], data.levels, signed=True)).argmax(axis=1) == test[1]
    # Rounded as they are stored: a resumed study must sum the very numbers an unbroken one does.
    rounded = partial(round, ndigits=6)
    return PolarityRow(
        data.name, depth, granularity, initialisation, seed, rounded(curve[-1].validation_accuracy),
        rounded(float(np.mean(right))), rounded(float(np.mean(after > 0))), rounded(float(np.mean(before != after))),
        recipe.epochs, settings,
    )  # fmt: skip


def _signs(polarities: Sequence[np.ndarray | None]) -> np.ndarray:
    """Return all synapses' signs of a network, [synapses] int8."""
    return np.concatenate([polarity.astype(np.int8).reshape(-1) for polarity in polarities if polarity is not None])


def run_study(
    name: str,
    depths: Sequence[int],
    seeds: int,
    out: Path,
    folder: Path | None = None,
    progress: Progress | None = None,
    effort: Recipe | None = None,
) -> list[PolarityRow]:
    """Train every cell of these depths with seeds 0 … seeds − 1 and return the rows of `out`/runs.csv.

    The file is rewritten whole after each run; runs it already has are kept and not trained again, also those of depths
    and seeds not asked for now. So a study goes on where it was stopped. One study at a time may write a folder.
    folder: of the data set's files, see `load_split`. effort: instead of `recipe_of`.

    Raises:
        LimenError: unknown data set or missing files, a depth or number of seeds that can't be, a folder that can't be
            written, a runs.csv that is damaged or of other settings, a training that diverges.
    """
    dataset(name)
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
        (depth, granularity, initialisation, seed)
        # Seed by seed: a study stopped early has whole rounds of all cells.
        for seed in range(seeds)
        for depth in sorted(set(depths))
        for granularity in GRANULARITIES
        for initialisation in INITIALISATIONS
    ]

    def run_one(run: Run) -> PolarityRow:
        return train_run(run, data, recipe, test, settings)

    return stored_rows.complete(path, rows, runs, run_one, in_order, (f"polarity of {name}", progress))


def _run_of(row: PolarityRow) -> Run:
    return row.depth, row.granularity, row.initialisation, row.seed


def in_order(rows: Iterable[PolarityRow]) -> list[PolarityRow]:
    """Return rows by cell, then seed, as they stand in runs.csv whatever the order of training."""

    def place(row: PolarityRow) -> tuple[int, ...]:
        return row.depth, GRANULARITIES.index(row.granularity), INITIALISATIONS.index(row.initialisation), row.seed

    return sorted(rows, key=place)


def read_rows(path: Path, settings: str | None = None) -> list[PolarityRow]:
    """Return the rows of a runs.csv, see `workloads.studies.stored_rows`."""
    allowed = {"depth": DEPTHS, "granularity": GRANULARITIES, "initialisation": INITIALISATIONS}
    return stored_rows.read_rows(path, PolarityRow, "polarity study", allowed, settings)
