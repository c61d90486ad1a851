"""Layers of known networks as the machine runs them, to measure speed on: ResNet-18 whole, of others a sample."""

from __future__ import annotations

from dataclasses import replace

from simulator.designs.design import FittedDesign
from simulator.plan.geometry import Geometry, layer_geometry
from tests.simulator.test_advice import LAYERS, layer_of
from workloads.networks.family import find_network


def conv(
    size: int, channels: int, outputs: int, kernel: int, stride: int = 1, residual: bool = False, groups: int = 1
) -> Geometry:
    """Return a square convolution whose padding keeps the size, but for the stride."""
    pad, out = kernel // 2, -(-size // stride)
    return Geometry(
        height=size, width=size, channels=channels, out_height=out, out_width=out, outputs=outputs,
        kernel=(kernel, kernel), stride=(stride, stride), pad_top=pad, pad_left=pad, groups=groups,
        pool=False, polar=True, raw=False, offset=0, residual_shift=0 if residual else None,
    )  # fmt: skip


def max_pool(size: int, channels: int, window: int) -> Geometry:
    """Return max pooling of square windows side by side."""
    out = size // window
    return Geometry(
        height=size, width=size, channels=channels, out_height=out, out_width=out, outputs=channels,
        kernel=(window, window), stride=(window, window), pad_top=0, pad_left=0, groups=1,
        pool=True, polar=False, raw=False, offset=0, residual_shift=None,
    )  # fmt: skip


def gemm(rows: int, outputs: int, fan_in: int, raw: bool = False) -> Geometry:
    """Return a matrix product as a convolution of one tap over a column of so many pixels."""
    return Geometry(
        height=rows, width=1, channels=fan_in, out_height=rows, out_width=1, outputs=outputs,
        kernel=(1, 1), stride=(1, 1), pad_top=0, pad_left=0, groups=1,
        pool=False, polar=True, raw=raw, offset=0, residual_shift=None,
    )  # fmt: skip


def page(name: str) -> list[Geometry]:
    """Return the layers of a network of the zoo, threshold of 8 bits; each as if it were alone."""
    network = find_network(name, "threshold", 8, 8)
    layers = (layer_geometry(network, index) for index in range(len(network.layers)))
    return [replace(layer, first=True, last=True) for layer in layers]


def resnet18() -> list[Geometry]:
    """Return the 22 layers of ResNet-18 on images of 32 × 32 pixels."""
    return page("resnet18-32x32")


def zoo() -> list[Geometry]:
    """Return distinct layers: of ResNet-18, VGG-16, MobileNet, AlexNet, transformers and others."""
    vgg = [conv(112, 64, 128, 3), conv(112, 128, 128, 3), conv(56, 256, 256, 3), conv(28, 512, 512, 3)]
    vgg += [conv(14, 512, 512, 3), max_pool(224, 64, 2), gemm(1, 4096, 4096), gemm(1, 1000, 4096, raw=True)]
    mobilenet = [conv(56, 144, 144, 3, groups=144), conv(28, 384, 384, 3, groups=384), gemm(1, 1000, 1280, raw=True)]
    transformers = [
        layer for layer in page("vit-tiny-16") if (layer.height, layer.channels + layer.outputs) == (197, 960)
    ]
    transformers += [gemm(197, 3072, 768), gemm(128, 256, 1024)]
    transformers += [gemm(196, 1176, 64, raw=True), gemm(512, 3072, 1024)]
    others = [conv(16, 1024, 1024, 3), *(layer_of(name, x_bits=8, raw=False) for name in LAYERS)]
    return list(dict.fromkeys([*resnet18(), *vgg, *mobilenet, *transformers, *others]))


def design(dataflow: str, **fields: object) -> FittedDesign:
    """Return an 8-bit threshold design, 32 × 32 and with large buffers unless said."""
    large = {"rows": 32, "cols": 32, "feeder_width": 8, "ifmap_kib": 64, "filter_kib": 256, "ofmap_kib": 64}
    return FittedDesign(
        **{**large, "op": "threshold", "x_bits": 8, "w_bits": 8, "acc_bits": 24, "operand_depth": 8192,
           "dataflow": dataflow, **fields}
    )  # fmt: skip
