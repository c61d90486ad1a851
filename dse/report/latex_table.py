"""Tables for a paper in LaTeX, by the package booktabs: as wide as one column of two or as both, no higher than a page.

A table that is wider or higher becomes several, each with its key columns, so that it can be read alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dse.report.latex_width import COLUMN_PT, PAGE_PT, widest, width_pt, wrapped_to
from workloads.errors import LimenError, printable, shown

SIGNS = {sign: rf"\{sign}" for sign in "%_&#${}"}
SIGNS |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
SIGNS |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", "…": r"\dots{}"}
SIGNS |= {"±": r"$\pm$", "–": "--", "µ": r"$\mu$", "²": r"\textsuperscript{2}", "×": r"$\times$", "·": r"$\cdot$"}
SIGNS |= {"−": "$-$", "≤": r"$\leq$", "≥": r"$\geq$", "→": r"$\to$", "√": r"$\surd$", "³": r"\textsuperscript{3}"}
SIGNS |= {"†": r"$\dagger$", "‡": r"$\ddagger$", "≈": r"$\approx$", "∞": r"$\infty$", "≠": r"$\neq$"}
SIGNS |= {"Σ": r"$\Sigma$", "Δ": r"$\Delta$", "—": "---", "’": "'", "“": "``", "”": "''"}
"""What LaTeX has in place of a sign; † and ‡ point from cells to notes."""

GAP_PT = 3.0
r"""\tabcolsep: half of what is between two columns."""

LINE_PT, RULE_PT, NOTE_PT = 9.5, 4.5, 8.5
"""Height of a line of the table, of a rule with its space, and of a line of notes, which are of 7 pt."""

CAPTION_PT = 40.0
"""Height that is kept for the caption and the spaces around it: two lines."""


class Column(NamedTuple):
    """A column: its head's words, which are broken to its cells' width, and under them the unit.

    key: it stands in every part of a table that is split, and of equal cells below each other only the first is shown.
    """

    head: str
    unit: str = ""
    right: bool = True
    key: bool = False


class Group(NamedTuple):
    """Rows between two rules, of plain text; title: stands above them, over all columns."""

    rows: Sequence[Sequence[str]]
    title: str = ""


class PaperTable(NamedTuple):
    """A table for a paper. name: of its label, tab:NAME. caption: a phrase; what takes sentences are notes."""

    name: str
    caption: str
    columns: Sequence[Column]
    groups: Sequence[Group]
    notes: Sequence[str] = ()


class _Part(NamedTuple):
    """Some columns, by their places, of some rows; heads: the lines of each column's head."""

    places: Sequence[int]
    heads: Sequence[Sequence[str]]
    groups: Sequence[Group]


def latex(tables: Sequence[PaperTable], columns: int) -> str:
    """Return tables as LaTeX, each within one column of a page of two, or within both (columns: 1 or 2).

    Raises LimenError for a table of which not even the keys and one more column fit.
    """
    if columns not in COLUMN_PT:
        raise LimenError(f"columns: {shown(columns)} is not allowed: 1 or 2, of a page of two")
    width = COLUMN_PT[columns]
    lines = [
        r"% \usepackage{booktabs} in the preamble. " + f"At most {width:g} pt wide in Computer Modern of 8 pt: "
        f"{'a column' if columns == 1 else 'the text'} of a page of two columns.",
    ]
    for table in tables:
        widths = [_width(table, place) for place in range(len(table.columns))]
        parts = [
            _Part(places, _heads(table, widths, places), groups)
            for places in _column_parts(table, widths, columns)
            for groups in _row_parts(table, len(_heads(table, widths, places)[0]), width)
        ]
        name = label(table.name)
        for number, part in enumerate(parts, start=1):
            caption, notes, own = table.caption, table.notes, name
            if len(parts) > 1:
                caption, own = f"{caption}, part {number} of {len(parts)}", f"{name}-{number}"
            lines += _float(table._replace(caption=caption), part, own, "*" * (columns == 2))
            lines += _notes(notes if number == 1 else (), f"{name}-1" if number > 1 and notes else "")
            lines += [rf"\end{{table{'*' * (columns == 2)}}}", ""]
    return "\n".join(lines)


def label(name: str) -> str:
    r"""Return a name as it may stand in \label: small letters, digits and hyphens."""
    return f"tab:{re.sub('[^a-z0-9]+', '-', name.lower()).strip('-')}"


def escaped(text: str) -> str:
    """Return plain text as LaTeX."""
    return "".join(SIGNS.get(sign, sign) for sign in printable(text))


