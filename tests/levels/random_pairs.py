"""Random pairs of a design and a network, from printed seeds, that reach the machine's hard corners.

Buffers are drawn around what the network needs, so that tiles fall along rows, outputs and input channels; a pair
whose smallest tile does not fit, or that runs long, is refused with a LimenError, and counted by whoever draws.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.cuts.demands import fits
from simulator.cuts.schedule import choose_network
from simulator.designs.design import Design, FittedDesign
from simulator.designs.memory import MOST_KIB, Memory
from simulator.plan.axes import Axes, most_parts, tile_count
from simulator.program.program import Program, compile_network
from simulator.timing.timing import ALWAYS_READY, Cut, count_program
from tests.levels.draw import Draw
from tests.levels.graphs import POLARITIES, random_inputs, random_parameters
from workloads.errors import LimenError
from workloads.layers.order import ORDERS
from workloads.networks.network import Network, NetworkFile
from workloads.networks.stacked import stack
from workloads.ops.integers import MAX_SHIFT
from workloads.ops.names import OPS
from workloads.ops.registry import operation
from workloads.ops.shift import SHIFT

DATAFLOWS = ("os", "ws", "is")
FUSIONS: dict[str, dict[str, Any]] = {
    "threshold+mac": {"op": "threshold", "extra_ops": ("mac",), "polarity": "input"},
    "adder+shift+threshold": {"op": "adder", "extra_ops": ("shift", "threshold"), "polarity": "neuron"},
    "shift+mac": {"op": "shift", "extra_ops": ("mac",)},
    "all": {"op": "mac", "extra_ops": ("adder", "threshold", "shift"), "polarity": "synapse"},
    "mac+threshold": {"op": "mac", "extra_ops": ("threshold",), "polarity": "generated"},
}
"""Designs of several ops that the Verilog is run for."""

DRAWS, MOST_TILES = 12, 60
"""Cuts tried for one that fits in so many tiles; else a layer has the best."""

ON_CHIP = Memory(kind="sram", kib=MOST_KIB)

LONGEST = 20_000
"""Cycles above which a pair is refused: the sweep is to see many of them."""


def random_ops(draw: Draw, given: dict[str, Any]) -> dict[str, Any]:
    """The op of a random design, and now and then more of them, where they are not given."""
    op = given.get("op") or draw.one_of(*OPS)
    extra = given.get("extra_ops")
    if extra is None:
        others = draw.rng.permutation([other for other in OPS if other != op])
        extra = tuple(str(other) for other in others[: draw.one_of(1, 1, 2, 3)]) if draw.chance(0.2) else ()
    return {"op": op, "extra_ops": extra}


def random_stages(draw: Draw, ops: set[str], given: dict[str, Any]) -> dict[str, Any]:
    """How the PEs of a random design are staged and whether its folds overlap, where it is not given."""
    stages = given.get("pe_stages") or draw.one_of(1, 1, 2)
    gated = ops == {"mac"} and stages == 2 and draw.chance(0.5)
    return {"pe_stages": stages, "zero_gating": given.get("zero_gating", gated), "overlap": draw.chance(0.5)}


def random_memory(draw: Draw) -> dict[str, Any]:
    """What is behind the port of a random design: now and then a memory on the chip."""
    return {"memory": ON_CHIP if draw.chance(0.3) else Memory()}


def random_fields(draw: Draw, most_pes: int = 64, **given: Any) -> dict[str, Any]:
    """The fields of a random design but for those given; its accumulators are still to be sized."""
    chosen = random_ops(draw, given)
    ops = {chosen["op"], *chosen["extra_ops"]}
    rows = draw.pick(1, 9) if draw.chance(0.9) else draw.pick(1, most_pes)
    cols = draw.pick(1, min(9, most_pes // rows)) if draw.chance(0.9) else draw.pick(1, most_pes // rows)
    rows, cols = draw.one_of((rows, cols), (cols, rows))
    wide = draw.chance(0.05)
    x_bits, w_bits = (16, 16) if wide else (draw.pick(2, 10), draw.pick(2, 10))
    if ops == {"shift"}:
        w_bits = draw.pick(*SHIFT.weight_bits)
    port = draw.one_of(32, 64, 128, 256)
    feeder = draw.one_of(*[width for width in (1, 2, 4, 8, 16) if width * x_bits <= port])
    beat_kib = 2 * port / 8192  # the least that Design accepts
    fields = {
        "rows": rows,
        "cols": cols,
        "dataflow": draw.one_of(*DATAFLOWS),
        **chosen,
        "x_bits": x_bits,
        "w_bits": w_bits,
        "x_signed": any(operation(op).one_range for op in ops) or draw.chance(0.5),
        "acc_policy": draw.one_of("format", "weights"),
        "polarity": draw.one_of("synapse", "synapse", *POLARITIES[1:]) if "threshold" in ops else "synapse",
        "ifmap_kib": max(beat_kib, draw.about(0.02, 1)),
        "filter_kib": max(beat_kib, draw.about(0.05, 2)),
        "ofmap_kib": max(beat_kib, draw.about(0.05, 2)),
        "operand_depth": feeder * draw.pick(1, 4) if draw.chance(0.2) else max(feeder, int(draw.about(8, 256))),
        "feeder_width": feeder,
        "port_bits": port,
        "port_interval": draw.pick(1, 6) if draw.chance(0.7) else 1,
        "memory_latency": draw.pick(1, 40),
        **random_stages(draw.beside(), ops, given),
        **random_memory(draw.beside()),
        **given,
    }
    able = bool(matmul_ops(fields))
    return {"matmul": able and draw.beside().chance(0.4), **fields}


def _window(draw: Draw, sizes: tuple[int, int]) -> dict[str, list[int]]:
    """A kernel, stride and padding over an input; now and then windows that lie wholly in the padding."""
    kernel = [draw.pick(1, min(3, size)) for size in sizes]
    most = draw.one_of(0, 0, 1, 2, 4)
    padding = [draw.pick(0, most) for _ in range(4)]
    if sizes[1] == 1 and draw.chance(0.7):
        padding[2:], kernel[1] = [0, 0], 1
    strides = [draw.one_of(1, 1, 2, 3), draw.one_of(1, 1, 2, 3)]
    return {"kernel": kernel, "stride": strides, "padding": padding}


def _pooled(draw: Draw, sizes: tuple[int, int], kinds: tuple[str, ...]) -> tuple[dict[str, Any], tuple[int, int]]:
    """A pooling layer's keys and the size it leaves: a small window, one up to all there is, or the global one."""
    kind = draw.one_of(*kinds)
    form = draw.one_of("small", "small", "any", "global")
    if form == "global":
        return {"kind": kind, "kernel": "global"}, (1, 1)
    window = _window(draw, sizes)
    if form == "any":
        top, bottom, left, right = window["padding"]
        window["kernel"] = [draw.pick(1, sizes[0] + top + bottom), draw.pick(1, sizes[1] + left + right)]
    return {"kind": kind, **window}, _size_after(window, sizes)


