"""Every number of a descriptor at its limit runs at all levels; beyond it, a layer is cut or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

import simulator.cuts.layout
import simulator.cuts.schedule
import simulator.program.program
from simulator.cuts.demands import fits
from simulator.cuts.schedule import count_network
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import FittedDesign
from simulator.encoding import LAYER, TILE, descriptor_words
from simulator.plan.axes import Axes
from simulator.plan.geometry import layer_geometry
from simulator.program.program import Program, compile_network
from simulator.timing.timing import ALWAYS_READY, Cut
from tests.levels.cases import extreme_input, make_network
from tests.levels.exactness import model_difference
from tests.levels.rtl_bench import bench
from workloads.errors import LimenError
from workloads.networks.network import Network

Size = tuple[int, int, int]

DESIGNS = {
    dataflow: FittedDesign(
        rows=1, cols=1, dataflow=dataflow, op="mac", x_bits=4, w_bits=4, x_signed=True, acc_bits=24, feeder_width=1,
        port_bits=32, memory_latency=1, ifmap_kib=64, filter_kib=64, ofmap_kib=384, operand_depth=16384,
    )
    for dataflow in ("os", "ws", "is")
}  # fmt: skip
"""One PE, scratchpads of 65,535 words and rows: every limit of a descriptor can be reached."""


def conv(**more: Any) -> dict[str, Any]:
    return {"name": "own", "kind": "conv2d", "out_channels": 1, "kernel": [1, 1], **more}


def pool(**more: Any) -> list[dict[str, Any]]:
    return [{"name": "own", "kind": "maxpool", "kernel": [1, 1], **more}, LAST]


def best_of(network: Network, design: FittedDesign) -> Callable[[int], Cut]:
    """Return what gives the best cut of a layer."""
    return lambda index: simulator.cuts.schedule.choose(layer_geometry(network, index), design)


LAST = {"name": "last", "kind": "linear", "out_channels": 1}
FLAT = {"name": "own", "kind": "linear", "out_channels": 1}


@dataclass(frozen=True)
class Limit:
    """A network whose first layer's descriptors, in this cut, hold numbers at their limits.

    fields: descriptor, field and what it is to hold.
    """

    what: str
    dataflow: str
    form: Size
    layers: list[dict[str, Any]]
    fields: tuple[tuple[str, str, int], ...]
    parts: Size = (1, 1, 1)

    @property
    def network(self) -> Network:
        form = dict(zip(("height", "width", "channels"), self.form, strict=True))
        return make_network("limit", DESIGNS[self.dataflow], form, self.layers, 3)

    def compiled(self, monkeypatch: pytest.MonkeyPatch) -> Program:
        """Return the program with this cut of the first layer, whatever else would be faster."""
        network, design = self.network, DESIGNS[self.dataflow]
        first, best = layer_geometry(network, 0), simulator.cuts.schedule.choose
        cut = Cut(Axes(*self.parts), "rows")
        assert fits(first, design, cut.parts)
        monkeypatch.setattr(
            simulator.cuts.schedule,
            "choose",
            lambda geometry, design: cut if geometry == first else best(geometry, design),
        )
        return compile_network(network, design)


LIMITS = [
    Limit("tiles", "ws", (65535, 1, 1), [conv()], (("layer", "tiles", 65535),), (65535, 1, 1)),
    Limit("width", "os", (1, 32767, 1), [conv(padding=[0, 0, 255, 255])],
          (("layer", "in_width", 32767), ("layer", "out_width", 33277),
           ("layer", "pad_left", 255))),
    Limit("strides", "ws", (3, 2, 2), [conv(stride=[65535, 65535])],
          (("layer", "stride_w", 65535), ("layer", "stride_h", 65535))),
    Limit("kernel height", "ws", (32767, 1, 1), pool(kernel=[32767, 1]),
          (("layer", "kernel_h", 32767), ("tile", "tile_rows", 32767))),
    Limit("kernel width", "ws", (1, 32767, 1), pool(kernel=[1, 33277], padding=[0, 0, 255, 255]),
          (("layer", "kernel_w", 33277),)),
    Limit("channels of pooling", "ws", (1, 1, 65535), pool(),
          (("tile", "groups", 65535), ("tile", "tile_outputs", 65535),
           ("tile", "group_outputs", 65535), ("tile", "store_runs", 1), ("tile", "store_beats", 65535))),
    Limit("fan-in", "ws", (1, 1, 65535), [FLAT],
          (("tile", "weight_rows", 65535), ("tile", "ifmap_runs", 1), ("tile", "ifmap_beats", 65535),
           ("tile", "k_size", 65535), ("tile", "channels", 65535))),
    Limit("runs", "ws", (9, 1, 65535), [conv()],
          (("tile", "ifmap_runs", 65535), ("tile", "ifmap_beats", 1)), (9, 1, 1)),
    Limit("words of a plane", "os", (255, 257, 1), [conv(stride=[2, 2])],
          (("tile", "plane_words", 65535),)),
    Limit("input rows", "ws", (32767, 1, 1), [conv(stride=[2, 1])], (("tile", "tile_rows", 32767),)),
    Limit("padding top", "ws", (2, 1, 1), [conv(padding=[255, 0, 0, 0])],
          (("tile", "first_row", -255),)),
    Limit("output pixels", "os", (255, 257, 1), [conv()],
          (("tile", "pixels", 65535), ("tile", "store_beats", 65535))),
    Limit("taps of pooling", "ws", (255, 256, 1), pool(kernel=[256, 256], padding=[1, 0, 0, 0]),
          (("tile", "k_size", 0), ("tile", "first_addr", -256 & 0xFFFF))),
    Limit("first address", "ws", (2, 300, 1), [conv(kernel=[250, 1], padding=[255, 0, 0, 0])],
          (("tile", "first_addr", -255 * 300 & 0xFFFF),)),
]  # fmt: skip


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.what)
def test_at_its_limit_every_level_agrees(limit: Limit, monkeypatch: pytest.MonkeyPatch) -> None:
    program = limit.compiled(monkeypatch)
    words = program.image[:, 0].astype("<u4")  # a word a beat
    layer, tile = words[: descriptor_words(LAYER)], words[descriptor_words(LAYER) :][: descriptor_words(TILE)]
    descriptors = {"layer": layer.view(LAYER)[0], "tile": tile.view(TILE)[0]}
    for kind, name, value in limit.fields:
        assert descriptors[kind][name] == value, name
    x = extreme_input(program.network, 1)
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
    assert bench(program.design).run(program, x).passed


BEYOND = [
    # (what, input, layers, fields of the design, what the line says of layer, quantity and limit)
    ("tiles of small buffers", (65535, 1, 1), [conv(out_channels=2)], {"ofmap_kib": 2 * 32 / 8192},
     r"layer own: ofmap_kib: 0.0078125 is not allowed: no cut has fewer than 131070 tiles, and the most is 65535; at"),
    ("tiles of any buffers", (65535, 32767, 1), [conv(out_channels=3)], {"dataflow": "os"},
     r"layer own: tiles: 98304 is not allowed: no cut has fewer, whatever the buffers; at most 65535"),
    ("input width", (1, 32768, 1), [conv()], {}, r"layer own: width: 32768 is not allowed: at most 32767"),
    ("input rows of a tile", (32768, 1, 1), pool(kernel=[32768, 1]), {},
     r"layer own: input rows of a tile: 32768 is not allowed: the smallest tile has no fewer; at most 32767"),
    ("words of an ifmap", (256, 256, 1), pool(kernel=[256, 256]), {"ifmap_kib": 65536},
     r"layer own: words of the ifmap scratchpad: 65536 is not allowed: the smallest tile has no fewer; at most 65535"),
    ("raw scores of a tile", (1, 32767, 1), [conv(out_channels=3, groups=1)], {"ofmap_kib": 65536}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("what", "form", "layers", "fields", "line"), BEYOND, ids=lambda value: str(value)[:20])
def test_beyond_it_a_layer_is_cut_or_refused(
    what: str, form: Size, layers: list[dict[str, Any]], fields: dict[str, Any], line: str
) -> None:
    design = DESIGNS["ws"].model_copy(update={"operand_depth": 16384, **fields})
    content = dict(zip(("height", "width", "channels"), form, strict=True))
    network = make_network("limit", design, content, layers, 3)
    if line:
        with pytest.raises(LimenError, match="^network limit: " + line):
            count_network(network, design)
        return
    design = design.model_copy(update={"dataflow": "os"})
    assert not fits(layer_geometry(network, 0), design, (1, 1, 1))
    program, x = compile_network(network, design), extreme_input(network, 1)
    assert program.schedules[0].parts != (1, 1, 1)
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None


@pytest.mark.parametrize(("pixels", "one_tile"), [((255, 257), True), ((256, 256), False)])
def test_pixels_of_a_tile(pixels: tuple[int, int], one_tile: bool) -> None:
    design = DESIGNS["os"].model_copy(update={"ifmap_kib": 128, "ofmap_kib": 65536})
    form = {"height": pixels[0], "width": pixels[1], "channels": 1}
    network = make_network("limit", design, form, [conv(), conv(name="last")], 3)
    assert fits(layer_geometry(network, 0), design, (1, 1, 1)) == one_tile


@pytest.mark.parametrize(("fan_in", "one_tile"), [(65533, True), (65534, False)])
def test_beats_of_a_tile_s_filters(fan_in: int, one_tile: bool) -> None:
    """A beat a row of two weights of 16 bits, and two beats of two biases and shifts of 32 bits."""
    design = DESIGNS["ws"].model_copy(update={"cols": 2, "w_bits": 16, "acc_bits": 27, "filter_kib": 65536})
    network = make_network("limit", design, {"channels": fan_in}, [{**FLAT, "out_channels": 2}], 3)
    assert fits(layer_geometry(network, 0), design, (1, 1, 1)) == one_tile


@pytest.mark.parametrize(("pixels", "runs", "beats"), [(255, 1, 65280), (256, 256, 256)])
def test_beats_of_a_dense_run(pixels: int, runs: int, beats: int) -> None:
    """256 planes of a beat a pixel: one run up to 65,535 beats, else a run each."""
    design = DESIGNS["os"].model_copy(update={"cols": 16, "feeder_width": 8, "ofmap_kib": 8192})
    smaller = {"name": "next", "kind": "maxpool", "kernel": [pixels, 1]}
    layers = [pool(padding=[pixels - 1, 0, 0, 0])[0], smaller, LAST]
    network = make_network("limit", design, {"channels": 2048}, layers, 3)
    program = compile_network(network, design, [Cut(Axes(1, 1, 1), "rows"), *map(best_of(network, design), (1, 2))])
    tile = program.image[descriptor_words(LAYER) :, 0].astype("<u4")[: descriptor_words(TILE)].view(TILE)[0]
    assert (tile["store_runs"], tile["store_beats"]) == (runs, beats)
    x = extreme_input(network, 1)
    assert model_difference(program, x, ALWAYS_READY, run_cycle(program, x)) is None
    assert bench(design).run(program, x).passed


@pytest.mark.parametrize("module", ["layout", "program"])
def test_memory_behind_the_port(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many beats as addresses reach, as many words as levels with data hold; then not one more."""
    design = DESIGNS["ws"]
    network = make_network("limit", design, {"height": 3, "width": 3, "channels": 2}, [conv(), LAST], 3)
    beats = len(compile_network(network, design).image)
    places = {"layout": ("MOST_BEATS", simulator.cuts.layout), "program": ("MOST_WORDS", simulator.program.program)}
    name, place = places[module]
    monkeypatch.setattr(place, name, beats)
    assert len(compile_network(network, design).image) == beats
    monkeypatch.setattr(place, name, beats - 1)
    said = rf"tensor last: a memory of {beats} beats .* at most {beats - 1}$" if module == "layout" else "a memory of"
    with pytest.raises(LimenError, match="^network limit: " + said):
        compile_network(network, design)
    if module == "layout":
        with pytest.raises(LimenError, match="^network limit: " + said):
            count_network(network, design)
    else:
        assert count_network(network, design)
