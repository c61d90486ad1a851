"""Hard-wired neurons, threshold against a MAC of constant multipliers, from the stored rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cost_models.hardwired.table import FPGAS, LIBRARIES, STRUCTURE, Block, Row, read_rows
from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.report.unit_table import figure_text
from workloads.host.text_tables import SIX_DIGITS, csv_text, markdown_table
from workloads.host.width import columns as in_columns
from workloads.host.width import wrapped
from workloads.ops.names import BASELINE

UNKNOWN = "–"
ALL_LAYERS = "all layers"
DIGITS_LAYERS = ("conv1", "conv2", "conv3", "scores")
CAPTION = (
    "Hard-wired layers of the family digits, weights constants of the logic: one window of inputs a cycle, a register "
    "at the outputs; line buffers are not in it. Each op in its best form on each target: of least area x energy x "
    "clock on libraries, of fewest LUTs on FPGAs. Energy: the network's own windows, glitches included, no wires; not "
    "measurable on FPGAs, and no clock on xc7, which is synthesised only. Ratios: MAC over op, above 1 where the op is "
    "better; clock ratio: the op's highest over the MAC's."
)
HEAD = (
    *("layer", "x bits", "w bits", "target", "op", "form", "additions", "area, µm²", "LUT", "FF", "Fmax, MHz"),
    *("window, pJ", "image, nJ", "area MAC/op", "energy MAC/op", "Fmax op/MAC"),
)


Key = tuple[str, int, int, str, str]
"""(layer, x_bits, w_bits, target, op)."""


class HardwiredRow(NamedTuple):
    """A layer, or all layers, of one op on one target. None: what a target doesn't tell, and ratios of the MAC itself.

    window_pj: energy of a window; of all layers none. image_nj: of all windows of an image. fmax_mhz: of all layers
    the lowest.
    """

    layer: str
    x_bits: int
    w_bits: int
    target: str
    op: str
    form: str
    additions: int
    area_um2: float | None
    lut: int | None
    ff: int | None
    fmax_mhz: float | None
    window_pj: float | None
    image_nj: float | None
    area_ratio: float | None = None
    energy_ratio: float | None = None
    fmax_ratio: float | None = None


def hardwired_table(layers: Sequence[str] = (), every_form: bool = False) -> tuple[HardwiredRow, ...]:
    """Return the best form of every layer, width, op and target, or every form; of all layers where all have rows.

    layers: only these; none: all.
    """
    made: dict[Key, list[HardwiredRow]] = {}
    for quantities in _blocks(read_rows()):
        found = _block_row(*quantities)
        key = (found.layer, found.x_bits, found.w_bits, found.target, found.op)
        made.setdefault(key, []).append(found)
    best = {key: min(rows, key=_cost) for key, rows in made.items()}
    best |= _whole(best)
    rows = [row for key, best_row in best.items() for row in (made.get(key, [best_row]) if every_form else [best_row])]
    chosen = [row for row in rows if not layers or row.layer in layers]
    return tuple(_with_ratios(row, best) for row in sorted(chosen, key=_place))


def _blocks(rows: Sequence[Row]) -> list[tuple[Row, dict[str, float]]]:
    """Return the quantities of each block on each target, with those counted of it, beside one of its rows."""
    found: dict[tuple[Block, str], tuple[Row, dict[str, float]]] = {}
    for row in rows:
        found.setdefault((row.block, row.target), (row, {}))[1][row.quantity] = float(row.value)
    return [
        (row, found[block, STRUCTURE][1] | values) for (block, target), (row, values) in found.items()
        if target != STRUCTURE
    ]  # fmt: skip


def _block_row(row: Row, values: dict[str, float]) -> HardwiredRow:
    energy = values.get("energy_per_window_pj")
    return HardwiredRow(
        row.layer, int(row.x_bits), int(row.w_bits), row.target, row.op, row.form, int(values["additions"]),
        values.get("area_um2"), _count(values, "lut"), _count(values, "ff"),
        1e3 / values["min_clock_ns"] if "min_clock_ns" in values else None,
        energy,
        None if energy is None else energy * values["windows_of_an_image"] / 1e3,
    )  # fmt: skip


def _count(values: dict[str, float], name: str) -> int | None:
    return int(values[name]) if name in values else None


def _cost(row: HardwiredRow) -> tuple[float, str]:
    """Return what the best form has least of."""
    if row.lut is not None:
        return row.lut, row.form
    assert row.area_um2 and row.window_pj and row.fmax_mhz
    return row.area_um2 * row.window_pj / row.fmax_mhz, row.form


def _whole(best: dict[Key, HardwiredRow]) -> dict[Key, HardwiredRow]:
    """Return rows of the whole network where all of its layers have one: sums, and the slowest clock."""
    whole: dict[Key, HardwiredRow] = {}
    for _, x_bits, w_bits, target, op in dict.fromkeys((ALL_LAYERS, *key[1:]) for key in best):
        parts = [best.get((layer, x_bits, w_bits, target, op)) for layer in DIGITS_LAYERS]
        rows = [row for row in parts if row is not None]
        if len(rows) < len(parts):
            continue
        forms = dict.fromkeys(row.form for row in rows)
        lut, ff = (_total([getattr(row, name) for row in rows]) for name in ("lut", "ff"))
        whole[ALL_LAYERS, x_bits, w_bits, target, op] = HardwiredRow(
            ALL_LAYERS, x_bits, w_bits, target, op, ", ".join(forms), sum(row.additions for row in rows),
            _total([row.area_um2 for row in rows]), None if lut is None else int(lut), None if ff is None else int(ff),
            _total([row.fmax_mhz for row in rows], min), None, _total([row.image_nj for row in rows]),
        )  # fmt: skip
    return whole


def _total(values: Sequence[float | None], together: Callable[[Sequence[float]], float] = math.fsum) -> float | None:
    known = [value for value in values if value is not None]
    return together(known) if len(known) == len(values) else None


def _with_ratios(row: HardwiredRow, best: dict[Key, HardwiredRow]) -> HardwiredRow:
    """Return a row with the ratios of the MAC's best form to it."""
    mac = best.get((row.layer, row.x_bits, row.w_bits, row.target, BASELINE))
    if mac is None or row.op == BASELINE:
        return row
    size = "area_um2" if row.lut is None else "lut"
    return row._replace(
        area_ratio=_ratio(getattr(mac, size), getattr(row, size)),
        energy_ratio=_ratio(mac.image_nj, row.image_nj),
        fmax_ratio=_ratio(row.fmax_mhz, mac.fmax_mhz),
    )


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one is not None and other else None


