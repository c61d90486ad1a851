"""A layer cut into tiles, in the order in which they run."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.plan.axes import Axes
from simulator.plan.geometry import Geometry, Tile, TileShape
from workloads.layers.order import Order


@dataclass(frozen=True)
class Step:
    """A tile with what must be loaded for it and whether it begins and ends its sums."""

    tile: Tile
    shape: TileShape
    load_filter: bool
    load_ifmap: bool
    first_k: bool
    last_k: bool


@dataclass(frozen=True)
class Schedule:
    """The tiles of one layer in order. parts: into how many it is cut along each axis."""

    geometry: Geometry
    parts: Axes
    order: Order
    steps: tuple[Step, ...]
