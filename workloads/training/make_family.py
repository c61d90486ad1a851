"""Making a family's folder from its recipe: train, fine-tune, quantise, store."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workloads.errors import LimenError
from workloads.host.files import check_writable, npz_bytes, read_arrays, write_whole
from workloads.host.opening import read_file
from workloads.host.progress import Progress
from workloads.host.specfile import read_spec
from workloads.host.text_tables import csv_bytes
from workloads.layers.graph import read_shape, trace_tensors
from workloads.layers.layer import Layer, LayerForm
from workloads.networks.accuracy import store_accuracies
from workloads.networks.family import (
    FAMILY_BITS,
    Family,
    FamilyOp,
    member_parameters,
    member_w_bits,
    with_residual_shifts,
    with_widths,
)
from workloads.networks.network import Network, NetworkFile
from workloads.training.classifier import Data, load_data
from workloads.training.curve import curve_picture
from workloads.training.float_master import FloatLayer
from workloads.training.optimiser import cross_entropy
from workloads.training.quantise import CALIBRATION_IMAGES, Calibration, Member, calibrate, quantise_member
from workloads.training.recipe import TEACHER, Recipe
from workloads.training.train_and_tune import TUNED_BITS, Course, fine_tune, train_master, whole_identity
from workloads.training.trial import LOSS_DECIMALS

TUNING_KEYS = ("tuning_epochs", "tuning_rate")
"""Of a recipe: what the float master doesn't depend on."""

Masters = Mapping[int, Sequence[FloatLayer]]
"""The float master under 0, and those fine-tuned at b bits under b."""

Judge = Callable[[Calibration, Member, int, int], tuple[float, float]]
"""Of a master's calibration, a member of it, x_bits and w_bits: the share of wrong answers, and the loss. The less of
the first, and where that is equal of the second, the better."""


def train_family(
    recipe_path: str | os.PathLike[str],
    out_dir: str | os.PathLike[str],
    ops: Sequence[FamilyOp] | None = None,
    seed: int | None = None,
    data_folder: Path | None = None,
    progress: Progress | None = None,
) -> Family:
    """Train, fine-tune and quantise each op of a recipe into `out_dir` and return the family there.

    Writes recipe.yaml, accuracy.csv (a row per member) and, per op, OP.yaml, OP.npz (see `Family`), OP-curve.csv and
    OP-curve.png, each under a temporary name first. Stopped at any moment, the same call goes on from the checkpoints
    OP-*.checkpoint.npz, written after each epoch and removed when the op is done, and ends with the same bits; an op
    whose OP.npz says that it was made by this recipe from this data is not made again, and of one that was but for
    its tuning the float master is kept.
    ops: all of the recipe's if None. seed: each op's own of the recipe if None. data_folder: see `load_split`.

    Raises:
        LimenError: a bad recipe or network file, data that can't be read, an op without an entry, a folder that can't
            be written, training that diverges, a checkpoint of another training.
    """
    recipe = read_spec(Recipe, recipe_path)
    folder = Path(out_dir)
    check_writable(folder)
    data = load_data(recipe.dataset, data_folder)
    chosen = chosen_ops(recipe, ops, recipe_path)
    inputs = {op: op_layers(recipe, op, recipe_path, data) for op in chosen}
    write_whole(folder / "recipe.yaml", read_file(Path(recipe_path)))
    family = Family(recipe.name, folder)
    for op, layers in inputs.items():
        teacher = None
        if recipe.teaches(op):
            teacher = master_of(read_arrays(folder / f"{TEACHER}.npz"), inputs[TEACHER])
        course = Course(recipe, op, recipe.ops[op].seed if seed is None else seed, data, teacher)
        made = described(whole_identity(layers, course))
        checkpoints = Checkpoints(folder, op)
        if is_made(folder / f"{op}.npz", made):
            checkpoints.remove()  # a kill just after the last write leaves them
            continue
        master, curve = kept_master(folder / f"{op}.npz", layers, course), None
        if master is None:
            master, curve = train_master(layers, course, checkpoints.path("float"), progress)
        judge = validation_judge(read_spec(NetworkFile, network_path(recipe_path, op)), data)
        masters, calibrations = tuned_masters(master, course, checkpoints, judge, progress)
        members = quantise_family(op, calibrations, progress, judge)
        if curve is not None:
            write_whole(folder / f"{op}-curve.csv", csv_bytes(curve))
            write_whole(folder / f"{op}-curve.png", curve_picture(curve, f"{recipe.name}, {op}"))
        write_whole(folder / f"{op}.yaml", read_file(network_path(recipe_path, op)))
        write_whole(folder / f"{op}.npz", npz_bytes(checkpoint_arrays(masters, members) | {"described": made}))
        checkpoints.remove()
    store_accuracies(family, data_folder, progress=progress)
    return family


