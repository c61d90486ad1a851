"""How fast a 3 x 3 layer is trained on one core, by op: `make bench`. In 10^9 synapse operations a CPU second.

A layer of 32 channels in and 64 out on 14 x 14 pixels, stride 2, 128 images; the median of several runs.
"""

from __future__ import annotations

import time

import numpy as np

from tests.bench.levels import median_seconds
from workloads.exact.kernel_arrays import layer_gradients, layer_rows, layer_sums
from workloads.layers.layer import Layer
from workloads.ops.names import OPS

IMAGES = 128


def main() -> None:
    random = np.random.default_rng(0)
    print(f"{'op':10} {'forward':>8} {'backward':>9}   G operations a second, one core")
    for op in OPS:
        layer = Layer(
            name="layer", op=op, x_bits=8, w_bits=5, x_signed=op in ("threshold", "adder"), height=14, width=14,
            channels=32, out_channels=64, kernel=(3, 3), stride=(2, 2), padding=(1, 1, 1, 1),
        )  # fmt: skip
        rows = layer_rows(layer, random.normal(size=(*layer.input_shape, IMAGES)).astype(np.float32))
        weights = random.normal(size=layer.weights_shape).astype(np.float32)
        polarity = np.where(random.random(weights.shape) < 0.5, 1, -1).astype(np.float32) if op == "threshold" else None
        slope = random.normal(size=(*layer.output_shape, IMAGES)).astype(np.float32)
        operations = layer.pairs * IMAGES / 1e9
        sums = lambda: layer_sums(layer, weights, polarity, rows)  # noqa: B023, E731
        forward = operations / median_seconds(sums, time.process_time)
        gradients = lambda: layer_gradients(layer, weights, polarity, rows, slope)  # noqa: B023, E731
        backward = operations / median_seconds(gradients, time.process_time)
        print(f"{op:10} {forward:8.1f} {backward:9.1f}")


if __name__ == "__main__":
    main()
