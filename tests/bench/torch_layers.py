"""How fast PyTorch trains our layers on one core, as they are and compiled, beside our own kernels: `make bench`.

The layer is that of tests/bench/kernels.py. One line an op: 10^9 synapse operations a second of processor time
forward, and forward and backward together; and the largest array of the compiled layer, as a share of its pairs. Both
forms must agree, in sums and gradients.
"""

from __future__ import annotations

import copy
import math
import re
import time
from collections.abc import Callable

from tests.bench.kernels import IMAGES
from tests.bench.levels import median_seconds

try:
    import torch
    from torch._inductor.utils import run_and_get_code
except ModuleNotFoundError:
    torch = None

CHANNELS, OUT_CHANNELS, SIDE = 32, 64, 14
ARRAY = re.compile(r"empty_strided_cpu\(\(([\d, ]+)\)")
"""In the compiler's code: what it allocates."""


def main() -> None:
    if torch is None:
        print("skipped: extra torch is not installed")
        return
    import limen.torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    x = torch.randn(IMAGES, CHANNELS, SIDE, SIDE, requires_grad=True)
    pairs = (SIDE // 2) ** 2 * CHANNELS * 9 * OUT_CHANNELS * IMAGES
    print(f"{'op':10} {'as':9} {'forward':>8} {'both':>6} {'array':>6}   G operations a second, one core")
    for kind in (limen.torch.ThresholdConv2d, limen.torch.AdderConv2d, limen.torch.ShiftConv2d):
        module = kind(CHANNELS, OUT_CHANNELS, 3, stride=2, padding=1)
        compiled = torch.compile(module, fullgraph=True)
        plain = train(copy.deepcopy(module), x)  # a copy: running deviations move on
        fast, code = run_and_get_code(train, compiled, x)
        for one, other in zip(plain, fast, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3 * float(one.abs().max()))
        largest = max(math.prod(map(int, sizes.strip(", ").split(","))) for sizes in ARRAY.findall("".join(code)))
        for form, function in (("eager", module), ("inductor", compiled)):
            with torch.no_grad():
                forward = median_seconds(lambda: function(x), time.process_time)  # noqa: B023
            both = median_seconds(lambda: train(function, x), time.process_time)  # noqa: B023
            array = f"{largest / pairs:.1%}" if function is compiled else ""
            print(f"{kind.op:10} {form:9} {pairs / forward / 1e9:8.2f} {pairs / both / 1e9:6.2f} {array:>6}")


def train(function: Callable, x: torch.Tensor) -> list[torch.Tensor]:
    """Return a layer's outputs, and the gradients at inputs and weights of a loss that weighs outputs unequally."""
    y = function(x)
    slope = torch.linspace(-1, 1, y.numel()).view_as(y)
    return [y.detach(), *torch.autograd.grad((y * slope).sum(), [x, function.weight])]


if __name__ == "__main__":
    main()
