"""What follows a layer's sums, and pooling, in Numba; sees only arrays and integers. Everything is batch innermost."""

from __future__ import annotations

from numba import int64

from workloads.host.jit import njit


@njit()
def requantise(sums, bias, shift, limits, added, y):
    """Fill y [M, N, B] int64 with sat((sum + bias + added + 2^(t-1)) >> t) of exact sums [M, N, B].

    bias, shift: [N] int64. added: [M, N, B] int64, or of size 0 where there is none.
    limits: [raw, lowest, highest, left shift of added]; raw sums are neither shifted nor saturated.
    """
    pixels, outputs, batch = sums.shape
    for m in range(pixels):
        for n in range(outputs):
            channel_sums, out = sums[m, n], y[m, n]
            start, t = bias[n], shift[n]
            if limits[0] == 1:
                t = int64(0)
            start += (int64(1) << (t - 1)) if t > 0 else int64(0)
            for b in range(batch):
                out[b] = int64(channel_sums[b]) + start
            if added.size > 0:
                for b in range(batch):
                    out[b] += added[m, n, b] << limits[3]
            if limits[0] == 0:
                for b in range(batch):
                    out[b] = min(max(out[b] >> t, limits[1]), limits[2])


@njit()
def largest(x, geometry, y):
    """Fill y [OH, OW, C, B] with the largest of each window of x [H, W, C, B], of one type of integers.

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
