"""LaTeX tables read by hand: environments, cells, signs, widths from the font's own metrics; a compiler, if there."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import matplotlib

PIECE = re.compile(r"\$\\?[a-zA-Z-]+\$|\\[a-zA-Z]+(?:\{[^{}]*\})?|\\.|---?|.")
"""What stands for one sign in a cell."""

COMMANDS = {
    r"$\pm$": "plusminus", r"$\times$": "multiply", r"$\cdot$": "periodcentered", r"$-$": "minus",
    r"$\approx$": "approxequal", r"$\infty$": "infinity", r"$\to$": "arrowright", "---": "emdash",
    r"$\Sigma$": "Sigma", r"$\Delta$": "Delta", r"$\leq$": "lessequal", r"$\geq$": "greaterequal",
    r"$\dagger$": "dagger", r"$\ddagger$": "daggerdbl", r"$\mu$": "mu", r"\textsuperscript{2}": "two",
    "--": "endash", " ": "space", r"\textbar{}": "bar",
}  # fmt: skip
NAMES = {
    **{"0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six", "7": "seven"},
    **{"8": "eight", "9": "nine"},
    **{".": "period", ",": "comma", ":": "colon", ";": "semicolon", "/": "slash", "-": "hyphen", "(": "parenleft"},
    **{")": "parenright", "[": "bracketleft", "]": "bracketright", "%": "percent", "'": "quoteright", "+": "plus"},
    **{"=": "equal", "*": "asterisk", "&": "ampersand", "#": "numbersign", "?": "question", "!": "exclam", "@": "at"},
    **{"`": "quoteleft", "$": "dollar", '"': "quotedblright"},
}  # fmt: skip
"""Glyphs of signs that aren't named by themselves."""

DOCUMENT = r"""\documentclass[twocolumn]{article}
\usepackage[utf8]{inputenc}
\usepackage{booktabs}
\setlength{\textwidth}{506pt}\setlength{\columnsep}{24pt}\setlength{\textheight}{626pt}
\begin{document}
%s
\end{document}
"""
"""A page of two columns as acmart's sigconf has it."""


@cache
def font() -> dict[str, float]:
    """Return the widths of Computer Modern's glyphs, in thousandths of their size."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "afm"
    widths: dict[str, float] = {}
    for name in ("cmr10", "cmsy10", "cmmi10"):
        for width, glyph in re.findall(r"WX (\S+) ; N (\w+)", (folder / f"{name}.afm").read_text(encoding="ascii")):
            widths.setdefault(glyph, float(width))
    return widths


def glyph_width(sign: str) -> float:
    """Return the width of a plain sign, in thousandths."""
    return font()[NAMES.get(sign, sign)]


def cell_width(cell: str) -> float:
    """Return the width of a cell's LaTeX in points, in Computer Modern of 8 pt: 17 / 20 of that of 10 pt."""
    total = 0.0
    for piece in PIECE.findall(cell.strip()):
        glyph = COMMANDS.get(piece)
        if glyph is None:
            assert len(piece) == 1 or re.fullmatch(r"\\[%&#_${}]", piece), piece
            assert len(piece) == 2 or piece not in "%&#_$~^{}<>|\\", f"{piece} isn't escaped in {cell}"
        total += 360 if piece == r"\_" else font()[glyph] if glyph else glyph_width(piece[-1])
    return total * 0.0085


def check_tables(text: str, width_pt: float) -> int:
    """Return how many tables a text holds; assert that each is whole, labelled and as wide as is allowed."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("%")]
    body = "\n".join(lines)
    opened: list[str] = []
    for verb, name in re.findall(r"\\(begin|end)\{([a-z]+\*?)\}", body):
        if verb == "begin":
            opened.append(name)
        else:
            assert opened and opened.pop() == name, f"\\end{{{name}}} ends another"
    assert not opened
    bare = re.sub(r"\\[{}]", "", body)
    assert bare.count("{") == bare.count("}")
    tables = re.findall(r"\\begin\{table(\*?)\}(.*?)\\end\{table\1\}", body, re.DOTALL)
    labels = [label for _, table in tables for label in re.findall(r"\\label\{(tab:[a-z0-9-]+)\}", table)]
    assert len(labels) == len(set(labels)) == len(tables)
    assert {*re.findall(r"\\ref\{([^}]*)\}", body)} <= {*labels}
    for _, table in tables:
        assert len(re.findall(r"\\caption\{.+\}", table)) == 1
        found = re.search(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}(.*)\\end\{tabular\}", table, re.DOTALL)
        assert found
        assert _tabular_width(found[1], found[2]) <= width_pt
    return len(tables)


def _tabular_width(alignment: str, body: str) -> float:
    """Return the width of a tabular with \\tabcolsep of 3 pt; assert that its rows have as many cells as columns."""
    widths, spanned = [0.0] * len(alignment), 0.0
    for line in (line.strip() for line in body.strip().splitlines()):
        if line in (r"\toprule", r"\midrule", r"\bottomrule"):
            continue
        assert line.endswith(r"\\"), line
        cells = re.split(r"(?<!\\)&", line.removesuffix(r"\\"))
        over = re.fullmatch(r"\\multicolumn\{(\d+)\}\{@\{\}l\}\{(.*)\} ", cells[0])
        if over:
            assert int(over[1]) == len(widths) and len(cells) == 1, line
            spanned = max(spanned, cell_width(over[2]))
            continue
        assert len(cells) == len(widths), line
        widths = [max(pair) for pair in zip(widths, map(cell_width, cells), strict=True)]
    return max(sum(widths) + 6.0 * (len(widths) - 1), spanned)


def compiler() -> str | None:
    return shutil.which("pdflatex") or shutil.which("xelatex") or shutil.which("lualatex")


def compiled(texts: list[str], folder: Path) -> str:
    """Return what the compiler said of a paper with these tables."""
    body = re.sub(r"(\\end\{table\*?\})", r"\1 \\clearpage", "\n".join(texts))
    (folder / "paper.tex").write_text(DOCUMENT % body, encoding="utf-8")
    command = [str(compiler()), "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    outcome = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    assert outcome.returncode == 0, outcome.stdout[-3000:]
    return outcome.stdout
