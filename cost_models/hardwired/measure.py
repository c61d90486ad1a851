"""A block measured: area, clock and energy a window on a library, cells and clock on an FPGA; outputs compared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from cost_models.derive.characterise import compare_outputs, rounded, with_ports
from cost_models.fpga.fpga import (
    SYSTEM_DEVICE,
    UNIT_DEVICE,
    Device,
    Placeable,
    implement_source,
    options,
    passes,
)
from cost_models.gates import synthesis
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER
from cost_models.gates.netlist import Netlist
from cost_models.gates.static_timing import analyse, delays_ps, smallest_flip_flop
from cost_models.gates.switching import energy_pj, prices, run_stimulus, wires_pj
from cost_models.gates.synthesis import Kit
from cost_models.hardwired.block import adders, is_large, source, stream
from cost_models.hardwired.table import Block
from cost_models.liberty.full_adders import FULL_ADDERS, full_adder
from simulator.hardwired.chip import x_bits, y_bits
from simulator.hardwired.trees import CARRY_CHAIN, TREES

REGISTERED = """
module limen_registered (
    input  wire clk,
    input  wire [{x_last}:0] x,
    output wire [{y_last}:0] y
);
    reg [{x_last}:0] x_first_reg;
    always @(posedge clk) x_first_reg <= x;
    {top} unit (.clk(clk), .x(x_first_reg), .y(y));
endmodule
"""


@dataclass(frozen=True)
class Figures:
    """Quantities of a block on a target, how it was synthesised, and 16 hex digits of Verilog, target and passes."""

    values: dict[str, float]
    recipe: str
    digest: str


def recipes(kit: Kit) -> tuple[str, ...]:
    """Return the ways to map a block's sums: gates alone, and full-adder cells where the kit has them."""
    return (DEFAULT_MULTIPLIER, FULL_ADDERS) if full_adder(kit.cells) else (DEFAULT_MULTIPLIER,)


def on_library(block: Block, kit: Kit) -> Figures:
    """Return a block on a library, by the recipe of least area · energy · clock.

    Raises:
        LimenError: a netlist that computes something else, a missing extra.
    """
    made = []
    for recipe in recipes(kit):
        netlist = synthesis.synthesise(kit, source(block), recipe)
        made.append(Figures(_measured(block, netlist, kit), recipe, library_digest(block, kit, recipe)))
    return min(made, key=lambda figures: merit(figures.values))


def merit(values: dict[str, float]) -> float:
    """Return area · energy · clock: smaller is better."""
    return values["area_um2"] * values["energy_per_window_pj"] * values["min_clock_ns"]


def library_digest(block: Block, kit: Kit, recipe: str) -> str:
    return synthesis.fingerprint(kit, source(block), recipe)


def _measured(block: Block, netlist: Netlist, kit: Kit) -> dict[str, float]:
    timing = analyse(netlist, kit.cells, smallest_flip_flop(kit.cells))
    values = {"area_um2": netlist.area_um2, "leakage_nw": netlist.leakage_nw, "min_clock_ns": timing.period_ns}
    edge_prices = prices(netlist, kit.cells, timing)
    driven = stream(block)
    ports = with_ports(netlist, driven)
    for quantity, delays in (("energy_per_window", delays_ps(netlist, kit.cells, timing)), ("settled", None)):
        activity = run_stimulus(ports, driven.inputs, driven.warm_up, delays)
        compare_outputs(block.words, driven, activity)
        name = "energy_per_window_pj" if delays is not None else "energy_per_window_settled_pj"
        values[name] = energy_pj(edge_prices, activity)
        wires = wires_pj(netlist, kit.cells, activity)
        if wires is not None and delays is not None:
            values[f"{quantity}_wires_pj"] = wires
    return {quantity: rounded(value) for quantity, value in values.items()}


def on_fpga(block: Block, target: str) -> Figures:
    """Return a block on an FPGA, by the tree of fewer LUTs: cells after synthesis on xc7, placed and routed on ecp5.

    Its recipe names the tree. Raises LimenError: a missing extra, or a tool that refuses it.
    """
    trees = (CARRY_CHAIN,) if is_large(block) else TREES
    ways = {tree: (_placeable(block, target, tree), DEFAULT_MULTIPLIER) for tree in trees}
    tree, values = implement_source(target, ways)
    return Figures(values, tree, fpga_digest(block, target, tree))


def fpga_digest(block: Block, target: str, tree: str) -> str:
    built = _placeable(block, target, tree)
    digest = hashlib.sha256("\n".join(passes(target, built.source, DEFAULT_MULTIPLIER)).encode())
    digest.update("\n".join(synthesis.canonical_files(built.source).values()).encode())
    if target == "ecp5":
        chosen = [option for seed in built.device.seeds for option in options(built.device, seed)]
        digest.update(" ".join(chosen).encode())
    return digest.hexdigest()[:16]


def device_of(block: Block) -> Device:
    """Return the part that a block is placed on: a large one where systems are, with one seed as theirs."""
    return SYSTEM_DEVICE if is_large(block) else UNIT_DEVICE


def _placeable(block: Block, target: str, tree: str) -> Placeable:
    """Return a block as it is put on a target: on ecp5 with a register before its inputs, which isn't counted."""
    plain = source(block, tree)
    bits = x_bits(adders(block))
    if target != "ecp5":
        return Placeable(plain, device_of(block), 0, block.words)
    text = REGISTERED.format(x_last=bits - 1, y_last=y_bits(adders(block)) - 1, top=plain.top)
    return Placeable(
        replace(plain, top="limen_registered", text=plain.text + text), device_of(block), bits, block.words
    )
