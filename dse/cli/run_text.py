"""What `limen simulate` prints of runs: ten columns that matter; all of them on request, as CSV and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dse.cli.options import echo, echo_unmapped, echo_wrapped
from workloads.errors import shortened
from workloads.host.width import WIDTH

if TYPE_CHECKING:
    import pandas

    from simulator.designs.design import Design
    from simulator.run import Run
    from workloads.host.manifest import Origin
    from workloads.networks.network import Network

COLUMNS = ("layer", "op", "M", "N", "K", "cycles", "stalls", "worst_stall", "dram_bytes", "utilisation")
"""What is printed of a layer: its size, how long it takes, how much of that it waits and mostly for what."""

STALL = "stall_"
SHORTEST_NAME = 8
"""Characters that are left of a layer's name at least, however wide the figures are."""


def origin_of_run(workload: str, design: Design, seed: int | None = None, costs: str | None = None) -> Origin:
    """Return what counts of a workload on a design come from, and prices by a cost table.

    Raises LimenError where a file can't be read.
    """
    from cost_models.table.table import table_path
    from dse.evaluation.inputs import workload_hashes
    from workloads.host.journal import key_of
    from workloads.host.manifest import Origin, file_hash

    inputs = {**workload_hashes(workload), "design": key_of(design.model_dump(mode="json"))}
    return Origin(inputs | ({f"costs {Path(costs).stem}": file_hash(table_path(costs))} if costs else {}), seed)


def as_json(runs: Sequence[Run], network: Network, images: int, shows_schedule: bool) -> dict[str, Any]:
    """Return what there is to know of runs of one network and design, each at a level of its own."""
    first = runs[0]
    result = {
        "network": network.name,
        "design": first.design.model_dump(),
        "images": images,
        "unmapped_ops": [row.model_dump() for row in network.unmapped_ops],
        "memory_kib": {"program": first.memory.program_kib, "tensors": first.memory.tensors_kib},
        "levels": {run.level: json.loads(run.layers.to_json(orient="records")) for run in runs},
        "cycles_per_image": {run.level: run.cycles for run in runs},
    }
    if shows_schedule:
        result["schedule"] = json.loads(first.schedule.to_json(orient="records"))
    return result


def echo_runs(runs: Sequence[Run], network: Network, everything: bool, shows_schedule: bool) -> None:
    """Print the same for people; everything: all columns of the layers."""
    first = runs[0]
    fitted = first.design
    echo_wrapped(
        f"{network.name} on {fitted.rows} x {fitted.cols} {fitted.dataflow} {' + '.join(fitted.ops)}, "
        f"x {fitted.x_bits} bits, w {fitted.w_bits} bits, accumulators {fitted.acc_bits} bits"
        + f", {fitted.images_at_once} images at once"
        * (fitted.images_at_once > 1)
    )
    echo(
        (f"on-chip memory of {fitted.memory_kib:g} KiB" if fitted.on_chip else "DRAM")
        + f": descriptors and filters {first.memory.program_kib:.4g} KiB, "
        + f"tensors {'at their peak ' * fitted.on_chip}{first.memory.tensors_kib:.4g} KiB"
    )
    echo_unmapped(network)
    for run in runs:
        echo(f"\nlevel {run.level}: {run.cycles} cycles an image")
        echo(layers_text(run, everything))
    if shows_schedule:
        echo("\n" + "\n".join(first.schedule["loop_nest"]))


def main_columns(layers: pandas.DataFrame) -> pandas.DataFrame:
    """Return COLUMNS of a run's layers. stalls: cycles of all stalls; worst_stall: the one with most of them."""
    causes = layers[[name for name in layers if name.startswith(STALL)]]
    worst = causes.idxmax(axis=1).str.removeprefix(STALL).where(causes.max(axis=1) > 0, "")
    return layers.assign(stalls=causes.sum(axis=1), worst_stall=worst)[list(COLUMNS)]


def layers_text(run: Run, everything: bool) -> str:
    """Return a run's layers as a table; everything: all columns, however wide they are together."""
    layers = run.layers
    if everything:
        return _text(layers)
    return fitted_text(main_columns(layers), "{:.3f}")


def fitted_text(table: pandas.DataFrame, number: str) -> str:
    """Return a table of layers, their names shortened until a line has WIDTH; number: the form of what isn't whole."""
    excess = max(map(len, _text(table, number).splitlines())) - WIDTH
    if excess > 0:
        longest = max(map(len, table["layer"]))
        table = table.assign(layer=[shortened(name, max(longest - excess, SHORTEST_NAME)) for name in table["layer"]])
    return _text(table, number)


def _text(table: pandas.DataFrame, number: str = "{:.3f}") -> str:
    return str(table.to_string(index=False, float_format=number.format))


def layers_csv(runs: Sequence[Run]) -> str:
    """Return all columns of all runs as CSV, the level first; nothing where a level doesn't count it."""
    import pandas

    from workloads.host.text_tables import csv_text

    tables = []
    for run in runs:
        layers = run.layers
        layers.insert(0, "level", run.level)
        tables.append(layers)
    table = pandas.concat(tables, ignore_index=True)
    plain = table.astype(object).where(table.notna(), None)
    return csv_text(list(table), plain.itertuples(index=False, name=None))
