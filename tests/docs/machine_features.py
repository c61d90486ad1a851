"""What each feature of the machine does: MNIST and ResNet-18 on two arrays, counted and priced anew with each of them.

A combination that the cost table lacks has cycles and no price.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from cost_models.price.price import Cost, price
from simulator.designs.design import Design
from simulator.designs.memory import MOST_KIB
from simulator.run import Run, simulate
from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.host.text_tables import SIX_DIGITS, csv_bytes, markdown_table
from workloads.layers.layer import Layer
from workloads.networks.family import find_network
from workloads.networks.network import Network

NETWORKS = {"mnist": "MNIST", "resnet18-32x32": "ResNet-18"}
OPS, BITS, SIDES, DATAFLOWS = ("threshold", "mac"), (8, 4), (16, 32), ("os", "ws", "is")
IMAGES, STEP_KIB = 8, 16
BUFFERS = {"ifmap_kib": 64, "filter_kib": 256, "ofmap_kib": 128, "operand_depth": 4608}
"""Of all designs: operands of a lane for ResNet-18's deepest layer, 3 × 3 × 512."""

FEATURES: dict[str, dict[str, Any]] = {
    "baseline": {},
    "overlap": {"overlap": True},
    "two stages": {"overlap": True, "pe_stages": 2},
    "zero gating": {"overlap": True, "pe_stages": 2, "zero_gating": True},
    "several images": {"overlap": True, "images_at_once": IMAGES},
    "on-chip memory": {"overlap": True, "memory": {"kind": "sram", "kib": MOST_KIB}},
    "generated polarity": {"overlap": True, "polarity": "generated"},
}
"""Each but the first with `overlap`."""

OF_ONE_OP = {"zero gating": "mac", "generated polarity": "threshold"}


class Setting(NamedTuple):
    """What is the same with and without a feature; side: rows and columns of the array."""

    network: str
    side: int
    dataflow: str
    op: str
    bits: int


class Row(NamedTuple):
    """Figures of one image, a row of the CSV file; energies and area by group of the breakdown.

    scratchpads: and all memory around the array. main_memory, memory_kib: where it is on the chip. left_out: why there
    is no price, or no cycles.
    """

    network: str
    side: int
    dataflow: str
    op: str
    bits: int
    feature: str
    cycles: float | None = None
    utilisation: float | None = None
    memory_kib: float | None = None
    clock_ns: float | None = None
    latency_us: float | None = None
    energy_uj: float | None = None
    array_uj: float | None = None
    logic_uj: float | None = None
    scratchpads_uj: float | None = None
    main_memory_uj: float | None = None
    dram_uj: float | None = None
    area_mm2: float | None = None
    array_mm2: float | None = None
    logic_mm2: float | None = None
    scratchpads_mm2: float | None = None
    main_memory_mm2: float | None = None
    left_out: str = ""


def settings() -> list[Setting]:
    return list(itertools.starmap(Setting, itertools.product(NETWORKS, SIDES, DATAFLOWS, OPS, BITS)))


def features(setting: Setting) -> list[str]:
    return [name for name in FEATURES if OF_ONE_OP.get(name, setting.op) == setting.op]


def network_of(setting: Setting) -> Network:
    """Return the network of a setting; of op threshold with signs that a generator replays, which any design runs."""
    threshold = setting.op == "threshold"
    if setting.network == "mnist":
        family = "mnist-generated" if threshold else "mnist"
        return find_network(family, setting.op, setting.bits, setting.bits)
    network = find_network(setting.network, setting.op, setting.bits, setting.bits)
    if not threshold:
        return network
    layers = [
        Layer(**{**layer.model_dump(), "polarity": "generated", "polarity_seed": seed}) if layer.has_weights else layer
        for seed, layer in enumerate(network.layers)
    ]
    return replace(network, layers=tuple(layers))


def run_of(setting: Setting, feature: str, **others: Any) -> Run:
    """Return the counts of a network with a feature; an on-chip memory is as large as it needs, in whole STEP_KIB.

    A word of activations has as many channels as the array has rows, and a beat is a word: a narrower feeder or port
    keeps the array waiting. others: fields of the design that are to be other than that.
    """
    network = network_of(setting)
    fields: dict[str, Any] = {
        **{"rows": setting.side, "cols": setting.side, "dataflow": setting.dataflow, "op": setting.op},
        **{"x_bits": setting.bits, "w_bits": setting.bits, **BUFFERS, **FEATURES[feature]},
        **{"feeder_width": setting.side, "port_bits": setting.side * setting.bits, **others},
    }
    run = simulate(network, Design(**fields))
    if not run.design.on_chip:
        return run
    kib = math.ceil(run.memory.kib / STEP_KIB) * STEP_KIB
    return simulate(network, Design(**{**fields, "memory": {"kind": "sram", "kib": kib}}))


def row_of(setting: Setting, feature: str) -> Row:
    row = Row(*setting, feature)
    try:
        run = run_of(setting, feature)
    except LimenError as error:
        return row._replace(left_out=str(error))
    busy = sum(counts.busy for counts in run.counts)
    row = row._replace(cycles=run.cycles, utilisation=busy / (run.design.pes * run.pass_cycles))
    if run.design.on_chip:
        row = row._replace(memory_kib=run.design.memory_kib)
    try:
        cost = price(run)
    except LimenError as error:
        return row._replace(left_out=str(error).replace(f"{ROOT}/", ""))
    figures = {name: getattr(cost, name) for name in ("clock_ns", "latency_us", "energy_uj", "area_mm2")}
    return row._replace(**figures, **by_group(cost))


