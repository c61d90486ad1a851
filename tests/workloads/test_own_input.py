"""Layers that read a tensor of their own, which no layer writes: a list of layers, each counted on its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from workloads.errors import LimenError
from workloads.networks.network import load_network
from workloads.networks.stacked import stack

LISTED = """
version: 1
name: listed
op: mac
x_bits: 8
w_bits: 8
x_signed: false
input: {height: 4, width: 3, channels: 2}
layers:
  - {name: first, kind: conv2d, out_channels: 4}
  - {name: flat, kind: linear, own_input: {width: 3, channels: 5}, x_bits: 6, x_signed: true, out_channels: 4}
  - {name: chained, kind: linear, out_channels: 9}
  - {name: last, kind: conv1d, own_input: {length: 7, channels: 3}, out_channels: 2}
"""


def test_layers_with_inputs_of_their_own(tmp_path: Path) -> None:
    """Their inputs are tensors, outputs that nobody reads have the format that is read, and images are stacked."""
    (tmp_path / "listed.yaml").write_text(LISTED)
    network = load_network(tmp_path / "listed.yaml")
    shapes = {name: (*vars(tensor).values(),) for name, tensor in network.tensors.items()}
    assert shapes == {
        "input": (4, 3, 2, 8, False),
        "first": (4, 3, 4, 8, False),
        "flat.input": (1, 3, 5, 6, True),
        "flat": (1, 1, 4, 8, False),
        "chained": (1, 1, 9, 8, False),
        "last.input": (7, 1, 3, 8, False),
        "last": (7, 1, 2, None, True),
    }
    stacked = stack(network, 3)
    assert [layer.pixels for layer in stacked.layers] == [3 * layer.pixels for layer in network.layers]
    assert stacked.tensors["flat.input"].height == 3 and stacked.tensors["last.input"].height == 21


OWN = "own_input: {height: 4, width: 4, channels: 2}"


@pytest.mark.parametrize(
    ("changed", "instead", "words"),
    [
        ("name: first,", f"name: first, {OWN},", "layer first: own_input: not allowed: the first layer reads"),
        (
            "name: chained,",
            f"name: chained, input: first, {OWN},",
            "chained: own_input: not allowed beside input",
        ),
        ("length: 7", "length: 7, width: 2", "layer last: own_input: length: 7 is not allowed"),
        ("{length: 7, channels: 3}", "{height: 7, width: 2, channels: 3}", "layer last: width: 2 is not allowed"),
        ("channels: 5", "channels: 0", "layer flat: own_input.channels: 0 is not allowed"),
        (
            "own_input: {length: 7, channels: 3}",
            "input: first.input",
            "last: input: 'first.input' is not allowed",
        ),
        ("own_input: {length: 7, channels: 3}", "input: flat", "layer chained: tensor: 'chained' is not allowed"),
    ],
)
def test_inputs_of_their_own_refused(changed: str, instead: str, words: str, tmp_path: Path) -> None:
    assert LISTED.count(changed) == 1
    (tmp_path / "listed.yaml").write_text(LISTED.replace(changed, instead))
    with pytest.raises(LimenError) as caught:
        load_network(tmp_path / "listed.yaml")
    assert words in str(caught.value)
