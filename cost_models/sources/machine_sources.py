"""Verilog of the machine around the array, to synthesise unit by unit: everything outside a unit is a black box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cost_models.sources.source import VERILOG, Source
from simulator.encoding import Dataflow
from simulator.rtl.verilog_tokens import canonical_verilog

if TYPE_CHECKING:
    from cost_models.units.unit import Control, Edge, Generator, Lanes, Mover, Packer, Pool, Scatter, Scratchpad

DEPTH = 256
"""Words of the memories behind the black boxes: 8 address bits; a design's own differ by a few."""

MEMORY_BOX = """
module limen_bank #(parameter WIDTH = 8, parameter DEPTH = 256, parameter ADDR_BITS = 16) (
    input wire clk, input wire write_enable, input wire [ADDR_BITS-1:0] write_addr, input wire [WIDTH-1:0] write_data,
    input wire read_enable, input wire [ADDR_BITS-1:0] read_addr, output wire [WIDTH-1:0] read_data);
    localparam BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
    limen_memory #(.WIDTH(WIDTH), .BITS(BITS)) memory (
        .clk(clk), .write_enable(write_enable), .write_addr(write_addr[BITS-1:0]), .write_data(write_data),
        .read_enable(read_enable), .read_addr(read_addr[BITS-1:0]), .read_data(read_data));
endmodule
(* blackbox *)
module limen_memory #(parameter WIDTH = 8, parameter BITS = 8) (
    input wire clk, input wire write_enable, input wire [BITS-1:0] write_addr, input wire [WIDTH-1:0] write_data,
    input wire read_enable, input wire [BITS-1:0] read_addr, output wire [WIDTH-1:0] read_data);
endmodule
"""

CONTROL = (
    *("parameters", "descriptor", "sequencer", "beats", "dma", "rows", "polarity_rows", "group", "words"),
    *("folds", "layer_op", "im2col"),
    *("activations", "filters", "feed", "edges", "refill", "phase", "top"),
)
"""Modules of limen_top that are the control's."""

OF_OVERLAP = ("overlap", "fold_loop", "ahead")
"""Its further ones where folds overlap."""

OUTSIDE = ("skew", "tag", "turn", "scratchpad", "generator", "operands", "array", "edge", "packer", "pool", "scatter")
"""Modules inside limen_top that are units of their own, black boxes to the control."""


def edge(unit: Edge) -> Source:
    files = ("limen_resize.v", "limen_requantiser.v", "limen_edge.v")
    widths = {"ACC_BITS": unit.acc_bits, "VALUE_BITS": unit.acc_bits, "Y_BITS": unit.x_bits + 1, "DEPTH": DEPTH}
    return Source("limen_edge", files, widths, MEMORY_BOX, True)


def lanes(unit: Lanes) -> Source:
    sizes = {"LANES": unit.lanes, "DATAFLOW": Dataflow[unit.dataflow.upper()].value, "FEEDER": unit.feeder_width}
    sizes |= {"X_BITS": unit.x_bits, "DEPTH": DEPTH * unit.feeder_width, "NEUTRAL": 1 << (unit.x_bits - 1)}
    return Source("limen_operands", ("limen_operands.v",), sizes, MEMORY_BOX, True)


def scratchpad(unit: Scratchpad) -> Source:
    files, top, text = ("limen_scratchpad.v",), "limen_scratchpad", MEMORY_BOX
    sizes = {"WIDTH": unit.row_bits, "DEPTH": DEPTH, "PORT_BITS": unit.port_bits}
    if unit.memory == "filter":
        top, text = "limen_filter_scratchpad", MEMORY_BOX + FILTER_SCRATCHPAD
    return Source(top, files, sizes, text, True)


FILTER_SCRATCHPAD = """
module limen_filter_scratchpad #(parameter WIDTH = 32, parameter DEPTH = 256, parameter PORT_BITS = 64) (
    input wire clk, input wire beat_valid, input wire beat_first, input wire [PORT_BITS-1:0] beat,
    input wire [15:0] rows, input wire fill_half, input wire read_enable, input wire read_half,
    input wire [15:0] read_row, output wire [WIDTH-1:0] read_data);
    limen_scratchpad #(.WIDTH(WIDTH), .DEPTH(DEPTH), .PORT_BITS(PORT_BITS)) scratchpad (
        .clk(clk), .beat_valid(beat_valid), .beat_first(beat_first), .beat(beat), .skip({$clog2(PORT_BITS){1'b0}}),
        .base(16'd0), .rows(rows), .fill_half(fill_half), .lane_write(1'b0),
        .lane_row(16'd0), .lane_data({WIDTH{1'b0}}), .read_enable(read_enable), .read_half(read_half),
        .read_row(read_row), .read_data(read_data));
endmodule
"""
"""Rows of filters begin at a beat and at row 0, which removes the shifter in front."""


def packer(unit: Packer) -> Source:
    files = ("limen_resize.v", "limen_select.v", "limen_walker.v", "limen_packer.v")
    return Source("limen_packer", files, _mover_sizes(unit), "", True)


def scatter(unit: Scatter) -> Source:
    files = ("limen_resize.v", "limen_select.v", "limen_walker.v", "limen_scatter.v")
    return Source("limen_scatter", files, _mover_sizes(unit), "", True)


def _mover_sizes(unit: Mover) -> dict[str, int]:
    sizes = {"COLS": unit.cols, "FEEDER": unit.feeder_width, "DATAFLOW": Dataflow[unit.dataflow.upper()].value}
    return sizes | {"X_BITS": unit.x_bits, "ACC_BITS": unit.acc_bits, "PORT_BITS": unit.port_bits}


def pool(unit: Pool) -> Source:
    return Source("limen_pool", ("limen_pool.v",), {"FEEDER": unit.feeder_width, "X_BITS": unit.x_bits}, "", True)


def generator(unit: Generator) -> Source:
    sizes = {"LANES": unit.lanes, "DATAFLOW": Dataflow[unit.dataflow.upper()].value}
    return Source("limen_generator", ("limen_generator.v",), sizes, "", True)


def control(unit: Control) -> Source:
    """limen_top with sequencer, DMA, folds and im2col unit: descriptor bits that nothing reads go, the rest stays."""
    sizes = {"ROWS": unit.lanes, "COLS": unit.lanes, "DATAFLOW": Dataflow[unit.dataflow.upper()].value}
    sizes |= {"X_BITS": unit.x_bits, "W_BITS": unit.x_bits, "FEEDER": unit.feeder_width, "PORT_BITS": unit.port_bits}
    sizes |= {"OVERLAP": 1} if unit.overlap else {}
    files = tuple(f"limen_{name}.v" for name in (*CONTROL, *(OF_OVERLAP if unit.overlap else ())))
    return Source("limen_top", files, sizes, "".join(_box(name) for name in OUTSIDE), True)


def _box(name: str) -> str:
    """Return a module's header as a black box."""
    tokens = canonical_verilog((VERILOG / f"limen_{name}.v").read_text(encoding="utf-8"))
    header = tokens[tokens.index("module ") : tokens.index(") ; ")]
    return f"(* blackbox *)\n{header.replace('output reg ', 'output wire ')});\nendmodule\n"
