"""From a network trained in PyTorch to a family: the same quantiser and the same files as those of our own training."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import torch
from ruamel.yaml import YAML
from torch import nn

from workloads.datasets import DATASETS, available
from workloads.errors import LimenError, check_kind
from workloads.host.files import check_writable, npz_bytes, write_whole
from workloads.host.progress import Progress
from workloads.layers.layer import Layer
from workloads.networks.accuracy import store_accuracies
from workloads.networks.family import Family
from workloads.networks.network import NetworkFile
from workloads.pytorch.chain import float_master, member_op, network_file, read_chain
from workloads.pytorch.preparing import network_inputs
from workloads.training.classifier import Data
from workloads.training.float_master import FloatLayer, outputs_of
from workloads.training.make_family import calibrated, checkpoint_arrays, quantise_family

COMPARED_IMAGES = 8
"""Images on which the model and the master that was read of it are compared."""

LARGEST_DEVIATION = 1e-3
"""Of their outputs, as a share of the largest one: both add in float32, in orders of their own."""


def to_family(
    model: nn.Module,
    calibration: Data,
    folder: str | os.PathLike[str],
    signed: bool = True,
    progress: Progress | None = None,
) -> Family:
    """Quantise a trained network at every pair of widths into `folder`, and return the family there, of its name.

    Writes OP.yaml, OP.npz and, where Limen knows the data set and finds its files, accuracy.csv; see `Family`.
    model: an nn.Sequential of our layers, ReLU, Flatten, Dropout and Identity, which ends in scores; its means settled.
    calibration: the data it was trained on; integers are chosen on the first training images, see
    `workloads.training.quantise`. signed: whether inputs were −1…1, or 0…1, see `network_inputs`.

    Raises:
        LimenError: a model that is no such chain or doesn't fit the data, a folder that can't be written.
    """
    check_kind("model", model, nn.Module, "a network of PyTorch")
    check_kind("calibration", calibration, Data, "a limen.torch.Data")
    folder = Path(folder)
    check_writable(folder)
    name = folder.absolute().name
    chain = read_chain(model)
    op = member_op(chain)
    dataset = calibration.name if calibration.name in DATASETS else None
    form = network_file(name, chain, calibration.pixels.shape[1:], signed, dataset)
    layers = form.build_layers()
    _check_data(name, calibration, layers)
    master = float_master(chain, layers)
    _check_outputs(name, model, master, calibration, signed)
    members = quantise_family(op, {0: calibrated(master, calibration)}, progress)
    write_whole(folder / f"{op}.yaml", _yaml(form))
    write_whole(folder / f"{op}.npz", npz_bytes(checkpoint_arrays({0: master}, members)))
    family = Family(name, folder)
    if dataset is not None and available(dataset):
        store_accuracies(family, progress=progress)
    return family


def _check_data(name: str, data: Data, layers: tuple[Layer, ...]) -> None:
    """Raise LimenError unless the data are images that the network can be calibrated on."""
    if data.levels < 2 or data.levels & (data.levels - 1):
        raise LimenError(f"{name}: calibration: levels: {data.levels} is not allowed: a power of two")
    height, width, classes = layers[-1].output_shape
    if (height, width) != (1, 1) or not len(data.labels) or not 0 <= data.labels.min() <= data.labels.max() < classes:
        raise LimenError(
            f"{name}: layer {layers[-1].name}: output {list(layers[-1].output_shape)} is not allowed: "
            f"a score for each class of calibration"
        )


def _check_outputs(name: str, model: nn.Module, master: list[FloatLayer], data: Data, signed: bool) -> None:
    """Raise LimenError where the model computes something else than its layers in their order."""
    x = network_inputs(data.pixels[:COMPARED_IMAGES], data.levels, signed)
    trained = model.training
    model.eval()
    try:
        with torch.no_grad():
            outputs = model(x.to(next(model.parameters()))).flatten(1).cpu().numpy()
    except (RuntimeError, ValueError, IndexError) as error:
        raise LimenError(f"{name}: the model doesn't run on images of calibration: {error}") from None
    finally:
        model.train(trained)
    expected = outputs_of(master, x.permute(0, 2, 3, 1).contiguous().numpy())
    deviation = float(np.abs(outputs - expected).max())
    if not deviation <= LARGEST_DEVIATION * float(np.abs(expected).max()):
        raise LimenError(
            f"{name}: the model's outputs differ by {deviation:.3g} from those of its layers in their order"
        )


def _yaml(form: NetworkFile) -> bytes:
    text = io.BytesIO()
    YAML(typ="safe", pure=True).dump(form.model_dump(exclude_unset=True, mode="json"), text)
    return text.getvalue()
