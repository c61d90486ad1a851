"""A schedule per layer: tile sizes and loop order among at most 64 candidates, chosen by exact cycles.

A layer is cut into equal parts along its output rows, its output channels and (one group only) its input channels.
For each of the three the candidates are the fewest parts with which a tile fits at all, twice and four times as
many, and as many as there are (of input channels: the fewest and twice as many); with two loop orders that makes
at most 64. Input channels are innermost, so that psums stay on chip. The winner has the fewest cycles, then the
fewest DRAM bytes, then comes first in the order above; all ops choose in the same way.
"""

from __future__ import annotations

import itertools
from functools import lru_cache

from simulator.cuts.demands import (
    MOST_IN_FIELD,
    MOST_SIGNED,
    cut,
    distinct,
    fewest_tiles,
    fits,
    granules,
    most_parts,
    refusal,
    sizes,
    tile_count,
)
from simulator.cuts.layout import check_addresses
from simulator.designs.design import FittedDesign
from simulator.encoding import TILE, descriptor_beats
from simulator.plan.counts import Counts
from simulator.plan.geometry import Geometry, Tile, layer_geometry, tile_shape
from simulator.plan.steps import Axes, Order, Schedule, Step
from simulator.timing.timing import count_program, layer_cost
from workloads.errors import LimenError
from workloads.networks.network import Network


def build(geometry: Geometry, design: FittedDesign, parts: Axes, order: Order) -> Schedule:
    """Return the schedule of a cut and a loop order."""
    rows, outs, chans = (cut(*axis) for axis in zip(sizes(geometry), parts, granules(geometry, design), strict=True))
    outer: list[tuple[tuple[int, int], tuple[int, int]]]
    if order == "rows":
        outer = [(row, out) for out in outs for row in rows]
    else:
        outer = [(row, out) for row in rows for out in outs]
    steps: list[Step] = []
    held_filter: object = None
    held_ifmap: object = None
    by_group = geometry.groups > 1 or geometry.pool
    shapes = {(row, out): tile_shape(geometry, Tile(*row, *out, *chans[0]), design) for row, out in outer}
    for row, out in outer:
        for chan in chans:
            tile = Tile(*row, *out, *chan)
            filter_part, ifmap_part = (out, chan), (row, out if by_group else chan)
            steps.append(
                Step(
                    tile,
                    shapes[row, out] if chan == chans[0] else tile_shape(geometry, tile, design),
                    load_filter=not geometry.pool and filter_part != held_filter,
                    load_ifmap=ifmap_part != held_ifmap,
                    first_k=chan == chans[0],
                    last_k=chan == chans[-1],
                )
            )
            held_filter, held_ifmap = filter_part, ifmap_part
    return Schedule(geometry, parts, order, tuple(steps))


def candidates(geometry: Geometry, design: FittedDesign) -> list[tuple[Axes, Order]]:
    """Return cuts that fit, with their loop orders; never none.

    Raises:
        LimenError: no cut runs; the line names the field that cures it, or the limit that nothing cures.
    """
    if geometry.width > MOST_SIGNED:
        raise LimenError(f"width: {geometry.width} is not allowed: at most {MOST_SIGNED}")
    most = most_parts(geometry, design)
    if not fits(geometry, design, most):
        raise LimenError(refusal(geometry, design))
    options: list[list[int]] = []
    for axis in range(3):

        def others_finest(parts: int, axis: int = axis) -> Axes:
            return Axes(*(parts if other == axis else most[other] for other in range(3)))

        fewest = next(parts for parts in distinct(most[axis]) if fits(geometry, design, others_finest(parts)))
        multiples = [fewest, 2 * fewest] if axis == 2 else [fewest, 2 * fewest, 4 * fewest, most[axis]]
        options.append(sorted({min(parts, most[axis]) for parts in multiples}))
    cuts = [
        parts
        for parts in itertools.starmap(Axes, itertools.product(*options))
        if tile_count(geometry, design, parts) <= MOST_IN_FIELD and fits(geometry, design, parts)
    ]
    if not cuts:
        tiles, parts = fewest_tiles(geometry, design)
        if tiles > MOST_IN_FIELD:
            raise LimenError(refusal(geometry, design))
        cuts = [parts]
    orders: tuple[Order, ...] = ("rows", "outputs")
    return [
        (parts, order) for parts in cuts for order in (orders if parts.rows > 1 and parts.outputs > 1 else orders[:1])
    ]


@lru_cache(maxsize=4096)
def _choose(geometry: Geometry, design: FittedDesign) -> Schedule:
    best: tuple[tuple[int, int], Schedule] | None = None
    each = design.memory_latency + (descriptor_beats(TILE, design.port_bits) - 1) * design.port_interval
    for parts, order in candidates(geometry, design):
        # One DMA fetches the tiles' descriptors one after another: many tiles can be ruled out without a look.
        if best is not None and tile_count(geometry, design, parts) * each > best[0][0]:
            continue
        schedule = build(geometry, design, parts, order)
        rank = layer_cost(schedule, design)
        if best is None or rank < best[0]:
            best = (rank, schedule)
    assert best is not None  # candidates raises where nothing fits
    return best[1]


def schedule_network(network: Network, design: FittedDesign) -> list[Schedule]:
    """Return the schedule of every layer of `network` on a fitted design.

    Raises:
        LimenError: a layer of which no tile fits; the line names the buffer and the bytes it lacks.
    """
    schedules = []
    for index, layer in enumerate(network.layers):
        try:
            schedules.append(_choose(layer_geometry(network, index), design))
        except LimenError as error:
            raise LimenError(f"network {network.name}: layer {layer.name}: {error}") from None
    try:
        check_addresses(network, schedules, design)
    except LimenError as error:
        raise LimenError(f"network {network.name}: {error}") from None
    return schedules


def count_network(network: Network, design: FittedDesign) -> list[Counts]:
    """Return the exact counts of every layer of `network` on a fitted design."""
    return count_program(schedule_network(network, design), design)