class Checkpoints(NamedTuple):
    """Where an op's trainings in a family's folder keep what they resume from."""

    folder: Path
    op: FamilyOp

    def path(self, *tags: object) -> Path:
        return self.folder / f"{'-'.join(map(str, (self.op, *tags)))}.checkpoint.npz"

    def remove(self) -> None:
        stages = [
            self.path("float"),
            *(path for bits in TUNED_BITS for path in self.folder.glob(self.path(bits, "*").name)),
        ]
        for path in stages:
            path.unlink(missing_ok=True)


def tuned_masters(
    master: Sequence[FloatLayer],
    course: Course,
    checkpoints: Checkpoints,
    judge: Judge,
    progress: Progress | None = None,
) -> tuple[dict[int, Sequence[FloatLayer]], dict[int, Calibration]]:
    """Return the masters that an op's members are made of, 0 the float master, b the one tuned at b bits, and theirs.

    At each of TUNED_BITS every rate of the recipe starts from the width before; what `judge` finds best stays.
    """
    masters: dict[int, Sequence[FloatLayer]] = {0: master}
    calibrations = {0: calibrated(master, course.data)}
    latest = 0
    for bits in TUNED_BITS if course.recipe.tuning_epochs else ():
        grids = quantise_member(calibrations[latest], bits, bits).grids
        lowest = (float("inf"), float("inf"))
        for rate in course.recipe.tuning_rate:
            tuned = fine_tune(masters[latest], grids, course, rate, checkpoints.path(bits, rate), progress)
            calibration = calibrated(tuned, course.data)
            judged = judge(calibration, quantise_member(calibration, bits, bits), bits, bits)
            if judged < lowest or bits not in masters:
                lowest, masters[bits], calibrations[bits] = judged, tuned, calibration
        latest = bits
    return masters, calibrations


def described(identity: Mapping[str, Any]) -> np.ndarray:
    """Return an identity as the uint8 array that a checkpoint holds: JSON."""
    return np.frombuffer(json.dumps(identity, sort_keys=True).encode(), dtype=np.uint8)


def is_made(path: Path, made: np.ndarray) -> bool:
    """Return whether a family's checkpoint is there and says that it was made just so."""
    return path.exists() and np.array_equal(read_arrays(path).get("described", made[:0]), made)


def kept_master(path: Path, layers: Sequence[Layer], course: Course) -> list[FloatLayer] | None:
    """Return the float master of a family's checkpoint that this training would make again, None where it wouldn't."""
    if not path.exists():
        return None
    arrays = read_arrays(path)
    try:
        made = dict(json.loads(arrays["described"].tobytes()))
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    here = json.loads(json.dumps(whole_identity(layers, course)))
    if any(made.get(key) != value for key, value in here.items() if key not in TUNING_KEYS):
        return None
    return master_of(arrays, layers)


def calibrated(master: Sequence[FloatLayer], data: Data) -> Calibration:
    """Return the calibration of a classifier on the first training images; its loss is the cross-entropy."""
    labels = data.labels[:CALIBRATION_IMAGES]
    return calibrate(
        master, data.pixels[:CALIBRATION_IMAGES], data.levels, lambda scores: cross_entropy(scores, labels, 0.0)[0]
    )


def validation_judge(form: NetworkFile, data: Data) -> Judge:
    """Return what judges members of an op by their answers and their cross-entropy on all validation images.

    Not on training images: on those a tuned master, which has seen them more often, would seem better than it is.
    """

    def judge(calibration: Calibration, member: Member, x_bits: int, w_bits: int) -> tuple[float, float]:
        network = member_network(calibration.master, member, form, x_bits, w_bits)
        first = network.layers[0]
        pixels = member.input_map.apply(data.validation_pixels, first.x_bits, first.x_signed)
        scores, labels = network.predict(network.as_input(pixels)), data.validation_labels
        wrong = float(np.mean(scores.argmax(axis=1) != labels))
        real = np.ldexp(scores.T.astype(np.float64), member.units[:, None])
        return wrong, round(cross_entropy(real, labels, 0.0)[0], LOSS_DECIMALS)

    return judge


