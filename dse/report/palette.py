"""Colours and markers of all pictures."""

from __future__ import annotations

COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7")
"""Vermilion, blue, green and purple of Okabe and Ito: told apart by colour-blind readers, too."""

MARKERS = ("o", "s", "^", "D")
