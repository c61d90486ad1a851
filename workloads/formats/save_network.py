"""Writing a network as the file and the checkpoint that `workloads.networks.network.load_network` reads."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from workloads.errors import LimenError
from workloads.host.files import npz_bytes, write_whole
from workloads.host.specfile import validate
from workloads.layers.graph import INPUT
from workloads.layers.layer import Layer, LayerForm
from workloads.networks.network import Network, NetworkFile


def save_network(network: Network, folder: Path, stem: str) -> Path:
    """Write STEM.yaml and STEM.npz into a folder, and return the path of the first.

    Raises LimenError where the network has shapes only, can't be said in a network file, or can't be written.
    """
    content = network_content(network, f"{stem}.npz")
    if validate(NetworkFile, content, network.name).build_layers() != network.layers:
        raise LimenError(f"network {network.name}: layers: a tensor's format that no reader has can't be in a file")
    arrays: dict[str, np.ndarray] = {}
    for layer, parameters in zip(network.layers, network.trained(), strict=True):
        if layer.has_arrays:
            stored = {part: array for part, array in vars(parameters).items() if array is not None}
            if layer.generates_polarity:
                del stored["polarity"]
            if not layer.has_weights:
                del stored["weights"]
            arrays |= {f"{layer.name}.{part}": array for part, array in stored.items()}
    text = io.BytesIO()
    YAML(typ="safe", pure=True).dump(content, text)
    write_whole(folder / f"{stem}.npz", npz_bytes(arrays))  # first: the file that names it must not be without it
    write_whole(folder / f"{stem}.yaml", text.getvalue())
    return folder / f"{stem}.yaml"


def network_content(network: Network, checkpoint: str | None) -> dict[str, Any]:
    """Return the content of the network's file (`NetworkFile`); every layer says its own op and widths."""
    tensor, first = network.tensors[INPUT], network.layers[0]
    content: dict[str, Any] = {"version": 1, "name": network.name}
    content |= {name: getattr(first, name) for name in ("op", "x_bits", "w_bits", "x_signed")}
    content["input"] = {"height": tensor.height, "width": tensor.width, "channels": tensor.channels}
    content["layers"] = [_entry(layer) for layer in network.layers]
    content |= {"checkpoint": checkpoint, "dataset": network.dataset, "input_map": network.input_map.model_dump()}
    if network.schedule:
        content["schedule"] = [cut.model_dump() for cut in network.schedule]
    if network.unmapped_ops:
        content["unmapped_ops"] = [row.model_dump() for row in network.unmapped_ops]
    return {name: value for name, value in content.items() if value is not None}


def _entry(layer: Layer) -> dict[str, Any]:
    entry = {name: getattr(layer, name) for name in LayerForm.model_fields if getattr(layer, name) is not None}
    entry |= {name: getattr(layer, name) for name in ("op", "x_bits", "w_bits", "x_signed")}
    if layer.has_weights:
        entry["out_channels"] = layer.out_channels
    if layer.kind != "linear":
        dimensions = 1 if layer.kind == "conv1d" else 2
        entry |= {"kernel": list(layer.kernel[:dimensions]), "stride": list(layer.stride[:dimensions])}
        entry["padding"] = list(layer.padding[: 2 * dimensions])
    return entry
