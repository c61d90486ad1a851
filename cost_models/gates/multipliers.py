"""Ways to build a product, and which of them a unit is tried with."""

from __future__ import annotations

from cost_models.liberty.full_adders import FULL_ADDERS, full_adder
from cost_models.liberty.liberty_cells import Library
from cost_models.units.unit import Neuron, Unit

MULTIPLIERS = {
    "partial_products": [],
    "booth": ["booth"],
    "booth_radix4": ["booth -lowpower"],
}
"""Ways to build a product: Yosys' partial-product tree, and its two Booth generators."""

DEFAULT_MULTIPLIER = "partial_products"


def multipliers(unit: Unit, library: Library) -> tuple[str, ...]:
    """Return the recipes to try: only a MAC has a product, and only it and a neuron's tree have full adders."""
    recipes = tuple(MULTIPLIERS) if unit.multiplies else (DEFAULT_MULTIPLIER,)
    if (unit.multiplies or isinstance(unit, Neuron)) and full_adder(library):
        recipes += (FULL_ADDERS,)
    return recipes
