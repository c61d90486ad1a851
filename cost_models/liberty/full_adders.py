"""Full-adder cells: found in a library, and mapped to, since `abc` never uses a cell with two outputs."""

from __future__ import annotations

from cost_models.liberty.liberty_cells import Cell, Library

FULL_ADDERS = "full_adders"
"""Name of the recipe: Yosys' own trees of partial products and summands, their full adders mapped to cells."""

SUM, CARRY = 0b10010110, 0b11101000
"""Truth tables of exclusive or and majority of three inputs."""

EVERY_INPUT = 0b11111111


def full_adder(library: Library) -> Cell | None:
    """Return the smallest full adder, outputs inverted or not, of a library; None where it has none."""
    adders = [cell for cell in library.cells.values() if _pin(cell, SUM) and _pin(cell, CARRY)]
    return min(adders, key=lambda cell: (cell.area_um2, cell.name), default=None)


def _pin(cell: Cell, table: int) -> str | None:
    """Return the output of this truth table, followed by nothing, or preceded by ~ where it is inverted."""
    if len(cell.inputs) != 3 or cell.flip_flop is not None:
        return None
    for name, output in cell.outputs.items():
        if output.table in (table, table ^ EVERY_INPUT):
            return name if output.table == table else f"~{name}"
    return None


def full_adder_map(cell: Cell) -> str:
    """Return Verilog for `techmap`: Yosys' $fa, bit by bit, as this cell."""
    pins = {"sum": _pin(cell, SUM) or "", "carry": _pin(cell, CARRY) or ""}
    inputs = ", ".join(f".{pin}({operand}[i])" for pin, operand in zip(cell.inputs, "ABC", strict=True))
    outputs = ", ".join(f".{pin.removeprefix('~')}({wire}[i])" for wire, pin in pins.items())
    signs = {wire: "~" if pin.startswith("~") else "" for wire, pin in pins.items()}
    return f"""
(* techmap_celltype = "$fa" *)
module limen_full_adder #(parameter WIDTH = 1) (
    input [WIDTH-1:0] A, input [WIDTH-1:0] B, input [WIDTH-1:0] C, output [WIDTH-1:0] X, output [WIDTH-1:0] Y);
    wire [WIDTH-1:0] sum;
    wire [WIDTH-1:0] carry;
    genvar i;
    generate
        for (i = 0; i < WIDTH; i = i + 1) begin : g_bit
            {cell.name} cell_ ({inputs}, {outputs});
        end
    endgenerate
    assign Y = {signs["sum"]}sum;
    assign X = {signs["carry"]}carry;
endmodule
"""
