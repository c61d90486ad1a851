"""A pass of several images: the network that the machine then runs, and whether filters are loaded once in it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from simulator.cuts.block_refusals import hold
from simulator.cuts.demands import fits
from simulator.plan.axes import Axes, most_parts, row_granule
from simulator.plan.geometry import Geometry, layer_geometry
from simulator.timing.integers import LAYER_INTEGERS, machine_integers
from simulator.timing.timing import smallest_needs
from workloads.errors import LimenError
from workloads.networks.stacked import stack

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.designs.design_block import DesignBlock
    from workloads.networks.network import Network


def pass_of(network: Network, design: FittedDesign) -> Network:
    """Return the network of a pass: `network` for the design's `images_at_once`, one above the other.

    Raises:
        LimenError: images that don't end on a beat, or more than tiles hold, so that filters were loaded again.
    """
    images = design.images_at_once
    if images == 1:
        return network
    stacked = stack(network, images)
    for index, layer in enumerate(stacked.layers):
        geometry = layer_geometry(stacked, index)
        if geometry.images > 1:
            if geometry.image_out_height % row_granule(geometry, design):
                raise LimenError(
                    f"network {network.name}: layer {layer.name}: images_at_once: {images} is not allowed: results of "
                    f"an image don't end on a beat, and a tile can't begin there; at most 1, or words of feeder_width "
                    "activations as wide as a beat"
                )
            continue
        if geometry.pool or _loads_once(geometry, design):
            continue
        rows = geometry.height // images, geometry.out_height // images
        fewer = (
            count
            for count in range(images - 1, 1, -1)
            if _loads_once(replace(geometry, height=count * rows[0], out_height=count * rows[1]), design)
        )
        raise LimenError(
            f"network {network.name}: layer {layer.name}: images_at_once: {images} is not allowed: tiles don't hold so "
            f"many, and filters would be loaded again; at most {next(fewer, 1)}"
        )
    return stacked


def are_passes(layers: np.ndarray, designs: DesignBlock) -> np.ndarray:
    """Return [designs] bool, which of some designs run these layers of a pass: `pass_of` refuses the others.

    layers: [layers] of LAYER_INTEGERS, of as many images as each design has at once.
    """
    passes = np.ones(len(designs), bool)
    if (designs.images_at_once == 1).all():
        return passes
    machines = machine_integers(designs)
    for layer in layers:
        if layer["images"] > 1:
            words = designs.port_bits // np.gcd(designs.word_bits, designs.port_bits)
            granule = 1 if layer["raw"] and not layer["residual"] else words // np.gcd(words, layer["out_width"])
            passes &= layer["out_height"] // layer["images"] % granule == 0
        elif not layer["pool"]:
            of_all = np.full(len(designs), layer, LAYER_INTEGERS)
            held = [hold(machines, smallest_needs(of_all, machines, uncut)) for uncut in ("rows", "channels")]
            passes &= np.any(held, axis=0)
    return passes


def _loads_once(geometry: Geometry, design: FittedDesign) -> bool:
    """Return whether a cut loads every filter once: all rows are one tile, or all input channels are."""
    most = most_parts(geometry, design)
    cuts = Axes(1, most.outputs, most.channels), Axes(most.rows, most.outputs, 1)
    return any(fits(geometry, design, parts) for parts in cuts)


def in_passes(x: np.ndarray, images_at_once: int) -> np.ndarray:
    """Return inputs [images, H, W, C] as [passes, images_at_once · H, W, C]; the last image fills up a shorter pass."""
    passes = -(-len(x) // images_at_once)
    places = np.minimum(np.arange(passes * images_at_once), len(x) - 1)
    return x[places].reshape(passes, images_at_once * x.shape[1], *x.shape[2:])
