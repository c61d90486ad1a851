"""How many rows of bias and shift a network needs at least: those of the smallest tiles of its layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workloads.networks.network import Network


def rows_of_smallest_tiles(network: Network, cols: int, feeder_width: int, dataflow: str) -> int:
    """Return the most rows of bias and shift that the smallest tile of a layer has, on any design of these fields.

    Groups stay whole, and tiles begin at words of channels: of 4 groups of 197 outputs all are one tile. Other layers
    of one group are cut to a word, which always fits. A matmul's parts begin on beats, too; all of its outputs have
    room, so that nothing but its synapses decides how it is cut.
    """
    most = 0
    for layer in network.layers:
        if layer.kind == "matmul":
            most = max(most, layer.out_channels if dataflow == "is" else -(-layer.out_channels // cols))
        if layer.has_parameters and layer.groups > 1:
            word = 1 if layer.y_bits is None and layer.residual is None else feeder_width
            outputs = min(math.lcm(word, layer.group_outputs), layer.out_channels)
            groups = outputs // layer.group_outputs
            most = max(most, outputs if dataflow == "is" else groups * -(-layer.group_outputs // cols))
    return most
