"""The charts of a study's page, by Altair; the designs they draw stand once in the page, as rows of `DESIGNS`."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import altair

from dse.report.page_data import GROUPS, PageData, Place, Roof, literal
from dse.report.palette import COLOURS
from workloads.host.ticks import PlainLocator

DESIGNS = "designs"
"""The data set that the page hands its first chart."""

SHAPES = ("circle", "square", "triangle-up", "diamond")
BRUSH, CHOSEN = "brush", "chosen"
"""What is selected: designs inside a rectangle; the trial that was clicked, set by the page."""

PLAIN = ",.6~r"
"""Of numbers at ticks: 0.2, 5, 20,000."""

MOST_BARS = 25
GROUP_COLOURS = ("#cc79a7", "#e69f00", "#56b4e9", "#999999")


def fronts(data: PageData) -> dict[str, Any]:
    """Return the linked chart: a panel a pair of objectives, parallel coordinates, energy by group of components."""
    brush = altair.selection_interval(name=BRUSH)
    chosen = altair.param(name=CHOSEN, value=-1)
    panels = [_pair(data, x, y, brush, chosen) for x, y in data.pairs]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Automatically deduplicated selection parameter")  # one rectangle for all
        rows = altair.concat(*panels, columns=min(3, len(panels)))
        chart = altair.vconcat(rows, _parallel(data, brush, chosen), _breakdown(data, brush))
        return _finished(chart.resolve_scale(color="independent", shape="independent").add_params(chosen))


def _pair(data: PageData, x: str, y: str, brush: Any, chosen: Any) -> Any:
    opacity = altair.when(brush, altair.datum.front == 1).then(altair.value(0.95))
    opacity = opacity.when(brush).then(altair.value(0.3)).otherwise(altair.value(0.04))
    legend = altair.Legend(orient="top", symbolOpacity=1, symbolStrokeWidth=0)
    points = (
        altair.Chart(altair.NamedData(name=DESIGNS))
        .transform_calculate(export=data.export_expression)
        .mark_point(filled=True, stroke="black")
        .encode(
            x=altair.X(f"{data.field(x)}:Q", **_axis(data, x)),
            y=altair.Y(f"{data.field(y)}:Q", **_axis(data, y)),
            color=_color(data, legend),
            shape=altair.Shape("op:N", title=None, scale=altair.Scale(domain=data.ops, range=[*SHAPES]), legend=legend),
            size=altair.condition("datum.front", altair.value(60), altair.value(16)),
            opacity=opacity,
            strokeWidth=altair.when(altair.datum.trial == chosen).then(altair.value(2.5)).otherwise(altair.value(0)),
            order=altair.Order("front:Q"),
            tooltip=[altair.Tooltip(f"{field}:{kind}", title=title) for field, kind, title in data.tooltip],
        )
        .add_params(brush)
    )
    steps = (
        altair.Chart(altair.Data(values=data.steps[x, y]))
        .mark_line(interpolate="step-after", color="#555", strokeWidth=1)
        .encode(x=f"{data.field(x)}:Q", y=f"{data.field(y)}:Q", order="step:Q")
    )
    knee = (
        altair.Chart(altair.NamedData(name=DESIGNS))
        .transform_filter(altair.datum.trial == data.knee)
        .mark_point(filled=False, shape="circle", size=320, stroke="black", strokeWidth=1.5, opacity=1)
        .encode(x=f"{data.field(x)}:Q", y=f"{data.field(y)}:Q")
    )
    # The points last: what is drawn above them would be hovered over in their place.
    return altair.layer(steps, knee, points).properties(width=290, height=260)


def _axis(data: PageData, name: str) -> dict[str, Any]:
    """Return axis and scale of a figure: where a factor counts logarithmic, plain numbers at its ticks."""
    label, (low, high) = data.scales[name].label, data.spans[name]
    if data.scales[name].is_logarithmic and low > 0:
        return _logarithmic(low / 1.06, high * 1.06, label)
    return {"title": label, "scale": altair.Scale(zero=False, padding=8)}


def _logarithmic(low: float, high: float, title: str) -> dict[str, Any]:
    ticks = [float(tick) for tick in PlainLocator().tick_values(low, high)]
    return {
        "title": title,
        "scale": altair.Scale(type="log", domain=[low, high], nice=False),
        "axis": altair.Axis(values=ticks, format=PLAIN),
    }


def _color(data: PageData, legend: Any) -> Any:
    return altair.Color("op:N", title=None, scale=altair.Scale(domain=data.ops, range=[*COLOURS]), legend=legend)


def _parallel(data: PageData, brush: Any, chosen: Any) -> Any:
    """Return a line a design of the front across its axes and objectives, each scaled to its own span."""
    titles = altair.Axis(
        labelExpr=_words(data.places), title=None, labelAngle=-30, grid=True, ticks=False, domain=False
    )
    across = {"sort": [place.field for place in data.places], "axis": titles}
    lines = (
        altair.Chart(altair.NamedData(name=DESIGNS))
        .transform_filter("datum.front")
        .transform_fold([place.field for place in data.places], as_=["axis", "place"])
        .mark_line(strokeWidth=1.2)
        .encode(
            x=altair.X("axis:N", **across),
            y=altair.Y("place:Q", axis=None, scale=altair.Scale(domain=[-0.04, 1.04], nice=False)),
            detail="trial:N",
            color=_color(data, None),
            opacity=altair.when(brush).then(altair.value(0.55)).otherwise(altair.value(0.03)),
            strokeWidth=altair.when(altair.datum.trial == chosen).then(altair.value(4)).otherwise(altair.value(1.2)),
        )
    )
    marks = [
        {"axis": place.field, "place": at, "text": text} for place in data.places for at, text in place.marks.items()
    ]
    texts = altair.Chart(altair.Data(values=marks)).encode(altair.X("axis:N", **across), y="place:Q", text="text:N")
    style = {"align": "left", "dx": 4, "fontSize": 11}
    halo, words = texts.mark_text(stroke="white", strokeWidth=3, **style), texts.mark_text(color="#222", **style)
    width = max(600, 85 * len(data.places))
    return altair.layer(lines, halo, words).properties(
        width=width, height=260, title="Designs of the front, axis by axis"
    )


def _words(places: Sequence[Place]) -> str:
    """Return the expression that writes an axis's label in place of its field."""
    return _lookup({place.field: place.label for place in places}) + "[datum.value]"


