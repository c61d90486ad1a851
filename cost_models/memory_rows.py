"""Rows of a table about memories: fits of SRAM macros, and the cited rows as data/cited.csv has them."""

from __future__ import annotations

import csv
import hashlib

import numpy as np

from cost_models.characterise import rounded, unit_of
from cost_models.fits import fit
from cost_models.rows import row
from cost_models.table import DATA, Row

CACTI_NM = "65"
"""Node of the CACTI points used: the nearest to 130 nm."""


def _fit_rows(
    component: str, quantity: str, width: np.ndarray, words: np.ndarray, values: np.ndarray, text: str, **more: str
) -> list[Row]:
    """Return a row per term of the fit of `values`, in the unit of `quantity`."""
    sizes = [
        {"base": 1.0, "per_column": columns, "per_word": rows, "per_bit": columns * rows}
        for columns, rows in zip(width, words, strict=True)
    ]
    coefficients, worst = fit(sizes, list(values))
    method = more.pop("method")
    source = f"{text}; fit of {len(values)} points, largest error {100 * worst:.0f} %"
    unit = unit_of(quantity)
    return [
        row(component, f"{quantity}:{term}", rounded(value), unit, method, source, **more)
        for term, value in coefficients.items()
    ]


def sram_rows() -> list[Row]:
    """Return the fit of the kit's SRAM macros, and their leakage and access time scaled from CACTI."""
    digest = hashlib.sha256((DATA / "sram_ihp130.csv").read_bytes()).hexdigest()[:16]
    macros = list(csv.DictReader((DATA / "sram_ihp130.csv").read_text(encoding="utf-8").splitlines()))
    width, words = (np.array([float(macro[name]) for macro in macros]) for name in ("bits", "words"))
    rows = []
    for name, quantity, scale in (
        ("area_mm2", "area_um2", 1e6),
        ("read_pJ", "energy_per_read_pj", 1.0),
        ("write_pJ", "energy_per_write_pj", 1.0),
    ):
        values = np.array([float(macro[name]) for macro in macros]) * scale
        rows += _fit_rows("sram", quantity, width, words, values, "sram_ihp130.csv", method="cited", hash=digest)
    return rows + _cacti_rows()


def _cacti_rows() -> list[Row]:
    digest = hashlib.sha256((DATA / "sram_cacti.csv").read_bytes()).hexdigest()[:16]
    points = [
        point
        for point in csv.DictReader((DATA / "sram_cacti.csv").read_text(encoding="utf-8").splitlines())
        if point["status"] == "ok" and (point["tech_nm"], point["device"]) == (CACTI_NM, "lstp")
        if float(point["capacity_KiB"]) <= 32 and float(point["width_bits"]) <= 64
    ]
    found = (float(own["value"]) for own in cited_rows() if own["quantity"] == "access_time_factor")
    factor = next(found)
    kib = np.array([float(point["capacity_KiB"]) for point in points])
    leakage_nw = np.median([float(point["leak_mW"]) * 1e6 / float(point["capacity_KiB"]) for point in points]) / 8192
    slope, base = np.polyfit(kib, [float(point["access_ns"]) for point in points], 1) * factor
    text = f"sram_cacti.csv, {CACTI_NM} nm lstp up to 32 KiB x 64"
    more = {"hash": digest}
    return [
        row(
            "sram",
            "leakage_nw:per_bit",
            leakage_nw,
            "nW",
            "scaled",
            f"{text}, median, taken unscaled at 130 nm",
            **more,
        ),
        row("sram", "access_ns:base", base, "ns", "scaled", f"{text}, straight line, times access_time_factor", **more),
        row(
            "sram",
            "access_ns:per_bit",
            slope / 8192,
            "ns",
            "scaled",
            f"{text}, straight line, times access_time_factor",
            **more,
        ),
    ]


def cited_rows() -> list[Row]:
    """Return data/cited.csv: DRAM, limits of the macros, and the one assumption made about them."""
    return list(csv.DictReader((DATA / "cited.csv").read_text(encoding="utf-8").splitlines()))
