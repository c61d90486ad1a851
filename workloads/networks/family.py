"""`Family`: one trained float master per op, and its integer network at every (x_bits, w_bits)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from workloads.errors import LimenError, check_kind, shown
from workloads.host.files import Arrays
from workloads.host.names import check_imported, is_file_name, named_file, nearest
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import InputMap, Network, NetworkFile
from workloads.networks.pages import page_network, read_page, zoo_pages
from workloads.ops.names import MIXES
from workloads.ops.op_field import Op, one_of
from workloads.ops.operation import OPERAND_BITS
from workloads.ops.registry import known_ops, operation


def family_ops() -> tuple[str, ...]:
    """Return what a family's network may be made of: one op, or a mix."""
    return (*known_ops(), *MIXES)


FamilyOp = Annotated[str, one_of(family_ops)]
"""What a family's network is made of, as a field of a specification."""

FAMILY_BITS = range(2, 9)
"""Widths of x and of w at which a family has members."""

EXPONENTS = (-128, 127)
"""Least and greatest of a weight grid: those of int8."""

SHIPPED = Path(__file__).parents[1] / "families"


@dataclass(frozen=True)
class Family:
    """A trained network at one op per checkpoint, for every (x_bits, w_bits) in 2…8 that its op can take.

    A checkpoint (.npz) holds, for each layer L with N output channels, and B = 7 widths,
      L.float_weights [N, kh, kw, C] float32    trained thresholds or weights (norms folded in)
      L.tuned_b       [N, kh, kw, C] float32    the same after fine-tuning at b bits, for b of 4, 3 and 2; may be absent
      L.float_bias, L.tuned_b_bias [N] float32, L.output_shift [N] int8: what else the masters have
      L.polarity      [N, kh, kw, C] int8       op threshold only; absent where it is generated
      L.w_exponent    [B, B, N]      int8       weight grid: integer = sat(round(float · 2^-exponent))
      L.bias          [B, B, N]      int32      integer bias, exact folding and bias correction included
      L.shift         [B, B, N]      int8       requantiser shift
      L.residual_shift [B, B]        int8       left shift of what the layer adds; absent where it adds nothing
      input_offset, input_shift [B, B] int8     the input map
      tuned           [B, B]         int8       which weights a member has: 0 float_weights, b tuned_b
      made            [B, B]         int8       whether a member was made; absent where all were
      described       uint8                     JSON: network, recipe, seed and data that it was made from
    indexed [x_bits - 2, w_bits - 2]; op shift has no members with w_bits above 5. Scaling by a power of two and
    rounding half to even are exact, so every machine derives the same integers.
    """

    name: str
    folder: Path

    def __repr__(self) -> str:
        return f"Family({self.name}: ops {', '.join(self.ops())})"

    def ops(self) -> list[FamilyOp]:
        """Return the ops the family has a checkpoint for."""
        return [op for op in family_ops() if (self.folder / f"{op}.npz").exists()]

    def widths(self, op: FamilyOp) -> list[tuple[int, int]]:
        """Return every (x_bits, w_bits) that members of an op have. Raises LimenError for a damaged checkpoint."""
        made = _made(Arrays(self.folder / f"{op}.npz"))
        return [(x, w) for x in FAMILY_BITS for w in member_w_bits(op) if made[x - FAMILY_BITS[0], w - FAMILY_BITS[0]]]

    def form(self, op: FamilyOp, x_bits: int, w_bits: int) -> NetworkFile:
        """Return the network file of an op at these widths. Raises LimenError for an op or a width the family lacks."""
        if op not in self.ops():
            raise LimenError(f"family {self.name}: op: {shown(op)} is not allowed: one of {', '.join(self.ops())}")
        for field, bits, allowed in (("x_bits", x_bits, FAMILY_BITS), ("w_bits", w_bits, member_w_bits(op))):
            if not isinstance(bits, int) or bits not in allowed:
                raise LimenError(
                    f"family {self.name}: {field}: {shown(bits)} is not allowed: {allowed[0]} to {allowed[-1]}"
                )
        form = with_widths(
            read_page(self.folder / f"{op}.yaml"), f"{self.name}-{op}-x{x_bits}-w{w_bits}", x_bits, w_bits
        )
        adding = [entry.name for entry in form.layers if entry.residual]
        if not adding:
            return form
        arrays, side = Arrays(self.folder / f"{op}.npz"), len(FAMILY_BITS)
        at = (x_bits - FAMILY_BITS[0], w_bits - FAMILY_BITS[0])
        return with_residual_shifts(
            form, {name: int(arrays.integers(f"{name}.residual_shift", (side, side))[at]) for name in adding}
        )

    def network(self, op: FamilyOp, x_bits: int, w_bits: int) -> Network:
        """Return the member at these widths. Raises LimenError for an op or a width the family lacks."""
        form = self.form(op, x_bits, w_bits)
        path = self.folder / f"{op}.npz"
        try:
            layers = form.build_layers()
        except LimenError as error:
            raise LimenError(f"{self.folder / f'{op}.yaml'}: {error}") from None
        arrays = Arrays(path)
        side, at = len(FAMILY_BITS), (x_bits - FAMILY_BITS[0], w_bits - FAMILY_BITS[0])
        if not _made(arrays)[at]:
            having = ", ".join(f"{x} x {w}" for x, w in self.widths(op))
            raise LimenError(f"family {self.name}: {op} {x_bits} x {w_bits}: is not allowed: made were {having}")
        offset, shift, tuned = (
            int(arrays.integers(name, (side, side))[at]) for name in ("input_offset", "input_shift", "tuned")
        )
        parameters = tuple(_stored_parameters(arrays, layer, at, tuned) for layer in layers)
        try:
            input_map = InputMap(offset=offset, shift=shift)
            beside = tuple(form.unmapped_ops)
            return Network(form.name, layers, parameters, form.dataset, input_map, form.schedule, beside)
        except LimenError as error:
            raise LimenError(f"{path}: {error}") from None