def _same(draw: Draw) -> dict[str, list[int]]:
    """A window that keeps height and width."""
    kernel = [draw.one_of(1, 2, 3), draw.one_of(1, 3)]
    up, left = draw.pick(0, kernel[0] - 1), draw.pick(0, kernel[1] - 1)
    return {"kernel": kernel, "stride": [1, 1], "padding": [up, kernel[0] - 1 - up, left, kernel[1] - 1 - left]}


def _size_after(window: dict[str, list[int]], sizes: tuple[int, int]) -> tuple[int, int]:
    (kh, kw), (sh, sw), (top, bottom, left, right) = window["kernel"], window["stride"], window["padding"]
    return (sizes[0] + top + bottom - kh) // sh + 1, (sizes[1] + left + right - kw) // sw + 1


def _channels(draw: Draw, fields: dict[str, Any]) -> int:
    """Few channels, or some words of them and a tail."""
    return draw.pick(1, 12) if draw.chance(0.6) else draw.pick(1, 3 * fields["feeder_width"] + 3)


def random_layers(draw: Draw, fields: dict[str, Any]) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Return the input and one to four layers of a network file: a chain with branches here and there."""
    feeder, averages = fields["feeder_width"], averaging_ops(fields)
    flat = draw.chance(0.2)
    sizes = (draw.pick(1, 20), 1) if flat else (draw.pick(1, 9), draw.pick(1, 9))
    channels = _channels(draw, fields)
    form = {"height": sizes[0], "width": sizes[1], "channels": channels}
    layers: list[dict[str, Any]] = []
    source = "input"
    count = draw.pick(1, 3)
    for index in range(count):
        last = index == count - 1
        name = f"l{index}"
        if draw.chance(0.25):
            kinds = (*(() if last else ("maxpool",)), *(("avgpool",) if averages else ()))
            if kinds:
                pool, sizes = _pooled(draw, sizes, kinds)
                layers.append({"name": name, "input": source, **pool})
                source = name
                continue
        if fields.get("matmul") and sizes[0] * sizes[1] <= 40 and draw.chance(0.35):
            block = attention(draw, name, source, _channels(draw, fields))
            block[0]["out_channels"] = channels
            layers += block
            channels, source = block[-3]["out_channels"], name
            continue
        if draw.chance(0.15):
            layers.append({"name": name, "kind": "linear", "input": source, "out_channels": draw.pick(1, 20)})
            if sizes[0] * sizes[1] * channels <= 400:
                sizes, channels, source = (1, 1), layers[-1]["out_channels"], name
                continue
            layers.pop()
        if not last and draw.chance(0.35):  # two layers side by side, or one after the other, write one tensor
            window = _same(draw)
            first, second = feeder * draw.pick(1, 2), draw.pick(1, 9)
            shared = {"kind": "conv2d", "tensor": name}
            layers.append({"name": f"{name}a", **shared, "input": source, "out_channels": first, **window})
            layers.append(
                {
                    "name": f"{name}b",
                    **shared,
                    "input": draw.one_of(source, name),
                    "offset": first,
                    "out_channels": second,
                    **_same(draw),
                }
            )
            channels, source = first + second, name
            continue
        entry = {"name": name, "kind": "conv2d", "input": source}
        if draw.chance(0.3):
            entry |= {"out_channels": channels, "residual": source, "residual_shift": draw.pick(0, 3), **_same(draw)}
        else:
            entry |= {"out_channels": _channels(draw, fields), **_window(draw, sizes)}
        if draw.chance(0.35):
            divisors = [groups for groups in range(1, channels + 1) if channels % groups == 0]
            groups = channels if draw.chance(0.4) else int(draw.rng.choice(divisors))
            entry["groups"] = groups
            if "residual" not in entry:
                entry["out_channels"] = groups * draw.pick(1, max(1, 12 // groups))
        if (flat or sizes[1] == 1) and entry["kernel"][1] == 1 and entry["padding"][2:] == [0, 0]:
            entry |= {"kind": "conv1d", "kernel": entry["kernel"][:1], "padding": entry["padding"][:2]}
            entry["stride"] = entry["stride"][:1]
            window = {"kernel": [*entry["kernel"], 1], "stride": [*entry["stride"], 1]}
            window["padding"] = [*entry["padding"], 0, 0]
        else:
            window = entry
        layers.append(entry)
        sizes, channels, source = _size_after(window, sizes), entry["out_channels"], name
    return form, layers


def matmul_ops(fields: dict[str, Any]) -> tuple[str, ...]:
    """Return the ops of a design of these fields whose synapses may be another tensor."""
    return tuple(op for op in (fields["op"], *fields["extra_ops"]) if op != "shift")


def attention(draw: Draw, name: str, source: str, outputs: int) -> list[dict[str, Any]]:
    """Return layers from `source` to a tensor `name` of the same pixels: one times another's transpose, times a third.

    outputs: channels of the third.
    """
    pointwise = {"kind": "conv2d", "input": source}
    same = draw.chance(0.5)  # the third is the second
    third = [] if same else [{"name": f"{name}v", **pointwise, "out_channels": outputs}]
    return [
        {"name": f"{name}k", **pointwise, "out_channels": None},
        *third,
        {"name": f"{name}a", "kind": "matmul", "input": source, "synapses": f"{name}k", "transposed": True},
        {"name": name, "kind": "matmul", "input": f"{name}a", "synapses": f"{name}k" if same else f"{name}v"},
    ]


def averaging_ops(fields: dict[str, Any]) -> tuple[str, ...]:
    """Return the ops of a design of these fields that can add activations up, whatever widths a layer takes."""
    ops = (fields["op"], *fields["extra_ops"])
    return tuple(op for op in ops if operation(op).averaging_weight(fields["x_bits"], fields["w_bits"]) is not None)


def _op_of_layer(draw: Draw, fields: dict[str, Any], x_bits: int, kind: str) -> dict[str, Any]:
    """One of the design's ops for a layer that reads x_bits, with weights as wide as they may be or narrower."""
    able = {"avgpool": averaging_ops, "matmul": matmul_ops}
    op = draw.one_of(*(able[kind](fields) if kind in able else (fields["op"], *fields["extra_ops"])))
    widest = min(fields["w_bits"], SHIFT.weight_bits[1]) if op == "shift" else fields["w_bits"]
    if operation(op).one_range:  # as the alignment is wired
        w_bits = fields["w_bits"] - fields["x_bits"] + x_bits
    else:
        w_bits = widest if draw.chance(0.7) else draw.pick(2, widest)
    keys = {"op": op, "w_bits": w_bits}
    if op == "threshold" and kind not in able:
        stored = fields["polarity"]
        modes = ("synapse", "input", "neuron", "generated") if stored == "synapse" else (stored,)
        keys |= {"polarity": draw.one_of(*modes), "polarity_seed": draw.pick(0, 2**32 - 1)}
    return keys


