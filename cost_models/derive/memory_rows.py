"""Rows of a table about memories: fits of SRAM macros, and the cited rows as data/cited.csv has them."""

from __future__ import annotations

import csv
import hashlib

import numpy as np

from cost_models.derive.characterise import rounded, unit_of
from cost_models.derive.size_fits import fit
from cost_models.derive.table_rows import row
from cost_models.table.table import DATA, Row
from workloads.errors import LimenError

CACTI_NM = "65"
"""Node of the CACTI points beside the kit's macros: the nearest to 130 nm."""

MACROS = "macros"
CACTI = "cacti-"
MOST_KIB, MOST_COLUMNS = 32, 64
"""Largest memories behind the fits of CACTI's points."""

BITS_OF_A_KIB = 8192


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


def memory_rows(source: str = MACROS) -> list[Row]:
    """Return the fits of a table's SRAM and the cited rows.

    source: "macros", those of IHP SG13G2, with leakage and access time scaled from CACTI; or "cacti-NM", all from the
    CACTI points of a node, none of which is that of a standard-cell library here: its rows are `assumed`.

    Raises:
        LimenError: another source.
    """
    nodes = sorted({point["tech_nm"] for point in _cacti_points()}, key=int)
    if source.startswith(CACTI) and source.removeprefix(CACTI) in nodes:
        of_macros = [own for own in cited_rows() if own["component"] == "sram" and own["method"] == "cited"]
        return _cacti_macros(source.removeprefix(CACTI)) + [own for own in cited_rows() if own not in of_macros]
    if source != MACROS:
        allowed = ", ".join([MACROS, *(CACTI + node for node in nodes)])
        raise LimenError(f"sram: {source!r} is not allowed: one of {allowed}")
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
    return rows + _cacti_rows() + cited_rows()


def _cacti_points() -> list[dict[str, str]]:
    """Return CACTI's points of low-standby-power memories that are small enough for the fits."""
    text = (DATA / "sram_cacti.csv").read_text(encoding="utf-8")
    return [
        point
        for point in csv.DictReader(text.splitlines())
        if point["status"] == "ok" and (point["device"], point["opt"], point["temp_K"]) == ("lstp", "ED^2", "300")
        if float(point["capacity_KiB"]) <= MOST_KIB and float(point["width_bits"]) <= MOST_COLUMNS
    ]


def _cacti_macros(node: str) -> list[Row]:
    """Return fits of the CACTI points of a node, in the form of those of the macros."""
    digest = hashlib.sha256((DATA / "sram_cacti.csv").read_bytes()).hexdigest()[:16]
    points = [point for point in _cacti_points() if point["tech_nm"] == node]
    width = np.array([float(point["width_bits"]) for point in points])
    words = np.array([float(point["capacity_KiB"]) * BITS_OF_A_KIB for point in points]) / width
    text = f"sram_cacti.csv, {node} nm lstp up to {MOST_KIB} KiB x {MOST_COLUMNS}, beside logic of another node"
    rows = []
    for name, quantity, scale in (
        ("area_mm2", "area_um2", 1e6),
        ("read_pJ", "energy_per_read_pj", 1.0),
        ("write_pJ", "energy_per_write_pj", 1.0),
        ("leak_mW", "leakage_nw", 1e6),
        ("access_ns", "access_ns", 1.0),
    ):
        values = np.array([float(point[name]) for point in points]) * scale
        rows += _fit_rows("sram", quantity, width, words, values, text, method="assumed", hash=digest)
    limits = {
        "fewest_words": words[width == width.min()].min(),
        "fewest_words_widest": words[width == width.max()].min(),
        "most_words": words[width == width.max()].max(),
        "fewest_columns": width.min(),
        "most_columns": width.max(),
    }
    return rows + [row("sram", name, limit, "count", "cited", text, hash=digest) for name, limit in limits.items()]


def _cacti_rows() -> list[Row]:
    digest = hashlib.sha256((DATA / "sram_cacti.csv").read_bytes()).hexdigest()[:16]
    points = [point for point in _cacti_points() if point["tech_nm"] == CACTI_NM]
    found = (float(own["value"]) for own in cited_rows() if own["quantity"] == "access_time_factor")
    factor = next(found)
    kib = np.array([float(point["capacity_KiB"]) for point in points])
    leakage_nw = np.median([float(point["leak_mW"]) * 1e6 / float(point["capacity_KiB"]) for point in points])
    slope, base = np.polyfit(kib, [float(point["access_ns"]) for point in points], 1) * factor
    text = f"sram_cacti.csv, {CACTI_NM} nm lstp up to 32 KiB x 64"
    more = {"hash": digest}
    return [
        row(
            "sram",
            "leakage_nw:per_bit",
            leakage_nw / BITS_OF_A_KIB,
            "nW",
            "scaled",
            f"{text}, median, taken unscaled at 130 nm",
            **more,
        ),
        row("sram", "access_ns:base", base, "ns", "scaled", f"{text}, straight line, times access_time_factor", **more),
        row(
            "sram",
            "access_ns:per_bit",
            slope / BITS_OF_A_KIB,
            "ns",
            "scaled",
            f"{text}, straight line, times access_time_factor",
            **more,
        ),
    ]


def cited_rows() -> list[Row]:
    """Return data/cited.csv: DRAM, limits of the macros, and the one assumption made about them."""
    return list(csv.DictReader((DATA / "cited.csv").read_text(encoding="utf-8").splitlines()))
