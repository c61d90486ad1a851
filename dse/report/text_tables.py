"""Tables as text: Markdown, and LaTeX for the package booktabs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from workloads.errors import printable

LATEX_SIGNS = {sign: rf"\{sign}" for sign in "%_&#${}"}
LATEX_SIGNS |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
LATEX_SIGNS |= {"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}"}
LATEX_SIGNS |= {"±": r"$\pm$", "–": "--", "µ": r"$\mu$", "²": r"\textsuperscript{2}"}
BAR = r"\|"
"""A bar that doesn't end a cell of a Markdown table."""


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table that ends with a line break; cells are plain text."""
    lines = [f"| {' | '.join(printable(cell).replace('|', BAR) for cell in cells)} |\n" for cells in (head, *rows)]
    return "".join([lines[0], f"|{'---|' * len(head)}\n", *lines[1:]])


def latex_table(caption: str, alignment: str, head: Sequence[str], groups: Iterable[Iterable[Sequence[str]]]) -> str:
    """Return a table with a rule above each group of rows; cells are plain text. alignment: LaTeX's l and r."""
    lines = [
        r"\begin{table}", r"  \centering", rf"  \caption{{{escaped(caption)}}}",
        rf"  \begin{{tabular}}{{{alignment}}}", r"    \toprule", f"    {_line(head)}",
    ]  # fmt: skip
    for rows in groups:
        lines += [r"    \midrule", *(f"    {_line(cells)}" for cells in rows)]
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def escaped(text: str) -> str:
    """Return plain text as LaTeX."""
    return "".join(LATEX_SIGNS.get(sign, sign) for sign in printable(text))


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escaped(cell) for cell in cells) + r" \\"
