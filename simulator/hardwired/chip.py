"""The chip of an exported folder, which gives a window to the layer that is asked, and the vectors it is proved by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from simulator.hardwired.adders import Adders
from simulator.hardwired.verilog import module_name, output_bits
from workloads.exact import reference
from workloads.layers.graph import walk
from workloads.networks.network import Network

CHIP = """// The hard-wired layers side by side, for the testbench: a window goes to all of them,
// `layer` says whose outputs are read.
`default_nettype none

module limen_chip (
    input  wire clk,
    input  wire [7:0] layer,     // the number of a layer
    input  wire [{x_last}:0] x,  // a window of its inputs, in the lowest bits
    output reg  [{y_last}:0] y   // its outputs of the window at the last clock edge, in the lowest bits
);
{layers}
    always @* begin
        case (layer)
{cases}
            default: y = {y_bits}'d0;
        endcase
    end
endmodule

`default_nettype wire
"""


def x_bits(adders: Adders) -> int:
    """Return the bits of a layer's window."""
    return adders.window.inputs * adders.window.layer.x_bits


def y_bits(adders: Adders) -> int:
    """Return the bits of a layer's outputs."""
    return len(adders.terms) * output_bits(adders)


def chip_verilog(layers: Sequence[Adders]) -> str:
    """Return limen_chip; layers are numbered in this order."""
    most_x, most_y = max(map(x_bits, layers)), max(map(y_bits, layers))
    lines, cases = [], []
    for index, adders in enumerate(layers):
        name, bits = adders.window.layer.name, y_bits(adders)
        lines.append(f"    wire [{bits - 1}:0] y_{index};")
        lines.append(
            f"    {module_name(name)} layer_{index} (.clk(clk), .x(x[{x_bits(adders) - 1}:0]), .y(y_{index}));"
        )
        wider = f"{{{most_y - bits}'d0, y_{index}}}" if most_y > bits else f"y_{index}"
        cases.append(f"            8'd{index}: y = {wider};")
    return CHIP.format(
        x_last=most_x - 1, y_last=most_y - 1, y_bits=most_y, layers="\n".join(lines), cases="\n".join(cases)
    )


def layer_windows(network: Network, x: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return, layer by layer, windows [images, M, inputs] of inputs [images, H, W, C], and outputs [images, M, N].

    Both are those of the bit-true reference.
    """
    parameters = network.trained()
    found: list[tuple[np.ndarray, np.ndarray]] = []

    def step(index: int, seen: np.ndarray, residual: np.ndarray | None) -> np.ndarray:
        layer = network.layers[index]
        seen = seen.reshape(len(x), *layer.input_shape)
        y = reference.forward(layer, parameters[index], seen, residual)
        windows = reference.patches(layer, seen, absent=0).reshape(len(x), layer.pixels, -1)
        found.append((windows, y.reshape(len(x), layer.pixels, -1)))
        return y

    walk(network.layers, x, partial(np.concatenate, axis=-1), step)
    return found


def format_vectors(layers: Sequence[Adders], windows: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
    """Return the vector file of layers and their windows, see tb/limen_tb.cpp."""
    images = len(windows[0][0])
    lines = ["limen-hardwired 1", f"images {images}"]
    lines += [f"layer {adders.window.layer.name} {x_bits(adders)} {y_bits(adders)}" for adders in layers]
    columns = [
        (
            _hexadecimal(x.reshape(-1, x.shape[-1]), adders.window.layer.x_bits),
            _hexadecimal(y.reshape(-1, y.shape[-1]), output_bits(adders)),
            x.shape[1],
        )
        for adders, (x, y) in zip(layers, windows, strict=True)
    ]
    for image in range(images):
        lines.append("image")
        for index, (x_digits, y_digits, pixels) in enumerate(columns):
            for place in range(image * pixels, (image + 1) * pixels):
                lines.append(f"{index} {x_digits[place]} {y_digits[place]}")
    return "\n".join([*lines, ""])


def packed(values: np.ndarray, bits: int) -> np.ndarray:
    """Return integers [rows, n] as bits [rows, n * bits], uint8, the lowest first."""
    planes = (values[:, :, None] >> np.arange(bits)) & 1
    return planes.reshape(len(values), -1).astype(np.uint8)


def _hexadecimal(values: np.ndarray, bits: int) -> list[str]:
    """Return rows of integers as one hexadecimal number each, the first integer in the lowest bits."""
    octets = np.packbits(packed(values, bits), axis=1, bitorder="little")
    return [row[::-1].tobytes().hex() for row in octets]
