"""Tensors that aren't alive together share addresses: where each of them lies in an on-chip main memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from workloads.layers.graph import INPUT

if TYPE_CHECKING:
    from workloads.networks.network import Network


def lifetimes(network: Network) -> dict[str, range]:
    """Return the layers while which each tensor is held.

    From the first that writes it (the input: from the first layer of all) to the last that writes, reads or adds it, or
    has it as synapses.
    """
    lives = {INPUT: range(1)}
    for index, link in enumerate(network.connections):
        for tensor in (link.writes, link.reads, link.second):
            if tensor is not None:
                lives[tensor] = range(lives[tensor].start if tensor in lives else index, index + 1)
    return lives


def share(beats: Mapping[str, int], lives: Mapping[str, range]) -> dict[str, int]:
    """Return the first beat of each tensor of so many beats, from 0 on.

    The largest comes first, of equal ones the one named first; each goes to the lowest place that is free of those
    which are alive with it.
    """
    placed: dict[str, int] = {}
    for name in sorted(beats, key=beats.__getitem__, reverse=True):
        at = 0
        for other in sorted(placed, key=placed.__getitem__):
            together = lives[name].start < lives[other].stop and lives[other].start < lives[name].stop
            if together and placed[other] < at + beats[name]:
                at = max(at, placed[other] + beats[other])
        placed[name] = at
    return placed