def random_network(draw: Draw, fields: dict[str, Any], name: str) -> Network:
    """A network that a design of these fields supports; its formats are the design's or narrower."""
    form, layers = random_layers(draw, fields)
    ops, signed = (fields["op"], *fields["extra_ops"]), fields["x_signed"]
    narrow = draw.pick(0, min(fields["x_bits"], fields["w_bits"]) - 2) if draw.chance(0.3) else 0
    formats = {"x_bits": fields["x_bits"] - narrow, "x_signed": signed}
    for entry in layers:
        if entry["kind"] != "maxpool":
            entry |= _op_of_layer(draw, fields, formats["x_bits"], entry["kind"])
    if not any(operation(op).one_range for op in ops) and signed and formats["x_bits"] > 2 and draw.chance(0.2):
        formats |= {"x_bits": formats["x_bits"] - 1, "x_signed": False}
    content = {"version": 1, "name": name, "op": ops[0], "w_bits": fields["w_bits"], **formats}
    content |= {"input": form, "layers": layers}
    built = NetworkFile.model_validate(content).build_layers()
    parameters = tuple(random_parameters(layer, draw.rng) for layer in built)
    for layer_parameters in parameters:
        if len(layer_parameters.shift) > 2:  # one channel shifts far, up to beyond the accumulator
            layer_parameters.shift[draw.pick(0, len(layer_parameters.shift) - 1)] = draw.pick(7, MAX_SHIFT)
    return Network(name, built, parameters)


