"""How fast PyTorch trains our layers on one core, as they are and compiled, beside our own kernels: `make bench`.

The layer is that of tests/bench/kernels.py. One line an op: 10^9 synapse operations a second forward, and forward and
backward together; and how many kernels the compiler made of a layer, each of them a loop that stores no pair.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.bench.kernels import IMAGES
from tests.bench.levels import median_seconds
from workloads.errors import LimenError

CHANNELS, OUT_CHANNELS, SIDE = 32, 64, 14


def main() -> None:
    try:
        import limen.torch
    except LimenError as error:
        print(f"skipped: {error}")
        return
    import torch
    from torch._inductor import metrics

    torch.set_num_threads(1)
    torch.manual_seed(0)
    pairs = (SIDE // 2) ** 2 * CHANNELS * 9 * OUT_CHANNELS * IMAGES / 1e9
    x = torch.randn(IMAGES, CHANNELS, SIDE, SIDE)
    print(f"{'op':10} {'as':9} {'forward':>8} {'both':>6} {'kernels':>8}   G operations a second, one core")
    for kind in (limen.torch.ThresholdConv2d, limen.torch.AdderConv2d, limen.torch.ShiftConv2d):
        module = kind(CHANNELS, OUT_CHANNELS, 3, stride=2, padding=1)
        for form, function in (("eager", module), ("inductor", torch.compile(module, fullgraph=True))):
            metrics.reset()
            train(function, x)
            kernels = metrics.generated_kernel_count
            with torch.no_grad():
                forward = median_seconds(lambda: function(x))  # noqa: B023
            both = median_seconds(lambda: train(function, x))  # noqa: B023
            print(f"{kind.op:10} {form:9} {pairs / forward:8.2f} {pairs / both:6.2f} {kernels or '':>8}")


def train(function: Callable, x: np.ndarray) -> None:
    function(x.requires_grad_()).sum().backward()


if __name__ == "__main__":
    main()
