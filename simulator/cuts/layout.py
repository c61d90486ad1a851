"""Where everything lies in the memory behind the port, in beats: descriptors, then filters, then tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from simulator.cuts.sharing import lifetimes, share
from simulator.encoding import LAYER, MOST_IN_FIELD, TILE, descriptor_beats
from simulator.plan.geometry import Packing, plane_beats
from simulator.plan.transfers import tile_transfers
from workloads.errors import LimenError

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.designs.design_block import DesignBlock
    from simulator.plan.steps import Schedule, Step
    from workloads.networks.network import Network

MOST_BEATS = 1 << 32
"""Beats that the port's addresses reach."""


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: first beat, and beats from plane to plane (0 for raw scores: one accumulator a beat)."""

    address: int
    stride: int


@dataclass(frozen=True)
class Layout:
    """First beats of a program's parts.

    filters: of every layer's tiles, by `filter_key`. places: of every tensor. first_beat: where the tensors begin.
    beats: all of them together.
    """

    filters: tuple[dict[tuple[int, ...], int], ...]
    places: dict[str, Place]
    first_beat: int
    beats: int


def filter_key(step: Step) -> tuple[int, ...]:
    """Return what decides which filters a tile holds: its output and input channels."""
    return step.tile.out, step.tile.out_end, step.tile.chan, step.tile.chan_end


def lay_out(network: Network, schedules: Sequence[Schedule], design: FittedDesign) -> Layout:
    """Return where the program of a network with these schedules lies.

    Raises:
        LimenError: more memory than addresses reach; the line names the layer with which it does.
    """
    descriptors = [descriptor_beats(kind, design.port_bits) for kind in (LAYER, TILE)]
    free = sum(descriptors[0] + descriptors[1] * len(schedule.steps) for schedule in schedules)
    filters: list[dict[tuple[int, ...], int]] = []
    for layer, schedule in zip(network.layers, schedules, strict=True):
        filters.append({})
        for step in schedule.steps:
            if step.load_filter and filter_key(step) not in filters[-1]:
                filters[-1][filter_key(step)] = free
                free += sum(tile_transfers(schedule.geometry, step.shape, design).filter)
        _check(free, f"layer {layer.name}: filters")
    places, beats = place_tensors(network, free, design)
    return Layout(tuple(filters), places, free, beats)


def tensor_beats(network: Network, design: FittedDesign | Packing) -> dict[str, int]:
    """Return the beats of every tensor."""
    return {
        name: shape.height * shape.width * shape.channels
        if shape.bits is None
        else plane_beats(shape.height * shape.width, design) * -(-shape.channels // design.feeder_width)
        for name, shape in network.tensors.items()
    }


def peak_beats(network: Network, design: FittedDesign | Packing) -> int:
    """Return the beats that all tensors take together: in an on-chip memory those that are alive, at their peak."""
    beats = tensor_beats(network, design)
    if not design.on_chip:
        return sum(beats.values())
    return max(at + beats[name] for name, at in share(beats, lifetimes(network)).items())


def place_tensors(network: Network, first: int, design: FittedDesign) -> tuple[dict[str, Place], int]:
    """Return where the tensors lie, from beat `first` on, and where the last of them ends.

    In DRAM they lie one after another, the input first; in an on-chip memory they `share` addresses.

    Raises:
        LimenError: beyond what addresses reach.
    """
    beats = tensor_beats(network, design)
    if design.on_chip:
        begins = share(beats, lifetimes(network))
    else:
        begins = dict(zip(beats, accumulate(beats.values(), initial=0), strict=False))
    places, end = {}, first
    for name, shape in network.tensors.items():
        stride = 0 if shape.bits is None else plane_beats(shape.height * shape.width, design)
        places[name] = Place(first + begins[name], stride)
        end = max(end, places[name].address + beats[name])
        _check(end, f"tensor {name}")
    return places, end


def may_be_too_large(network: Network, tiles: Any, design: FittedDesign | DesignBlock) -> Any:
    """Return whether the memory of a program of so many tiles may be beyond what addresses reach: a quick bound.

    tiles: of one design or, as an array, of many.
    """
    tensors = sum(shape.height * shape.width * shape.channels for shape in network.tensors.values())
    descriptors = (tiles + len(network.layers)) * descriptor_beats(TILE, design.port_bits)
    return tensors + descriptors + tiles * MOST_IN_FIELD > MOST_BEATS


def check_addresses(network: Network, schedules: Sequence[Schedule], design: FittedDesign) -> None:
    """Raise LimenError where the memory is larger than addresses reach."""
    if may_be_too_large(network, sum(len(schedule.steps) for schedule in schedules), design):
        lay_out(network, schedules, design)


def _check(beats: int, holder: str) -> None:
    if beats > MOST_BEATS:
        raise LimenError(f"{holder}: a memory of {beats} beats is not allowed: at most {MOST_BEATS}")
