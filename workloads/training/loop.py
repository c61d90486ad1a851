"""The training loop: epochs of steps, a checkpoint after each, and resuming with the same bits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from workloads.errors import LimenError, shown
from workloads.host.files import npz_bytes, read_arrays, write_whole
from workloads.host.journal import code_digest
from workloads.host.progress import Progress
from workloads.training.float_master import FloatLayer
from workloads.training.forward_backward import TrainedLayer, backward, fold, forward, settle_means
from workloads.training.optimiser import Adam, Average, learning_rates

LARGEST_LOSS = 1e6
"""Training whose loss exceeds this, or is no number, has diverged; an untrained network's is near 2.3."""

CHECKPOINT_FORMAT = 1
"""Version of the checkpoints' form."""


class Diverged(LimenError):
    """A training whose loss grew beyond all bounds."""


class EpochRow(NamedTuple):
    """A line of the training curve: mean loss and score on training batches as drawn, score on validation data.

    A classifier's score is its accuracy, a share; other tasks say what theirs is.
    """

    epoch: int
    loss: float
    train_accuracy: float
    validation_accuracy: float


class Task(Protocol):
    """What a network is trained for."""

    steps: int
    """Batches of an epoch."""

    sample: np.ndarray
    """Real inputs [images, H, W, C], shuffled, that stand for all of them where statistics are taken."""

    def batches(self, random: np.random.Generator) -> Iterator[tuple[np.ndarray, Any]]:
        """Yield (inputs [H, W, C, B] float32, target) of an epoch."""

    def loss(self, outputs: np.ndarray, target: Any) -> tuple[float, np.ndarray, float]:
        """Return (mean loss, its gradient, score) of outputs [values, B]."""

    def validate(self, master: Sequence[FloatLayer]) -> float:
        """Return the master's score on validation data."""


@dataclass(frozen=True)
class Schedule:
    """How long, how fast, and what share of the weights' average is kept: see `Recipe`.

    name: of the training, for progress and refusals. floors: (epoch, score): where the validation score after that
    epoch is lower, training ends there.
    """

    name: str
    epochs: int
    learning_rate: float
    warm_up: float
    final_rate: float
    averaging: float = 0.0
    floors: tuple[tuple[int, float], ...] = ()

    def ends_at(self, row: EpochRow) -> bool:
        """Return whether training ends after this epoch."""
        low = dict(self.floors).get(row.epoch, 0.0)
        return row.epoch >= self.epochs or row.validation_accuracy < low


