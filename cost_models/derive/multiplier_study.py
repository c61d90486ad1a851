"""Multipliers side by side: every recipe, and a Baugh-Wooley array written row by row, in a MAC alone and in PEs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from cost_models.derive.characterise import measure
from cost_models.gates.multipliers import multipliers
from cost_models.gates.synthesis import Kit, open_kit, say_notes, synthesise
from cost_models.liberty.full_adders import FULL_ADDERS, full_adder
from cost_models.liberty.liberty_reader import Files
from cost_models.sources.source import Source
from cost_models.sources.unit_sources import unit_source
from cost_models.units.catalogue import pe_units
from cost_models.units.unit import Operator, Unit
from workloads.host.progress import Progress
from workloads.host.scratch import scratch_folder
from workloads.ops.names import BASELINE

BAUGH_WOOLEY = Path(__file__).parents[1] / "sources" / "verilog" / "limen_op_mac_baugh_wooley.v"
OP_FILE = "limen_op_mac.v"


@dataclass(frozen=True)
class Multiplier:
    """Figures of a MAC built one way. definition: "op alone", "os PE" or "ws PE"; settled_pj: without glitches."""

    definition: str
    multiplier: str
    area_um2: float
    energy_pj: float
    settled_pj: float
    clock_ns: float

    @property
    def merit(self) -> float:
        """Area × energy × clock; the least one is in a cost table."""
        return self.area_um2 * self.energy_pj * self.clock_ns


def compare_multipliers(liberty: Files, bits: int, progress: Progress | None = None) -> Iterator[Multiplier]:
    """Yield a MAC of `bits`-wide operands built in every way, each netlist compared with the product on every vector.

    Raises:
        LimenError: an unusable library, a missing extra, or a netlist that computes something else.
    """
    with scratch_folder() as scratch:
        kit = open_kit(liberty, scratch)
        say_notes(kit)
        units: dict[str, Unit] = {
            "op alone": Operator(BASELINE, bits, bits),
            "os PE": pe_units(BASELINE, bits, bits, "os")[-1],
            "ws PE": pe_units(BASELINE, bits, bits, "ws")[-1],
        }
        ways = [(definition, *way) for definition, unit in units.items() for way in _ways(unit, kit)]
        for done, (definition, name, source, recipe) in enumerate(ways):
            if progress is not None:
                progress("synthesising", done, len(ways))
            values = measure(synthesise(kit, source, recipe), units[definition], kit)
            yield Multiplier(
                definition,
                name,
                values["area_um2"],
                values["energy_per_op_pj"],
                values["energy_per_op_settled_pj"],
                values["min_clock_ns"],
            )


def _ways(unit: Unit, kit: Kit) -> Iterator[tuple[str, Source, str]]:
    """Yield (name, Verilog, recipe) of each way to build a product."""
    plain = unit_source(unit)
    for recipe in multipliers(unit, kit.cells):
        yield recipe, plain, recipe
    rows = replace(
        plain,
        files=tuple(name for name in plain.files if name != OP_FILE),
        text=plain.text + BAUGH_WOOLEY.read_text(encoding="utf-8"),
    )
    yield "baugh_wooley", rows, "partial_products"
    if full_adder(kit.cells):
        yield f"baugh_wooley, {FULL_ADDERS}", rows, FULL_ADDERS
