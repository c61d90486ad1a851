"""A network under our own training, as PyTorch has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

import limen.torch
from workloads.layers.layer import Layer
from workloads.training.forward_backward import TrainedLayer

CONVOLUTIONS = {
    "threshold": limen.torch.ThresholdConv2d,
    "adder": limen.torch.AdderConv2d,
    "shift": limen.torch.ShiftConv2d,
}
LINEAR = {
    "threshold": limen.torch.ThresholdLinear,
    "adder": limen.torch.AdderLinear,
    "shift": limen.torch.ShiftLinear,
}


def twin(ours: Sequence[TrainedLayer]) -> torch.nn.Sequential:
    """Return a network in training mode, with the weights and the norms of this one."""
    model = torch.nn.Sequential()
    shape = ours[0].layer.input_shape
    for part in ours:
        layer = part.layer
        norm = "mean" if part.gain is None else "power"
        if layer.kind == "linear":
            model.append(torch.nn.Flatten())
            module = LINEAR[layer.op](layer.channels, layer.out_channels, norm)
        else:
            window = layer.kernel, layer.stride, layer.padding, layer.groups
            module = CONVOLUTIONS[layer.op](layer.channels, layer.out_channels, *window, norm)
        with torch.no_grad():
            module.to(torch.float64 if part.bias.dtype == np.float64 else torch.float32)
            module.weight.copy_(in_their_order(part.weights, layer, shape))
            if part.polarity is not None:
                module.polarity.copy_(in_their_order(part.polarity, layer, shape))
            if module.gain is not None:
                module.gain.copy_(torch.from_numpy(part.gain))
            module.bias.copy_(torch.from_numpy(part.bias))
            module.running_mean.copy_(torch.from_numpy(part.mean))
            module.running_variance.copy_(torch.from_numpy(part.variance))
            module.factor.fill_(float(np.ldexp(1.0, -int(part.output_shift[0]))))
        model.append(module)
        if part.rectified:
            model.append(torch.nn.ReLU())
        shape = layer.output_shape
    return model


def in_their_order(filters: np.ndarray, layer: Layer, shape: tuple[int, int, int]) -> torch.Tensor:
    """Return [N, kh, kw, C] as [N, C, kh, kw]; shape: [H, W, C] of what a linear layer reads."""
    if layer.kind != "linear":
        return torch.from_numpy(filters.transpose(0, 3, 1, 2).copy())
    return torch.from_numpy(filters.reshape(-1, *shape).transpose(0, 3, 1, 2).reshape(len(filters), -1, 1, 1).copy())


def in_our_order(filters: torch.Tensor, layer: Layer) -> np.ndarray:
    """Return the inverse of `in_their_order`, for a linear layer that reads a square of 4 x 4 pixels."""
    array = filters.numpy()
    if layer.kind == "linear":
        array = array.reshape(len(array), -1, 4, 4)
    return array.transpose(0, 2, 3, 1).reshape(layer.weights_shape)