def train(
    chain: list[TrainedLayer],
    task: Task,
    schedule: Schedule,
    random: np.random.Generator,
    identity: Mapping[str, Any],
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple[list[FloatLayer], list[EpochRow]]:
    """Train `chain` in place and return (the master, the curve); the same bits for the same inputs on one machine.

    checkpoint: written whole after each epoch. Where it exists, training goes on from it, and ends with the bits of
    an unbroken run. identity: what must be equal for that (JSON values): network, recipe, data; and the code that
    trains, which is added here.

    Raises:
        LimenError: training diverges (as Diverged); a checkpoint that is damaged, of a newer form or of another
            training or code.
    """
    if checkpoint is not None:
        identity = {**identity, "code_digest": training_code()}
    adam = Adam([array for trained in chain for array in trained.trainable()])
    rates = learning_rates(schedule.learning_rate, schedule.epochs * task.steps, schedule.warm_up, schedule.final_rate)
    average = Average(adam.arrays, schedule.averaging)
    curve: list[EpochRow] = []
    if checkpoint is not None and checkpoint.exists():
        curve = _resume(checkpoint, _state(chain, adam, average), adam, random, identity)
        if len(curve) > schedule.epochs or adam.steps != len(curve) * task.steps:
            raise LimenError(f"{checkpoint}: checkpoint: described: damaged; delete the file to train anew")
    while not (curve and schedule.ends_at(curve[-1])):
        epoch = len(curve) + 1
        losses, scores = [], []
        for x, target in task.batches(random):
            with np.errstate(all="ignore"):  # a diverging loss is reported below, in one line
                outputs, tape = forward(chain, x)
                loss, slope, score = task.loss(outputs, target)
                if not loss <= LARGEST_LOSS:
                    raise Diverged(
                        f"training {schedule.name}: loss became {loss} in epoch {epoch}: learning_rate: "
                        f"{schedule.learning_rate} is not allowed here: try a lower one"
                    )
                adam.step([part for parts in backward(chain, tape, slope) for part in parts], rates[adam.steps])
            average.follow(adam.steps)
            for trained in chain:
                trained.settle_polarity()
            losses.append(loss)
            scores.append(score)
        validation = task.validate(_settled(chain, task, average))
        curve.append(EpochRow(epoch, float(np.mean(losses)), float(np.mean(scores)), validation))
        if checkpoint is not None:
            arrays = _state(chain, adam, average)
            write_whole(checkpoint, _checkpoint_bytes(arrays, adam, random, identity, curve))
        if progress is not None:
            progress(f"training {schedule.name}", epoch, schedule.epochs)
    return _settled(chain, task, average), curve


def _settled(chain: list[TrainedLayer], task: Task, average: Average) -> list[FloatLayer]:
    """Return the master of the weights as they are, or of their average, with means of its own."""
    with average.in_place():
        for trained in chain:
            trained.settle_polarity()
        settle_means(chain, task.sample)
        master = fold(chain)
    for trained in chain:
        trained.settle_polarity()
    return master


@cache
def training_code() -> str:
    """Return the SHA-256 of the code that a training can depend on; a finished network keeps none of it."""
    return code_digest(("workloads",))


def array_hash(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a SHA-256 of arrays with their names, types and shapes."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _checkpoint_bytes(
    arrays: Mapping[str, np.ndarray],
    adam: Adam,
    random: np.random.Generator,
    identity: Mapping[str, Any],
    curve: Sequence[EpochRow],
) -> bytes:
    described = {
        "format": CHECKPOINT_FORMAT,
        "identity": dict(identity),
        "steps": adam.steps,
        "random": random.bit_generator.state,
        "curve": [list(row) for row in curve],
    }
    return npz_bytes({**arrays, "described": np.frombuffer(json.dumps(described).encode(), dtype=np.uint8)})


def _state(chain: Sequence[TrainedLayer], adam: Adam, average: Average) -> dict[str, np.ndarray]:
    """Return every array of a training under way; those of chain, Adam and average themselves, not copies."""
    arrays = {f"{trained.layer.name}.{name}": array for trained in chain for name, array in trained.arrays().items()}
    for kind, moments in (("mean", adam.means), ("square", adam.squares)):
        arrays |= {f"adam.{kind}.{index}": array for index, array in enumerate(moments)}
    return arrays | {f"average.{index}": array for index, array in enumerate(average.averages)}


def _resume(
    path: Path,
    state: Mapping[str, np.ndarray],
    adam: Adam,
    random: np.random.Generator,
    identity: Mapping[str, Any],
) -> list[EpochRow]:
    """Fill the arrays of a training, optimiser and generator from a checkpoint; return the curve so far."""
    stored = read_arrays(path)
    try:
        described = json.loads(stored.pop("described").tobytes())
        version, stored_identity = described["format"], dict(described["identity"])
    except (KeyError, TypeError, ValueError, RecursionError):
        raise LimenError(f"{path}: checkpoint: described: missing or damaged; delete the file to train anew") from None
    if version != CHECKPOINT_FORMAT:
        raise LimenError(
            f"{path}: checkpoint: format: {shown(version)} is not allowed: this Limen reads {CHECKPOINT_FORMAT}"
        )
    this_identity = json.loads(json.dumps(dict(identity)))
    for key in this_identity:
        if stored_identity.get(key) != this_identity[key]:
            raise LimenError(
                f"{path}: checkpoint: {key}: {shown(stored_identity.get(key))} is not allowed: this training has "
                f"{shown(this_identity[key])}; "
                "delete the file to train anew"
            )
    for name, array in state.items():
        if name not in stored or stored[name].shape != array.shape or stored[name].dtype != array.dtype:
            raise LimenError(f"{path}: checkpoint: {name}: not {array.dtype} {list(array.shape)}; delete the file")
        array[...] = stored[name]
    try:
        adam.steps = int(described["steps"])
        random.bit_generator.state = described["random"]
        return [EpochRow(int(epoch), *map(float, figures)) for epoch, *figures in described["curve"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        raise LimenError(f"{path}: checkpoint: described: damaged; delete the file to train anew") from None
