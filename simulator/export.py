"""A design and a network become a folder that stands alone: Verilog, vectors, testbench, Makefile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

from simulator.design import Design
from simulator.program import compile_network
from simulator.timing import count_program
from simulator.vectors import DATAFLOW_CODES, format_vectors
from workloads.files import new_folder
from workloads.network import Network
from workloads.version import VERSION

HERE = Path(__file__).parent
MARKER = "params.json"
OP_CODES = {"threshold": 0, "mac": 1}
POLARITY_CODES = {"synapse": 0, "input": 1, "neuron": 2}

CHIP = """// {title}: limen_top with the parameters of params.json.
`default_nettype none

module limen_chip (
    input  wire         clk,
    input  wire         rst,
    input  wire         start,
    output wire         done,
    output wire [3:0]   phase,
    output wire [6:0]   activity,
    output wire         mem_request,
    input  wire         mem_request_ready,
    output wire         mem_write,
    output wire [31:0]  mem_addr,
    output wire [15:0]  mem_beats,
    output wire [2:0]   mem_kind,
    input  wire         mem_read_valid,
    output wire         mem_read_ready,
    input  wire [{port}:0]  mem_read_data,
    output wire         mem_write_valid,
    input  wire         mem_write_ready,
    output wire [{port}:0]  mem_write_data
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
    "clk rst start done phase activity mem_request mem_request_ready mem_write mem_addr mem_beats mem_kind "
    "mem_read_valid mem_read_ready mem_read_data mem_write_valid mem_write_ready mem_write_data"
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


def rtl_parameters(design: Design) -> dict[str, int]:
    """Return the Verilog parameters of limen_top for a fitted design."""
    assert design.acc_bits is not None
    return {
        "ROWS": design.rows,
        "COLS": design.cols,
        "DATAFLOW": DATAFLOW_CODES[design.dataflow],
        "OP": OP_CODES[design.op],
        "X_BITS": design.x_bits,
        "W_BITS": design.w_bits,
        "X_SIGNED": int(design.x_signed),
        "ACC_BITS": design.acc_bits,
        "POLARITY": POLARITY_CODES[design.polarity],
        "FEEDER": design.feeder_width,
        "PORT_BITS": design.port_bits,
        "IFMAP_DEPTH": design.ifmap_depth,
        "FILTER_DEPTH": design.filter_depth,
        "POLARITY_DEPTH": design.polarity_depth,
        "CHANNEL_DEPTH": design.channel_depth,
        "OFMAP_DEPTH": design.ofmap_depth,
        "OPERAND_DEPTH": design.operand_depth,
    }


def chip_verilog(parameters: dict[str, int], title: str) -> str:
    """Return the Verilog of limen_chip: limen_top with its parameters set."""
    return CHIP.format(
        title=title,
        port=parameters["PORT_BITS"] - 1,
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
    parameters = rtl_parameters(design)
    program = compile_network(network, design)
    vectors = format_vectors(program, x)
    layers = [
        {"layer": layer.name, **layer.model_dump(exclude={"name"}), "cycles": counts.cycles}
        for layer, counts in zip(network.layers, count_program(program.schedules, design), strict=True)
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
