"""A name that nobody knows, and which one may have been meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

LEAST_LIKENESS = 0.6
"""As difflib measures it: `area` is 0.67 like `area_mm2`."""


def unknown(name: str, known: Sequence[str], otherwise: str = "") -> str:
    """Say of a name that it is not allowed, and what is, the nearest first.

    otherwise: what else it may be, where none is near.
    """
    begun = [other for other in known if name and other.startswith(name)]
    near = begun or difflib.get_close_matches(name, known, n=1, cutoff=LEAST_LIKENESS)
    before = f"the nearest is {near[0]}; " if near else ""
    after = f"; or {otherwise}" if otherwise and not near else ""
    return f"{name!r} is not allowed: {before}{', '.join(known)}{after}"
