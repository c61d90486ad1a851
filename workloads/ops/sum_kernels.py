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

from numba import float32, float64, int64, void

from workloads.host.jit import njit, njit_in_place
from workloads.ops.kernel_kinds import OUTPUTS, TAPS, Slope, Sum
from workloads.ops.terms import STEP, distance_term, larger_term, product_term, put_four
from workloads.ops.vectors import (
    MANY,
    fused,
    lanes,
    load,
    minus,
    nothing,
    plus,
    spread,
    store,
    times,
    total,
    where_larger,
)

PIXELS = 4
"""Pixels over which gradients of weights are summed before their vectors are."""

SYNAPSES = TAPS if MANY else 1
"""Synapses whose inputs' gradients are computed together."""

_INDEX = int64[::1]
_TWO = [f[:, ::1] for f in (float32, float64)]
_THREE = [f[:, :, ::1] for f in (float32, float64)]
_BOTH = list(zip(_TWO, _THREE, strict=True))


@njit_in_place(inline="always")
def _forward(term, x, base, taps, w, p, y):
    """Fill y with the sums of a term: eight or sixteen vectors of sums stay in registers over all synapses."""
    outputs, synapses = w.shape
    batch, size = x.shape[1], lanes(x)
    for m in range(base.shape[0]):
        for first in range(0, batch, 4 * size):
            start = base[m] * batch + first
            for n in range(0, outputs, STEP):
                a = n * synapses
                b, c, d = a + synapses, a + 2 * synapses, a + 3 * synapses
                a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = nothing(x)
                c0 = c1 = c2 = c3 = d0 = d1 = d2 = d3 = nothing(x)
                for k in range(synapses):
                    at = start + taps[k] * batch
                    u0, u1, u2, u3 = load(x, at), load(x, at + size), load(x, at + 2 * size), load(x, at + 3 * size)
                    e, f = spread(w, a + k), spread(p, a + k)
                    a0, a1, a2, a3 = term(u0, e, f, a0), term(u1, e, f, a1), term(u2, e, f, a2), term(u3, e, f, a3)
                    e, f = spread(w, b + k), spread(p, b + k)
                    b0, b1, b2, b3 = term(u0, e, f, b0), term(u1, e, f, b1), term(u2, e, f, b2), term(u3, e, f, b3)
                    if MANY:
                        e, f = spread(w, c + k), spread(p, c + k)
                        c0, c1, c2, c3 = term(u0, e, f, c0), term(u1, e, f, c1), term(u2, e, f, c2), term(u3, e, f, c3)
                        e, f = spread(w, d + k), spread(p, d + k)
                        d0, d1, d2, d3 = term(u0, e, f, d0), term(u1, e, f, d1), term(u2, e, f, d2), term(u3, e, f, d3)
                at = (m * y.shape[1] + n) * batch + first
                if n < y.shape[1]:
                    put_four(y, at, size, a0, a1, a2, a3)
                if n + 1 < y.shape[1]:
                    put_four(y, at + batch, size, b0, b1, b2, b3)
                if MANY and n + 2 < y.shape[1]:
                    put_four(y, at + 2 * batch, size, c0, c1, c2, c3)
                if MANY and n + 3 < y.shape[1]:
                    put_four(y, at + 3 * batch, size, d0, d1, d2, d3)


@njit([void(int64, two, _INDEX, _INDEX, two, two, three) for two, three in _BOTH])
def forward(kind, x, base, taps, w, p, y):
    """Fill y [M, n, B], n ≤ N, with the sums of x [rows, B] under filters w, p [N, K].

    kind: a Sum. Those of op threshold are LARGER less Σ p·w.
    """
    if kind == Sum.LARGER:
        _forward(larger_term, x, base, taps, w, p, y)
    elif kind == Sum.PRODUCT:
        _forward(product_term, x, base, taps, w, p, y)
    else:
        _forward(distance_term, x, base, taps, w, p, y)


@njit_in_place(inline="always")
def _gate(x, w, p, dy, slope):
    return where_larger(x, w, fused(p, dy, slope), slope)


@njit_in_place(inline="always")
def _weight(x, w, p, dy, slope):
    return fused(w, dy, slope)


@njit_in_place(inline="always")
def _within(x, w, p, dy, slope):
    """As op adder has it: p·(x − w) within −1 … 1; p is −1, or 0 of what is filled up."""
    near = minus(x, w)
    one = times(p, p)
    near = where_larger(near, one, one, near)
    low = minus(minus(one, one), one)
    return fused(times(p, dy), where_larger(low, near, low, near), slope)