def _place(row: HardwiredRow) -> tuple[int, int, int, int, bool, str]:
    layers, targets = (*DIGITS_LAYERS, ALL_LAYERS), (*LIBRARIES, *FPGAS)
    known = targets.index(row.target) if row.target in targets else len(targets)
    return layers.index(row.layer), row.x_bits, row.w_bits, known, row.op != BASELINE, row.op


def _cells(row: HardwiredRow) -> list[str]:
    def cell(value: float | None, form: str) -> str:
        return UNKNOWN if value is None else format(value, form)

    return [
        row.layer, str(row.x_bits), str(row.w_bits), row.target, row.op, row.form, str(row.additions),
        cell(row.area_um2, ".0f" if (row.area_um2 or 0) > 1e3 else ".1f"), cell(row.lut, ".0f"), cell(row.ff, ".0f"),
        cell(row.fmax_mhz, ".0f"), figure_text(row.window_pj), figure_text(row.image_nj),
        *(cell(ratio, ".2f") for ratio in (row.area_ratio, row.energy_ratio, row.fmax_ratio)),
    ]  # fmt: skip


STRUCTURE_HEAD = (
    *("layer", "x bits", "w bits", "op", "form", "windows", "synapses", "dropped", "folded", "features"),
    *("additions", "adder bits"),
)


def structure_markdown() -> str:
    """Return what is counted of every block: thresholds that fall away, features, additions and their bits."""
    counted: dict[Block, tuple[Row, dict[str, float]]] = {}
    for row in read_rows():
        if row.target == STRUCTURE:
            counted.setdefault(row.block, (row, {}))[1][row.quantity] = float(row.value)
    names = ("windows_of_an_image", "synapses", "dropped", "folded", "features", "additions", "adder_bits")
    lines = [
        [row.layer, row.x_bits, row.w_bits, row.op, row.form, *(f"{values[name]:.0f}" for name in names)]
        for row, values in counted.values()
    ]
    return markdown_table(STRUCTURE_HEAD, lines)


def table_csv(table: Sequence[HardwiredRow]) -> str:
    """Return a row a layer, width, target, op and form; what is unknown is empty."""
    return csv_text(HardwiredRow._fields, table, SIX_DIGITS)


def table_markdown(table: Sequence[HardwiredRow]) -> str:
    """Return caption and table."""
    return f"{CAPTION}\n\n{markdown_table(HEAD, [_cells(row) for row in table])}"


def table_text(table: Sequence[HardwiredRow]) -> str:
    """Return the same for a terminal: caption and table in lines of a width; numbers are ranged right."""
    shown = [place for place, name in enumerate(HEAD) if name not in ("form", "additions", "window, pJ", "FF")]
    head = [name.replace(" MAC/op", "×").replace(" op/MAC", "×") for name in HEAD]
    rows = [[cells[place] for place in shown] for cells in (head, *map(_cells, table))]
    return f"{wrapped(CAPTION, 0)}\n\n{in_columns(rows, right=[1, 2, *range(5, len(shown))])}\n"


PAPER_COLUMNS = (
    Column("x, w", "bits", key=True), Column("op", right=False, key=True), Column("form", right=False),
    Column("additions"), Column("area", "µm²"), Column("LUT"), Column("Fmax", "MHz"), Column("window", "pJ"),
    Column("image", "nJ"), Column("area, MAC/op"), Column("energy, MAC/op"), Column("Fmax, op/MAC"),
)  # fmt: skip


def table_latex(table: Sequence[HardwiredRow], columns: int = 2) -> str:
    """Return the table in LaTeX, one for each layer, a rule above each target.

    Raises LimenError where it doesn't fit the columns.
    """
    groups: dict[str, dict[str, list[list[str]]]] = {}
    for row in table:
        layer, x_bits, w_bits, target, op, form, additions, area, lut, _, *others = _cells(row)
        cells = [f"{x_bits}, {w_bits}", op, form, additions, area, lut, *others]
        groups.setdefault(layer, {}).setdefault(target, []).append(cells)
    tables = [
        PaperTable(
            f"hardwired {layer}", f"Hard-wired neurons of digits, {layer}", PAPER_COLUMNS,
            [Group(lines, target) for target, lines in of_layer.items()], [CAPTION],
        )
        for layer, of_layer in groups.items()
    ]  # fmt: skip
    return latex(tables, columns)
