"""How fast exact integer inference is on one core: `make bench`. In CPU seconds, and 10^9 operations a second.

Random images of MNIST's size through members of the shipped family, as many as its test set has, and a few; beside
them the bare sums of the layers in the floating-point kernels of training. The least of several runs; quote ratios.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from workloads.exact.kernel_arrays import layer_rows, layer_sums
from workloads.networks.family import load_family
from workloads.networks.network import Network
from workloads.ops.integers import operand_range

IMAGES = 10_000
SUMMED = 64
MEMBERS = (("threshold", 8, 8), ("mac", 8, 8), ("adder", 8, 8), ("shift", 8, 5), ("threshold", 4, 4), ("mac", 4, 4))
FEW = (1, 16, 64)
REPEATS = 3


def least_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the least CPU time of several runs, after one that compiles kernels."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def random_images(network: Network) -> np.ndarray:
    """Uniform activations [IMAGES, H, W, C]."""
    first = network.layers[0]
    low, high = operand_range(first.x_bits, first.x_signed)
    return np.random.default_rng(0).integers(low, high + 1, (IMAGES, *network.input_shape))


def seconds_of_sums(network: Network) -> float:
    """CPU time of an image's sums alone, in float32."""
    total = 0.0
    for layer, parameters in zip(network.layers, network.trained(), strict=True):
        rows = layer_rows(layer, np.zeros((*layer.input_shape, SUMMED), dtype=np.float32))
        weights = parameters.weights.astype(np.float32)
        total += least_seconds(lambda: layer_sums(layer, weights, parameters.polarity, rows))  # noqa: B023
    return total / SUMMED


def main() -> None:
    print(f"{'MNIST, 10,000 images':22} {'seconds':>8} {'G ops/s':>8} {'float sums':>11}", end="")
    print("".join(f"{f'{few} at once, ms':>16}" for few in FEW))
    family = load_family("mnist")
    for op, x_bits, w_bits in MEMBERS:
        network = family.network(op, x_bits, w_bits)  # type: ignore[arg-type]
        x = random_images(network)
        whole = least_seconds(lambda: network.predict(x))  # noqa: B023
        operations = sum(layer.pairs for layer in network.layers) * len(x) / 1e9
        sums = seconds_of_sums(network) * len(x)
        print(f"{f'{op}, {x_bits} and {w_bits} bits':22} {whole:8.2f} {operations / whole:8.1f} {sums:11.2f}", end="")
        few = [1000 * least_seconds(lambda: network.predict(x[:count]), 20) for count in FEW]  # noqa: B023
        print("".join(f"{each:16.2f}" for each in few), flush=True)


if __name__ == "__main__":
    main()
