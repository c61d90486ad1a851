"""Timelines: what their spans say adds up to the counts, cycle by cycle; the file is one that trace viewers read."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import limen
from simulator.cuts.schedule import build
from simulator.designs.design import FittedDesign
from simulator.insight.spans import Span, Track, layer_spans
from simulator.insight.trace_file import Grain
from simulator.insight.traced import trace_layer
from simulator.plan.axes import lengths, tile_count
from simulator.plan.counts import PHASES, Counts
from simulator.plan.geometry import Geometry
from simulator.timing.timing import ALWAYS_READY, Cut, count_program
from tests.simulator.random_cuts import random_cut, random_pair, with_images
from workloads.errors import LimenError

SEEDS = 200
MOST_TILES = 40


def phases_of(spans: Iterable[Span], by_folds: bool) -> Counter[str]:
    """Return the cycles of all phases, and check that every cycle is of one."""
    total: Counter[str] = Counter()
    covered = []
    for span in spans:
        if span.track == Track.TILES and not by_folds:
            of_tile = {name: count for name, count in span.details.items() if name in PHASES}
            assert sum(of_tile.values()) == span.end - span.begin
            total.update(of_tile)
        elif span.track in (Track.ARRAY, Track.WAITS):
            total[span.name] += span.end - span.begin
        else:
            continue
        covered.append(span)
    covered.sort(key=lambda span: span.begin)
    assert all(before.end == after.begin < after.end for before, after in pairwise(covered))
    return total


def check(spans: list[Span], counts: Counts, start: int, by_folds: bool) -> None:
    phases = phases_of(spans, by_folds)
    assert {phase: phases[phase] for phase in PHASES} == {phase: getattr(counts, phase) for phase in PHASES}
    assert min(span.begin for span in spans) == start
    assert max(span.end for span in spans) == start + counts.cycles
    tiles = [span for span in spans if span.track == Track.TILES]
    assert [span.details["tile"] for span in tiles] == list(range(counts.tiles))
    port = [span for span in spans if span.track == Track.PORT]
    port.sort(key=lambda span: span.begin)
    assert all(before.end <= after.begin < after.end for before, after in pairwise(port))
    beats: Counter[str] = Counter()
    for span in port:
        beats[span.name.removeprefix("layer ")] += span.details["beats"]
    for stream in ("store", "descriptor", "filter", "ifmap", "residual"):
        assert beats[stream] == getattr(counts, f"beats_{stream}"), stream


def large_design() -> limen.Design:
    fields = limen.load_design("mac-16x16").model_dump() | {"ifmap_kib": 64, "filter_kib": 64, "ofmap_kib": 128}
    return limen.Design(**fields | {"operand_depth": 8192})


def random_layer(seed: int) -> tuple[Geometry, FittedDesign, Cut] | None:
    """Return a layer, a design and a cut of few tiles; of every second one several images above each other."""
    pair = random_pair(seed)
    if pair is None:
        return None
    (geometry, design), cut = pair, random_cut(seed, pair)
    if seed % 2 and geometry.pixels < 100:
        length = lengths(geometry, design, cut.parts).rows
        if geometry.out_height % length:
            return None  # a tile would cross from an image to the next
        geometry = with_images(geometry, 3)
        cut = Cut(cut.parts._replace(rows=geometry.out_height // length), cut.order)
    return (geometry, design, cut) if tile_count(geometry, design, cut.parts) <= MOST_TILES else None


def test_spans_add_up_to_the_counts() -> None:
    """Any cut of any layer, one image or several, on a memory that pauses or doesn't."""
    seen: Counter[str] = Counter()
    for seed in range(SEEDS):
        layer = random_layer(seed)
        if layer is None:
            continue
        geometry, design, cut = layer
        mask = ALWAYS_READY
        if seed % 3 == 0 and geometry.pixels < 300:
            mask = np.concatenate([[1], np.random.default_rng(seed).integers(0, 2, 1 + seed % 22)])
        start, schedules = 0, [build(geometry, design, *cut)] * 2  # the second begins in any cycle of the mask
        for counts in count_program(schedules, design, mask):
            traced = trace_layer(geometry, cut, design, start, mask)
            for by_folds in (False, True):
                check(layer_spans(traced, by_folds), counts, start, by_folds)
            start = traced.end
        seen.update([design.dataflow, f"overlap {design.overlap}", f"pauses {len(mask) > 1}"])
        seen.update([f"pool {geometry.pool}", f"images {geometry.images}"])
    print(dict(seen))
    kinds = ("os", "ws", "is", "overlap True", "overlap False", "pauses True", "pool True", "images 1", "images 3")
    assert min(seen[kind] for kind in kinds) > 15


