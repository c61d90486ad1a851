"""Making a family's folder from its recipe: train, quantise, store; and the study over seeds."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workloads.digits import load_split
from workloads.errors import LimenError
from workloads.family import FAMILY_BITS, Family
from workloads.files import check_writable, write_whole
from workloads.float_network import FloatLayer
from workloads.layer import Layer, LayerForm, LayerParameters
from workloads.network import Network, NetworkFile
from workloads.numbers import Op
from workloads.quantise import Member, calibrate, integer_weights, quantise_family, quantise_member
from workloads.recipe import OpRecipe, Recipe
from workloads.specfile import read_spec
from workloads.training import Progress, train

STUDY_BITS = 8
"""Widths of x and w at which seeds are compared."""


class SeedRow(NamedTuple):
    """One trained network of a seed study; accuracies are shares of the split's images."""

    op: str
    seed: int
    validation_accuracy_float: float
    validation_accuracy_8_bits: float
    test_accuracy_8_bits: float


class AccuracyRow(NamedTuple):
    """One member of a family; accuracies are shares of the split's images."""

    op: str
    x_bits: int
    w_bits: int
    validation_accuracy: float
    test_accuracy: float


class SeedSummary(NamedTuple):
    """The seeds of one op: how many, mean and sample standard deviation of the 8-bit test accuracy, best seed.

    best_seed: highest 8-bit validation accuracy, the lowest of equals; the test split has no say.
    """

    op: str
    seeds: int
    test_mean: float
    test_deviation: float
    best_seed: int


def train_family(
    recipe_path: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    ops: Sequence[Op] | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Family:
    """Train and quantise each op of a recipe into `out_dir` and return the family there.

    Writes recipe.yaml, accuracy.csv (a row per member) and, per op, OP.yaml, OP.npz (see `Family`) and
    OP-curve.csv, each under a temporary name first.
    ops: all of the recipe's if None. seed: each op's own of the recipe if None.

    Raises:
        LimenError: a bad recipe or network file, an op without an entry, a folder that can't be written,
            training that diverges.
    """
    recipe = read_spec(Recipe, recipe_path)
    folder = Path(out_dir)
    check_writable(folder)
    inputs = {op: _op_inputs(recipe, op, recipe_path) for op in _chosen(recipe, ops, recipe_path)}
    for op, (own, layers) in inputs.items():
        master, curve = train(layers, recipe, own, own.seed if seed is None else seed, progress)
        arrays = quantise_family(master, progress)
        write_whole(folder / f"{op}.npz", npz_bytes(arrays))
        write_whole(folder / f"{op}-curve.csv", csv_bytes(curve))
        write_whole(folder / f"{op}.yaml", _network_path(recipe_path, op).read_bytes())
    write_whole(folder / "recipe.yaml", Path(recipe_path).read_bytes())
    family = Family(recipe.name, folder)
    write_whole(folder / "accuracy.csv", csv_bytes(accuracy_table(family, progress)))
    return family


def accuracy_table(family: Family, progress: Progress | None = None) -> list[AccuracyRow]:
    """Return a row per op and pair of widths of a family, from the exact integers of its checkpoints."""
    ops: list[Op] = ["threshold", "mac"]
    stored = [op for op in ops if op in family.ops()]
    members = [(op, x_bits, w_bits) for op in stored for x_bits in FAMILY_BITS for w_bits in FAMILY_BITS]
    rows = []
    for done, (op, x_bits, w_bits) in enumerate(members, start=1):
        network = family.network(op, x_bits, w_bits)
        rows.append(AccuracyRow(op, x_bits, w_bits, network.accuracy("validation"), network.accuracy("test")))
        if progress is not None:
            progress("evaluating", done, len(members))
    return rows


def seed_study(
    recipe_path: str | os.PathLike[str],
    seeds: Sequence[int],
    ops: Sequence[Op] | None = None,
    progress: Progress | None = None,
) -> list[SeedRow]:
    """Train each op of a recipe with each seed and return a row per network, op by op. Writes nothing.

    Raises LimenError as `train_family` does.
    """
    recipe = read_spec(Recipe, recipe_path)
    rows = []
    for op in _chosen(recipe, ops, recipe_path):
        own, layers = _op_inputs(recipe, op, recipe_path)
        for seed in seeds:
            master, curve = train(layers, recipe, own, seed, progress)
            member = quantise_member(master, calibrate(master), STUDY_BITS, STUDY_BITS)
            network = member_network(master, member, recipe_path, STUDY_BITS, STUDY_BITS)
            accuracies = [network.accuracy("validation"), network.accuracy("test")]
            rows.append(SeedRow(op, seed, curve[-1].validation_accuracy, *accuracies))
    return rows


def summarise_seeds(rows: Sequence[SeedRow]) -> list[SeedSummary]:
    """Return a summary per op, in the order in which the ops appear."""
    summaries = []
    for op in dict.fromkeys(row.op for row in rows):
        own = [row for row in rows if row.op == op]
        test = [row.test_accuracy_8_bits for row in own]
        deviation = float(np.std(test, ddof=1)) if len(test) > 1 else 0.0
        best = min(own, key=lambda row: (-row.validation_accuracy_8_bits, row.seed))
        summaries.append(SeedSummary(op, len(own), float(np.mean(test)), deviation, best.seed))
    return summaries


def member_network(
    master: Sequence[FloatLayer], member: Member, recipe_path: str | os.PathLike[str], x_bits: int, w_bits: int
) -> Network:
    """Return the integer network of a member that is not stored yet."""
    op = master[0].layer.op
    path = _network_path(recipe_path, op)
    form = read_spec(NetworkFile, path).model_copy(update={"x_bits": x_bits, "w_bits": w_bits})
    parameters = []
    for own, integers in zip(master, member.layers, strict=True):
        weights = integer_weights(own, integers.w_exponent, w_bits)
        polarity = None if own.polarity is None else own.polarity.astype(np.int64)
        parameters.append(LayerParameters(weights, polarity, integers.bias, integers.shift))
    return Network(form.name, form.build_layers(), tuple(parameters), form.dataset, member.input_map)


def npz_bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return an .npz file of the arrays, compressed; the same bytes for the same arrays."""
    packed = io.BytesIO()
    named: dict[str, Any] = {name: arrays[name] for name in sorted(arrays)}
    np.savez_compressed(packed, **named)
    return packed.getvalue()


def csv_bytes(rows: Sequence[NamedTuple]) -> bytes:
    """Return a CSV file of like rows under the names of their fields; real numbers to six decimals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0]._fields)
    writer.writerows([f"{value:.6f}" if isinstance(value, float) else value for value in row] for row in rows)
    return text.getvalue().encode()


