"""What is between the sums of two layers while they are trained, in Numba: centring, scaling, ReLU, and back.

Arrays are [M, N, B]: pixels, channels, images. numpy would go through each of them three times as often.
"""

from __future__ import annotations

from numba import boolean, float32, float64, void

from workloads.host.jit import njit

_BOTH = [(f[:, :, ::1], f[::1]) for f in (float32, float64)]
_EXACT = float64[::1]
_SUMS = {"contract", "reassoc"}


@njit([void(three, _EXACT, _EXACT) for three, _ in _BOTH], fastmath=_SUMS)
def centre(sums, mean, square):
    """Subtract from sums the mean of their channel; fill the means and the mean squares of what is left, [N]."""
    pixels, channels, batch = sums.shape
    mean[:] = 0
    square[:] = 0
    for m in range(pixels):
        for n in range(channels):
            part = sums.dtype.type(0)
            for b in range(batch):
                part += sums[m, n, b]
            mean[n] += part
    for n in range(channels):
        mean[n] /= pixels * batch
    for m in range(pixels):
        for n in range(channels):
            part, low = sums.dtype.type(0), sums.dtype.type(mean[n])
            for b in range(batch):
                value = sums[m, n, b] - low
                sums[m, n, b] = value
                part += value * value
            square[n] += part
    for n in range(channels):
        square[n] /= pixels * batch


@njit([void(three, one, one, three, boolean, three) for three, one in _BOTH], fastmath={"contract"})
def scale(normal, factor, bias, added, rectified, y):
    """Fill y with normal · factor + bias + added, those below 0 with 0 if it is rectified; added: or of size 0."""
    pixels, channels, batch = normal.shape
    zero = normal.dtype.type(0)
    for m in range(pixels):
        for n in range(channels):
            f, c = factor[n], bias[n]
            for b in range(batch):
                y[m, n, b] = normal[m, n, b] * f + c
            if added.size > 0:
                for b in range(batch):
                    y[m, n, b] += added[m, n, b]
            if rectified:
                for b in range(batch):
                    y[m, n, b] = max(y[m, n, b], zero)


@njit([void(three, three, three, boolean, _EXACT, _EXACT) for three, _ in _BOTH], fastmath=_SUMS)
def gate(slope, y, normal, rectified, total, along):
    """Set slopes to 0 where y isn't above 0, if it is rectified; fill their sums, and those times normal, [N]."""
    pixels, channels, batch = slope.shape
    zero = slope.dtype.type(0)
    total[:] = 0
    along[:] = 0
    for m in range(pixels):
        for n in range(channels):
            if rectified:
                for b in range(batch):
                    slope[m, n, b] = slope[m, n, b] if y[m, n, b] > zero else zero
            part, product = zero, zero
            for b in range(batch):
                part += slope[m, n, b]
                product += slope[m, n, b] * normal[m, n, b]
            total[n] += part
            along[n] += product


@njit([void(three, three, one, one, one, three) for three, one in _BOTH], fastmath={"contract"})
def scale_back(slope, normal, mean, pull, factor, below):
    """Fill `below`, the slopes at the sums, with (slope − mean − normal · pull) · factor; mean, pull, factor: [N]."""
    pixels, channels, batch = slope.shape
    for m in range(pixels):
        for n in range(channels):
            for b in range(batch):
                below[m, n, b] = (slope[m, n, b] - mean[n] - normal[m, n, b] * pull[n]) * factor[n]
