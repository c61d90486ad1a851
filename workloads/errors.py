"""The one error a user of Limen sees, and how values from outside are shown in it."""

from __future__ import annotations

import reprlib

LONGEST_LINE = 500
"""Characters of an error's line; of a longer one the middle is left out."""

LONGEST_VALUE = 80
"""Characters of a value shown in an error's line, likewise."""


def pip_command(extras: str) -> str:
    """Return how to install what an error's line misses; extras: of setup.cfg, joined by commas.

    It names the clone's folder: no registry has Limen, so one that is asked for its name may hold a stranger's.
    """
    return f"pip install '.[{extras}]' in Limen's folder"


class LimenError(Exception):
    """Bad input, a missing file or tool: one line that names what was wrong and what is allowed.

    The command line prints the line and exits with code 2; Python callers catch this class. Whatever a file's names
    and values hold, the line is plain text of at most `LONGEST_LINE` characters.
    """

    def __init__(self, message: str):
        super().__init__(shortened(printable(" ".join(str(message).split())), LONGEST_LINE))


def printable(text: str, kept: str = "") -> str:
    """Return text with control characters and the like, but those in `kept`, as Python writes them: `\\x1b`.

    Names come from files, and control characters in them would steer the terminal they are shown on.
    """
    if text.isprintable():
        return text
    plain = (char if char.isprintable() or char in kept else char.encode("unicode_escape").decode() for char in text)
    return "".join(plain)


def shortened(text: str, longest: int) -> str:
    """Return text of at most `longest` characters: of more, the middle is left out."""
    if len(text) <= longest:
        return text
    end = longest // 3
    return f"{text[: longest - end - 1]}…{text[-end:]}"


class _Values(reprlib.Repr):
    """`repr` of any nesting and length, bounded."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = LONGEST_VALUE

    def repr_int(self, x: int, level: int) -> str:
        try:
            return shortened(repr(x), LONGEST_VALUE)
        except ValueError:  # more digits than Python writes
            return f"an integer of {x.bit_length()} bits"


def shown(value: object) -> str:
    """Return `repr(value)`, short, whatever the value: what an error's line shows of one from outside."""
    return shortened(_Values().repr(value), LONGEST_VALUE)


def check_kind(name: str, value: object, kinds: type | tuple[type, ...], allowed: str) -> None:
    """Raise LimenError unless an argument is of these kinds; allowed: the same in words."""
    if not isinstance(value, kinds) or isinstance(value, bool):
        raise LimenError(f"{name}: {shown(value)} is not allowed: {allowed}")
