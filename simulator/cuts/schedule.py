"""A schedule per layer: its tiles in order, by the best of all cuts.

A layer is cut into equal parts along its output rows, its output channels and (one group only) its input channels,
in either order of the first two; input channels are innermost, so that sums stay on chip. Of all cuts that fit, the one
with the fewest exact cycles is taken; all ops choose in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.cuts.demands import refusal, refusal_of_cut
from simulator.cuts.layout import check_addresses, may_be_too_large
from simulator.cuts.memory_use import check_room, memory_use
from simulator.cuts.missing import DoesNotFit, missing_bytes
from simulator.designs.design import FittedDesign
from simulator.designs.design_block import DesignBlock
from simulator.encoding import MOST_SIGNED
from simulator.plan.axes import Axes, cut, granules, sizes
from simulator.plan.counts import Counts
from simulator.plan.geometry import Geometry, Tile, layer_geometry, tile_shape
from simulator.plan.steps import Schedule, Step
from simulator.timing.timing import Cut, best_cut, count_layers, network_integers
from workloads.errors import LimenError
from workloads.layers.given_cut import GivenCut, check_cuts
from workloads.layers.order import Order
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


def choose(geometry: Geometry, design: FittedDesign) -> Cut:
    """Return the best cut of a layer, see `best_cut`.

    Raises:
        LimenError: no cut runs; the line names the field that cures it, or the limit that nothing cures.
    """
    if geometry.width > MOST_SIGNED:
        raise LimenError(f"width: {geometry.width} is not allowed: at most {MOST_SIGNED}")
    cut = best_cut(geometry, design)
    if cut is None:
        raise LimenError(refusal(geometry, design))
    return cut


def given(cut: GivenCut, geometry: Geometry, design: FittedDesign) -> Cut:
    """Return a cut that a user gives. Raises LimenError where it does not fit, naming buffer and bytes."""
    parts = Axes(cut.rows, cut.outputs, cut.channels)
    reason = refusal_of_cut(geometry, design, parts)
    if reason is not None:
        raise LimenError(f"schedule: {reason}")
    return Cut(parts, cut.order)


def choose_network(network: Network, design: FittedDesign) -> list[tuple[Geometry, Cut]]:
    """Return the geometry and the cut of every layer of `network`: the design's, else the network's, else the best.

    Raises:
        LimenError: cuts of other layers, or of one twice.
        DoesNotFit: a layer of which no tile fits, or not by its cut; the line names the buffer and the bytes it lacks.
    """
    try:
        check_cuts(design.schedule, network.layers)
    except LimenError as error:
        raise LimenError(f"network {network.name}: {error}") from None
    given_cuts = {cut.layer: cut for cut in (*network.schedule, *design.schedule)}
    chosen = []
    for index, layer in enumerate(network.layers):
        try:
            geometry = layer_geometry(network, index)
            cut = given_cuts.get(layer.name)
            chosen.append((geometry, choose(geometry, design) if cut is None else given(cut, geometry, design)))
        except LimenError as error:
            missing = 0 if given_cuts else _missing_bytes(network, design)
            raise DoesNotFit(f"network {network.name}: layer {layer.name}: {error}", missing) from None
    return chosen


def _missing_bytes(network: Network, design: FittedDesign) -> int:
    """Return how many bytes a design lacks for a network, see `missing_bytes`."""
    try:
        layers = network_integers(network)
    except LimenError:  # some layer is none of the machine's
        return 0
    return int(missing_bytes(layers, DesignBlock.of(design))[0])


def schedule_network(network: Network, design: FittedDesign, cuts: Sequence[Cut] | None = None) -> list[Schedule]:
    """Return the schedule of every layer of `network` on a fitted design.

    cuts: of all layers, which must fit; by default as `choose_network` has them.

    Raises:
        LimenError: as `choose_network`, and a program beyond what addresses reach or an on-chip memory holds.
    """
    if cuts is None:
        chosen = choose_network(network, design)
    else:
        chosen = [(layer_geometry(network, index), cut) for index, cut in enumerate(cuts)]
    if design.on_chip:
        counts = count_layers([geometry for geometry, _ in chosen], [cut for _, cut in chosen], design)
        check_room(network, memory_use(network, chosen, counts, design), design.memory_kib)
    schedules = [build(geometry, design, *cut) for geometry, cut in chosen]
    try:
        check_addresses(network, schedules, design)
    except LimenError as error:
        raise LimenError(f"network {network.name}: {error}") from None
    return schedules


def count_network(network: Network, design: FittedDesign) -> list[Counts]:
    """Return the exact counts of every layer of `network` on a fitted design. Raises as `schedule_network`."""
    chosen = choose_network(network, design)
    counts = count_layers([geometry for geometry, _ in chosen], [cut for _, cut in chosen], design)
    if may_be_too_large(network, sum(layer.tiles for layer in counts), design):
        schedule_network(network, design)
    if design.on_chip:
        check_room(network, memory_use(network, chosen, counts, design), design.memory_kib)
    return counts
