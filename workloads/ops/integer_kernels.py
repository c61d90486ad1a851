"""Exact integer layers in Numba: sums in narrow numbers, spilled into wide ones, requantised; sees arrays and integers.

A layer is given as in `sum_kernels`, images innermost: `x` [rows, B], output pixel m reads the rows base[m] + taps[k].
What runs in step are LANES of its M·B outputs of a channel, so few images fill lanes as well as many do.

Terms add up in narrow numbers, integers in int16, float32, int32 or float64; after as many terms as these hold without
loss the sum goes into a wide one, int32 or int64. The caller proves how many those are, and that wide numbers hold all
that is added, see `workloads.exact.integer_layer`.
"""

from __future__ import annotations

import numpy as np

from workloads.host.jit import njit
from workloads.ops.integers import MAX_SHIFT
from workloads.ops.kernel_kinds import OUTPUTS, TAPS, Sum

LANES = 128
"""A constant, so that the compiler knows every stride."""


@njit(inline="always")
def add_terms(kind, patch, w, p, n, k, total):
    """Add to total [OUTPUTS, LANES] the terms of TAPS synapses from k on and OUTPUTS filters from n on."""
    a0, a1, b0, b1 = w[n, k], w[n, k + 1], w[n + 1, k], w[n + 1, k + 1]
    c0, c1, d0, d1 = w[n + 2, k], w[n + 2, k + 1], w[n + 3, k], w[n + 3, k + 1]
    e0, e1, f0, f1 = p[n, k], p[n, k + 1], p[n + 1, k], p[n + 1, k + 1]
    g0, g1, h0, h1 = p[n + 2, k], p[n + 2, k + 1], p[n + 3, k], p[n + 3, k + 1]
    cast = total.dtype.type
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
            total[0, b] = total[0, b] + e0 * abs(cast(u - a0)) + e1 * abs(cast(v - a1))
            total[1, b] = total[1, b] + f0 * abs(cast(u - b0)) + f1 * abs(cast(v - b1))
            total[2, b] = total[2, b] + g0 * abs(cast(u - c0)) + g1 * abs(cast(v - c1))
            total[3, b] = total[3, b] + h0 * abs(cast(u - d0)) + h1 * abs(cast(v - d1))


@njit()
def _gather(x, base, taps, first, scale, patch):
    """Copy what the outputs from lane `first` on see, times scale: runs of images of one pixel."""
    cast, images = patch.dtype.type, x.shape[1]
    lanes = min(LANES, base.shape[0] * images - first)
    at = 0
    while at < lanes:
        m, b = (first + at) // images, (first + at) % images
        run = min(images - b, lanes - at)
        for k in range(patch.shape[0]):
            seen, lane = x[base[m] + taps[k], b : b + run], patch[k, at : at + run]
            if run == LANES:
                for i in range(LANES):
                    lane[i] = cast(seen[i]) * scale
            else:
                for i in range(run):
                    lane[i] = cast(seen[i]) * scale
        at += run


@njit()
def _requantise(sums, start, shift, limits, added, first, n, y):
    """Write a channel's sums from lane `first` on to y [M, N, B]: sat((sum + start + added) >> shift)."""
    cast = sums.dtype.type  # kept narrow, and its shift, all of this is done for as many lanes at once as can be
    low, high = limits[0], limits[1]
    pixels, _, images = y.shape
    lanes = min(LANES, pixels * images - first)
    at = 0
    while at < lanes:
        m, b = (first + at) // images, (first + at) % images
        run = min(images - b, lanes - at)
        total, out = sums[at : at + run], y[m, n, b : b + run]
        if added.size > 0:
            more = added[m, n, b : b + run]
            for i in range(run):
                total[i] += cast(more[i] << limits[2])
        for i in range(run):
            out[i] = min(max(cast(cast(total[i] + start) >> (shift & MAX_SHIFT)), low), high)
        at += run


@njit(fastmath={"contract"})
def fill_outputs(kind, section, x, base, taps, group_channels, scale, w, p, start, shift, limits, added, y):
    """Fill y [M, N, B] with a layer's outputs of activations x [rows, B], filters w, p [groups, n, K]; n ≤ N / groups.

    kind: a Sum. section: terms that add up in the numbers of w, a multiple of TAPS. taps: of the first group, whose
    input channels are followed by the next one's. scale: what x is multiplied by first.
    start [N]: added to each sum. shift [N]: what it is shifted right by then. limits: lowest and highest output, and
    the left shift of added [M, N, B], or of size 0 where there is none. start, shift and limits are of the wide type.
    """
    groups, _, synapses = w.shape
    pixels, outputs, images = y.shape
    outputs //= groups
    patch = np.zeros((synapses, LANES), w.dtype)
    total = np.empty((OUTPUTS, LANES), w.dtype)
    sums = np.empty((OUTPUTS, LANES), start.dtype)
    for first in range(0, pixels * images, LANES):
        for group in range(groups):
            _gather(x[group * group_channels :], base, taps, first, scale, patch)
            for n in range(0, outputs, OUTPUTS):
                sums[:] = 0
                for begin in range(0, synapses, section):
                    total[:] = 0
                    for k in range(begin, min(begin + section, synapses), TAPS):
                        add_terms(kind, patch, w[group], p[group], n, k, total)
                    for i in range(OUTPUTS):
                        for b in range(LANES):
                            sums[i, b] += start.dtype.type(total[i, b])
                for i in range(min(OUTPUTS, outputs - n)):
                    channel = group * outputs + n + i
                    _requantise(sums[i], start[channel], shift[channel], limits, added, first, channel, y)
