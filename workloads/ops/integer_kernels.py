"""Exact integer layers in Numba: sums in narrow integers, then in wide ones, requantised; sees arrays and integers.

A layer is given as in `sum_kernels`, images innermost: `x` [rows, B], output pixel m reads the rows base[m] + taps[k].
What runs in step are lanes of its M·B outputs of a channel, so few images fill lanes as well as many do.

Terms add up in narrow integers; after as many terms as these hold the sum goes into a wide one. The caller proves how
many those are, and that wide integers hold all that is added, see `workloads.exact.integer_layer`.
"""

from __future__ import annotations

import numpy as np

from workloads.host.jit import njit, njit_in_place
from workloads.ops.integers import MAX_SHIFT
from workloads.ops.kernel_kinds import Sum
from workloads.ops.terms import STEP, distance_term, larger_term, product_term, put_four
from workloads.ops.vectors import MANY, lanes, load, nothing, spread

VECTORS = 4
"""Of lanes of an output channel, whose sums stay in registers over all synapses of a section."""


@njit_in_place(inline="always")
def _section(term, patch, w, p, filters, begin, end, total):
    """Fill total [STEP, lanes] with sums of synapses begin to end; filters: the place of the first in w."""
    synapses, size = w.shape[2], lanes(patch)
    a = filters
    b, c, d = a + synapses, a + 2 * synapses, a + 3 * synapses
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = nothing(patch)
    c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = nothing(patch)
    for k in range(begin, end):
        at = k * VECTORS * size
        u0, u1 = load(patch, at), load(patch, at + size)
        u2, u3 = load(patch, at + 2 * size), load(patch, at + 3 * size)
        e, f = spread(w, a + k), spread(p, a + k)
        a0, a1, a2, a3 = term(u0, e, f, a0), term(u1, e, f, a1), term(u2, e, f, a2), term(u3, e, f, a3)
        e, f = spread(w, b + k), spread(p, b + k)
        b0, b1, b2, b3 = term(u0, e, f, b0), term(u1, e, f, b1), term(u2, e, f, b2), term(u3, e, f, b3)
        if MANY:
            e, f = spread(w, c + k), spread(p, c + k)
            c0, c1, c2, c3 = term(u0, e, f, c0), term(u1, e, f, c1), term(u2, e, f, c2), term(u3, e, f, c3)
            e, f = spread(w, d + k), spread(p, d + k)
            d0, d1, d2, d3 = term(u0, e, f, d0), term(u1, e, f, d1), term(u2, e, f, d2), term(u3, e, f, d3)
    put_four(total, 0, size, a0, a1, a2, a3)
    put_four(total, VECTORS * size, size, b0, b1, b2, b3)
    if MANY:
        put_four(total, 2 * VECTORS * size, size, c0, c1, c2, c3)
        put_four(total, 3 * VECTORS * size, size, d0, d1, d2, d3)


@njit()
def _gather(x, base, taps, m, b, filled, scale, patch):
    """Copy what lanes see, from image b of pixel m on, times scale: runs of images of one pixel."""
    cast, size, at = patch.dtype.type, VECTORS * lanes(patch), 0
    while at < filled:
        run = min(x.shape[1] - b, filled - at)
        for k in range(patch.shape[0]):
            seen, lane = x[base[m] + taps[k], b : b + run], patch[k, at : at + run]
            if run == size:
                for i in range(size):
                    lane[i] = cast(seen[i]) * scale
            else:
                for i in range(run):
                    lane[i] = cast(seen[i]) * scale
        at, m, b = at + run, m + 1, 0


@njit()
def _requantise(sums, start, shift, limits, added, m, b, filled, n, y):
    """Write a channel's lanes, from image b of pixel m on, to y [M, N, B]: sat((sum + start + added) >> shift)."""
    cast = sums.dtype.type  # kept narrow, and its shift, all of this is done for as many lanes at once as can be
    low, high, at = limits[0], limits[1], 0
    while at < filled:
        run = min(y.shape[2] - b, filled - at)
        total, out = sums[at : at + run], y[m, n, b : b + run]
        if added.size > 0:
            more = added[m, n, b : b + run]
            for i in range(run):
                total[i] += cast(more[i] << limits[2])
        for i in range(run):
            out[i] = min(max(cast(cast(total[i] + start) >> (shift & MAX_SHIFT)), low), high)
        at, m, b = at + run, m + 1, 0


@njit()
def fill_outputs(kind, section, x, base, taps, group_channels, scale, w, p, start, shift, limits, added, y):
    """Fill y [M, N, B] with a layer's outputs of activations x [rows, B], filters w, p [groups, n, K]; n ≥ N / groups.

    kind: a Sum. section: terms that add up in the numbers of w. taps: of the first group, whose input channels are
    followed by the next one's. scale: what x is multiplied by first.
    start [N]: added to each sum. shift [N]: what it is shifted right by then. limits: lowest and highest output, and
    the left shift of added [M, N, B], or of size 0 where there is none. start, shift and limits are of the wide type.
    """
    groups, _, synapses = w.shape
    pixels, outputs, images = y.shape
    outputs //= groups
    size = VECTORS * lanes(w)
    patch = np.zeros((synapses, size), w.dtype)
    total = np.empty((STEP, size), w.dtype)
    sums = np.empty((STEP, size), start.dtype)
    for first in range(0, pixels * images, size):
        m, b, filled = first // images, first % images, min(size, pixels * images - first)
        for group in range(groups):
            _gather(x[group * group_channels :], base, taps, m, b, filled, scale, patch)
            for n in range(0, outputs, STEP):
                sums[:] = 0
                for begin in range(0, synapses, section):
                    at, end = (group * w.shape[1] + n) * synapses, min(begin + section, synapses)
                    if kind == Sum.LARGER:
                        _section(larger_term, patch, w, p, at, begin, end, total)
                    elif kind == Sum.PRODUCT:
                        _section(product_term, patch, w, p, at, begin, end, total)
                    else:
                        _section(distance_term, patch, w, p, at, begin, end, total)
                    for i in range(STEP):
                        for lane in range(size):
                            sums[i, lane] += start.dtype.type(total[i, lane])
                for i in range(min(STEP, outputs - n)):
                    channel = group * outputs + n + i
                    _requantise(sums[i], start[channel], shift[channel], limits, added, m, b, filled, channel, y)