def quantise_family(
    op: FamilyOp,
    calibrations: Mapping[int, Calibration],
    progress: Progress | None = None,
    judge: Judge | None = None,
) -> dict[tuple[int, int], tuple[int, Member]]:
    """Return (which master, its integers) of every member of an op.

    A member whose narrower operand has b bits comes from the master tuned at b bits or from the float master, whichever
    `judge` finds better at the member's widths; a float master alone needs none.
    """
    widths = [(x_bits, w_bits) for x_bits in reversed(FAMILY_BITS) for w_bits in reversed(member_w_bits(op))]
    members: dict[tuple[int, int], tuple[int, Member]] = {}
    for done, (x_bits, w_bits) in enumerate(widths, start=1):
        tags = {0, min(x_bits, w_bits)} & calibrations.keys()
        made = [(tag, next_member(calibrations[tag], tag, x_bits, w_bits, members)) for tag in sorted(tags)]
        members[x_bits, w_bits] = made[0]
        if len(made) > 1:
            assert judge is not None
            judged = [judge(calibrations[tag], member, x_bits, w_bits) for tag, member in made]
            members[x_bits, w_bits] = made[judged.index(min(judged))]
        if progress is not None:
            progress(f"quantising {op}", done, len(widths))
    return members


def next_member(
    calibration: Calibration,
    tag: int,
    x_bits: int,
    w_bits: int,
    known: Mapping[tuple[int, int], tuple[int, Member]],
) -> Member:
    """Return a member of the master `tag`; its descent starts where that of the next wider known one of it ended."""
    for wider in ((x_bits, w_bits + 1), (x_bits + 1, w_bits)):
        if wider in known and known[wider][0] == tag:
            return quantise_member(calibration, x_bits, w_bits, known[wider][1].choices)
    return quantise_member(calibration, x_bits, w_bits)


def checkpoint_arrays(masters: Masters, members: Mapping[tuple[int, int], tuple[int, Member]]) -> dict[str, np.ndarray]:
    """Return the arrays documented in `Family`, and those that complete the masters: biases and output_shift."""
    side = len(FAMILY_BITS)
    arrays: dict[str, np.ndarray] = {
        name: np.zeros((side, side), dtype=np.int8) for name in ("input_offset", "input_shift", "tuned")
    }
    arrays["input_offset"] = arrays["input_offset"].astype(np.int16)
    used = {tag for tag, _ in members.values()}
    for index, float_layer in enumerate(masters[0]):
        name = float_layer.layer.name
        arrays[f"{name}.float_weights"] = float_layer.weights
        arrays[f"{name}.float_bias"] = float_layer.bias
        arrays[f"{name}.output_shift"] = float_layer.output_shift.astype(np.int8)
        if float_layer.polarity is not None and not float_layer.layer.generates_polarity:
            arrays[f"{name}.polarity"] = float_layer.polarity
        for bits in used - {0}:
            arrays[f"{name}.tuned_{bits}"] = masters[bits][index].weights
            arrays[f"{name}.tuned_{bits}_bias"] = masters[bits][index].bias
        for part, kind in (("w_exponent", np.int8), ("bias", np.int32), ("shift", np.int8)):
            arrays[f"{name}.{part}"] = np.zeros((side, side, float_layer.layer.out_channels), dtype=kind)
        if float_layer.layer.residual is not None:
            arrays[f"{name}.residual_shift"] = np.zeros((side, side), dtype=np.int8)
    made = np.zeros((side, side), dtype=np.int8)
    for (x_bits, w_bits), (tag, member) in members.items():
        at = (x_bits - FAMILY_BITS[0], w_bits - FAMILY_BITS[0])
        made[at] = 1
        arrays["input_offset"][at] = member.input_map.offset
        arrays["input_shift"][at] = member.input_map.shift
        arrays["tuned"][at] = tag
        for float_layer, integers, shift in zip(masters[0], member.layers, member.residual_shifts, strict=True):
            if float_layer.layer.residual is not None:
                arrays[f"{float_layer.layer.name}.residual_shift"][at] = shift
            for part, values in integers._asdict().items():
                target = arrays[f"{float_layer.layer.name}.{part}"]
                limits = np.iinfo(target.dtype)
                if values.min() < limits.min or values.max() > limits.max:
                    raise LimenError(
                        f"quantising {float_layer.layer.name}.{part}: a value beyond {target.dtype}: not storable"
                    )
                target[at] = values
    widest = max(float_layer.layer.operation.fitted_bits(FAMILY_BITS[-1]) for float_layer in masters[0])
    if len(members) < side * len(range(FAMILY_BITS[0], widest + 1)):
        arrays["made"] = made
    return arrays


def master_of(arrays: Mapping[str, np.ndarray], layers: Sequence[Layer], tuned: int = 0) -> list[FloatLayer]:
    """Return the float master that a checkpoint's arrays hold, or the one tuned at that many bits."""
    return [
        FloatLayer(
            layer,
            arrays[f"{layer.name}.tuned_{tuned}" if tuned else f"{layer.name}.float_weights"],
            _polarity_of(arrays, layer),
            arrays[f"{layer.name}.output_shift"].astype(np.int64),
            arrays[f"{layer.name}.tuned_{tuned}_bias" if tuned else f"{layer.name}.float_bias"],
            layer.y_bits is not None and not layer.y_signed,
        )
        for layer in layers
    ]