def _network_path(recipe_path: str | os.PathLike[str], op: Op) -> Path:
    return Path(recipe_path).parent / f"{op}.yaml"


def _chosen(recipe: Recipe, ops: Sequence[Op] | None, recipe_path: str | os.PathLike[str]) -> list[Op]:
    allowed = recipe.named_ops()
    if not allowed:
        raise LimenError(f"{recipe_path}: ops: {{}} is not allowed: name threshold, mac or both")
    for op in ops or []:
        if op not in allowed:
            raise LimenError(f"{recipe_path}: op: {op!r} is not allowed: one of {', '.join(allowed)}")
    return allowed if ops is None else list(ops)


def _op_inputs(recipe: Recipe, op: Op, recipe_path: str | os.PathLike[str]) -> tuple[OpRecipe, tuple[Layer, ...]]:
    """Return the recipe's entry of `op` and the layers of its network file, checked to fit the data."""
    path = _network_path(recipe_path, op)
    layers = read_spec(NetworkFile, path).build_layers()
    for layer in layers:
        # A chain says nothing of tensors, groups or polarity; training knows no more.
        for key, plain in LayerForm(name=layer.name, kind=layer.kind):
            if getattr(layer, key) != plain or (key == "kind" and not layer.has_parameters):
                raise LimenError(
                    f"{path}: layer {layer.name}: {key}: {getattr(layer, key)!r} is not allowed: "
                    "training takes a chain of convolutions and linear layers"
                )
        if layer.op != op:
            raise LimenError(
                f"{path}: layer {layer.name}: op: {layer.op!r} is not allowed: training takes {op} throughout"
            )
        if layer.x_signed != (op == "threshold"):
            raise LimenError(
                f"{path}: layer {layer.name}: x_signed: {layer.x_signed} is not allowed: training of {op} needs "
                f"{op == 'threshold'}"
            )
    pixels, labels = load_split("train")
    classes = int(labels.max()) + 1
    if layers[0].input_shape != pixels.shape[1:]:
        raise LimenError(
            f"{path}: input: {list(layers[0].input_shape)} is not allowed: "
            f"{recipe.dataset} has {list(pixels.shape[1:])}"
        )
    if layers[-1].output_shape != (1, 1, classes):
        raise LimenError(
            f"{path}: layer {layers[-1].name}: output {list(layers[-1].output_shape)} is not allowed: "
            f"{recipe.dataset} has {classes} classes"
        )
    if recipe.batch > len(labels):
        raise LimenError(f"{recipe_path}: batch: {recipe.batch} is not allowed: at most {len(labels)} images")
    own = recipe.for_op(op)
    assert own is not None
    return own, layers
