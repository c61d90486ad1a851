"""The integers of a network, from the .npz file that its page names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workloads.errors import LimenError
from workloads.host.files import as_integers, read_arrays
from workloads.layers.layer import Layer, LayerParameters, kind_parameters, no_parameters

PARTS = ("weights", "polarity", "bias", "shift")
"""Arrays of a layer, `LAYER.PART` in the file."""


def load_checkpoint(path: Path, layers: tuple[Layer, ...]) -> tuple[LayerParameters, ...]:
    """Read `LAYER.weights|polarity|bias|shift` of every layer from an .npz file (never pickled).

    Generated polarity isn't in the file: it is generated here.

    Raises:
        LimenError: absent, damaged, an array missing, unknown, of another shape or out of range.
    """
    arrays = read_arrays(path)
    parameters = []
    for layer in layers:
        if not layer.has_arrays:
            parameters.append(kind_parameters(layer))
            continue
        arrays_of_layer: dict[str, Any] = {}
        if layer.generates_polarity:
            if f"{layer.name}.polarity" in arrays:
                raise LimenError(f"{path}: {layer.name}.polarity: present; polarity 'generated' follows from its seed")
            arrays_of_layer["polarity"] = layer.generated_polarity()
        if not layer.has_weights:
            arrays_of_layer |= {"weights": no_parameters().weights, "polarity": None}
        for name in PARTS:
            if name in arrays_of_layer:
                continue
            array = arrays.pop(f"{layer.name}.{name}", None)
            try:
                arrays_of_layer[name] = as_integers(array) if array is not None and array.dtype.kind in "iu" else array
            except ValueError as error:
                raise LimenError(f"{path}: {layer.name}.{name}: {error}") from None
        parameters.append(LayerParameters(**arrays_of_layer))
        try:
            parameters[-1].check(layer)
        except ValueError as error:
            raise LimenError(f"{path}: {error}") from None
    if arrays:
        raise LimenError(f"{path}: {min(arrays)}: unknown array; allowed: {', '.join(PARTS)} of each layer")
    return tuple(parameters)
