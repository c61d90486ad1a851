"""Forward and backward of a layer in floating point, batch innermost; sees only arrays.

Activations are [H, W, C, B], filters [N, kh, kw, C]; a linear layer is the case H = W = kh = kw = 1.
The lanes of a batch never mix except in one final sum, and there is no fastmath, so every sum runs in
one fixed order and a seed gives the same bits whatever the width of the machine's vectors.
Each kernel exists in float32 (training) and float64 (calibration, gradient checks).

geometry (int64): [stride_h, stride_w, pad_top, pad_left].
"""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int64, njit, void

_GEOMETRY = int64[::1]
_THRESHOLD_FORWARD = [void(*[f[:, :, :, ::1]] * 3, _GEOMETRY, f[:, :, :, ::1]) for f in (float32, float64)]
_THRESHOLD_BACKWARD = [void(*[f[:, :, :, ::1]] * 4, _GEOMETRY, *[f[:, :, :, ::1]] * 2) for f in (float32, float64)]
_MAC_FORWARD = [void(*[f[:, :, :, ::1]] * 2, _GEOMETRY, f[:, :, :, ::1]) for f in (float32, float64)]
_MAC_BACKWARD = [void(*[f[:, :, :, ::1]] * 3, _GEOMETRY, *[f[:, :, :, ::1]] * 2) for f in (float32, float64)]


@njit(_THRESHOLD_FORWARD, cache=True)
def threshold_forward(x, weights, polarity, geometry, y):
    """Fill y [OH, OW, N, B] with Σ p·max(x − w, 0); padding is an activation of value 0."""
    height, width, channels, batch = x.shape
    out_height, out_width, out_channels, _ = y.shape
    zero = x.dtype.type(0)
    total = np.empty(batch, dtype=x.dtype)
    for oh in range(out_height):
        for ow in range(out_width):
            for n in range(out_channels):
                total[:] = zero
                for i in range(weights.shape[1]):
                    h = oh * geometry[0] + i - geometry[2]
                    for j in range(weights.shape[2]):
                        v = ow * geometry[1] + j - geometry[3]
                        inside = 0 <= h < height and 0 <= v < width
                        for c in range(channels):
                            w = weights[n, i, j, c]
                            p = polarity[n, i, j, c]
                            if inside:
                                lane = x[h, v, c]
                                for b in range(batch):
                                    above = lane[b] - w
                                    total[b] += p * (above if above > zero else zero)
                            elif w < zero:
                                for b in range(batch):
                                    total[b] -= p * w
                y[oh, ow, n, :] = total


@njit(_THRESHOLD_BACKWARD, cache=True)
def threshold_backward(x, weights, polarity, dy, geometry, dx, dw):
    """Fill dx (like x) and dw (like weights) from dy [OH, OW, N, B]; the gradient at x = w is 0."""
    height, width, channels, batch = x.shape
    out_height, out_width, out_channels, _ = dy.shape
    kernel_h, kernel_w = weights.shape[1], weights.shape[2]
    zero = x.dtype.type(0)
    lanes = np.empty((kernel_h, kernel_w, channels, batch), dtype=x.dtype)
    dx[:] = zero
    for n in range(out_channels):
        lanes[:] = zero
        for oh in range(out_height):
            for ow in range(out_width):
                slope = dy[oh, ow, n]
                for i in range(kernel_h):
                    h = oh * geometry[0] + i - geometry[2]
                    for j in range(kernel_w):
                        v = ow * geometry[1] + j - geometry[3]
                        inside = 0 <= h < height and 0 <= v < width
                        for c in range(channels):
                            w = weights[n, i, j, c]
                            p = polarity[n, i, j, c]
                            sums = lanes[i, j, c]
                            if inside:
                                lane = x[h, v, c]
                                out = dx[h, v, c]
                                for b in range(batch):
                                    passed = p * slope[b] if lane[b] > w else zero
                                    out[b] += passed
                                    sums[b] += passed
                            elif w < zero:
                                for b in range(batch):
                                    sums[b] += p * slope[b]
        for i in range(kernel_h):
            for j in range(kernel_w):
                for c in range(channels):
                    total = zero
                    for b in range(batch):
                        total += lanes[i, j, c, b]
                    dw[n, i, j, c] = -total


@njit(_MAC_FORWARD, cache=True)
def mac_forward(x, weights, geometry, y):
    """Fill y [OH, OW, N, B] with Σ x·w; padding is an activation of value 0."""
    height, width, channels, batch = x.shape
    out_height, out_width, out_channels, _ = y.shape
    total = np.empty(batch, dtype=x.dtype)
    for oh in range(out_height):
        for ow in range(out_width):
            for n in range(out_channels):
                total[:] = x.dtype.type(0)
                for i in range(weights.shape[1]):
                    h = oh * geometry[0] + i - geometry[2]
                    for j in range(weights.shape[2]):
                        v = ow * geometry[1] + j - geometry[3]
                        if 0 <= h < height and 0 <= v < width:
                            for c in range(channels):
                                w = weights[n, i, j, c]
                                lane = x[h, v, c]
                                for b in range(batch):
                                    total[b] += lane[b] * w
                y[oh, ow, n, :] = total


@njit(_MAC_BACKWARD, cache=True)
def mac_backward(x, weights, dy, geometry, dx, dw):
    """Fill dx (like x) and dw (like weights) from dy [OH, OW, N, B]."""
    height, width, channels, batch = x.shape
    out_height, out_width, out_channels, _ = dy.shape
    kernel_h, kernel_w = weights.shape[1], weights.shape[2]
    zero = x.dtype.type(0)
    lanes = np.empty((kernel_h, kernel_w, channels, batch), dtype=x.dtype)
    dx[:] = zero
    for n in range(out_channels):
        lanes[:] = zero
        for oh in range(out_height):
            for ow in range(out_width):
                slope = dy[oh, ow, n]
                for i in range(kernel_h):
                    h = oh * geometry[0] + i - geometry[2]
                    for j in range(kernel_w):
                        v = ow * geometry[1] + j - geometry[3]
                        if 0 <= h < height and 0 <= v < width:
                            for c in range(channels):
                                w = weights[n, i, j, c]
                                sums = lanes[i, j, c]
                                lane = x[h, v, c]
                                out = dx[h, v, c]
                                for b in range(batch):
                                    out[b] += w * slope[b]
                                    sums[b] += lane[b] * slope[b]
        for i in range(kernel_h):
            for j in range(kernel_w):
                for c in range(channels):
                    total = zero
                    for b in range(batch):
                        total += lanes[i, j, c, b]
                    dw[n, i, j, c] = total
