"""What every operand pair of a layer does, counted in Numba; sees only arrays and integers.

Images innermost, as in `layer_kernels`: `x` [rows, B] holds a row of B images for every (h, w, c) of the
padded input, output pixel m reads the rows base[m] + taps[k], k the fan-in (kh, kw, c).
"""

from __future__ import annotations

import numpy as np
from numba import int64, void

from workloads.host.jit import njit
from workloads.ops.kernel_types import TERMS_FUNCTION


@njit(
    void(TERMS_FUNCTION, int64, int64[:, ::1], int64[::1], int64[::1], int64[:, ::1], int64[:, ::1],
         int64[:, :, ::1], int64[:, ::1], int64[::1]),
)  # fmt: skip
def tally(fill_terms, compares, x, base, taps, w, p, sums, above, ends):
    """Add a batch's operand pairs, filters w and p [N, K], to what is counted.

    fill_terms: an op's, see `TERMS`. compares: whether it compares x with w.
    sums [M, N, B]: what each sum starts from; left as the final sum.
    above [N, K]: pairs with x > w; where the op doesn't compare, with a term other than 0.
    ends [2]: the lowest and highest value a sum takes on its way, its start included, in the order of k.
    """
    outputs, synapses = w.shape
    images = x.shape[1]
    low, high = np.empty(images, np.int64), np.empty(images, np.int64)
    patch, terms = np.empty((synapses, images), np.int64), np.empty((synapses, images), np.int64)
    for m in range(base.shape[0]):
        for k in range(synapses):
            patch[k] = x[base[m] + taps[k]]
        for n in range(outputs):
            fill_terms(patch, w[n], p[n], terms)
            total = sums[m, n]
            low[:] = total
            high[:] = total
            for k in range(synapses):
                operand, term, weight, count = patch[k], terms[k], w[n, k], 0
                if compares:
                    for b in range(images):
                        count += operand[b] > weight
                else:
                    for b in range(images):
                        count += term[b] != 0
                for b in range(images):
                    total[b] += term[b]
                    low[b] = min(low[b], total[b])
                    high[b] = max(high[b], total[b])
                above[n, k] += count
            ends[0] = min(ends[0], low.min())
            ends[1] = max(ends[1], high.max())
