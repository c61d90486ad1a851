"""A layer's sums and their gradients in Numba, as the rooms of ops ask for them; sees only arrays and integers.

Everything is batch innermost. A layer is given as rows and taps: `x` [rows, B] holds a row of B images for every
(h, w, c) of the padded input; output pixel m reads the rows base[m] + taps[k], k the fan-in (kh, kw, c). Filters are
[N, K], outputs [M, N, B]. So one kernel serves every stride and padding, 1-D, 2-D and linear layers.

B is a multiple of LANES, N of OUTPUTS and K of TAPS: `kernel_arrays` fills filters up with synapses of factor p = 0
and weight 0, which add nothing. Each kernel exists in float32 and float64. Sums over synapses run in one fixed order,
and the only freedom given to the compiler is to fuse a product and a sum (exact where p is 1, 0 or −1): integers below
2^24 (float64: 2^53) stay exact. Gradients of weights are summed over a block's images in the order vectors like best.
"""

from __future__ import annotations

import numpy as np
from numba import float32, float64, int64, void

from workloads.host.jit import njit
from workloads.ops.kernel_kinds import Slope, Sum

LANES = 64
"""Images of a block: a constant, so that the compiler knows every stride."""

OUTPUTS, TAPS = 4, 2
"""Output channels and synapses computed together: what is loaded once serves eight sums."""

_INDEX = int64[::1]
_TWO = [f[:, ::1] for f in (float32, float64)]
_THREE = [f[:, :, ::1] for f in (float32, float64)]
_BOTH = list(zip(_TWO, _THREE, strict=True))


@njit()
def _gather(x, base, taps, first, patch):
    """Copy the rows that an output pixel reads, a block of images wide."""
    for k in range(patch.shape[0]):
        row = base + taps[k]
        for b in range(LANES):
            patch[k, b] = x[row, first + b]


@njit()
def _slopes(dy, m, n, first, dy_block):
    """Copy the gradients of OUTPUTS channels; those beyond the last channel meet synapses that add nothing."""
    for i in range(min(OUTPUTS, dy.shape[1] - n)):
        for b in range(LANES):
            dy_block[i, b] = dy[m, n + i, first + b]


@njit([void(int64, two, _INDEX, _INDEX, two, two, three) for two, three in _BOTH], fastmath={"contract"})
def forward(kind, x, base, taps, w, p, y):
    """Fill y [M, n, B], n ≤ N, with the sums of x [rows, B] under filters w, p [N, K].

    kind: a Sum. Those of op threshold are LARGER less Σ p·w.
    """
    outputs, synapses = w.shape
    patch = np.empty((synapses, LANES), x.dtype)
    total = np.empty((OUTPUTS, LANES), x.dtype)
    for m in range(base.shape[0]):
        for first in range(0, x.shape[1], LANES):
            _gather(x, base[m], taps, first, patch)
            for n in range(0, outputs, OUTPUTS):
                total[:] = 0
                for k in range(0, synapses, TAPS):
                    a0, a1, b0, b1 = w[n, k], w[n, k + 1], w[n + 1, k], w[n + 1, k + 1]
                    c0, c1, d0, d1 = w[n + 2, k], w[n + 2, k + 1], w[n + 3, k], w[n + 3, k + 1]
                    e0, e1, f0, f1 = p[n, k], p[n, k + 1], p[n + 1, k], p[n + 1, k + 1]
                    g0, g1, h0, h1 = p[n + 2, k], p[n + 2, k + 1], p[n + 3, k], p[n + 3, k + 1]
                    if kind == Sum.LARGER:
                        for b in range(LANES):
                            u, v = patch[k, b], patch[k + 1, b]
                            total[0, b] = total[0, b] + e0 * (u if u > a0 else a0) + e1 * (v if v > a1 else a1)
                            total[1, b] = total[1, b] + f0 * (u if u > b0 else b0) + f1 * (v if v > b1 else b1)
                            total[2, b] = total[2, b] + g0 * (u if u > c0 else c0) + g1 * (v if v > c1 else c1)
                            total[3, b] = total[3, b] + h0 * (u if u > d0 else d0) + h1 * (v if v > d1 else d1)
                    elif kind == Sum.PRODUCT:
                        for b in range(LANES):
                            u, v = patch[k, b], patch[k + 1, b]
                            total[0, b] = total[0, b] + u * a0 + v * a1
                            total[1, b] = total[1, b] + u * b0 + v * b1
                            total[2, b] = total[2, b] + u * c0 + v * c1
                            total[3, b] = total[3, b] + u * d0 + v * d1
                    else:
                        for b in range(LANES):
                            u, v = patch[k, b], patch[k + 1, b]
                            total[0, b] = total[0, b] + e0 * abs(u - a0) + e1 * abs(v - a1)
                            total[1, b] = total[1, b] + f0 * abs(u - b0) + f1 * abs(v - b1)
                            total[2, b] = total[2, b] + g0 * abs(u - c0) + g1 * abs(v - c1)
                            total[3, b] = total[3, b] + h0 * abs(u - d0) + h1 * abs(v - d1)
                for i in range(min(OUTPUTS, y.shape[1] - n)):
                    for b in range(LANES):
                        y[m, n + i, first + b] = total[i, b]


