"""The networks of the zoo: their counts are published ones or by hand, and they are shapes at any op and widths."""

from __future__ import annotations

import math

import pytest

from workloads.errors import LimenError
from workloads.networks.family import find_network
from workloads.networks.pages import page_network, read_page, zoo_pages
from workloads.networks.published import agrees, macs, parameters
from workloads.ops.registry import known_ops, operation

ZOO = zoo_pages()


def conv1d_net(steps: int, axes: int, classes: int) -> tuple[int, int]:
    """Return MACs and parameters of the HAR page's first network: two kernels of 3, halving, 100 neurons, scores."""
    first, second = steps - 2, steps - 4
    flat = second // 2 * 64
    products = first * 64 * 3 * axes + second * 64 * 3 * 64 + flat * 100 + 100 * classes
    return products, 64 * (3 * axes + 1) + 64 * (3 * 64 + 1) + 100 * (flat + 1) + classes * (100 + 1)


def diffusion_unet() -> tuple[int, int]:
    """Return MACs of all that has weights and parameters, as `model` of hojonathanho/diffusion builds its U-Net.

    Its arguments are those of scripts/run_cifar.py: ch 128, ch_mult (1, 2, 2, 2), two blocks, attention at 16 x 16.
    """
    products = numbers = 0

    def layer(pixels: int, fan_in: int, channels: int) -> None:
        nonlocal products, numbers
        products += pixels * fan_in * channels
        numbers += (fan_in + 1) * channels

    def norm(channels: int) -> None:
        nonlocal numbers
        numbers += 2 * channels

    def block(side: int, read: int, channels: int, attention: bool) -> None:
        norm(read)
        layer(side**2, 9 * read, channels)
        layer(1, 512, channels)
        norm(channels)
        layer(side**2, 9 * channels, channels)
        if read != channels:
            layer(side**2, read, channels)
        if attention:
            norm(channels)
            for _ in ("query", "key", "value", "project"):
                layer(side**2, channels, channels)

    levels = [(32, 128), (16, 256), (8, 256), (4, 256)]
    layer(1, 128, 512)
    layer(1, 512, 512)
    layer(32**2, 9 * 3, 128)
    kept, last = [128], 128
    for side, channels in levels:
        for _ in range(2):
            block(side, last, channels, side == 16)
            last = channels
            kept.append(last)
        if side > 4:
            layer((side // 2) ** 2, 9 * last, last)
            kept.append(last)
    block(4, last, last, True)
    block(4, last, last, False)
    for side, channels in reversed(levels):
        for _ in range(3):
            block(side, last + kept.pop(), channels, side == 16)
            last = channels
        if side < 32:
            layer((2 * side) ** 2, 9 * last, last)
    norm(last)
    layer(32**2, 9 * last, 3)
    assert not kept
    return products, numbers


BY_HAND = {
    "uci-har-cnn": conv1d_net(128, 9, 6),
    "unimib-shar-cnn": conv1d_net(151, 3, 17),
    "ddpm-unet-32x32": diffusion_unet(),
}
"""MACs and parameters counted here, from what the source builds, where it prints none or two digits alone."""

WEIGHTED_ALONE = ("ddpm-unet-32x32",)
"""Networks whose source doesn't count what has no weights, the products of attention."""

BATCH_NORMS = {"resnet18-32x32": 1, "resnet18": 1, "resnet50": 1, "mobilenetv2": 1, "mobilenetv1-025-96x96": 4}
"""Parameters a channel of a convolution that are counted there and fold into weights here: a scale, or with Keras also
what stays of its bias, its mean and its variance."""


@pytest.mark.parametrize("name", ZOO)
def test_counts_are_the_published_ones(name: str) -> None:
    network, published = page_network(ZOO[name]), read_page(ZOO[name]).published
    assert network.parameters is None and published is not None and published.source
    by_hand = BY_HAND.get(name, (None, None))
    layers = [layer for layer in network.layers if layer.has_weights or name not in WEIGHTED_ALONE]
    counted = {"macs": macs(layers), "parameters": parameters(network.layers) + published.elsewhere}
    for (field, count), hand in zip(counted.items(), by_hand, strict=True):
        told = getattr(published, field)
        assert told is not None or hand is not None, f"{field}: {count}, held against nothing"
        assert told is None or agrees(count, told), f"{field}: {count}, published {told}"
        assert hand is None or count == hand, f"{field}: {count}, by hand {hand}"
    if name in BATCH_NORMS:
        channels = sum(layer.out_channels for layer in network.layers if layer.kind == "conv2d")
        assert published.elsewhere == BATCH_NORMS[name] * channels


@pytest.mark.parametrize(
    ("count", "published", "equal"),
    [
        (1_814_073_344, "1.814 G", True),
        (1_814_500_001, "1.814 G", False),
        (1_813_499_999, "1.814 G", False),
        (430_500, "431 k", True),
        (431_501, "431 k", False),
        (11_173_962, "11173962", True),
        (11_173_963, "11173962", False),
    ],
)
def test_as_many_digits_as_published(count: int, published: str, equal: bool) -> None:
    assert agrees(count, published) is equal


@pytest.mark.parametrize("name", ZOO)
def test_every_op(name: str) -> None:
    """Each op takes the network, at widths that it can have, but codes of shifts can't be what a matmul computes."""
    for op in known_ops():
        w_bits = operation(op).fitted_bits(6)
        if op == "shift" and any(layer.kind == "matmul" for layer in page_network(ZOO[name]).layers):
            with pytest.raises(LimenError, match="op shift takes codes, not numbers"):
                find_network(name, op, 6, w_bits)
            continue
        network = find_network(name, op, 6, w_bits)
        assert network.name == f"{name}-{op}-x6-w{w_bits}"
        assert {(layer.op, layer.x_bits, layer.w_bits) for layer in network.layers} == {(op, 6, w_bits)}
        assert network.unmapped_ops == page_network(ZOO[name]).unmapped_ops


def test_asymmetric_padding() -> None:
    """SAME padding of an even kernel, or of stride 2, has more rows below than above."""
    stem = find_network("ds-cnn").layers[0]
    assert (stem.kernel, stem.stride, stem.padding, stem.output_shape) == ((10, 4), (2, 2), (4, 5, 1, 1), (25, 5, 64))
    strided = [layer for layer in find_network("resnet8").layers if layer.stride == (2, 2)]
    assert [layer.padding for layer in strided] == [(0, 0, 0, 0), (0, 1, 0, 1)] * 2


def test_operators_that_the_machine_lacks() -> None:
    """Every row's share is of all operations: its values beside the pairs of operands of the array."""
    network = find_network("vit-tiny-16")
    values = {
        "LayerNormalization": 25 * 197 * 192,
        "Softmax": 12 * 3 * 197 * 197,
        "Gelu": 12 * 197 * 768,
        "Add": 197 * 192,
    }
    total = sum(values.values()) + sum(layer.pairs for layer in network.layers)
    assert {row.op: row.count for row in network.unmapped_ops} == dict(zip(values, (25, 12, 12, 1), strict=True))
    for row in network.unmapped_ops:
        assert math.isclose(row.share, values[row.op] / total, rel_tol=0.005)
