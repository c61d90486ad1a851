"""The names of Limen's ops and of the networks of two, for those who need no more: it loads nothing."""

from __future__ import annotations

OPS = ("threshold", "mac", "adder", "shift")
"""In the order of tables."""

BASELINE = "mac"
"""What other ops are compared with."""

COMPARED = tuple(op for op in OPS if op != BASELINE)
"""Those that are."""

MIXES = {"shift-adder": ("shift", "adder"), "mac-threshold": ("mac", "threshold")}
"""Networks of two ops: shift and adder in turn (ShiftAddNet); mac first, threshold after."""

AND = "+"
"""Joins the ops of a fused PE to its name in a cost table."""

FUSED_OPS = tuple(AND.join(op for op in OPS if op in mix) for mix in MIXES.values())
"""The ops of the fused PEs that run them."""
