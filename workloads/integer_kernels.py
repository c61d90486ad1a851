"""Exact integer inference in Numba, batch innermost; sees only arrays and integers.

The fast twin of `workloads.reference`, which imports nothing of this and against which it is tested.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, void

THRESHOLD, PRODUCT, ADDER = 0, 1, 2
_FOUR = int64[:, :, :, ::1]
_ONE = int64[::1]


@njit(
    void(_FOUR, _FOUR, _FOUR, _ONE, _ONE, _FOUR, _ONE, int64, _FOUR),
    cache=True,
)
def layer_forward(x, weights, polarity, bias, shift, residual, geometry, op, y):
    """Fill y [OH, OW, N, B] from x [H, W, C, B]; all int64.

    weights, polarity: [N, kh, kw, C of a group], already aligned to x. bias, shift: [N].
    residual: [OH, OW, N, B], or of size 0 where there is none.
    geometry: [stride_h, stride_w, pad_top, pad_left, x_shift, raw, y_low, y_high, residual_shift].
    """
    height, width, channels, batch = x.shape
    out_height, out_width, out_channels, _ = y.shape
    kernel_h, kernel_w, group_channels = weights.shape[1:]
    group_outputs = out_channels // (channels // group_channels)
    x_shift = geometry[4]
    total = np.empty(batch, dtype=np.int64)
    for oh in range(out_height):
        for ow in range(out_width):
            for n in range(out_channels):
                first = n // group_outputs * group_channels
                total[:] = bias[n]
                if residual.size > 0:
                    for b in range(batch):
                        total[b] += residual[oh, ow, n, b] << geometry[8]
                for i in range(kernel_h):
                    h = oh * geometry[0] + i - geometry[2]
                    for j in range(kernel_w):
                        v = ow * geometry[1] + j - geometry[3]
                        inside = 0 <= h < height and 0 <= v < width
                        for c in range(group_channels):
                            w = weights[n, i, j, c]
                            if op == THRESHOLD:
                                p = polarity[n, i, j, c]
                                if inside:
                                    lane = x[h, v, first + c]
                                    for b in range(batch):
                                        total[b] += p * max((lane[b] << x_shift) - w, 0)
                                elif w < 0:  # padding is an activation of value 0, not an absent one
                                    for b in range(batch):
                                        total[b] -= p * w
                            elif op == ADDER:
                                if inside:
                                    lane = x[h, v, first + c]
                                    for b in range(batch):
                                        total[b] -= abs((lane[b] << x_shift) - w)
                                else:
                                    for b in range(batch):
                                        total[b] -= abs(w)
                            elif inside:
                                lane = x[h, v, first + c]
                                for b in range(batch):
                                    total[b] += lane[b] * w
                out = y[oh, ow, n]
                if geometry[5] == 1:
                    out[:] = total
                else:
                    t = shift[n]
                    rounding = (int64(1) << (t - 1)) if t > 0 else int64(0)
                    for b in range(batch):
                        out[b] = min(max((total[b] + rounding) >> t, geometry[6]), geometry[7])


@njit(
    void(_FOUR, _ONE, _FOUR),
    cache=True,
)
def largest_forward(x, geometry, y):
    """Fill y [OH, OW, C, B] with the largest of each window of x [H, W, C, B]; all int64.

    geometry: [stride_h, stride_w, pad_top, pad_left, kernel_h, kernel_w, lowest]; padding never wins.
    """
    height, width, _, _ = x.shape
    out_height, out_width, channels, batch = y.shape
    y[:] = geometry[6]
    for oh in range(out_height):
        for ow in range(out_width):
            for i in range(geometry[4]):
                h = oh * geometry[0] + i - geometry[2]
                for j in range(geometry[5]):
                    v = ow * geometry[1] + j - geometry[3]
                    if 0 <= h < height and 0 <= v < width:
                        for c in range(channels):
                            for b in range(batch):
                                y[oh, ow, c, b] = max(y[oh, ow, c, b], x[h, v, c, b])
