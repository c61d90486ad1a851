"""The networks of the zoo: their counts are the published ones, and they are shapes at any op and widths."""

from __future__ import annotations

import math

import pytest

from workloads.errors import LimenError
from workloads.networks.family import find_network
from workloads.networks.pages import page_network, read_page, zoo_pages
from workloads.networks.published import agrees, macs, parameters
from workloads.ops.registry import known_ops, operation

ZOO = zoo_pages()

UNCOUNTED = {"unimib-shar-cnn": (2_361_060, 482_009), "uci-har-cnn": (2_138_840, None)}
"""Of networks whose source prints no MACs, or no parameters either: (MACs, parameters), by hand from its layers."""

WEIGHTED_ALONE = ("ddpm-unet-32x32",)
"""Networks whose source doesn't count what has no weights, the products of attention."""

BATCH_NORMS = {"resnet18-32x32": 1, "resnet18": 1, "resnet50": 1, "mobilenetv2": 1, "mobilenetv1-025-96x96": 4}
"""Parameters a channel of a convolution that are counted there and fold into weights here: a scale, or with Keras also
what stays of its bias, its mean and its variance."""


@pytest.mark.parametrize("name", ZOO)
def test_counts_are_the_published_ones(name: str) -> None:
    network, published = page_network(ZOO[name]), read_page(ZOO[name]).published
    assert network.parameters is None and published is not None and published.source
    by_hand = UNCOUNTED.get(name, (None, None))
    layers = [layer for layer in network.layers if layer.has_weights or name not in WEIGHTED_ALONE]
    counted = {"macs": macs(layers), "parameters": parameters(network.layers) + published.elsewhere}
    for (field, count), hand in zip(counted.items(), by_hand, strict=True):
        told = getattr(published, field)
        assert count == hand if told is None else agrees(count, told), f"{field}: {count}, published {told}"
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