def above_each_other(draw: Draw, network: Network) -> Network:
    """Return the network as it is or, now and then, for two or three images at once."""
    return stack(network, draw.pick(2, 3)) if draw.chance(0.2) else network


def widened(design: Design, networks: list[Network]) -> FittedDesign:
    """Return the design with accumulators as wide as the widest of these networks needs."""
    widest = max(design.fitted(network).acc_bits for network in networks)
    return FittedDesign(**{**design.model_dump(), "acc_bits": widest})


def random_mask(draw: Draw, most: int = 40) -> np.ndarray:
    """A memory's periodic ready-mask of at most this length, never closed for ever."""
    mask = (draw.rng.random(draw.pick(2, most)) < draw.about(0.3, 1)).astype(np.int64)
    mask[draw.pick(0, len(mask) - 1)] = 1
    return mask


def long_mask(draw: Draw) -> np.ndarray:
    """A ready-mask longer than any pair runs: it never repeats."""
    return (draw.rng.random(8 * LONGEST) < draw.about(0.4, 1)).astype(np.int64)


def drawn_cuts(draw: Draw, network: Network, design: FittedDesign) -> list[Cut]:
    """Return a cut of every layer out of all that fit, now and then the best; LimenError where none fits."""
    cuts = []
    for geometry, best in choose_network(network, design):
        most = most_parts(geometry, design)
        cut = best
        for _ in range(0 if draw.chance(0.3) else DRAWS):
            rows, outputs, channels = (
                draw.one_of(1, draw.pick(1, min(4, parts)), draw.pick(1, parts)) for parts in most
            )
            parts = Axes(rows, outputs, channels)
            if tile_count(geometry, design, parts) <= MOST_TILES and fits(geometry, design, parts):
                cut = Cut(parts, draw.one_of(*ORDERS))
                break
        cuts.append(cut)
    return cuts


