"""A timeline as a file in the Trace Event Format, which Perfetto and Chrome's about:tracing open.

One microsecond of the file is one cycle: viewers keep whole microseconds exactly, and cut fractions off. There is no
displayTimeUnit: some versions of Perfetto take it for the unit of all times. What the file says of itself comes first,
for Perfetto reads it in one piece; letters stand as they are, for it reads no \\u of a name.
Format: "Trace Event Format", Google, https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from simulator.cuts.schedule import choose_network
from simulator.insight.spans import Span, Track, layer_spans
from simulator.plan.counts import PHASES
from workloads.errors import LimenError, check_kind, printable, shown
from workloads.host.files import check_writable, write_whole
from workloads.layers.graph import layer_index
from workloads.version import VERSION

if TYPE_CHECKING:
    from simulator.plan.counts import Counts
    from simulator.run import Run

Grain = Literal["layers", "tiles", "folds"]
"""How fine a timeline is: layers alone, with tiles, transfers and waits, or with the phases of folds, too."""

MOST_EVENTS = 1_000_000
"""Of a file, some hundred bytes each."""

OF_TILE, OF_FOLD = 20, 3
"""Events of a tile without its folds (computing, transfers, waits between them), and of a fold, or some more."""

SUFFIXES = (".json", ".json.gz")

TITLES = {
    Track.LAYERS: "layers",
    Track.TILES: "tiles",
    Track.ARRAY: "array",
    Track.WAITS: "nothing computed: waits for",
    Track.PORT: "memory port",
}


def write_timeline(run: Run, path: str | Path, grain: Grain = "tiles", layers: Sequence[str] = ()) -> int:
    """Write the timeline of one pass of a run's network, counted at level timing; return how many spans it has.

    path: ends in .json or .json.gz. layers: names of those that are shown tile by tile; by default all.

    Raises:
        LimenError: another suffix, grain or layer, more events than a file may hold, or a file that can't be written.
    """
    check_kind("timeline", path, (str, Path), "a file to write, .json or .json.gz")
    path = Path(path)
    check_place(path)
    if grain not in get_args(Grain):
        raise LimenError(f"grain: {shown(grain)} is not allowed: one of {', '.join(get_args(Grain))}")
    for name in layers:
        layer_index(run.network.layers, name)
    _check_size(run, grain, layers)
    spans = sorted(_spans(run, grain, layers), key=lambda span: (span.begin, -span.end, span.track))
    text = _text(run, grain, spans).encode()
    write_whole(path, gzip.compress(text, mtime=0) if path.name.endswith(".gz") else text)
    return len(spans)


def check_place(path: Path) -> None:
    """Raise LimenError unless a timeline could be written there: asked before long work."""
    if not path.name.endswith(SUFFIXES):
        raise LimenError(f"{path}: not allowed: a name that ends in {' or '.join(SUFFIXES)}")
    check_writable(path.absolute().parent)


def _check_size(run: Run, grain: Grain, layers: Sequence[str]) -> None:
    if grain == "layers":
        return
    of_fold = OF_FOLD if grain == "folds" else 0
    most = sum(
        OF_TILE * counts.tiles + of_fold * counts.folds
        for layer, counts in zip(run.network.layers, run.counts, strict=True)
        if not layers or layer.name in layers
    )
    if most > MOST_EVENTS:
        coarser = "layers" if grain == "tiles" else "tiles"
        raise LimenError(
            f"grain: {grain!r} is not allowed for {len(layers) or len(run.counts)} layers of {run.network.name}: up to "
            f"{most} events, and a file holds {MOST_EVENTS}; fewer layers, or grain {coarser!r}"
        )


def _spans(run: Run, grain: Grain, layers: Sequence[str]) -> Iterator[Span]:
    """Yield the spans of all layers, each beginning where the one before ends."""
    chosen = choose_network(run.network, run.design)
    starts = accumulate((counts.cycles for counts in run.counts), initial=0)
    for layer, counts, (geometry, cut), start in zip(run.network.layers, run.counts, chosen, starts, strict=False):
        yield Span(Track.LAYERS, layer.name, start, start + counts.cycles, _totals(counts))
        if grain == "layers" or (layers and layer.name not in layers):
            continue
        from simulator.insight.traced import trace_layer

        traced = trace_layer(geometry, cut, run.design, start)
        assert traced.end == start + counts.cycles, f"layer {layer.name}: {traced.end - start} for {counts.cycles}"
        yield from layer_spans(traced, grain == "folds")


def _totals(counts: Counts) -> dict[str, int]:
    """Return what is said of a layer."""
    totals = {phase: getattr(counts, phase) for phase in PHASES}
    totals |= {"tiles": counts.tiles, "folds": counts.folds, "busy": counts.busy, "dram_bytes": counts.dram_bytes}
    return {name: count for name, count in totals.items() if count}


def _text(run: Run, grain: Grain, spans: Sequence[Span]) -> str:
    """Return the file: an event a line."""
    shown_tracks = sorted({span.track for span in spans})
    machine = f"{run.design.rows} x {run.design.cols} {run.design.dataflow} {' + '.join(run.design.ops)}"
    events = [_named("process_name", shown_tracks[0], f"{run.network.name} on {machine}")]
    for track in shown_tracks:
        events += [
            _named("thread_name", track, TITLES[track]),
            _event("M", "thread_sort_index", track, {"sort_index": track}),
        ]
    events += [_complete(span) for span in spans]
    other = {
        "limen": VERSION,
        "network": printable(run.network.name),
        "design": run.design.model_dump(mode="json"),
        "images": run.design.images_at_once,
        "cycles": run.pass_cycles,
        "grain": grain,
        "unit": "1 us of this file is 1 cycle",
    }
    lines = ",\n".join(map(_json, events))
    return f'{{"otherData":{_json(other)},\n"traceEvents":[\n{lines}\n]}}\n'


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _named(what: str, track: int, name: str) -> dict[str, Any]:
    return _event("M", what, track, {"name": printable(name)})


def _event(phase: str, name: str, track: int, details: dict[str, Any]) -> dict[str, Any]:
    return {"name": printable(name), "ph": phase, "pid": 1, "tid": int(track), "args": details}


def _complete(span: Span) -> dict[str, Any]:
    name = span.name.removeprefix("stall_") if span.track == Track.WAITS else span.name
    event = _event("X", name, span.track, span.details)
    event |= {"cat": span.track.name.lower(), "ts": span.begin, "dur": span.end - span.begin}
    if not span.details:
        del event["args"]
    return event