def _made(arrays: Arrays) -> np.ndarray:
    """Return whether a checkpoint has each member, [B, B]. Raises LimenError for a damaged one."""
    side = len(FAMILY_BITS)
    return arrays.integers("made", (side, side)) > 0 if arrays.has("made") else np.ones((side, side), dtype=bool)


def _stored_parameters(arrays: Arrays, layer: Layer, at: tuple[int, int], tuned: int) -> LayerParameters:
    """Return a layer's integers in the member `at`. Raises LimenError where an array is not as `Family` says."""
    weights = f"{layer.name}.tuned_{tuned}" if tuned else f"{layer.name}.float_weights"
    polarity = None
    if layer.generates_polarity:
        polarity = layer.generated_polarity()
    elif layer.operation.polar:
        polarity = arrays.integers(f"{layer.name}.polarity", layer.weights_shape)
    side = len(FAMILY_BITS)
    w_exponent, bias, shift = (
        arrays.integers(f"{layer.name}.{part}", (side, side, layer.out_channels))[at]
        for part in ("w_exponent", "bias", "shift")
    )
    low, high = EXPONENTS
    if w_exponent.min() < low or w_exponent.max() > high:
        raise LimenError(f"{arrays.path}: {layer.name}.w_exponent: one is not allowed: {low} to {high}")
    return member_parameters(
        layer,
        arrays.reals(weights, layer.weights_shape),
        polarity,
        w_exponent,
        bias,
        shift,
    )


def family_op(ops: Sequence[Op]) -> FamilyOp:
    """Return the kind of member whose layers have these ops between them. Raises LimenError where there is none."""
    for kind in family_ops():
        if set(made_of(kind)) == set(ops):
            return kind
    raise LimenError(f"ops: {', '.join(ops)} are not allowed: families mix mac and threshold, or shift and adder")


def made_of(op: FamilyOp) -> tuple[Op, ...]:
    """Return the ops of a member's layers."""
    return MIXES.get(op, (op,))


def member_w_bits(op: FamilyOp) -> range:
    """Return the widths of w at which a family has members of an op."""
    widest = max(operation(made_op).fitted_bits(FAMILY_BITS[-1]) for made_op in made_of(op))
    return range(FAMILY_BITS[0], widest + 1)


def with_widths(form: NetworkFile, name: str, x_bits: int, w_bits: int) -> NetworkFile:
    """Return a network file under another name and with other widths.

    A layer's own op may take fewer bits; what a layer says of its own output's width follows x_bits.
    """
    layers = []
    for entry in form.layers:
        own = {"y_bits": x_bits} if entry.y_bits else {}
        if entry.op and operation(entry.op).weight_bits != OPERAND_BITS:
            own["w_bits"] = operation(entry.op).fitted_bits(w_bits)
        layers.append(entry.model_copy(update=own))
    return form.model_copy(update={"name": name, "x_bits": x_bits, "w_bits": w_bits, "layers": layers})


