"""Verilog as its tokens: what a hash is over, so that comments, indentation and line breaks don't change it."""

from __future__ import annotations

import re
from functools import lru_cache

from simulator.rtl.verilog_text import is_for_tool

WHOLE = r'"(?:\\.|[^"\\\n])*"|\\\S+'
"""Strings and escaped names: what looks like a comment in them is none."""

COMMENT = r"//[^\n]*|/\*.*?\*/"

OPERATORS = (
    "<<<= >>>= <<< >>> <<= >>= === !== ==? !=? &&& ->> |-> |=> <-> ** << >> <= >= == != && || ~& ~| ~^ ^~ -> => *> "
    "+: -: :: ++ -- += -= *= /= %= &= |= ^= ## .* (* *)"
).split()
"""Longest first: signs that mean something else apart. All others stand for themselves."""

TOKEN = re.compile(
    "|".join(
        [
            rf"(?P<blank>\s+)|(?P<comment>{COMMENT})",
            rf"(?P<line>`(?:{WHOLE}|{COMMENT}|[^\n])*)",
            WHOLE,
            r"(?P<number>'[sS]?[bodhBODH]\s*[\w?]+)",
            r"\d[\d_]*(?:\.\d[\d_]*(?:[eE][+-]?\d[\d_]*)?|[eE][+-]?\d[\d_]*)",
            r"[\w$]+",
            *map(re.escape, OPERATORS),
            ".",
        ]
    ),
    re.ASCII | re.DOTALL,
)
IN_LINE = re.compile(rf"{WHOLE}|/\*.*?\*/|(?P<comment>//[^\n]*)|(?P<blank>\s+)", re.ASCII | re.DOTALL)
CONTINUED = re.compile(r"\\\r?\n")


@lru_cache(maxsize=256)
def canonical_verilog(text: str) -> str:
    """Return Verilog's tokens, each with a space behind: texts that differ in more than their form stay different.

    Strings stay as they are, and so do comments that tools obey. A backtick may begin a directive or stand for any
    text: from it to the end of its line, which stays, blanks become one space, but are never put in or left out, and
    only comments by // go. A text with lines continued by a backslash is returned as it is.
    """
    if CONTINUED.search(text):
        return text
    return "".join(_canonical(token) for token in TOKEN.finditer(text))


def _canonical(match: re.Match[str]) -> str:
    token = match[0]
    if match["blank"]:
        return ""
    if match["comment"]:
        return f"{token}\n" if is_for_tool(token) else ""
    if match["line"]:
        return f"{IN_LINE.sub(_in_line, token).strip()}\n"
    return f"{''.join(token.split())} " if match["number"] else f"{token} "


def _in_line(match: re.Match[str]) -> str:
    if match["blank"]:
        return " "
    return "" if match["comment"] and not is_for_tool(match[0]) else match[0]