@njit([void(int64, two, _INDEX, _INDEX, two, two, three, two) for two, three in _BOTH], fastmath={"contract"})
def backward_inputs(kind, x, base, taps, w, p, dy, dx):
    """Add to dx [rows, B] the gradient at x of a loss with gradient dy [M, n, B] at the sums.

    kind: a Sum. LARGER: p where x > w. PRODUCT: w. DISTANCE: p·(x − w) within −1 … 1, as op adder has it.
    """
    outputs, synapses = w.shape
    zero, one = x.dtype.type(0), x.dtype.type(1)
    patch = np.empty((synapses, LANES), x.dtype)
    slope = np.empty((synapses, LANES), x.dtype)
    dy_block = np.zeros((OUTPUTS, LANES), x.dtype)
    for m in range(base.shape[0]):
        for first in range(0, x.shape[1], LANES):
            _gather(x, base[m], taps, first, patch)
            slope[:] = 0
            for n in range(0, outputs, OUTPUTS):
                _slopes(dy, m, n, first, dy_block)
                for k in range(0, synapses, TAPS):
                    a0, a1, b0, b1 = w[n, k], w[n, k + 1], w[n + 1, k], w[n + 1, k + 1]
                    c0, c1, d0, d1 = w[n + 2, k], w[n + 2, k + 1], w[n + 3, k], w[n + 3, k + 1]
                    e0, e1, f0, f1 = p[n, k], p[n, k + 1], p[n + 1, k], p[n + 1, k + 1]
                    g0, g1, h0, h1 = p[n + 2, k], p[n + 2, k + 1], p[n + 3, k], p[n + 3, k + 1]
                    if kind == Sum.LARGER:
                        for b in range(LANES):
                            u, v, s, t = patch[k, b], patch[k + 1, b], slope[k, b], slope[k + 1, b]
                            q, r, y, z = dy_block[0, b], dy_block[1, b], dy_block[2, b], dy_block[3, b]
                            s = s + e0 * (q if u > a0 else zero) + f0 * (r if u > b0 else zero)
                            t = t + e1 * (q if v > a1 else zero) + f1 * (r if v > b1 else zero)
                            slope[k, b] = s + g0 * (y if u > c0 else zero) + h0 * (z if u > d0 else zero)
                            slope[k + 1, b] = t + g1 * (y if v > c1 else zero) + h1 * (z if v > d1 else zero)
                    elif kind == Sum.PRODUCT:
                        for b in range(LANES):
                            q, r, y, z = dy_block[0, b], dy_block[1, b], dy_block[2, b], dy_block[3, b]
                            slope[k, b] = slope[k, b] + a0 * q + b0 * r + c0 * y + d0 * z
                            slope[k + 1, b] = slope[k + 1, b] + a1 * q + b1 * r + c1 * y + d1 * z
                    else:
                        for b in range(LANES):
                            u, v, s, t = patch[k, b], patch[k + 1, b], slope[k, b], slope[k + 1, b]
                            q, r, y, z = dy_block[0, b], dy_block[1, b], dy_block[2, b], dy_block[3, b]
                            s = s + e0 * q * min(max(u - a0, -one), one) + f0 * r * min(max(u - b0, -one), one)
                            t = t + e1 * q * min(max(v - a1, -one), one) + f1 * r * min(max(v - b1, -one), one)
                            s = s + g0 * y * min(max(u - c0, -one), one) + h0 * z * min(max(u - d0, -one), one)
                            t = t + g1 * y * min(max(v - c1, -one), one) + h1 * z * min(max(v - d1, -one), one)
                            slope[k, b], slope[k + 1, b] = s, t
            for k in range(synapses):
                row = base[m] + taps[k]
                for b in range(LANES):
                    dx[row, first + b] += slope[k, b]


