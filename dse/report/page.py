"""A study as one HTML file that opens without a network: charts, their data and the JavaScript that draws them."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from html import escape
from importlib import resources
from typing import Any

from dse.report.page_data import PageData
from workloads.errors import LimenError, pip_command, printable

NEEDED = ("altair", "vl_convert")

GROWTH = (
    "Share of the hypervolume of the search's own front at its end that its first trials reached. The reference point "
    "is 1.1 times the front's nadir, seen from the ideal point; figures of which a factor counts enter as logarithms."
)
ROOFLINE = (
    "Layers of the first workload on the knee of each op's designs: operations, each an op and its addition, a byte "
    "over the memory port and a cycle, under what array and port can do at most. Hover over a layer for its name."
)


def check_page_extra() -> None:
    """Raise LimenError, with the command that installs it, where what makes pages is missing."""
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError:
            package = {"vl_convert": "vl-convert-python"}.get(name, name)
            raise LimenError(f"report needs {package}, not installed: {pip_command('report')}") from None


def page(data: PageData, importance_method: str) -> str:
    """Return the page of a study. Raises LimenError without the extra `report`.

    importance_method: how the shares of `data.importance` were found, in words.
    """
    check_page_extra()
    from dse.report import page_charts

    charts, sections = {"fronts": page_charts.fronts(data)}, []
    if data.importance:
        charts["importance"] = page_charts.importance(data)
        sections.append(_section("importance", "Importance of axes", importance_method))
    if data.growth:
        charts["growth"] = page_charts.growth(data.growth)
        sections.append(_section("growth", "Hypervolume against trials", GROWTH))
    if data.roofs:
        charts["roofline"] = page_charts.roofline(data.roofs)
        sections.append(_section("roofline", "Rooflines", ROOFLINE))
    blocks = {f"spec-{name}": spec for name, spec in charts.items()} | {"designs": _designs(data)}
    words = {
        "title": _text(data.drawing.title),
        "summary": _text(_summary(data)),
        "named": _named(data),
        "sections": "\n".join(sections),
        "facts": _facts(data),
        "blocks": "\n".join(
            f'<script type="application/json" id="{name}">{_json(content)}</script>' for name, content in blocks.items()
        ),
        "style": _file("page.css"),
        "script": _file("page.js"),
        "library": _library(),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda found: words[found[1]], _file("page.html"))


def _summary(data: PageData) -> str:
    drawing = data.drawing
    feasible = f"{drawing.count:,} feasible designs"
    if drawing.is_sample:
        feasible += f", {len(drawing.feasible):,} of them drawn, a sample, and the whole front"
    return (
        f"{feasible}; {len(drawing.front):,} on the front. Not drawn: {drawing.infeasible:,} infeasible, "
        f"{drawing.refused:,} refused. Figures are rounded to 6 digits here; front.csv in the study's folder has all."
    )


def _named(data: PageData) -> str:
    head = "".join(f"<th>{word}</th>" for word in ("point", "trial", "design", "as Verilog"))
    lines = [
        f"<tr><td>{_text(name)}</td><td>{trial}</td><td>{_text(design)}</td>"
        f"<td><code>{_text(data.export_command(trial))}</code></td></tr>"
        for name, (trial, design) in data.points.items()
    ]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _facts(data: PageData) -> str:
    """Return what the study is and how it was run; what it depends on is a list that opens when it's clicked."""
    hashes = f"<details><summary>SHA-256 of {len(data.hashes)} inputs</summary>{_table(data.hashes)}</details>"
    return _table(data.facts) + hashes


def _table(rows: Mapping[str, str]) -> str:
    lines = [f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows.items()]
    return f"<table>{''.join(lines)}</table>"


def _section(name: str, title: str, text: str) -> str:
    return f'<h2>{title}</h2>\n<p>{_text(text)}</p>\n<div id="{name}" class="chart"></div>'


def _designs(data: PageData) -> dict[str, Any]:
    shown = [(field, title) for field, _, title in data.tooltip if field not in ("design", "trial", "export")]
    return {**data.table(), "shown": shown, "command": data.export_parts}


def _text(text: str) -> str:
    return escape(printable(text))


def _json(content: Any) -> str:
    """Return JSON that ends no script, whatever its texts hold."""
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _file(name: str) -> str:
    return resources.files("dse.report").joinpath(name).read_text(encoding="utf-8")


def _library() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, of the Vega-Lite that Altair's charts are in."""
    import altair
    import vl_convert

    version = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    bundle: Any = vl_convert.javascript_bundle
    return str(bundle(vl_version=version)).replace("</script", "<\\/script")