def compiled(network: Network, design: FittedDesign, mask: np.ndarray, seed: int) -> Program:
    """Return the program of a pair by cuts drawn from all; LimenError where it does not fit or runs long."""
    program = compile_network(network, design, drawn_cuts(Draw(seed), network, design))
    cycles = sum(counts.cycles for counts in count_program(program.schedules, design, mask))
    if cycles > LONGEST:
        raise LimenError(f"network {network.name}: {cycles} cycles: longer than a random pair should be")
    return program


def random_pair(seed: int) -> tuple[Program, np.ndarray, np.ndarray]:
    """Return the program, input and ready-mask of a seed; LimenError where the pair does not fit or runs long."""
    draw = Draw(seed)
    fields = random_fields(draw)
    network = above_each_other(draw, random_network(draw, fields, f"seed{seed}"))
    mask = random_mask(draw) if draw.chance(0.3) else ALWAYS_READY
    program = compiled(network, widened(Design(**fields), [network]), mask, seed)
    return program, random_inputs(network, 1, seed)[0], mask


def random_programs(seed: int, wanted: int, **given: Any) -> list[tuple[Program, np.ndarray, np.ndarray]]:
    """Return up to `wanted` networks, inputs and masks on one random design: a Verilator build serves them all.

    given: fields of the design that are not left to chance. A third of the masks repeat, a third never do.
    """
    fields = random_fields(Draw(seed), **given)
    networks: list[Network] = []
    for index in range(6 * wanted):
        try:
            draw = Draw(seed * 1000 + index)
            network = above_each_other(draw, random_network(draw, fields, f"seed{seed}n{index}"))
            compiled(network, widened(Design(**fields), [network]), ALWAYS_READY, seed + index)
        except LimenError:
            continue
        networks.append(network)
        if len(networks) == wanted:
            break
    programs = []
    for index, network in enumerate(networks):
        draw = Draw(seed * 1000 + 500 + index)
        mask = (ALWAYS_READY, random_mask(draw), long_mask(draw))[index % 3]
        try:
            program = compiled(network, widened(Design(**fields), networks), mask, seed + index)
        except LimenError:  # wider accumulators for the others, or slower memory
            continue
        programs.append((program, random_inputs(network, 1, index)[0], mask))
    return programs
