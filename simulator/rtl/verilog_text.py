"""Verilog from a folder, as tools may see it: without comments, and refused where it could do more than be hardware."""

from __future__ import annotations

import re

from workloads.errors import LimenError, shown

FUNCTIONS = ("$clog2", "$signed", "$unsigned")
DIRECTIVES = ("`default_nettype", "`timescale")
"""All that is allowed: others read or write files, print, end the run, define words or hide text from a tool."""

OTHER_LANGUAGES = ("bind", "config", "export", "import", "include", "library", "macromodule", "primitive")
"""Words that reach outside a module: of SystemVerilog (DPI among them), library maps and user-defined primitives."""

TOOLS = ("altera", "ambit", "cadence", "exemplar", "pragma", "synopsys", "synthesis", "verilator", "xilinx")
"""First words of comments that one tool or another obeys, so that not all would see the same hardware."""

MODULE_NAME = re.compile(r"limen_\w+", re.ASCII)

_COMMENT = re.compile(r'"[^"\n]*|//[^\n]*|/\*.*?\*/|/\*', re.DOTALL)
_TOKEN = re.compile(r"[\"\\]|`\w*|\$\w*|\(\s*\*(?!\s*\))|\bmodule\b\s*[\w$]*|\b[a-z]+\b", re.ASCII)
_SPACE = re.compile(r"[^\n]")


def plain_verilog(content: bytes, source: str) -> str:
    """Return Verilog-2005 with blanks for comments; every character stays in its line and column.

    source: the file, for the error line. Strings, attributes, escaped names, macros and all system tasks are refused,
    and so are modules whose names don't begin with limen_: they might be a cell's.

    Raises:
        LimenError: not text, or something in it is not allowed; it names file, line and what is.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise LimenError(f"{source}: not UTF-8 text; expected Verilog") from None
    text = text.replace("\r\n", "\n")

    def refuse(at: int, mistake: str, allowed: str) -> LimenError:
        return LimenError(f"{source}: line {text.count(chr(10), 0, at) + 1}: {mistake} is not allowed: {allowed}")

    def blank(match: re.Match[str]) -> str:
        comment = match[0]
        if comment.startswith('"'):
            return comment  # refused below
        if comment == "/*":
            raise refuse(match.start(), "a comment without an end", "close it by */")
        if is_for_tool(comment):
            raise refuse(match.start(), f"a comment to a tool, {shown(comment)},", "all tools see the same hardware")
        return _SPACE.sub(" ", comment)

    control = re.search(r"[^\n\t -~\xa0-\U0010ffff]", text)
    if control is not None:
        raise refuse(control.start(), f"the control character {control[0]!r}", "lines end by a line feed")
    plain = _COMMENT.sub(blank, text)
    foreign = re.search(r"[^\n\t -~]", plain)
    if foreign is not None:
        raise refuse(foreign.start(), f"{foreign[0]!r}", "only comments hold more than ASCII")
    for match in _TOKEN.finditer(plain):
        problem = _problem(match[0])
        if problem is not None:
            raise refuse(match.start(), *problem)
    return plain


def is_for_tool(comment: str) -> bool:
    """Return whether a comment's first word is that of a tool which may obey it."""
    first = re.search(r"[^\W_]+", comment)
    return first is not None and first[0].casefold() in TOOLS


def _problem(token: str) -> tuple[str, str] | None:
    """Return what a token is and what is allowed instead, or None where it may stay."""
    if token == '"':
        return "a string", "Verilog of a folder has none"
    if token == "\\":
        return "an escaped name", "names are letters, digits and _"
    if token.startswith("("):
        return "an attribute, (*", "all tools see the same hardware"
    if token.startswith("$") and token not in FUNCTIONS:
        return shown(token), f"system functions are {', '.join(FUNCTIONS)}"
    if token.startswith("`") and token not in DIRECTIVES:
        return shown(token), f"directives are {', '.join(DIRECTIVES)}"
    if token.startswith("module"):
        name = token.removeprefix("module").strip()
        if MODULE_NAME.fullmatch(name) is None:
            return f"a module named {shown(name)}", "their names begin with limen_"
    if token in OTHER_LANGUAGES:
        return shown(token), "Verilog of a folder is modules alone"
    return None
