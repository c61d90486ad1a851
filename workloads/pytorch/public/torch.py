"""`limen.torch`: layers for PyTorch, and the family that a network trained with them becomes."""

from __future__ import annotations

from workloads.errors import LimenError, pip_command

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise LimenError(f"limen.torch needs PyTorch, not installed: {pip_command('torch')}") from None

from workloads.pytorch.layers import (
    AdderConv2d,
    AdderLinear,
    ShiftConv2d,
    ShiftLinear,
    ThresholdConv2d,
    ThresholdLinear,
)
from workloads.pytorch.preparing import initialise, network_inputs, settle_means
from workloads.pytorch.to_family import to_family
from workloads.training.classifier import Data, load_data

__all__ = [
    "AdderConv2d",
    "AdderLinear",
    "Data",
    "ShiftConv2d",
    "ShiftLinear",
    "ThresholdConv2d",
    "ThresholdLinear",
    "initialise",
    "load_data",
    "network_inputs",
    "settle_means",
    "to_family",
]
