"""Layers for PyTorch that sum thresholds, distances and shifts: convolutions and linear layers, trained as our own.

A layer is y = factor · (Σ op − mean) + bias, see `workloads.training.forward_backward`, whose norms these are:
- norm "mean": factor is one power of two for all channels, which `initialise` fits to data and training leaves;
- norm "power": gain / running deviation of each channel, rounded to a power of two.
Both take the mean of the batch in training, and the running one in evaluation. All of it folds into integers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal, get_args

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from workloads.errors import LimenError, shown
from workloads.ops.operation import Operation
from workloads.ops.registry import operation
from workloads.pytorch.pair_sums import AdderSums, ThresholdSums
from workloads.pytorch.powers import RoundedToPowers, nearest_exponents, power_of_two
from workloads.training.forward_backward import NORM_MOMENTUM, VARIANCE_FLOOR

Norm = Literal["mean", "power"]
"""How sums are normed, see this file's text. The last layer of a network takes "mean": its scores are compared."""

SMALLEST_FACTOR = 2.0**-30

PIXELS_AND_IMAGES = (0, 2, 3)
"""The axes of [B, N, OH, OW] over which a channel is normed."""

Sizes = int | tuple[int, ...]


class SumLayer(nn.Module, ABC):
    """A layer that sums an op over its synapses, and norms the sums.

    weight: [N, C of a group, kh, kw], thresholds or weights. bias: [N]. gain: [N] with norm "power", else None.
    factor: [] with norm "mean", the power of two. running_mean, running_variance: [N].
    polarity: [N, C of a group, kh, kw] of ±1 for op threshold: random, and fixed.
    """

    op: ClassVar[str]
    spatial: ClassVar[bool]
    usual_norm: ClassVar[Norm] = "mean"
    factor: Tensor
    running_mean: Tensor
    running_variance: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        padding: tuple[int, int, int, int],
        groups: int,
        norm: Norm | None,
    ) -> None:
        super().__init__()
        for name, size in (("in_channels", in_channels), ("out_channels", out_channels)):
            if groups < 1 or size < 1 or size % groups:
                raise LimenError(f"{type(self).__name__}: {name}: {size} is not allowed: a multiple of groups {groups}")
        self.norm: Norm = self.usual_norm if norm is None else norm
        if self.norm not in get_args(Norm):
            raise LimenError(
                f"{type(self).__name__}: norm: {shown(norm)} is not allowed: {' or '.join(get_args(Norm))}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel, self.stride, self.padding = kernel, stride, padding
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels // groups, *kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.gain = nn.Parameter(torch.ones(out_channels)) if self.norm == "power" else None
        self.register_buffer("factor", torch.ones(()))
        self.register_buffer("running_mean", torch.zeros(out_channels))
        self.register_buffer("running_variance", torch.ones(out_channels))
        self.reset_parameters()

    @property
    def operation(self) -> Operation:
        """The room of its op."""
        return operation(self.op)

    def reset_parameters(self) -> None:
        """Draw weights for inputs of mean 0 and deviation 1; `initialise` draws them for data."""
        self._draw_weights()

    def _draw_weights(self) -> None:
        deviation = 1.0 if self.operation.one_range else math.sqrt(2 / self.weight[0].numel())
        nn.init.normal_(self.weight, std=deviation)

    @abstractmethod
    def sums(self, x: Tensor) -> Tensor:
        """Return Σ op [B, N, OH, OW] of activations [B, C, H, W]; padding is an activation of value 0."""

    def forward(self, x: Tensor) -> Tensor:
        """Return [B, N, OH, OW] of [B, C, H, W]; a linear layer [B, N] of [B, C]."""
        sums = self.sums(self.as_images(x))
        mean = self.running_mean
        if self.training:
            mean = sums.mean(PIXELS_AND_IMAGES)
            self._run_along(self.running_mean, mean)
        centred = sums - _of_channels(mean)
        if self.training and self.norm == "power":
            self._run_along(self.running_variance, centred.square().mean(PIXELS_AND_IMAGES))
        y = centred * _of_channels(self.factors()) + _of_channels(self.bias)
        return y if self.spatial else y.flatten(1)

    def as_images(self, x: Tensor) -> Tensor:
        """Return activations as [B, C, H, W]."""
        return x if self.spatial else x[:, :, None, None]

    def factors(self) -> Tensor:
        """Return [N], powers of two; rounding counts as the identity in gradients at the gain."""
        if self.gain is None:
            return self.factor.expand(self.out_channels)
        gain = self.gain.detach()
        wanted = (gain / (self.running_variance + VARIANCE_FLOOR).sqrt()).abs()
        rounded = power_of_two(nearest_exponents(wanted.clamp(min=SMALLEST_FACTOR)), wanted.dtype)
        slope = (self.gain - gain) / torch.where(gain == 0, SMALLEST_FACTOR, gain)  # a gain may begin at 0
        return rounded * (1 + slope)  # which is 0

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """Draw weights anew for activations x like these, and take the norm's statistics, as our own training does."""
        x = self.as_images(x)
        self._draw_weights()
        if self.operation.one_range:
            deviation, mean = torch.std_mean(x, PIXELS_AND_IMAGES, correction=0)
            of_groups = [seen.reshape(self.groups, 1, -1, 1, 1) for seen in (deviation, mean)]
            noise = self.weight.reshape(self.groups, -1, *self.weight.shape[1:])
            self.weight.copy_((of_groups[1] + of_groups[0] * noise).reshape(self.weight.shape))
        sums = self.sums(x)
        variance, mean = torch.var_mean(sums, PIXELS_AND_IMAGES, correction=0)
        self.running_mean.copy_(mean)
        self.running_variance.copy_(variance)
        if self.norm == "mean":
            spread = float(variance.sqrt().mean()) / self.operation.score_spread
            self.factor.fill_(math.ldexp(1.0, -round(math.log2(spread))) if spread > 0 else 1.0)

    @torch.no_grad()
    def settle(self, x: Tensor) -> None:
        """Make the running mean that over activations x."""
        self.running_mean.copy_(self.sums(self.as_images(x)).mean(PIXELS_AND_IMAGES))

    @torch.no_grad()
    def _run_along(self, running: Tensor, batch: Tensor) -> None:
        running += (1 - NORM_MOMENTUM) * (batch - running)

    def padded(self, x: Tensor) -> Tensor:
        """Return activations with zeros around them."""
        top, bottom, left, right = self.padding
        return functional.pad(x, (left, right, top, bottom)) if any(self.padding) else x

    def patches(self, x: Tensor) -> tuple[list[Tensor], tuple[int, int]]:
        """Return of each group what its output pixels see, [B · OH · OW, K], and (OH, OW)."""
        x = self.padded(x)
        places = [
            (size - kernel) // stride + 1
            for size, kernel, stride in zip(x.shape[2:], self.kernel, self.stride, strict=True)
        ]
        if self.kernel == self.stride == (1, 1):
            columns = x.flatten(2)
        else:
            columns = functional.unfold(x, self.kernel, stride=self.stride)
        rows = columns.unflatten(1, (self.groups, -1)).permute(1, 0, 3, 2).flatten(1, 2)
        return list(rows.unbind()), (places[0], places[1])

    def pixels_of(self, sums: list[Tensor], places: tuple[int, int]) -> Tensor:
        """Return the sums of the groups, each [B · OH · OW, N of a group], as [B, N, OH, OW]."""
        rows = torch.cat(sums, 1).unflatten(0, (-1, *places))
        return rows.permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        """Return what `print` shows of it."""
        shape = f"{self.in_channels}, {self.out_channels}"
        if not self.spatial:
            return f"{shape}, norm={self.norm}"
        return (
            f"{shape}, kernel_size={self.kernel}, stride={self.stride}, padding={self.padding}, groups={self.groups}, "
            f"norm={self.norm}"
        )


class Conv2d(SumLayer):
    """A convolution of [B, C, H, W].

    kernel_size, stride: one number, or (down, across). padding: one, (down, across), or (top, bottom, left, right).
    norm: None is the op's usual one.
    """

    spatial = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        groups: int = 1,
        norm: Norm | None = None,
    ) -> None:
        high, wide = self._numbers("kernel_size", kernel_size, 1)
        down, across = self._numbers("stride", stride, 1)
        top, *others, right = self._numbers("padding", padding, 0, (1, 2, 4))
        bottom, left = others or (top, right)
        super().__init__(
            in_channels, out_channels, (high, wide), (down, across), (top, bottom, left, right), groups, norm
        )

    def _numbers(self, name: str, value: Sizes, lowest: int, lengths: tuple[int, ...] = (1, 2)) -> tuple[int, ...]:
        """Return sizes as two numbers, or four; raises LimenError for others."""
        given = (value,) if isinstance(value, int) else tuple(value)
        if len(given) not in lengths or not all(isinstance(size, int) and size >= lowest for size in given):
            counts = " or ".join(map(str, lengths))
            raise LimenError(
                f"{type(self).__name__}: {name}: {shown(value)} is not allowed: {counts} integers of at least {lowest}"
            )
        return given * 2 if len(given) == 1 else given


