"""Generated polarity: bit by bit, as even and as independent as signs drawn at random, and stored nowhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.levels.graphs import POLARITIES, random_parameters
from workloads.errors import LimenError
from workloads.formats.save_network import save_network
from workloads.layers.layer import Layer
from workloads.networks.network import Network, load_network
from workloads.ops.generated_polarity import generated_polarity
from workloads.training.forward_backward import initialise

SHAPES = ((16, 9), (64, 25), (64, 27), (32, 144), (64, 576), (10, 1024), (128, 64), (256, 16))
"""Output channels and fan-in of layers: few positions, and few channels, among them."""

DRAWS = 100
"""Seeds over which statistics are averaged."""


def slow_sign(seed: int, n: int, k: int) -> int:
    """Return a sign in plain integers, bit lists and parities, by the words of docs/network-format.md."""
    begin = seed * 2654435761 % 2**32
    position, channel = (k + begin // 65536) % 65536, (n + begin) % 32768 + 32768
    bits = [position >> i & 1 for i in range(16)]
    for first, second, third, constant in ((1, 2, 5, 0x9E37), (3, 7, 11, 0x79B9), (1, 5, 8, 0x7F4A)):
        bits = [
            bits[i] ^ (bits[i - first] & bits[i - second]) ^ bits[i - third] ^ (constant >> i & 1) for i in range(16)
        ]
    return -1 if sum(bits[i] & channel >> i & 1 for i in range(16)) % 2 else 1


def test_the_formula_bit_by_bit() -> None:
    random = np.random.default_rng(1)
    ends = [(0, 0, 0), (2**32 - 1, 65535, 65535), (1, 32767, 70000), (2**31, 40000, 0)]
    drawn = [tuple(int(number) for number in random.integers(0, (2**32, 65536, 70000))) for _ in range(400)]
    for seed, n, k in [*ends, *drawn]:
        assert generated_polarity(seed, np.array(n), np.array(k)) == slow_sign(seed, n, k), (seed, n, k)


def evenness(signs: np.ndarray) -> list[float]:
    """Return what is 1 on average of random signs [N, K]: squared leans and products of neurons, then of positions."""
    n, k = signs.shape
    shorter = signs if n < k else signs.T
    squares = float(((shorter @ shorter.T) ** 2).sum())  # of the products of all neurons, or of all positions: the same
    leans = [float((signs.mean(axis=1) ** 2).mean()) * k, float((signs.mean(axis=0) ** 2).mean()) * n]
    products = [(squares - n * k**2) / (n * (n - 1) * k), (squares - k * n**2) / (k * (k - 1) * n)]
    return [*leans, *products]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_signs_are_as_even_and_as_independent_as_random_ones(shape: tuple[int, int]) -> None:
    """Of neurons and of positions: the squared lean of each, the squared correlation of each pair; over seeds."""
    seeds = np.random.default_rng(2).integers(0, 2**32, DRAWS)
    n, k = np.arange(shape[0])[:, None], np.arange(shape[1])
    signs = [generated_polarity(int(seed), n, k).astype(np.float32) for seed in seeds]
    assert np.mean([evenness(each) for each in signs], axis=0) == pytest.approx(1, abs=0.4)
    assert abs(np.mean(signs)) < 4 / np.sqrt(DRAWS * n.size * k.size)


def test_neurons_and_seeds_differ() -> None:
    """No two of 1,024 neurons have the same signs or the opposite ones, nor has a neuron under seeds side by side."""
    n, k = np.arange(1024)[:, None], np.arange(64)
    rows = np.concatenate([generated_polarity(seed, n, k) for seed in range(4)])
    signs = rows * rows[:, :1]
    assert len(np.unique(signs, axis=0)) == len(signs)


def layer_of(**more: object) -> Layer:
    fields = {"name": "conv", "op": "threshold", "x_bits": 5, "w_bits": 5, "height": 4, "width": 4, "channels": 6}
    generated = {"polarity": "generated", "polarity_seed": 7}
    return Layer.model_validate({**fields, "out_channels": 8, "kernel": (3, 2), **generated, **more})


def test_a_layer_has_them_by_neuron_and_position() -> None:
    """Positions count kernel rows, kernel columns, channels of the group; neurons all output channels."""
    signs = layer_of(groups=2).generated_polarity()
    assert signs.shape == (8, 3, 2, 3) and signs.dtype == np.int64
    assert signs[5, 2, 1, 1] == slow_sign(7, 5, (2 * 2 + 1) * 3 + 1)


def test_the_checkpoint_has_none(tmp_path: Path) -> None:
    """They are generated as the network is loaded; a file that holds some all the same is refused."""
    layer = layer_of()
    network = Network("net", (layer,), (random_parameters(layer, np.random.default_rng(3)),))
    path = save_network(network, tmp_path, "net")
    stored = dict(np.load(tmp_path / "net.npz"))
    assert stored.keys() == {"conv.weights", "conv.bias", "conv.shift"}
    loaded = load_network(path)
    assert loaded.generates_polarity
    assert np.array_equal(loaded.trained()[0].polarity, layer.generated_polarity())
    np.savez(tmp_path / "net.npz", **stored, **{"conv.polarity": layer.generated_polarity()})
    with pytest.raises(LimenError, match=r"npz: conv.polarity: present; polarity 'generated' follows from its seed$"):
        load_network(path)


def test_training_begins_with_them() -> None:
    x = np.random.default_rng(4).normal(size=(20, 4, 4, 6))
    chain = initialise([layer_of(), layer_of(polarity="synapse")], x, np.random.default_rng(5))
    assert np.array_equal(chain[0].polarity, layer_of().generated_polarity())
    assert not np.array_equal(chain[1].polarity, layer_of().generated_polarity())


@pytest.mark.parametrize("mode", POLARITIES)
def test_polarity_modes(mode: str) -> None:
    """Each mode accepts its own structure; one synapse changed breaks all but "synapse"."""
    fields = {"name": "first", "op": "threshold", "x_bits": 4, "w_bits": 4, "channels": 4, "out_channels": 6}
    layer = Layer.model_validate({**fields, "groups": 2, "polarity": mode, "polarity_seed": 2412})
    parameters = random_parameters(layer, np.random.default_rng(1))
    parameters.check(layer)
    assert parameters.polarity is not None
    parameters.polarity[3, 0, 0, 1] *= -1
    if mode == "synapse":
        parameters.check(layer)
    else:
        with pytest.raises(ValueError, match=rf"^first.polarity: -?1 at .* is not allowed: polarity is '{mode}'$"):
            parameters.check(layer)
