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
"""Node of CACTI's memories beside the kit's macros: the nearest to 130 nm."""

MACROS = "macros"
CACTI = "cacti-"
MOST_KIB, MOST_COLUMNS = 32, 64
"""Largest memories behind the fits of CACTI's figures."""

BITS_OF_A_KIB = 8192


def _fit_rows(
    component: str, quantity: str, width: np.ndarray, words: np.ndarray, values: np.ndarray, text: str, **fields: str
) -> list[Row]:
    """Return a row per term of the fit of `values`, in the unit of `quantity`."""
    sizes = [
        {"base": 1.0, "per_column": columns, "per_word": rows, "per_bit": columns * rows}
        for columns, rows in zip(width, words, strict=True)
    ]
    coefficients, worst = fit(sizes, list(values))
    method = fields.pop("method")
    source = f"{text}; fit of {len(values)} points, largest error {100 * worst:.0f} %"
    unit = unit_of(quantity)
    return [
        row(component, f"{quantity}:{term}", rounded(value), unit, method, source, **fields)
        for term, value in coefficients.items()
    ]


def memory_rows(source: str = MACROS) -> list[Row]:
    """Return the fits of a table's SRAM and the cited rows.

    source: "macros", those of IHP SG13G2, with leakage and access time scaled from CACTI; or "cacti-NM", all from the
    CACTI's memories of a node, none of which is that of a standard-cell library here: its rows are `assumed`.

    Raises:
        LimenError: another source.
    """
    nodes = sorted({memory["tech_nm"] for memory in _cacti_memories()}, key=int)
    if source.startswith(CACTI) and source.removeprefix(CACTI) in nodes:
        of_macros = [cited for cited in cited_rows() if cited["component"] == "sram" and cited["method"] == "cited"]
        return _cacti_macros(source.removeprefix(CACTI)) + [cited for cited in cited_rows() if cited not in of_macros]
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


def _cacti_memories() -> list[dict[str, str]]:
    """Return CACTI's figures of low-standby-power memories that are small enough for the fits."""
    text = (DATA / "sram_cacti.csv").read_text(encoding="utf-8")
    return [
        memory
        for memory in csv.DictReader(text.splitlines())
        if memory["status"] == "ok" and (memory["device"], memory["opt"], memory["temp_K"]) == ("lstp", "ED^2", "300")
        if float(memory["capacity_KiB"]) <= MOST_KIB and float(memory["width_bits"]) <= MOST_COLUMNS
    ]


def _cacti_macros(node: str) -> list[Row]:
    """Return fits of CACTI's memories of a node, in the form of those of the macros."""
    digest = hashlib.sha256((DATA / "sram_cacti.csv").read_bytes()).hexdigest()[:16]
    memories = [memory for memory in _cacti_memories() if memory["tech_nm"] == node]
    width = np.array([float(memory["width_bits"]) for memory in memories])
    words = np.array([float(memory["capacity_KiB"]) * BITS_OF_A_KIB for memory in memories]) / width
    text = f"sram_cacti.csv, {node} nm lstp up to {MOST_KIB} KiB x {MOST_COLUMNS}, beside logic of another node"
    rows = []
    for name, quantity, scale in (
        ("area_mm2", "area_um2", 1e6),
        ("read_pJ", "energy_per_read_pj", 1.0),
        ("write_pJ", "energy_per_write_pj", 1.0),
        ("leak_mW", "leakage_nw", 1e6),
        ("access_ns", "access_ns", 1.0),
    ):
        values = np.array([float(memory[name]) for memory in memories]) * scale
        rows += _fit_rows("sram", quantity, width, words, values, text, method="assumed", hash=digest)
    limits = {
        "fewest_words": words[width == width.min()].min(),
        "fewest_words_widest": words[width == width.max()].min(),
        "most_words": words[width == width.max()].max(),
        "most_words_widest": words[width == width.max()].max(),
        "fewest_columns": width.min(),
        "most_columns": width.max(),
    }
    return rows + [row("sram", name, limit, "count", "cited", text, hash=digest) for name, limit in limits.items()]


def _cacti_rows() -> list[Row]:
    digest = hashlib.sha256((DATA / "sram_cacti.csv").read_bytes()).hexdigest()[:16]
    memories = [memory for memory in _cacti_memories() if memory["tech_nm"] == CACTI_NM]
    factors = (float(cited["value"]) for cited in cited_rows() if cited["quantity"] == "access_time_factor")
    factor = next(factors)
    kib = np.array([float(memory["capacity_KiB"]) for memory in memories])
    leakage_nw = np.median([float(memory["leak_mW"]) * 1e6 / float(memory["capacity_KiB"]) for memory in memories])
    slope, base = np.polyfit(kib, [float(memory["access_ns"]) for memory in memories], 1) * factor
    text = f"sram_cacti.csv, {CACTI_NM} nm lstp up to 32 KiB x 64"
    identity = {"hash": digest}
    return [
        row(
            "sram",
            "leakage_nw:per_bit",
            leakage_nw / BITS_OF_A_KIB,
            "nW",
            "scaled",
            f"{text}, median, taken unscaled at 130 nm",
            **identity,
        ),
        row(
            "sram",
            "access_ns:base",
            base,
            "ns",
            "scaled",
            f"{text}, straight line, times access_time_factor",
            **identity,
        ),
        row(
            "sram",
            "access_ns:per_bit",
            slope / BITS_OF_A_KIB,
            "ns",
            "scaled",
            f"{text}, straight line, times access_time_factor",
            **identity,
        ),
    ]


def cited_rows() -> list[Row]:
    """Return data/cited.csv: DRAM, limits of the macros, and the one assumption made about them."""
    return list(csv.DictReader((DATA / "cited.csv").read_text(encoding="utf-8").splitlines()))
