"""What every operand pair of a layer does, counted in Numba for any op; sees only arrays and integers.

Images innermost, as in `sum_kernels`: `x` [rows, B] holds a row of B images for every (h, w, c) of the padded input,
output pixel m reads the rows base[m] + taps[k], k the fan-in (kh, kw, c).
"""

from __future__ import annotations

import numpy as np
from numba import int64, void

from workloads.host.jit import njit

_ROW, _TABLE = int64[::1], int64[:, ::1]

TALLY = void(_TABLE, _ROW, _ROW, _TABLE, _TABLE, int64[:, :, ::1], _TABLE, _ROW)
"""A room's own `count_pairs`: (x, base, taps, w, p, sums, above, ends)."""


@njit(inline="always")
def count_pairs(term, compares, x, base, taps, w, p, sums, above, ends):
    """Add a batch's operand pairs, filters w and p [N, K], to what is counted.

    term: a room's compiled function of aligned x, w and p. compares: whether the op compares x with w.
    sums [M, N, B]: what each sum starts from; left as the final sum.
    above [N, K]: pairs with x > w; where the op doesn't compare, with a term other than 0.
    ends [2]: the lowest and highest value a sum takes on its way, its start included, in the order of k.
    """
    outputs, synapses = w.shape
    images = x.shape[1]
    low, high = np.empty(images, np.int64), np.empty(images, np.int64)
    for m in range(base.shape[0]):
        for n in range(outputs):
            total = sums[m, n]
            low[:] = total
            high[:] = total
            for k in range(synapses):
                operand, weight, factor = x[base[m] + taps[k]], w[n, k], p[n, k]
                count = 0
                for b in range(images):
                    value = term(operand[b], weight, factor)
                    count += operand[b] > weight if compares else value != 0
                    total[b] += value
                    low[b] = min(low[b], total[b])
                    high[b] = max(high[b], total[b])
                above[n, k] += count
            ends[0] = min(ends[0], low.min())
            ends[1] = max(ends[1], high.max())
