"""limen_group: where the channels of the present group lie in words."""

from __future__ import annotations

from numba import from_dtype

from simulator.cycle.records import record_type
from workloads.host.jit import njit_in_place

GROUP = record_type("plane_addr_reg", "lane_reg")
GROUP_RECORD = from_dtype(GROUP)


@njit_in_place(inline="always")
def next_group(group, layer, group_step, plane_words, feeder):
    """Go to the next group, which may begin in the word in which this one ends."""
    lane = group.lane_reg + layer.group_lanes
    group.plane_addr_reg += group_step
    if lane >= feeder:
        lane -= feeder
        group.plane_addr_reg += plane_words
    group.lane_reg = lane


@njit_in_place(inline="always")
def start_group(group, tile):
    """Begin with a tile's first group."""
    group.lane_reg, group.plane_addr_reg = tile.first_lane, 0