def read(path: Path) -> tuple[dict, list[dict]]:
    """Return what a file says of itself, and its spans; check that it is in the Trace Event Format.

    Complete events have whole microseconds, which viewers keep exactly, and lie within or beside each other on a track.
    """
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    file = json.loads(content)
    assert list(file) == ["otherData", "traceEvents"] and b"\\u" not in content
    named, spans = set(), []
    for event in file["traceEvents"]:
        assert event.keys() <= {"name", "cat", "ph", "ts", "dur", "pid", "tid", "args"}, "the format's fields"
        assert type(event["pid"]) is type(event["tid"]) is int and event["ph"] in "MX"
        if event["ph"] == "M":
            (key,) = event["args"]
            assert event["name"] in ("process_name", "thread_name", "thread_sort_index")
            assert key == event["name"].rpartition("_")[2] or key == "sort_index"
            named.add(event["tid"])
            continue
        assert type(event["ts"]) is type(event["dur"]) is int and event["dur"] > 0 and event["name"] and event["cat"]
        assert all(type(number) is int for number in event.get("args", {}).values())
        spans.append(event)
    assert {span["tid"] for span in spans} <= named
    assert [span["ts"] for span in spans] == sorted(span["ts"] for span in spans)
    for track in {span["tid"] for span in spans}:
        end = 0
        for span in (span for span in spans if span["tid"] == track):
            assert span["ts"] >= end, "viewers lose what crosses another span of its track"
            end = span["ts"] + span["dur"]
    return file["otherData"], spans


@pytest.mark.parametrize("grain", ["layers", "tiles", "folds"])
def test_a_network_s_file(grain: Grain, tmp_path: Path) -> None:
    """Four images at once, on overlapping folds: a pass is shown."""
    fields = limen.load_design("threshold-16x16").model_dump()
    run = limen.simulate("digits", limen.Design(**fields | {"images_at_once": 4, "overlap": True, "feeder_width": 8}))
    path = tmp_path / "digits.json"
    count = run.timeline(path, grain)
    about, spans = read(path)
    assert len(spans) == count and about["cycles"] == run.pass_cycles and about["grain"] == grain
    layers = [span for span in spans if span["cat"] == "layers"]
    assert [span["name"] for span in layers] == [layer.name for layer in run.network.layers]
    assert [span["dur"] for span in layers] == [counts.cycles for counts in run.counts]
    for span, counts in zip(layers, run.counts, strict=True):
        assert {phase: span["args"].get(phase, 0) for phase in PHASES} == {name: vars(counts)[name] for name in PHASES}
    cats = {"layers": {"layers"}, "tiles": {"layers", "tiles", "waits", "port"}}
    assert {span["cat"] for span in spans} == cats.get(grain, {"layers", "tiles", "array", "waits", "port"})
    if grain == "folds":
        shown = [span for span in spans if span["cat"] in ("array", "waits")]
        assert sum(span["dur"] for span in shown) == run.pass_cycles
    before = path.read_bytes()
    packed = tmp_path / "digits.json.gz"
    assert run.timeline(packed, grain) == count and gzip.decompress(packed.read_bytes()) == before
    run.timeline(path, grain)
    assert path.read_bytes() == before


def test_resnet18_is_a_small_file(tmp_path: Path) -> None:
    run = limen.simulate("resnet18", large_design())
    path = tmp_path / "resnet18.json"
    assert run.timeline(path) > 3_000 and path.stat().st_size < 2_000_000
    assert sum(span["dur"] for span in read(path)[1] if span["cat"] == "layers") == run.cycles
    run.timeline(path, "folds", ["stem"])
    spans = read(path)[1]
    (stem,) = (span for span in spans if span["name"] == "stem")
    shown = [span for span in spans if span["cat"] in ("array", "waits")]
    assert sum(span["dur"] for span in shown) == stem["dur"] and len(spans) < 100_000


def test_bad_input_is_one_line_and_no_file(tmp_path: Path) -> None:
    run, path = limen.simulate("digits", "threshold-16x16"), tmp_path / "digits.json"
    for arguments, line in (
        ((tmp_path / "digits.vcd",), "digits.vcd: not allowed: a name that ends in .json or .json.gz"),
        ((path, "rows"), "grain: 'rows' is not allowed: one of layers, tiles, folds"),
        ((path, "tiles", ["conv9"]), "layer: 'conv9' is not allowed: one of conv1, conv2, conv3, scores"),
        ((3,), "timeline: 3 is not allowed: a file to write, .json or .json.gz"),
        ((tmp_path / "digits.txt" / "digits.json",), "cannot be written"),
    ):
        (tmp_path / "digits.txt").touch()
        with pytest.raises(LimenError) as refused:
            run.timeline(*arguments)
        assert line in str(refused.value) and "\n" not in str(refused.value)
    large = limen.simulate("resnet18", limen.Design(**large_design().model_dump() | {"rows": 2, "cols": 2}))
    with pytest.raises(LimenError, match=r"grain: 'folds' is not allowed for 23 layers of resnet18.*grain 'tiles'$"):
        large.timeline(path, "folds")
    assert not path.exists()