def _lookup(words: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{literal(name)}: {literal(word)}" for name, word in words.items()) + "}"


def _breakdown(data: PageData, brush: Any) -> Any:
    """Return the energy of selected designs of the front by group of components, those of least energy."""
    fields = [field for field, _ in GROUPS]
    words = _lookup(dict(GROUPS))
    bars = (
        altair.Chart(altair.NamedData(name=DESIGNS))
        .transform_filter(brush)
        .transform_filter("datum.front")
        .transform_window(rank="row_number()", sort=[altair.SortField(data.field("energy_uj"))])
        .transform_filter(altair.datum.rank <= MOST_BARS)
        .transform_fold(fields, as_=["group", "part"])
        .transform_calculate(words=f"{words}[datum.group]", place=f"indexof({json.dumps(fields)}, datum.group)")
        .mark_bar()
        .encode(
            x=altair.X("part:Q", title="energy per image (µJ)", axis=altair.Axis(format=PLAIN)),
            y=altair.Y("design:N", title=None, sort=altair.EncodingSortField("rank", order="ascending"),
                       axis=altair.Axis(labelLimit=320)),
            color=altair.Color("words:N", title=None, sort=[word for _, word in GROUPS],
                               scale=altair.Scale(domain=[word for _, word in GROUPS], range=[*GROUP_COLOURS]),
                               legend=altair.Legend(orient="top")),
            order=altair.Order("place:Q"),
            tooltip=[altair.Tooltip("design:N"), altair.Tooltip("words:N", title="part"),
                     altair.Tooltip("part:Q", title="µJ", format=".4~g")],
        )
    )  # fmt: skip
    title = f"Energy of the front's designs, of those inside the rectangle the {MOST_BARS} of least energy"
    return bars.properties(width=600, height=altair.Step(15), title=title)