@njit(
    [void(int64, two, _INDEX, _INDEX, two, three, two) for two, three in _BOTH],
    fastmath={"contract", "reassoc"},
)
def backward_weights(kind, x, base, taps, w, dy, dw):
    """Add to dw [N, K] the sums over pixels and images of dy [M, n, B] times a function of x [rows, B] and w [N, K].

    kind: a Slope.
    """
    outputs, synapses = w.shape
    zero = x.dtype.type(0)
    patch = np.empty((synapses, LANES), x.dtype)
    dy_block = np.zeros((OUTPUTS, LANES), x.dtype)
    for m in range(base.shape[0]):
        for first in range(0, x.shape[1], LANES):
            _gather(x, base[m], taps, first, patch)
            for n in range(0, outputs, OUTPUTS):
                _slopes(dy, m, n, first, dy_block)
                for k in range(0, synapses, TAPS):
                    a0, a1, b0, b1 = w[n, k], w[n, k + 1], w[n + 1, k], w[n + 1, k + 1]
                    c0, c1, d0, d1 = w[n + 2, k], w[n + 2, k + 1], w[n + 3, k], w[n + 3, k + 1]
                    e0 = e1 = f0 = f1 = g0 = g1 = h0 = h1 = zero
                    if kind == Slope.GATE:
                        for b in range(LANES):
                            u, v = patch[k, b], patch[k + 1, b]
                            q, r, y, z = dy_block[0, b], dy_block[1, b], dy_block[2, b], dy_block[3, b]
                            e0 += q if u > a0 else zero
                            e1 += q if v > a1 else zero
                            f0 += r if u > b0 else zero
                            f1 += r if v > b1 else zero
                            g0 += y if u > c0 else zero
                            g1 += y if v > c1 else zero
                            h0 += z if u > d0 else zero
                            h1 += z if v > d1 else zero
                    elif kind == Slope.VALUE:
                        for b in range(LANES):
                            u, v = patch[k, b], patch[k + 1, b]
                            q, r, y, z = dy_block[0, b], dy_block[1, b], dy_block[2, b], dy_block[3, b]
                            e0 += q * u
                            e1 += q * v
                            f0 += r * u
                            f1 += r * v
                            g0 += y * u
                            g1 += y * v
                            h0 += z * u
                            h1 += z * v
                    else:
                        for b in range(LANES):
                            u, v = patch[k, b], patch[k + 1, b]
                            q, r, y, z = dy_block[0, b], dy_block[1, b], dy_block[2, b], dy_block[3, b]
                            e0 += q * max(u - a0, zero)
                            e1 += q * max(v - a1, zero)
                            f0 += r * max(u - b0, zero)
                            f1 += r * max(v - b1, zero)
                            g0 += y * max(u - c0, zero)
                            g1 += y * max(v - c1, zero)
                            h0 += z * max(u - d0, zero)
                            h1 += z * max(v - d1, zero)
                    dw[n, k] += e0
                    dw[n, k + 1] += e1
                    dw[n + 1, k] += f0
                    dw[n + 1, k + 1] += f1
                    dw[n + 2, k] += g0
                    dw[n + 2, k + 1] += g1
                    dw[n + 3, k] += h0
                    dw[n + 3, k + 1] += h1