class Linear(SumLayer):
    """A linear layer of [B, in_features]. norm: None is the op's usual one."""

    spatial = False

    def __init__(self, in_features: int, out_features: int, norm: Norm | None = None) -> None:
        super().__init__(in_features, out_features, (1, 1), (1, 1), (0, 0, 0, 0), 1, norm)


class _Threshold(SumLayer):
    """Threshold neurons: Σ p·max(x − w, 0)."""

    op = "threshold"
    polarity: Tensor

    def reset_parameters(self) -> None:
        """Draw weights, and polarities of +1 and −1, each with probability 1/2."""
        super().reset_parameters()
        signs = torch.randint(0, 2, self.weight.shape, device=self.weight.device) * 2 - 1
        self.register_buffer("polarity", signs.to(self.weight.dtype))

    def sums(self, x: Tensor) -> Tensor:
        rows, places = self.patches(x)
        filters = zip(*(array.flatten(1).chunk(self.groups) for array in (self.weight, self.polarity)), strict=True)
        return self.pixels_of(
            [ThresholdSums.apply(seen, *each) for seen, each in zip(rows, filters, strict=True)], places
        )


class _Adder(SumLayer):
    """AdderNet's neurons: −Σ |x − w|."""

    op = "adder"
    usual_norm = "power"

    def sums(self, x: Tensor) -> Tensor:
        rows, places = self.patches(x)
        filters = self.weight.flatten(1).chunk(self.groups)
        return self.pixels_of([AdderSums.apply(seen, w) for seen, w in zip(rows, filters, strict=True)], places)


class _Shift(SumLayer):
    """Neurons of weights ±2^e and 0: those nearest to `weight`, whose gradient passes straight through."""

    op = "shift"
    usual_norm = "power"

    def sums(self, x: Tensor) -> Tensor:
        weights = RoundedToPowers.apply(self.weight)
        return functional.conv2d(self.padded(x), weights, stride=self.stride, groups=self.groups)


class ThresholdConv2d(_Threshold, Conv2d):
    __doc__ = _Threshold.__doc__


class ThresholdLinear(_Threshold, Linear):
    __doc__ = _Threshold.__doc__


class AdderConv2d(_Adder, Conv2d):
    __doc__ = _Adder.__doc__


class AdderLinear(_Adder, Linear):
    __doc__ = _Adder.__doc__


class ShiftConv2d(_Shift, Conv2d):
    __doc__ = _Shift.__doc__


class ShiftLinear(_Shift, Linear):
    __doc__ = _Shift.__doc__


def _of_channels(values: Tensor) -> Tensor:
    """Return [N] so that it meets [B, N, OH, OW]."""
    return values[:, None, None]