def _float(table: PaperTable, part: _Part, name: str, star: str) -> list[str]:
    """Return a table's lines up to the end of its tabular."""
    chosen = [table.columns[place] for place in part.places]
    alignment = "".join("r" if column.right else "l" for column in chosen)
    lines = [
        rf"\begin{{table{star}}}", rf"  \caption{{{escaped(table.caption)}}}", rf"  \label{{{name}}}", r"  \centering",
        r"  \fontsize{8}{9.5}\selectfont", rf"  \setlength{{\tabcolsep}}{{{GAP_PT:g}pt}}",
        rf"  \begin{{tabular}}{{@{{}}{alignment}@{{}}}}", r"    \toprule",
    ]  # fmt: skip
    lines += [_line(cells) for cells in zip(*part.heads, strict=True)]
    for group in part.groups:
        lines.append(r"    \midrule")
        if group.title:
            lines.append(rf"    \multicolumn{{{len(chosen)}}}{{@{{}}l}}{{{escaped(group.title)}}} \\")
        lines += [_line(cells) for cells in _shown(group, part.places, table.columns)]
    return [*lines, r"    \bottomrule", r"  \end{tabular}"]


def _shown(group: Group, places: Sequence[int], columns: Sequence[Column]) -> Iterator[list[str]]:
    """Yield a group's rows, without the keys that are as in the row above."""
    above: Sequence[str] = [""] * len(columns)
    for row in group.rows:
        cells, same = [], True
        for place in places:
            same = same and columns[place].key and row[place] == above[place]
            cells.append("" if same else row[place])
        yield cells
        above = row


def _notes(notes: Sequence[str], elsewhere: str) -> list[str]:
    """Return the lines of notes below a table; elsewhere: the label of the part that has them."""
    words = [escaped(note) for note in notes] or [rf"Notes: Table~\ref{{{elsewhere}}}."] * bool(elsewhere)
    if not words:
        return []
    return [
        r"  \par\smallskip", r"  \begin{minipage}{\linewidth}", r"    \fontsize{7}{8.5}\selectfont\raggedright",
        *(rf"    {note}\par" for note in words), r"  \end{minipage}",
    ]  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return f"    {' & '.join(map(escaped, cells))} \\\\"


def _cells(table: PaperTable, place: int) -> list[str]:
    return [row[place] for group in table.groups for row in group.rows]


def _width(table: PaperTable, place: int) -> float:
    """Return the width of a column: of its cells, its unit and the longest word of its head."""
    column = table.columns[place]
    return max(widest(_cells(table, place)), widest(column.head.split()), width_pt(column.unit))


def _heads(table: PaperTable, widths: Sequence[float], places: Sequence[int]) -> list[list[str]]:
    """Return for each of some columns the lines of its head, all as many, the unit last."""
    units = any(table.columns[place].unit for place in places)
    heads = [wrapped_to(table.columns[place].head, widths[place]) for place in places]
    most = max(map(len, heads))
    return [
        [*[""] * (most - len(head)), *head, *[table.columns[place].unit] * units]
        for place, head in zip(places, heads, strict=True)
    ]


def _column_parts(table: PaperTable, own: Sequence[float], columns: int) -> list[list[int]]:
    """Return the places of the columns of each part: as few parts as fit, all about as wide. Raises LimenError.

    own: the widths of the columns, without what is between them.
    """
    widths = [width + 2 * GAP_PT for width in own]
    keys = [place for place, column in enumerate(table.columns) if column.key]
    others = [place for place, column in enumerate(table.columns) if not column.key]
    of_keys, room = sum(widths[place] for place in keys), COLUMN_PT[columns] + 2 * GAP_PT
    needed = of_keys + max((widths[place] for place in others), default=0.0)
    needed = max(needed, 2 * GAP_PT + widest([group.title for group in table.groups]))
    if needed > room:
        other = f"--columns 2 has {COLUMN_PT[2]:g} pt" if columns == 1 else "--format csv or md has no such limit"
        raise LimenError(
            f"columns: {columns} is not allowed for {shown(label(table.name))}: its keys and widest column take "
            f"{needed - 2 * GAP_PT:.0f} pt of {COLUMN_PT[columns]:g} pt; {other}"
        )

    def parts(limit: float) -> list[list[int]]:
        found: list[list[int]] = []
        left = 0.0
        for place in others:
            if not found or widths[place] > left:
                found.append([*keys])
                left = limit - of_keys
            found[-1].append(place)
            left -= widths[place]
        return found or [keys]

    least = len(parts(room))
    return next(
        (even for limit in range(math.ceil(needed), int(room)) if len(even := parts(limit)) == least), parts(room)
    )


def _row_parts(table: PaperTable, head_lines: int, width: float) -> list[list[Group]]:
    """Return the groups of each part that a page has room for; a group is cut only where it is higher than a page."""
    notes = sum(len(wrapped_to(note, width * 8 / 7)) for note in table.notes)
    head = head_lines * LINE_PT + 2 * RULE_PT
    page = max(PAGE_PT - CAPTION_PT - head - notes * NOTE_PT, PAGE_PT / 3)
    parts: list[list[Group]] = [[]]
    left = page
    for group in table.groups:
        above = RULE_PT + LINE_PT * bool(group.title)
        if above + len(group.rows) * LINE_PT > left and parts[-1]:
            parts.append([])
            left = page
        most = int((page - above) / LINE_PT)
        pieces = [group.rows[start : start + most] for start in range(0, len(group.rows), most)]
        for number, rows in enumerate(pieces):
            if number:
                parts.append([])
                left = page
            parts[-1].append(Group(rows, group.title))
            left -= above + len(rows) * LINE_PT
    return parts
