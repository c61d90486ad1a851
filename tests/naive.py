"""The slowest oracle: one layer in pure Python integers, loop by loop, importing nothing of ours.

It knows the definition of the ops and of a convolution, and nothing of arrays, folds or accumulators.
"""

from __future__ import annotations

from typing import Any


def naive_layer(layer: Any, parameters: Any, x: Any) -> list[list[list[int]]]:
    """Return outputs [oh][ow][n] of an input [H][W][C]."""
    top, bottom, left, right = layer.padding
    kernel_h, kernel_w = layer.kernel
    stride_h, stride_w = layer.stride
    rows = []
    for oh in range((layer.height + top + bottom - kernel_h) // stride_h + 1):
        row = []
        for ow in range((layer.width + left + right - kernel_w) // stride_w + 1):
            pixel = []
            for n in range(layer.out_channels):
                total = int(parameters.bias[n])
                for i in range(kernel_h):
                    for j in range(kernel_w):
                        h, w = oh * stride_h + i - top, ow * stride_w + j - left
                        inside = 0 <= h < layer.height and 0 <= w < layer.width
                        for c in range(layer.channels):
                            a = int(x[h][w][c]) if inside else 0
                            b = int(parameters.weights[n][i][j][c])
                            if layer.op == "mac":
                                total += a * b
                            else:
                                a *= 2 ** max(0, layer.w_bits - layer.x_bits)
                                b *= 2 ** max(0, layer.x_bits - layer.w_bits)
                                if a > b:
                                    total += int(parameters.polarity[n][i][j][c]) * (a - b)
                pixel.append(requantised(total, int(parameters.shift[n]), layer.y_bits, layer.y_signed))
            row.append(pixel)
        rows.append(row)
    return rows


def requantised(total: int, shift: int, y_bits: int | None, y_signed: bool) -> int:
    if y_bits is None:
        return total
    if shift:
        total = (total + 2 ** (shift - 1)) // 2**shift
    low, high = (-(2 ** (y_bits - 1)), 2 ** (y_bits - 1) - 1) if y_signed else (0, 2**y_bits - 1)
    return max(low, min(high, total))
