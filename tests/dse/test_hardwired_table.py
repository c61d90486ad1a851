"""The table of hard-wired neurons: its line of the whole network, against sums made here of the same rows."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import pytest

from cost_models.hardwired.table import FPGAS, LIBRARIES, STRUCTURE, Row, read_rows
from dse.report import hardwired_table
from dse.report.hardwired_table import ALL_LAYERS, HardwiredRow, table_csv
from simulator.hardwired.export import DEFAULT_FORM

WINDOWS = {"conv1": 8 * 8, "conv2": 4 * 4, "conv3": 2 * 2, "scores": 1}
"""Output pixels of digits' layers: windows of an image."""

MADE_UP = {"conv2": Decimal("7.25"), "conv3": Decimal("3.5"), "scores": Decimal("0.75")}
"""Layers made of the first one's rows: by how much their figures are larger; conv3's best forms are others."""

Key = tuple[str, str, str, str]
"""(x_bits, w_bits, target, op)."""


class Best(NamedTuple):
    """A layer in the form that a target counts: what that is the least of, the form, all quantities."""

    cost: Fraction
    form: str
    values: dict[str, Fraction]


def made_up(row: Row, layer: str) -> Row:
    """A row of the first layer as one of another."""
    if row.quantity == "windows_of_an_image":
        return row._replace(layer=layer, value=str(WINDOWS[layer]))
    larger = Decimal(row.value) * MADE_UP[layer] * (3 if layer == "conv3" and row.form == DEFAULT_FORM else 1)
    whole = row.unit == "count"
    return row._replace(layer=layer, value=str(int(larger) if whole else larger))


def whole_network() -> list[Row]:
    """Rows of all layers: stored ones of conv1, the others made up."""
    first = [row for row in read_rows() if row.layer == "conv1"]
    return [*first, *(made_up(row, layer) for layer in MADE_UP for row in first)]


def best_forms(rows: Sequence[Row]) -> dict[Key, dict[str, Best]]:
    """The cheapest form of each layer by widths, target and op."""
    blocks: dict[tuple[Key, str, str], dict[str, Fraction]] = {}
    for row in rows:
        key = (row.x_bits, row.w_bits, row.target, row.op)
        blocks.setdefault((key, row.layer, row.form), {})[row.quantity] = Fraction(float(row.value))
    found: dict[Key, dict[str, Best]] = {}
    for (key, layer, form), values in blocks.items():
        if key[2] == STRUCTURE:
            continue
        cost = values["lut"] if key[2] in FPGAS else values["area_um2"]
        if key[2] in LIBRARIES:
            cost *= values["energy_per_window_pj"] * values["min_clock_ns"]
        layers = found.setdefault(key, {})
        if layer not in layers or cost < layers[layer].cost:
            layers[layer] = Best(cost, form, values)
    return found


def expected(layers: dict[str, Best]) -> dict[str, str]:
    """What the line has: sums of areas and cells, energy of all windows, the slowest clock; empty: not measured."""

    def known(quantity: str) -> list[Fraction]:
        found = [best.values[quantity] for best in layers.values() if quantity in best.values]
        return found if len(found) == len(layers) else []

    periods = known("min_clock_ns")
    energies = known("energy_per_window_pj")
    energy = sum(energy * WINDOWS[layer] for energy, layer in zip(energies, layers, strict=False))
    return {
        "area_um2": digits(sum(known("area_um2"))),
        "lut": digits(sum(known("lut"))),
        "ff": digits(sum(known("ff"))),
        "fmax_mhz": digits(1000 / max(periods)) if periods else "",
        "window_pj": "",
        "image_nj": digits(energy / 1000),
    }


def digits(value: Fraction | float) -> str:
    return f"{float(value):.6g}" if value else ""


def cells(row: HardwiredRow) -> dict[str, str]:
    head, line = csv.reader(table_csv([row]).splitlines())
    return {
        name: cell and (cell if name == "form" else f"{float(cell):.6g}")
        for name, cell in zip(head, line, strict=True)
        if name in (*expected({}), "form")
    }


def test_the_whole_network_is_the_sum_of_its_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = whole_network()
    monkeypatch.setattr(hardwired_table, "read_rows", lambda: rows)
    whole = {
        (str(row.x_bits), str(row.w_bits), row.target, row.op): row
        for row in hardwired_table.hardwired_table((ALL_LAYERS,))
    }
    best = best_forms(rows)
    assert whole.keys() == best.keys() and {target for _, _, target, _ in best} == {*LIBRARIES, *FPGAS}
    for key, layers in best.items():
        forms = ", ".join(dict.fromkeys(layers[layer].form for layer in WINDOWS))
        assert cells(whole[key]) == expected(layers) | {"form": forms}, key
        mac = whole.get((*key[:3], "mac"))
        if mac is not None and key[3] != "mac":
            size = "lut" if key[2] in FPGAS else "area_um2"
            assert whole[key].area_ratio == getattr(mac, size) / getattr(whole[key], size)


def test_a_network_that_lacks_a_layer_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row for row in whole_network() if row.layer != "conv2" or row.target in ("xc7", STRUCTURE)]
    monkeypatch.setattr(hardwired_table, "read_rows", lambda: rows)
    assert {row.target for row in hardwired_table.hardwired_table((ALL_LAYERS,))} == {"xc7"}
