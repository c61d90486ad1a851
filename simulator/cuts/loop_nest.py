"""A cut as the loop nest that it stands for."""

from __future__ import annotations

from simulator.designs.design import FittedDesign
from simulator.plan.axes import lengths, most_parts, pieces_of, sizes
from simulator.plan.geometry import Geometry
from simulator.timing.timing import Cut


def loop_nest(name: str, geometry: Geometry, cut: Cut, design: FittedDesign) -> str:
    """Return the loops of one layer, the outermost first, with what each loads and, inside all, the tile.

    A loop over a single part is left out. Filters stay while output rows go by, the ifmap while output channels do.
    """
    tile = lengths(geometry, design, cut.parts)
    parts = pieces_of(geometry, tile)
    whole = sizes(geometry)
    if most_parts(geometry, design).channels == 1:
        tile, parts = tile._replace(channels=whole.channels), parts._replace(channels=1)
    axes = ("outputs", "rows", "channels") if cut.order == "rows" else ("rows", "outputs", "channels")
    titles = {"rows": "output row", "outputs": "output channel", "channels": "input channel"}
    lines, depth = [f"{name}: {parts.rows} x {parts.outputs} x {parts.channels} parts, order {cut.order}"], 1
    for axis in axes:
        count, length, size = (getattr(each, axis) for each in (parts, tile, whole))
        if count > 1:
            lines.append(f"{'  ' * depth}for {titles[axis]} in range(0, {size}, {length}):  # {count} parts")
            depth += 1
    work = f"{tile.rows} x {geometry.out_width} pixels, {tile.outputs} output channels"
    if not geometry.pool:
        channels = tile.channels if geometry.groups == 1 else geometry.group_channels
        work += f", {geometry.kernel[0]} x {geometry.kernel[1]} taps of {channels} channels"
    lines.append(f"{'  ' * depth}tile: {work}")
    return "\n".join(lines)
