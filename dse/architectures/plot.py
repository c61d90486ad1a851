"""The picture of a search over networks: accuracy against each cost, a line an op and source."""

from __future__ import annotations

from collections.abc import Sequence

from dse.architectures.results import HAND_MADE, SEARCH, FrontRow
from dse.report.palette import COLOURS, MARKERS
from dse.space.figures import figure

STYLES = {SEARCH: "-", HAND_MADE: "--"}
"""Of lines; those of families are dotted."""


def front_picture(fronts: Sequence[FrontRow], costs: Sequence[str], title: str, source: str = "") -> bytes:
    """Return a PNG with a panel a cost; source: what it comes from, see `picture_bytes`."""
    from workloads.host.pictures import Figure, picture_bytes
    from workloads.host.ticks import logarithmic

    picture = Figure(figsize=(1 + 4.4 * len(costs), 4.4), layout="constrained")
    panels = picture.subplots(1, len(costs), sharey=True, squeeze=False)[0]
    ops = [*dict.fromkeys(row.op for row in fronts)]
    for axes, name in zip(panels, costs, strict=True):
        for op, of in dict.fromkeys((row.op, row.source) for row in fronts):
            steps = _staircase([row for row in fronts if (row.op, row.source) == (op, of)], name)
            index = ops.index(op)
            axes.plot(
                [row.figures[name] for row in steps], [100 * row.figures["accuracy"] for row in steps],
                drawstyle="steps-post", linestyle=STYLES.get(of, ":"), color=COLOURS[index % len(COLOURS)],
                marker=MARKERS[index % len(MARKERS)], markersize=3.5, linewidth=1.2, label=f"{op}, {of}",
            )  # fmt: skip
        logarithmic(axes.xaxis)
        axes.set_xlabel(figure(name).label)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("validation accuracy (%)")
    picture.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper", fontsize=8)
    picture.suptitle(title)
    return picture_bytes(picture, source=source)


def _staircase(rows: Sequence[FrontRow], cost: str) -> list[FrontRow]:
    """Return the rows that none beats in a cost and accuracy, the cheapest first."""
    steps: list[FrontRow] = []
    for row in sorted(rows, key=lambda one: (one.figures[cost], -one.figures["accuracy"])):
        if not steps or row.figures["accuracy"] > steps[-1].figures["accuracy"]:
            steps.append(row)
    return steps
