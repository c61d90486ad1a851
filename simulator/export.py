"""A design and a network become a folder that stands alone: Verilog, vectors, testbench, Makefile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from simulator.design import Design
from simulator.mapping import Banks, array_sizes
from simulator.timing import count_layer
from simulator.vectors import DATAFLOW_CODES, format_vectors, layer_banks
from workloads.files import new_folder
from workloads.network import Network
from workloads.version import VERSION

HERE = Path(__file__).parent
MARKER = "params.json"
OP_CODES = {"threshold": 0, "mac": 1}

CHIP = """// {title}: limen_top with the parameters of params.json.
`default_nettype none

module limen_chip (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,
    output wire         done,
    output wire [2:0]   phase,
    input  wire [{size}:0]  row_size,
    input  wire [{size}:0]  col_size,
    input  wire [{size}:0]  time_size,
    input  wire         raw,
    input  wire [{limit}:0]  y_low,
    input  wire [{limit}:0]  y_high,
    input  wire         load_enable,
    input  wire [1:0]   load_target,
    input  wire [{size}:0]  load_lane,
    input  wire [{size}:0]  load_addr,
    input  wire [63:0]  load_data,
    input  wire [{size}:0]  read_lane,
    input  wire [{size}:0]  read_addr,
    output wire [31:0]  read_data
);
    limen_top #(
{parameters}
    ) machine (
{ports}
    );
endmodule

`default_nettype wire
"""

PORTS = (
    "clk rst start done phase row_size col_size time_size raw y_low y_high "
    "load_enable load_target load_lane load_addr load_data read_lane read_addr read_data"
).split()

README = """# {title}

Written by Limen {limen_version}: {network} on {rows} × {cols} PEs, dataflow {dataflow}, op {op},
{x_bits}-bit activations, {w_bits}-bit weights, {acc_bits}-bit accumulators.

| path | what |
|---|---|
| rtl/ | the design; limen_chip.v is the top with its parameters set, filelist.f lists all files |
| params.json | parameters, layers and their exact cycles |
| vectors/vectors.txt | weights, {images} inputs, and every output and cycle count they must give |
| tb/limen_tb.cpp | the testbench: loads the on-chip memories, runs each layer, compares |

`make` verifies: it needs Verilator 5, make and a C++17 compiler (`make VERILATOR=... CXX=...`). The last line
says PASS or FAIL, how many cycles ran and how many words were compared. Each layer reads what the chip wrote
for the layer before; outputs come from a bit-true reference in integer arithmetic and cycles from a
closed-form timing model, both independent of this Verilog.

Cycles are counted from the clock edge that samples `start` high to `done` first high. Operands wait in the
operand banks; loading them is not part of the count.
"""


def address_bits(banks: list[Banks], design: Design) -> dict[str, int]:
    """Return the address widths of the memories that hold the largest layer."""

    def bits(depth: int) -> int:
        return max(2, (depth - 1).bit_length())

    x = bits(max(own.x_gather.shape[1] for own in banks))
    synapses = bits(max(own.synapses.shape[1] for own in banks))
    row, col = (synapses, x) if design.dataflow == "is" else (x, synapses)
    return {
        "ROW_ADDR_BITS": row,
        "COL_ADDR_BITS": col,
        "OUT_ADDR_BITS": bits(max(int(own.out_addr.max()) + 1 for own in banks)),
        "CHANNEL_ADDR_BITS": bits(max(own.bias.shape[1] for own in banks)),
    }


def rtl_parameters(network: Network, design: Design) -> dict[str, int]:
    """Return the Verilog parameters of limen_top for a fitted design and the layers of `network`."""
    assert design.acc_bits is not None
    addresses = address_bits(layer_banks(network, design), design)
    largest = max(max(array_sizes(layer, design.dataflow)) for layer in network.layers)
    return {
        "ROWS": design.rows,
        "COLS": design.cols,
        "DATAFLOW": DATAFLOW_CODES[design.dataflow],
        "OP": OP_CODES[design.op],
        "X_BITS": design.x_bits,
        "W_BITS": design.w_bits,
        "X_SIGNED": int(design.x_signed),
        "ACC_BITS": design.acc_bits,
        # Wide enough for every size, every address and one more array beyond the largest size.
        "SIZE_BITS": max(16, (largest + design.rows + design.cols).bit_length(), *addresses.values()),
        **addresses,
    }


def chip_verilog(parameters: dict[str, int], title: str) -> str:
    """Return the Verilog of limen_chip: limen_top with its parameters set."""
    return CHIP.format(
        title=title,
        size=parameters["SIZE_BITS"] - 1,
        limit=parameters["X_BITS"],
        parameters=",\n".join(f"        .{name}({value})" for name, value in parameters.items()),
        ports=",\n".join(f"        .{name}({name})" for name in PORTS),
    )


def write_hardware(folder: Path, parameters: dict[str, int], title: str) -> None:
    """Write rtl/, tb/, filelist.f and the Makefile into an existing folder: all that does not depend on data."""
    (folder / "rtl").mkdir()
    (folder / "tb").mkdir()
    sources = sorted(HERE.joinpath("verilog").glob("*.v"))
    for source in sources:
        shutil.copyfile(source, folder / "rtl" / source.name)
    (folder / "rtl" / "limen_chip.v").write_text(chip_verilog(parameters, title), encoding="utf-8")
    names = [*(source.name for source in sources), "limen_chip.v"]
    (folder / "filelist.f").write_text("".join(f"rtl/{name}\n" for name in names), encoding="utf-8")
    shutil.copyfile(HERE / "testbench" / "limen_tb.cpp", folder / "tb" / "limen_tb.cpp")
    shutil.copyfile(HERE / "testbench" / "Makefile", folder / "Makefile")


def export(network: Network, design: Design, x: np.ndarray, folder: Path) -> Design:
    """Write `folder` for `network` on `design` with inputs x [images, H, W, C]; return the fitted design.

    Raises:
        LimenError: the design can't run the network, or the folder can't be written; nothing is left behind.
    """
    design = design.fitted(network)
    title = f"{network.name} on {design.rows}x{design.cols} {design.dataflow} {design.op}"
    parameters = rtl_parameters(network, design)
    vectors = format_vectors(network, design, x)
    layers = [
        {"layer": layer.name, **layer.model_dump(exclude={"name"}), "cycles": count_layer(layer, design).cycles}
        for layer in network.layers
    ]
    facts = {
        "limen": VERSION,
        "network": network.name,
        "images": len(x),
        "design": design.model_dump(),
        "verilog": parameters,
        "layers": layers,
    }
    with new_folder(folder, MARKER) as target:
        write_hardware(target, parameters, title)
        (target / "vectors").mkdir()
        (target / "vectors" / "vectors.txt").write_text(vectors, encoding="utf-8")
        readme = README.format(
            title=title, limen_version=VERSION, network=network.name, images=len(x), **design.model_dump()
        )
        (target / "README.md").write_text(readme, encoding="utf-8")
        (target / MARKER).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
    return design
