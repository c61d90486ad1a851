"""Multipliers compared: a Baugh-Wooley array row by row computes products of every width, and so does the command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cost_models.derive.characterise import measure
from cost_models.derive.multiplier_study import BAUGH_WOOLEY, OP_FILE, compare_multipliers
from cost_models.gates.synthesis import open_kit, synthesise
from cost_models.sources.unit_sources import unit_source
from cost_models.units.unit import Operator
from tests.support.command import refused, run_command
from tests.support.paths import TINY
from tests.support.tools import needs_yosys
from workloads.errors import LimenError


def test_every_way_is_compared() -> None:
    needs_yosys()
    ways = list(compare_multipliers(TINY, 3))
    assert [(way.definition, way.multiplier) for way in ways] == [
        (kernel, name)
        for kernel in ("op alone", "os PE", "ws PE")
        for name in ("partial_products", "booth", "booth_radix4", "baugh_wooley")
    ]
    assert all(way.energy_pj >= way.settled_pj > 0 and way.merit > 0 for way in ways)


def test_a_wrong_constant_is_found(tmp_path: Path) -> None:
    needs_yosys()
    unit, kit = Operator("mac", 2, 4), open_kit(TINY, tmp_path)
    plain = unit_source(unit)
    text = plain.text + BAUGH_WOOLEY.read_text()
    source = replace(plain, files=tuple(name for name in plain.files if name != OP_FILE), text=text)
    measure(synthesise(kit, source), unit, kit)
    wrong = replace(source, text=text.replace("(OP_BITS - 1));", "(OP_BITS - 2));"))
    assert wrong.text != text
    with pytest.raises(LimenError, match="vectors differ from the definition"):
        measure(synthesise(kit, wrong), unit, kit)


def test_bad_input(tmp_path: Path) -> None:
    refused(run_command("costs", "multipliers", "--liberty", "none.lib", cwd=tmp_path), "none.lib: cannot be read")