def with_residual_shifts(form: NetworkFile, shifts: Mapping[str, int]) -> NetworkFile:
    """Return a network file whose layers of these names shift what they add by so much: those of one member."""
    layers = [
        entry.model_copy(update={"residual_shift": shifts[entry.name]}) if entry.name in shifts else entry
        for entry in form.layers
    ]
    return form.model_copy(update={"layers": layers})


def member_parameters(
    layer: Layer,
    weights: np.ndarray,
    polarity: np.ndarray | None,
    w_exponent: np.ndarray,
    bias: np.ndarray,
    shift: np.ndarray,
) -> LayerParameters:
    """Return a layer's integers from the arrays of a checkpoint, those of one member."""
    values = layer.operation.integers(weights, w_exponent.astype(np.int64), layer.w_bits)
    return LayerParameters(
        layer.operation.codes(values, layer.w_bits),
        None if polarity is None else polarity.astype(np.int64),
        bias.astype(np.int64),
        shift.astype(np.int64),
    )


def shipped_families(folder: Path = SHIPPED) -> list[str]:
    """Return the names of the families that come with Limen, trained."""
    return sorted(path.parent.name for path in folder.glob("*/accuracy.csv"))


def load_family(name: str | Path, folder: Path = SHIPPED) -> Family:
    """Return a shipped family by name, or the one that `limen net train` made in a folder.

    Raises LimenError where there is neither.
    """
    if str(name) in shipped_families(folder):
        return Family(str(name), folder / str(name))
    if os.path.isdir(str(name)):  # False of any name, also of one that no folder can have
        return _trained_family(Path(str(name)))
    check_imported("workload", str(name))
    families = ", ".join(shipped_families(folder))
    raise LimenError(
        f"workload: {shown(name)} is not allowed: a family ({families}), the folder of one, a network of the zoo "
        f"(limen describe zoo) or a network file (.yaml){nearest(str(name), [*shipped_families(folder), *zoo_pages()])}"
    )


def is_family(folder: Path) -> bool:
    """Return whether a folder holds a trained family."""
    return any(all(os.path.isfile(folder / f"{op}.{end}") for end in ("npz", "yaml")) for op in family_ops())


def _trained_family(folder: Path) -> Family:
    """Return the family of a folder, named like it. Raises LimenError where it holds none."""
    if not is_family(folder):
        raise LimenError(f"{folder}: holds no family: OP.npz and OP.yaml, as limen net train writes them")
    name = folder.resolve().name
    return Family(name if re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name) else "family", folder)


def find_recipe(name: str) -> Path:
    """Return the path of a recipe: a .yaml file, or that of a family by name or folder, trained and shipped or not.

    Raises LimenError naming those there are.
    """
    built_in = {path.parent.name: path for path in sorted(SHIPPED.glob("*/recipe.yaml"))}
    if name not in built_in and is_family(Path(name)):
        return Path(name) / "recipe.yaml"
    return named_file("recipe", name, built_in)


def is_page(name: str | Path) -> bool:
    """Return whether a workload's name is that of a network file or of a network of the zoo, not of a family."""
    return is_file_name(name) or str(name) in zoo_pages()


def find_network(
    name: str | Path, op: FamilyOp | None = None, x_bits: int | None = None, w_bits: int | None = None
) -> Network:
    """Return a family's member (op, x_bits and w_bits needed), or the network of a page.

    A page is a .yaml file or one of the zoo. With a checkpoint it fixes op and widths; without one it has those of its
    own unless others are given.

    Raises:
        LimenError: an unknown family, a width it lacks, a choice missing or one too many.
    """
    check_kind(
        "workload", name, (str, Path), "a family's name or folder, a network's of the zoo, or a network file (.yaml)"
    )
    name = str(name)
    if is_page(name):
        return page_network(zoo_pages().get(name, Path(name)), op, x_bits, w_bits)
    family = load_family(name)
    chosen = {"op": op, "x_bits": x_bits, "w_bits": w_bits}
    if op is None or x_bits is None or w_bits is None:
        missing = next(field for field, value in chosen.items() if value is None)
        raise LimenError(f"family {name}: {missing}: missing; a family needs op, x_bits and w_bits")
    return family.network(op, x_bits, w_bits)
