"""What a network of our layers needs before and after training in PyTorch: inputs, initial weights, settled means."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from workloads.errors import LimenError
from workloads.pytorch.layers import SumLayer
from workloads.training.float_master import real_inputs


def network_inputs(pixels: np.ndarray, levels: int, signed: bool = True) -> Tensor:
    """Return what a network sees of integer pixels [images, H, W, C]: float32 [images, C, H, W].

    levels: of the data set, a power of two. signed: (pixel − mid) / mid, −1…1; otherwise pixel / levels, 0…1.
    """
    real = real_inputs(pixels, levels, signed)
    return torch.from_numpy(np.ascontiguousarray(real.transpose(0, 3, 1, 2)))


def initialise(model: nn.Module, x: Tensor) -> None:
    """Draw the weights of our layers for inputs x, shuffled ones, and fit their norms: without it they don't train."""
    _visit(model, x, SumLayer.fit)


def settle_means(model: nn.Module, x: Tensor) -> None:
    """Make the running means of our layers those over inputs x: in training they lag behind."""
    _visit(model, x, SumLayer.settle)


@torch.no_grad()
def _visit(model: nn.Module, x: Tensor, prepare: Callable[[SumLayer, Tensor], None]) -> None:
    """Have each of our layers see, as the model runs on x in evaluation mode, its input before it computes."""
    layers = [module for module in model.modules() if isinstance(module, SumLayer)]
    if not layers:
        raise LimenError(f"model: {type(model).__name__} has none of limen.torch's layers")
    hooks = [layer.register_forward_pre_hook(lambda seen, inputs: prepare(seen, inputs[0])) for layer in layers]
    trained = model.training
    model.eval()
    try:
        model(x)
    finally:
        model.train(trained)
        for hook in hooks:
            hook.remove()
