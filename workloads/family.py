"""`Family`: one trained float master per op, and its integer network at every (x_bits, w_bits)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.errors import LimenError
from workloads.layer import LayerParameters
from workloads.network import InputMap, Network, NetworkFile, load_network, read_arrays
from workloads.numbers import Op, operand_range
from workloads.specfile import read_spec

FAMILY_BITS = range(2, 9)
"""Widths of x and of w at which a family has members."""

SHIPPED = Path(__file__).parent / "families"


class _Arrays(dict[str, np.ndarray]):
    """The arrays of a checkpoint; asking for one it lacks is a LimenError that names it."""

    def __init__(self, path: Path) -> None:
        super().__init__(read_arrays(path))
        self._path = path

    def __missing__(self, name: str) -> np.ndarray:
        raise LimenError(f"{self._path}: {name}: missing; expected the arrays of a family's checkpoint")


@dataclass(frozen=True)
class Family:
    """A trained network at one op per checkpoint, for every (x_bits, w_bits) in 2…8.

    A checkpoint (.npz) holds, for each layer L with N output channels, and B = 7 widths,
      L.float_weights [N, kh, kw, C] float32    trained thresholds or weights (batch-norm folded in)
      L.polarity      [N, kh, kw, C] int8       op threshold only
      L.w_exponent    [B, B, N]      int8       weight grid: integer = sat(round(float · 2^-exponent))
      L.bias          [B, B, N]      int32      integer bias, exact folding and bias correction included
      L.shift         [B, B, N]      int8       requantiser shift
      input_offset, input_shift [B, B] int8     the input map
    indexed [x_bits - 2, w_bits - 2]. Scaling by a power of two and rounding half to even are exact, so
    every machine derives the same integers.
    """

    name: str
    folder: Path

    def ops(self) -> list[str]:
        """Return the ops the family has a checkpoint for."""
        return [op for op in ("threshold", "mac") if (self.folder / f"{op}.npz").is_file()]

    def network(self, op: Op, x_bits: int, w_bits: int) -> Network:
        """Return the member at these widths. Raises LimenError for an op or a width the family lacks."""
        if op not in self.ops():
            raise LimenError(f"family {self.name}: op: {op!r} is not allowed: one of {', '.join(self.ops())}")
        for field, bits in (("x_bits", x_bits), ("w_bits", w_bits)):
            if bits not in FAMILY_BITS:
                raise LimenError(
                    f"family {self.name}: {field}: {bits!r} is not allowed: {FAMILY_BITS[0]} to {FAMILY_BITS[-1]}"
                )
        form = read_spec(NetworkFile, self.folder / f"{op}.yaml").model_copy(
            update={"name": f"{self.name}-{op}-x{x_bits}-w{w_bits}", "x_bits": x_bits, "w_bits": w_bits}
        )
        layers = form.build_layers()
        arrays = _Arrays(self.folder / f"{op}.npz")
        at = (x_bits - FAMILY_BITS[0], w_bits - FAMILY_BITS[0])
        parameters = []
        for layer in layers:
            exponent = arrays[f"{layer.name}.w_exponent"][at].astype(np.int64)
            scaled = np.ldexp(arrays[f"{layer.name}.float_weights"].astype(np.float64), -exponent[:, None, None, None])
            weights = np.clip(np.rint(scaled), *operand_range(w_bits)).astype(np.int64)
            polarity = arrays[f"{layer.name}.polarity"].astype(np.int64) if op == "threshold" else None
            parameters.append(
                LayerParameters(
                    weights,
                    polarity,
                    arrays[f"{layer.name}.bias"][at].astype(np.int64),
                    arrays[f"{layer.name}.shift"][at].astype(np.int64),
                )
            )
        input_map = InputMap(offset=int(arrays["input_offset"][at]), shift=int(arrays["input_shift"][at]))
        return Network(form.name, layers, tuple(parameters), form.dataset, input_map)


def load_family(name: str, folder: Path = SHIPPED) -> Family:
    """Return a shipped family by name. Raises LimenError naming those there are."""
    shipped = sorted(entry.name for entry in folder.iterdir() if (entry / "recipe.yaml").is_file())
    if name not in shipped:
        families = ", ".join(shipped)
        raise LimenError(f"workload: {name!r} is not allowed: a family ({families}) or a network file (.yaml)")
    return Family(name, folder / name)


def find_network(name: str, op: Op | None = None, x_bits: int | None = None, w_bits: int | None = None) -> Network:
    """Return a family's member (op, x_bits and w_bits needed), or the network of a .yaml file (which fixes them).

    Raises:
        LimenError: an unknown family, a width it lacks, a choice missing or one too many.
    """
    chosen = {"op": op, "x_bits": x_bits, "w_bits": w_bits}
    if name.endswith((".yaml", ".yml")):
        for field, value in chosen.items():
            if value is not None:
                raise LimenError(f"{name}: {field}: {value!r} is not allowed: a network file fixes its own")
        return load_network(name)
    family = load_family(name)
    if op is None or x_bits is None or w_bits is None:
        missing = next(field for field, value in chosen.items() if value is None)
        raise LimenError(f"family {name}: {missing}: missing; a family needs op, x_bits and w_bits")
    return family.network(op, x_bits, w_bits)