def importance(data: PageData) -> dict[str, Any]:
    """Return the shares of variance as a table of axes and figures."""
    rows = [
        {"axis": axis, "figure": data.scales[figure].label, "share": share}
        for (axis, figure), share in data.importance.items()
    ]
    base = altair.Chart(altair.Data(values=rows)).encode(
        x=altair.X("figure:N", title=None, sort=None, axis=altair.Axis(orient="top", labelAngle=0, labelLimit=140)),
        y=altair.Y("axis:N", title=None, sort=None),
    )
    cells = base.mark_rect().encode(
        color=altair.Color("share:Q", legend=None, scale=altair.Scale(domain=[0, 1], scheme="blues"))
    )
    numbers = base.mark_text().encode(
        text=altair.Text("share:Q", format=".0%"),
        color=altair.condition("datum.share > 0.5", altair.value("white"), altair.value("black")),
    )
    width = 150 * len({figure for _, figure in data.importance})
    return _finished(altair.layer(cells, numbers).properties(width=width, height=altair.Step(24)))


def growth(shares: Mapping[int, float]) -> dict[str, Any]:
    """Return the share of the final hypervolume that a search's first trials reached."""
    rows = [{"trials": trials, "share": round(share, 5)} for trials, share in shares.items()]
    line = altair.Chart(altair.Data(values=rows)).mark_line(interpolate="step-after", color=COLOURS[1])
    encoded = line.encode(
        x=altair.X("trials:Q", title="trials"),
        y=altair.Y("share:Q", title="share of the final hypervolume", axis=altair.Axis(format=".0%")),
        tooltip=[altair.Tooltip("trials:Q"), altair.Tooltip("share:Q", format=".2%")],
    )
    return _finished(encoded.properties(width=600, height=220))


def roofline(roofs: Sequence[Roof]) -> dict[str, Any]:
    """Return a panel a design: its layers under the roofs of its array and its port."""
    return _finished(altair.concat(*map(_roof, roofs), columns=3))


def _roof(roof: Roof) -> Any:
    ridge, layers = roof.operations_per_cycle / roof.bytes_per_cycle, roof.layers
    names = {"operations_per_byte": "operations per byte", "operations_per_cycle": "operations per cycle"}
    low, high = min(layers["operations_per_byte"].min(), ridge) / 2, max(layers["operations_per_byte"].max(), ridge) * 2
    corners = [(low, low * roof.bytes_per_cycle), (ridge, roof.operations_per_cycle), (high, roof.operations_per_cycle)]
    across, up = (
        altair.X("operations_per_byte:Q", **_logarithmic(low, high, names["operations_per_byte"])),
        altair.Y("operations_per_cycle:Q", **_logarithmic(
            min(layers["operations_per_cycle"].min(), corners[0][1]) / 1.3, roof.operations_per_cycle * 1.3,
            names["operations_per_cycle"],
        )),
    )  # fmt: skip
    line = altair.Chart(altair.Data(values=[dict(zip(names, corner, strict=True)) for corner in corners]))
    rows = layers[["layer", *names, "roof_share", "limit"]].to_dict("records")
    limits = {"array": COLOURS[0], "memory port": COLOURS[1]}
    points = altair.Chart(altair.Data(values=rows)).mark_point(filled=True, size=60, opacity=0.9)
    encoded = points.encode(
        x=across,
        y=up,
        color=altair.Color(
            "limit:N", title="lower roof", scale=altair.Scale(domain=[*limits], range=[*limits.values()]),
            legend=altair.Legend(orient="top"),
        ),
        tooltip=[
            altair.Tooltip("layer:N"),
            *(altair.Tooltip(f"{name}:Q", title=title, format=".4~g") for name, title in names.items()),
            altair.Tooltip("roof_share:Q", title="share of the roof", format=".1%"),
        ],
    )  # fmt: skip
    drawn = altair.layer(line.mark_line(color="#555").encode(x=across, y=up), encoded)
    return drawn.properties(width=290, height=220, title=altair.Title(roof.title, fontSize=11))


def _finished(chart: Any) -> dict[str, Any]:
    """Return a chart as Vega-Lite's JSON, validated by Altair."""
    spec: dict[str, Any] = chart.configure_view(stroke="#ddd").configure_axisY(minExtent=46).to_dict()
    return spec
