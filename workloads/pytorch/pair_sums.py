"""Sums over synapses for PyTorch, Σ_k op(x_k, w_k, p_k), with the gradients that our own training has.

Patches x are [P, K], a row for every output pixel; weights and polarities [N, K]; sums [P, N]. Each line below is
elementwise work and one sum, so that a compiler makes one loop of it, which stores no pair; without one, so many pixels
are taken together that their pairs stay in the cache. Nothing of the pairs is kept for the backward pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

PAIRS = 1 << 18
"""Pairs of an activation and a weight computed together, without a compiler: 1 MiB of them."""


class ThresholdSums(torch.autograd.Function):
    """Σ p·max(x − w, 0), of patches, thresholds and polarities of ±1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, p: Tensor) -> Tensor:
        ctx.save_for_backward(x, w, p)
        return torch.cat([(part[:, None] - w).clamp_(min=0).mul_(p).sum(2) for (part,) in _parts(w, x)])

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """A synapse passes on what its neuron gets where x > w; at its polarity, what x exceeds w by."""
        x, w, p = ctx.saved_tensors
        dx, dw, dp = [], torch.zeros_like(w), torch.zeros_like(p)
        for part, slope in _parts(w, x, dy):
            excess = (part[:, None] - w).clamp_(min=0)
            if ctx.needs_input_grad[2]:
                dp += (excess * slope[:, :, None]).sum(0)
            passed = excess.sign_().mul_(slope[:, :, None])
            dw -= passed.sum(0)
            if ctx.needs_input_grad[0]:
                dx.append(passed.mul_(p).sum(1))
        needed = ctx.needs_input_grad
        return torch.cat(dx) if needed[0] else None, dw * p if needed[1] else None, dp if needed[2] else None


class AdderSums(torch.autograd.Function):
    """−Σ |x − w|, of patches and weights."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor) -> Tensor:
        ctx.save_for_backward(x, w)
        return torch.cat([-(part[:, None] - w).abs_().sum(2) for (part,) in _parts(w, x)])

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:
        """At inputs AdderNet's w − x within −1 … 1; at weights the sign of x − w, −1 where they are equal."""
        x, w = ctx.saved_tensors
        dx, dw = [], torch.zeros_like(w)
        for part, slope in _parts(w, x, dy):
            difference = part[:, None] - w
            signs = difference.clamp(min=0).sign_().mul_(2).sub_(1)
            dw += signs.mul_(slope[:, :, None]).sum(0)
            if ctx.needs_input_grad[0]:
                dx.append(-difference.clamp_(-1, 1).mul_(slope[:, :, None]).sum(1))
        return torch.cat(dx) if ctx.needs_input_grad[0] else None, dw if ctx.needs_input_grad[1] else None


def _parts(w: Tensor, *rows: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Return the rows of pixels, so many together as have `PAIRS` pairs; all of them for a compiler."""
    if torch.compiler.is_compiling():
        # A view by strides is of numbers in memory: they aren't computed anew within the loop over pairs.
        return iter([tuple(tensor.as_strided(tensor.shape, tensor.stride()) for tensor in rows)])
    count = max(1, PAIRS // w.numel())
    return zip(*(tensor.split(count) for tensor in rows), strict=True)
