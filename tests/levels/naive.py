"""The slowest oracle: one layer in pure Python integers, loop by loop, importing nothing of ours.

It knows the definition of the ops, of a convolution and of max pooling, and nothing of arrays, folds or accumulators.
"""

from __future__ import annotations

from typing import Any


def naive_layer(layer: Any, parameters: Any, x: Any, residual: Any = None) -> list[list[list[int]]]:
    """Return outputs [oh][ow][n] of an input [H][W][C], with a residual [oh][ow][n] or none, a matmul's second operand
    [h][w][c].
    """
    pixels = [pixel for row in residual for pixel in row] if layer.kind == "matmul" else []
    top, bottom, left, right = layer.padding
    kernel_h, kernel_w = layer.kernel
    stride_h, stride_w = layer.stride
    height = layer.height // layer.images  # of each of the images that lie above each other
    out_height = (height + top + bottom - kernel_h) // stride_h + 1
    rows: list[list[list[int]]] = []
    for out_row in range(layer.images * out_height):
        oh, first = out_row % out_height, out_row // out_height * height
        row = []
        for ow in range((layer.width + left + right - kernel_w) // stride_w + 1):
            pixel = []
            for n in range(layer.out_channels):
                seen = []  # of every tap: its place in the kernel, and its place in the input or None for padding
                for i in range(kernel_h):
                    for j in range(kernel_w):
                        h, w = oh * stride_h + i - top, ow * stride_w + j - left
                        inside = 0 <= h < height and 0 <= w < layer.width
                        seen.append((i, j, (first + h, w) if inside else None))
                if layer.kind == "maxpool":
                    lowest = -(2 ** (layer.x_bits - 1)) if layer.x_signed else 0
                    pixel.append(max([lowest] + [int(x[at[0]][at[1]][n]) for _, _, at in seen if at]))
                    continue
                total = int(parameters.bias[n])
                if residual is not None and layer.kind != "matmul":
                    total += int(residual[out_row][ow][n]) * 2**layer.residual_shift
                size = layer.channels // layer.groups
                group = n // (layer.out_channels // layer.groups)
                for i, j, at in seen:
                    for c in range(size):
                        a = int(x[at[0]][at[1]][group * size + c]) if at else 0
                        if (
                            layer.kind == "matmul"
                        ):  # a pixel of the second operand an output, or a pixel of it a channel
                            at_second, own = (n, c) if layer.transposed else (c, n)
                            b = int(pixels[at_second][own])
                        else:
                            b = int(parameters.weights[n][i][j][c])
                        if layer.op == "mac":
                            total += a * b
                        elif layer.op == "shift":  # a sign, then an exponent whose ones all set mean 0
                            bits = format(b % 2**layer.w_bits, f"0{layer.w_bits}b")
                            if "0" in bits[1:]:
                                total += (-a if bits[0] == "1" else a) * 2 ** int(bits[1:], 2)
                        else:
                            a *= 2 ** max(0, layer.w_bits - layer.x_bits)
                            b *= 2 ** max(0, layer.x_bits - layer.w_bits)
                            if layer.op == "adder":
                                total -= abs(a - b)
                            elif a > b:
                                positive = layer.kind == "matmul" or parameters.polarity[n][i][j][c] > 0
                                total += a - b if positive else b - a
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


def naive_network(layers: Any, parameters: Any, x: Any) -> list[Any]:
    """Return every layer's outputs [oh][ow][n] of an input [H][W][C]; tensors are kept whole, pixel by pixel."""
    tensors = {"input": x}
    before, outputs = "input", []
    for layer, layer_parameters in zip(layers, parameters, strict=True):
        read = tensors[layer.input or before]
        if layer.kind == "linear":
            read = [[[value for row in read for pixel in row for value in pixel]]]
        second = layer.residual or layer.synapses
        outputs.append(naive_layer(layer, layer_parameters, read, tensors[second] if second else None))
        before = layer.tensor or layer.name
        rows = [[list(pixel) for pixel in row] for row in tensors.get(before, outputs[-1])]
        for row, own_row in zip(rows, outputs[-1], strict=True):
            for pixel, values in zip(row, own_row, strict=True):
                pixel += [None] * (layer.offset + len(values) - len(pixel))
                pixel[layer.offset : layer.offset + len(values)] = values
        tensors[before] = rows
    return outputs
