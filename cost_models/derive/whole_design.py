"""`compare_whole`: an exported design synthesised as a whole, beside the sum of what a cost table says of its units.

Units stay modules: what is mapped once counts as often as it is there. Everything else is flattened into them, or into
the chip, which is the control. Passes are those of the table's own netlists. Between units go what synthesis with kept
hierarchy sends from module to module: constants, and that nobody reads a bit. Memories are black boxes on both sides.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from cost_models.gates.buffers import with_buffers
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER, MULTIPLIERS
from cost_models.gates.netlist import read_netlist
from cost_models.gates.synthesis import (
    BEFORE,
    BUFFERED,
    CELLS,
    EXTRACT,
    FINISH,
    LOGIC,
    MAP,
    Kit,
    avoiding,
    open_kit,
    run_mapping,
    say_notes,
    tool_versions,
)
from cost_models.liberty.full_adders import FULL_ADDERS
from cost_models.liberty.liberty_reader import Files
from cost_models.price.breakdown import UM2_PER_MM2, Breakdown, Part, parts_of
from cost_models.price.machine import Machines
from cost_models.price.machine_events import Events, PeCycles
from cost_models.price.price import DRAM
from cost_models.sources.machine_sources import CONTROL, MEMORY_BOX, OF_OVERLAP
from cost_models.sources.source import VERILOG
from cost_models.table.table import ONE_STAGE, Table, load_table
from cost_models.units.unit import FUSED, GATED, SIGNED
from simulator.designs.design import FittedDesign
from simulator.designs.design_block import DesignBlock
from simulator.plan.counts import Counts
from simulator.rtl.exported import read_exported
from simulator.rtl.verilog_text import plain_verilog
from workloads.errors import LimenError
from workloads.host.scratch import scratch_folder
from workloads.ops.names import AND
from workloads.ops.registry import operation

CHIP = "limen_chip"
MEMORY = "limen_bank"
MEMORY_FILE = "limen_bank.v"
INSIDE = (
    *(f"limen_{name}" for name in (*CONTROL, *OF_OVERLAP)),
    *("limen_array", "limen_walker", "limen_select", "limen_resize", "limen_requantiser", MEMORY),
    *("limen_op", "limen_op_*"),
)
"""Modules inside a unit or the control; any other is a unit, with a line of its own where UNITS doesn't know it."""

UNITS = {
    rf"{CHIP} .*": "control",
    r"limen_pe_\w+ .*": "pe",
    r"limen_skew .*\.g_(row|top)\[\d+\]\..*": "skew registers",
    r"limen_skew .*\.g_channel_later\..*": "channel skew registers",
    r"limen_skew machine\.g_(folds|overlap)\.folds\..*": "control",
    r"limen_tag .*": "tags",
    r"limen_shadow .*": "shadows",
    r"limen_waves .*": "skew registers",
    r"limen_turn .*": "column turns",
    r"limen_operands .*": "operand lanes",
    r"limen_edge .*": "edge",
    r"limen_scratchpad .*\b(ifmap|weight|polarity|channel)_scratchpad": r"\1 unpacker",
    r"limen_generator .*": "generator",
    r"limen_packer .*": "packer",
    r"limen_scatter .*": "scatter unit",
    r"limen_pool .*": "pooling unit",
}
"""Module and instance to the line of `Machine.parts` that prices it."""

UNBUFFERED = ("pe", "skew registers", "channel skew registers", "tags")
PE_MODULES, UNBUFFERED_MODULES = "*limen_pe_*", "*limen_pe_* *limen_skew* *limen_tag*"
"""Modules with products, and all that are mapped without buffers, as Yosys names them."""

DIFFERENT = f"{CHIP}/t:*limen_scratchpad {CHIP}/t:*limen_tag*"
"""Instances whose surroundings differ, though they are equal: each is a module of its own."""

ROUNDS = 3
"""From unit to unit and back; along a chain of tags it takes a round each."""


@dataclass(frozen=True)
class Line:
    """One unit of the machine: how many instances the design has, and µm² of its cells, memories left out."""

    component: str
    instances: int
    whole_um2: float
    table_um2: float

    @property
    def difference_percent(self) -> float:
        """The whole's area above the table's, in % of the table's; infinite where the table has none."""
        if not self.table_um2:
            return math.inf if self.whole_um2 else 0.0
        return 100 * (self.whole_um2 / self.table_um2 - 1)


def compare_whole(folder: Path, liberty: Files, costs: str = "ihp130", closed: bool = False) -> list[Line]:
    """Return a line per unit of an exported design, and their total as the last.

    closed: nothing crosses the units' boundaries, not even a constant.

    Raises:
        LimenError: not an exported folder, a table that lacks the design, an unusable library, a missing extra.
    """
    tool_versions()
    design, files = _read_folder(Path(folder))
    table = load_table(costs)
    priced = {part.component: part.area_mm2 * UM2_PER_MM2 for part in _parts(table, design) if part.area_mm2}
    with scratch_folder() as scratch:
        kit = open_kit(liberty, scratch)
        say_notes(kit)
        commands = _passes(kit, list(files), _multiplier(table, design), 0 if closed else _rounds(design))
        document = run_mapping(kit, commands, files, str(folder))
        units = _areas(document, kit)
    lines = [
        Line(name, units.get(name, (0, 0.0))[0], units.get(name, (0, 0.0))[1], priced.get(name, 0.0))
        for name in [*priced, *sorted(units.keys() - priced.keys())]
    ]
    whole, sums = (math.fsum(getattr(line, name) for line in lines) for name in ("whole_um2", "table_um2"))
    return [*lines, Line("total", sum(line.instances for line in lines), whole, sums)]