def _polarity_of(arrays: Mapping[str, np.ndarray], layer: Layer) -> np.ndarray | None:
    """Return a layer's polarity, int8: generated, or as a checkpoint has it."""
    if layer.generates_polarity:
        return layer.generated_polarity().astype(np.int8)
    return arrays.get(f"{layer.name}.polarity")


def member_network(
    master: Sequence[FloatLayer], member: Member, form: NetworkFile, x_bits: int, w_bits: int
) -> Network:
    """Return the integer network of a member that is not stored yet; form: the network file of its op."""
    adding = {
        float_layer.layer.name: shift
        for float_layer, shift in zip(master, member.residual_shifts, strict=True)
        if float_layer.layer.residual is not None
    }
    form = with_residual_shifts(with_widths(form, form.name, x_bits, w_bits), adding)
    layers = form.build_layers()
    parameters = [
        member_parameters(layer, float_layer.weights, float_layer.polarity, *integers)
        for layer, float_layer, integers in zip(layers, master, member.layers, strict=True)
    ]
    return Network(form.name, layers, tuple(parameters), form.dataset, member.input_map, form.schedule)


def network_path(recipe_path: str | os.PathLike[str], op: FamilyOp) -> Path:
    """Return the network file of an op: OP.yaml beside the recipe."""
    return Path(recipe_path).parent / f"{op}.yaml"


def chosen_ops(recipe: Recipe, ops: Sequence[FamilyOp] | None, recipe_path: str | os.PathLike[str]) -> list[FamilyOp]:
    """Return the ops to train, all of the recipe's if None, in order. Raises LimenError for one that it hasn't."""
    for op in ops or []:
        if op not in recipe.ops:
            raise LimenError(f"{recipe_path}: op: {op!r} is not allowed: one of {', '.join(recipe.ops)}")
    chosen = list(recipe.ops) if ops is None else list(ops)
    if any(recipe.teaches(op) for op in chosen):  # who teaches is trained first
        return [TEACHER, *(op for op in chosen if op != TEACHER)]
    return chosen


def op_layers(recipe: Recipe, op: FamilyOp, recipe_path: str | os.PathLike[str], data: Data) -> tuple[Layer, ...]:
    """Return the layers of an op's network file, checked to be what training takes and to fit the data."""
    path = network_path(recipe_path, op)
    if not os.path.lexists(path):
        raise LimenError(f"{recipe_path}: op: {op} is not allowed without its network file, {path}")
    try:
        layers = read_spec(NetworkFile, path).build_layers()
        trace_tensors(layers)
    except LimenError as error:
        raise LimenError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
    for layer in layers:
        # Training knows nothing of groups or concatenation, and finds the residuals' shifts.
        form = LayerForm(name=layer.name, kind=layer.kind, input=layer.input, residual=layer.residual)
        form = form.model_copy(update={"polarity": layer.polarity, "polarity_seed": layer.polarity_seed})
        for key, plain in form:
            if getattr(layer, key) != plain or (key == "kind" and not layer.has_weights):
                raise LimenError(
                    f"{path}: layer {layer.name}: {key}: {getattr(layer, key)!r} is not allowed: "
                    "training takes convolutions and linear layers, and residuals whose shifts it finds"
                )
    ops = tuple(layer.op for layer in layers)
    expected = {
        "shift-adder": tuple("adder" if index % 2 else "shift" for index in range(len(layers))),
        "mac-threshold": ("mac", *["threshold"] * (len(layers) - 1)),
    }.get(op, (op,) * len(layers))
    for layer, op_there, expected_op in zip(layers, ops, expected, strict=True):
        if op_there != expected_op:
            raise LimenError(
                f"{path}: layer {layer.name}: op: {op_there!r} is not allowed: {op} has {expected_op!r} there"
            )
    height, width, channels = data.pixels.shape[1:]
    if layers[0].input_shape != read_shape(layers[0], (height, width, channels)):
        raise LimenError(
            f"{path}: input: {list(layers[0].input_shape)} is not allowed: "
            f"{recipe.dataset} has {list(data.pixels.shape[1:])}"
        )
    classes = int(data.labels.max()) + 1
    if layers[-1].output_shape != (1, 1, classes):
        raise LimenError(
            f"{path}: layer {layers[-1].name}: output {list(layers[-1].output_shape)} is not allowed: "
            f"{recipe.dataset} has {classes} classes"
        )
    if recipe.batch > len(data.labels):
        raise LimenError(f"{recipe_path}: batch: {recipe.batch} is not allowed: at most {len(data.labels)} images")
    return layers