@njit_in_place(inline="always")
def _backward_inputs(term, x, base, taps, w, p, dy, dx):
    """Add to dx the slopes of a term: those of one synapse or two stay in registers over all outputs."""
    synapses = w.shape[1]
    batch, size = x.shape[1], lanes(x)
    for m in range(base.shape[0]):
        for first in range(0, batch, 4 * size):
            for k in range(0, synapses, SYNAPSES):
                a, b = (base[m] + taps[k]) * batch + first, (base[m] + taps[k + SYNAPSES - 1]) * batch + first
                u0, u1, u2, u3 = load(x, a), load(x, a + size), load(x, a + 2 * size), load(x, a + 3 * size)
                v0, v1, v2, v3 = load(x, b), load(x, b + size), load(x, b + 2 * size), load(x, b + 3 * size)
                a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = nothing(x)
                for n in range(dy.shape[1]):
                    at = (m * dy.shape[1] + n) * batch + first
                    q, r, s, t = load(dy, at), load(dy, at + size), load(dy, at + 2 * size), load(dy, at + 3 * size)
                    e, f = spread(w, n * synapses + k), spread(p, n * synapses + k)
                    a0, a1, a2 = term(u0, e, f, q, a0), term(u1, e, f, r, a1), term(u2, e, f, s, a2)
                    a3 = term(u3, e, f, t, a3)
                    if MANY:
                        e, f = spread(w, n * synapses + k + 1), spread(p, n * synapses + k + 1)
                        b0, b1, b2 = term(v0, e, f, q, b0), term(v1, e, f, r, b1), term(v2, e, f, s, b2)
                        b3 = term(v3, e, f, t, b3)
                _add(dx, a, size, a0, a1, a2, a3)
                if MANY:
                    _add(dx, b, size, b0, b1, b2, b3)


@njit_in_place(inline="always")
def _add(dx, at, size, v0, v1, v2, v3):
    store(dx, at, plus(load(dx, at), v0))
    store(dx, at + size, plus(load(dx, at + size), v1))
    store(dx, at + 2 * size, plus(load(dx, at + 2 * size), v2))
    store(dx, at + 3 * size, plus(load(dx, at + 3 * size), v3))


@njit([void(int64, two, _INDEX, _INDEX, two, two, three, two) for two, three in _BOTH])
def backward_inputs(kind, x, base, taps, w, p, dy, dx):
    """Add to dx [rows, B] the gradient at x of a loss with gradient dy [M, n, B] at the sums.

    kind: a Sum. LARGER: p where x > w. PRODUCT: w. DISTANCE: p·(x − w) within −1 … 1, as op adder has it.
    """
    if kind == Sum.LARGER:
        _backward_inputs(_gate, x, base, taps, w, p, dy, dx)
    elif kind == Sum.PRODUCT:
        _backward_inputs(_weight, x, base, taps, w, p, dy, dx)
    else:
        _backward_inputs(_within, x, base, taps, w, p, dy, dx)


@njit_in_place(inline="always")
def _above(x, w, dy, sums):
    return where_larger(x, w, plus(sums, dy), sums)


@njit_in_place(inline="always")
def _value(x, w, dy, sums):
    return fused(dy, x, sums)


@njit_in_place(inline="always")
def _excess(x, w, dy, sums):
    return where_larger(x, w, fused(dy, minus(x, w), sums), sums)


@njit_in_place(inline="always")
def _backward_weights(term, x, base, taps, w, dy, dw):
    """Add to dw the sums of a term: those of eight synapses stay in registers over the images of PIXELS pixels."""
    outputs, synapses = w.shape
    batch, size, last = x.shape[1], lanes(x), dy.shape[1] - 1
    for start in range(0, base.shape[0], PIXELS):
        for n in range(0, outputs, OUTPUTS):
            # Rows beyond the last channel are synapses that nobody asks for: any row of dy does.
            row1, row2, row3 = min(1, last - n) * batch, min(2, last - n) * batch, min(3, last - n) * batch
            for k in range(0, synapses, TAPS):
                at = n * synapses + k
                w00, w01 = spread(w, at), spread(w, at + 1)
                w10, w11 = spread(w, at + synapses), spread(w, at + synapses + 1)
                w20, w21 = spread(w, at + 2 * synapses), spread(w, at + 2 * synapses + 1)
                w30, w31 = spread(w, at + 3 * synapses), spread(w, at + 3 * synapses + 1)
                e00 = e01 = e10 = e11 = e20 = e21 = e30 = e31 = nothing(x)
                for m in range(start, min(start + PIXELS, base.shape[0])):
                    a, b = (base[m] + taps[k]) * batch, (base[m] + taps[k + 1]) * batch
                    row = (m * dy.shape[1] + n) * batch
                    for i in range(0, batch, size):
                        u, v, q = load(x, a + i), load(x, b + i), load(dy, row + i)
                        e00, e01 = term(u, w00, q, e00), term(v, w01, q, e01)
                        q = load(dy, row + row1 + i)
                        e10, e11 = term(u, w10, q, e10), term(v, w11, q, e11)
                        q = load(dy, row + row2 + i)
                        e20, e21 = term(u, w20, q, e20), term(v, w21, q, e21)
                        q = load(dy, row + row3 + i)
                        e30, e31 = term(u, w30, q, e30), term(v, w31, q, e31)
                dw[n, k] += total(e00)
                dw[n, k + 1] += total(e01)
                dw[n + 1, k] += total(e10)
                dw[n + 1, k + 1] += total(e11)
                dw[n + 2, k] += total(e20)
                dw[n + 2, k + 1] += total(e21)
                dw[n + 3, k] += total(e30)
                dw[n + 3, k + 1] += total(e31)


@njit([void(int64, two, _INDEX, _INDEX, two, three, two) for two, three in _BOTH])
def backward_weights(kind, x, base, taps, w, dy, dw):
    """Add to dw [N, K] the sums over pixels and images of dy [M, n, B] times a function of x [rows, B] and w [N, K].

    kind: a Slope.
    """
    if kind == Slope.GATE:
        _backward_weights(_above, x, base, taps, w, dy, dw)
    elif kind == Slope.VALUE:
        _backward_weights(_value, x, base, taps, w, dy, dw)
    else:
        _backward_weights(_excess, x, base, taps, w, dy, dw)