def _read_folder(folder: Path) -> tuple[FittedDesign, dict[str, str]]:
    """Return the design of an exported folder and its Verilog, memories as black boxes."""
    exported = read_exported(folder, with_vectors=False)
    files = dict(exported.verilog)
    memory = files.pop(MEMORY_FILE, "")
    memory_of_limen = plain_verilog((VERILOG / MEMORY_FILE).read_bytes(), MEMORY_FILE)
    if memory.split() != memory_of_limen.split():
        raise LimenError(f"{folder}/rtl/{MEMORY_FILE}: differs from Limen's; memories are left out on both sides")
    return exported.design, files | {"memory.v": MEMORY_BOX}


def _parts(table: Table, design: FittedDesign) -> list[Part]:
    """Return the lines of the table's logic; areas don't depend on what a run does."""
    machines, none = Machines(table, DesignBlock.of(design)), np.zeros(1, np.int64)
    counts = Counts(**dict.fromkeys((item.name for item in fields(Counts)), none))  # type: ignore[arg-type]
    names = [item.name for item in fields(Events) if item.name not in ("total", "pe_cycles")]
    cycles = (PeCycles(none, none, none, none),) * len(design.ops)
    idle = Events(counts, pe_cycles=cycles, **dict.fromkeys(names, none))
    parts = parts_of(Breakdown(machines, idle, np.zeros(1), DRAM).lines, 0)
    return [part for part in parts if part.group in ("array", "logic")]


def _multiplier(table: Table, design: FittedDesign) -> str:
    """Return the recipe of the product in the table's own PE: of the sum that is nearest to the design's."""
    signed = design.x_signed and not operation(design.op).one_range
    component = FUSED if design.extra_ops else GATED if design.zero_gating else SIGNED if signed else "pe"
    pe = (component, AND.join(design.ops), str(design.x_bits), str(design.w_bits), design.dataflow)
    names, stages = ("component", "op", "x_bits", "w_bits", "dataflow"), str(design.pe_stages)
    rows = [row for row in table.rows if tuple(row[name] for name in names) == pe]
    rows = [row for row in rows if (row["stages"] or ONE_STAGE) == stages]
    return min(rows, key=lambda row: abs(int(row["acc_bits"]) - design.held_bits))["multiplier"] or DEFAULT_MULTIPLIER


def _rounds(design: FittedDesign) -> int:
    return ROUNDS + (design.cols if design.dataflow != "os" else 0)


def _passes(kit: Kit, files: list[str], multiplier: str, rounds: int) -> list[str]:
    """Return the passes of cost_models.gates.synthesis, for all units at once."""
    proc, flatten, *rest = BEFORE
    *flip_flops, abc = MAP
    inside = " ".join(rf"*{name} *{name}\\*" for name in INSIDE)  # with parameters, they follow a backslash
    extract = [f"{step} @pes" for step in EXTRACT] if multiplier == FULL_ADDERS else []
    products = [f"{step} @pes" for step in MULTIPLIERS.get(multiplier, [])]
    return [
        f"read_verilog {' '.join(files)}",
        *(CELLS if extract else []),
        f"hierarchy -check -top {CHIP}",
        "setattr -mod -set keep_hierarchy 1 *",
        f"setattr -mod -unset keep_hierarchy {inside}",
        f"select -set pes {PE_MODULES}",
        f"select -set plain {UNBUFFERED_MODULES}",
        proc,
        flatten,
        "opt_clean",
        *([f"uniquify {DIFFERENT}", *["opt_hier", "opt", "opt_clean"] * rounds] if rounds else []),
        *rest,
        *products,
        *LOGIC,
        *extract,
        *avoiding(kit, flip_flops),
        *avoiding(kit, [abc], " @plain"),
        f"select -set wide * {UNBUFFERED_MODULES} %d",
        *avoiding(kit, [abc], f" -script {BUFFERED} @wide"),
        *FINISH,
    ]


def _areas(document: dict[str, Any], kit: Kit) -> dict[str, tuple[int, float]]:
    """Return instances and µm² of each unit, over the tree of instances from the chip down."""
    modules = document["modules"]
    areas: dict[str, float] = {}
    instances: Counter[str] = Counter()
    sums: dict[str, list[float]] = {}

    def walk(module: str, path: str) -> None:
        name_of_module = modules[module]["attributes"].get("hdlname", module).lstrip("\\")
        unit = _unit(name_of_module, path)
        if module not in areas:
            netlist = read_netlist(document, module, kit.cells)
            areas[module] = (netlist if unit in UNBUFFERED else with_buffers(netlist, kit.cells)).area_um2
        instances[unit] += 1
        sums.setdefault(unit, []).append(areas[module])
        for name, cell in modules[module]["cells"].items():
            if cell["type"] in modules and "blackbox" not in modules[cell["type"]]["attributes"]:
                walk(cell["type"], f"{path}.{name}".lstrip("."))

    walk(CHIP, "")
    return {unit: (instances[unit], math.fsum(of_instances)) for unit, of_instances in sums.items()}


def _unit(module: str, path: str) -> str:
    """Return the line that prices an instance: its module's name where the table has none."""
    for pattern, unit in UNITS.items():
        match = re.fullmatch(pattern, f"{module} {path}")
        if match:
            return match.expand(unit)
    return module