def by_group(cost: Cost) -> dict[str, float]:
    """Return energy and area of each group: array, logic, scratchpads, main memory and DRAM."""
    shares: dict[str, list[float]] = {}
    for part in cost.parts:
        main = part.component.startswith("main memory")
        group = "main_memory" if main else {"memory": "scratchpads"}.get(part.group, part.group)
        shares.setdefault(f"{group}_uj", []).append(part.energy_uj)
        if group != "dram":
            shares.setdefault(f"{group}_mm2", []).append(part.area_mm2)
    return {name: math.fsum(values) for name, values in shares.items()}


@cache
def rows() -> dict[Setting, dict[str, Row]]:
    """Return the rows of each setting by feature."""
    return {setting: {feature: row_of(setting, feature) for feature in features(setting)} for setting in settings()}


def content() -> bytes:
    """Return docs/tables/machine-features.csv."""
    return csv_bytes([row for of_features in rows().values() for row in of_features.values()], SIX_DIGITS)


def speed(row: Row) -> str:
    if row.cycles is None or row.utilisation is None:
        return "refused"
    return f"{row.cycles / 1e3:,.0f} k, {100 * row.utilisation:.0f} %"


def energy(row: Row) -> str:
    if row.energy_uj is None:
        return "not priced"
    main = row.dram_uj if row.main_memory_uj is None else row.main_memory_uj
    shares = [100 * (part or 0) / row.energy_uj for part in (row.array_uj, row.logic_uj, row.scratchpads_uj, main)]
    total = f"{row.energy_uj:,.0f}" if row.energy_uj >= 1e3 else f"{row.energy_uj:.1f}"
    return f"{total} ({', '.join(f'{share:.0f}' for share in shares)} %)"


def area(row: Row) -> str:
    return "not priced" if row.area_mm2 is None else f"{row.area_mm2:.2f}"


PIVOTS: dict[str, Callable[[Row], str]] = {
    "thousands of cycles an image, and utilisation": speed,
    "energy of an image in µJ (array, logic and memories around it, main memory)": energy,
    "area in mm²": area,
}


FED = Setting("resnet18-32x32", 32, "os", "threshold", 8)
FEEDING = ((16, 128, 128), (16, 256, 128), (32, 256, 64), (32, 256, 128), (32, 512, 128))
"""Feeder widths, bits of a port, and KiB of the ofmap scratchpad."""

STALLS = ("feeder", "filter", "ifmap", "ofmap", "control")


def feeding() -> str:
    """Return what keeps the array of FED waiting, folds overlapping, with narrower feeders and ports."""
    lines = []
    for feeder, port, ofmap in FEEDING:
        run = run_of(FED, "overlap", feeder_width=feeder, port_bits=port, ofmap_kib=ofmap)
        busy = sum(counts.busy for counts in run.counts) / run.design.pes
        waiting = [sum(getattr(counts, f"stall_{stall}") for counts in run.counts) for stall in STALLS]
        cells = [f"{100 * cycles / run.pass_cycles:.1f} %" for cycles in (busy, *waiting)]
        lines.append([str(feeder), str(port), f"{ofmap} KiB", *cells])
    head = ["feeder_width", "port_bits", "ofmap", "utilisation", *(f"stall {stall}" for stall in STALLS)]
    title = f"{NETWORKS[FED.network]}, {FED.side} × {FED.side}, {FED.dataflow}, {FED.op} of {FED.bits} bits, overlap"
    return f"## {title}: what feeds it\n\n{markdown_table(head, lines)}"


FIGURES = ("cycles", "latency_us", "energy_uj", "area_mm2")


def in_short() -> str:
    """Return by how much each feature changes the figures of an image, and the array's share of the energy."""
    lines = []
    for feature, dataflow in itertools.product([*FEATURES][1:], DATAFLOWS):
        before = "baseline" if feature == "overlap" else "overlap"
        pairs = [
            (of_features[before], of_features[feature])
            for setting, of_features in rows().items()
            if setting.dataflow == dataflow and feature in of_features
        ]
        shares = [row.array_uj / row.energy_uj for _, row in pairs if row.array_uj and row.energy_uj]
        cells = [changes([(getattr(old, name), getattr(new, name)) for old, new in pairs]) for name in FIGURES]
        shown = f"{100 * min(shares):.0f} to {100 * max(shares):.0f} %" if shares else "not priced"
        lines.append([f"{before} → {feature}" if feature == "overlap" else feature, dataflow, *cells, shown])
    head = ["", "dataflow", "cycles", "latency", "energy", "area", "array's share of the energy"]
    return f"## In short: least and most of all networks, arrays, ops and widths\n\n{markdown_table(head, lines)}"


def changes(pairs: list[tuple[float | None, float | None]]) -> str:
    """Return the least and the greatest change, in percent, of the pairs of which both figures are there."""
    found = [100 * (new / old - 1) for old, new in pairs if old is not None and new is not None]
    return f"{min(found):+.1f} to {max(found):+.1f} %".replace("-", "−") if found else "not priced"


def tables() -> str:
    """Return a table for each network, array and figure."""
    parts = []
    for (network, side), (figure, cell) in itertools.product(itertools.product(NETWORKS, SIDES), PIVOTS.items()):
        lines = []
        for setting, row in rows().items():
            if (setting.network, setting.side) == (network, side):
                cells = [cell(row[name]) if name in row else "–" for name in FEATURES]
                lines.append([f"{setting.op}, {setting.bits} bits", setting.dataflow, *cells])
        title = f"## {NETWORKS[network]}, {side} × {side}: {figure}"
        parts.append(f"{title}\n\n{markdown_table(['', 'dataflow', *FEATURES], lines)}")
    return "\n".join([in_short(), *parts, feeding()])
