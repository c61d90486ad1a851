"""`Order`: the loops of a layer's tiles."""

from __future__ import annotations

from typing import Literal, get_args

Order = Literal["rows", "outputs"]
"""Which loop is inside the other: "rows" reuses filters from tile to tile, "outputs" reuses ifmaps."""

ORDERS: tuple[Order, ...] = get_args(Order)
"""Their codes are their places."""
