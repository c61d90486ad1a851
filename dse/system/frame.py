"""`system_table`, `system_definitions`: what `limen study tables system` shows, as DataFrames."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from types import NoneType
from typing import Any

import pandas

from cost_models.table.operands import OWN
from dse.system.cells import Cell
from dse.system.definition_table import RATIOS as DEFINITION_RATIOS
from dse.system.naive import Definition
from dse.system.published import published
from dse.system.rules import RULES, Asked
from dse.system.scenario import Scenario
from dse.system.system import cells_for, definitions_for, inputs_of
from dse.system.table import RATIOS, ratio, rows_of
from workloads.errors import LimenError, check_kind, shown
from workloads.host.names import check_is_path


def system_table(
    network: str = "digits",
    costs: str = "ihp130",
    memory: str = "dram",
    images: int = 1,
    stream: str = OWN,
    clock_ns: float | None = None,
    rules: str | Sequence[str] = (),
    sweeps: str | PathLike[str] | None = None,
    jobs: int | None = None,
) -> pandas.DataFrame:
    """Return a row for each rule, limit and op: its best design, the figures of that, and ratios, MAC over op.

    memory: dram; sram, on the chip; or sram and its KiB. images: of a pass. stream: operands of the PEs. clock_ns: of
    all machines; None: each has its own. rules: array, silicon, storage, accuracy; all by default.
    sweeps: a folder of sweeps, made or resumed by that many jobs; without it, what is stored with Limen.
    attrs["published"]: the paper's ratios of `power` and `speed`.

    Raises LimenError for a wrong rule, one that the network can't have, or a scenario that isn't stored.
    """
    check_kind("rules", rules, Sequence, f"of {', '.join(RULES)} one or a list")
    chosen: Any = [rules] if isinstance(rules, str) else [*rules]
    for rule in chosen:
        if rule not in RULES:
            raise LimenError(f"rules: {shown(rule)} is not allowed: {', '.join(RULES)}")
    scenario = _scenario(network, costs, memory, images, stream, clock_ns)
    cells = cells_for(scenario, Asked(tuple(chosen)), _folder(sweeps), jobs)
    heads = [f"{words}_ratio" for words in RATIOS.values()]
    rows = [[*cell, *(ratio(mac, cell, name) for name in RATIOS)] for mac, cell in rows_of(cells)]
    frame = pandas.DataFrame(rows, columns=[*Cell._fields, *heads])
    frame["trial"] = frame["trial"].astype("Int64")  # of a rule that no design of an op keeps there is none
    frame.attrs["published"] = {name.removesuffix("_ratio"): value for name, value in published().items()}
    return frame


def system_definitions(
    network: str = "digits", costs: str = "ihp130", sweeps: str | PathLike[str] | None = None
) -> pandas.DataFrame:
    """Return a row for each change of a naive MAC machine and each comparison; ratios are MAC over threshold.

    sweeps: anything but None evaluates them anew; without it, what is stored with Limen.
    Empty where the network is no chain of layers, is untrained, or nothing is stored of it on these costs.

    Raises LimenError where there is no such network or cost table.
    """
    scenario, folder = _scenario(network, costs), _folder(sweeps)
    inputs_of(scenario, folder)  # there is such a network, and such a table
    rows = definitions_for(scenario, folder)
    heads = [f"{words}_ratio" for words in DEFINITION_RATIOS.values()]
    return pandas.DataFrame(
        [[*row, *(row.ratio(name) for name in DEFINITION_RATIOS)] for row in rows],
        columns=[*Definition._fields, *heads],
    )


def _scenario(
    network: str, costs: str, memory: str = "dram", images: int = 1, stream: str = OWN, clock_ns: float | None = None
) -> Scenario:
    """Return what is asked for. Raises LimenError for an argument of another kind."""
    for name, value in {"network": network, "costs": costs, "memory": memory, "stream": stream}.items():
        check_kind(name, value, str, "a string")
    check_kind("images", images, int, "an integer from 1 on")
    check_kind("clock_ns", clock_ns, (int, float, NoneType), "None or a number of nanoseconds")
    if images < 1:
        raise LimenError(f"images: {images} is not allowed: an integer from 1 on")
    return Scenario(network, costs, memory, images, stream, clock_ns)


def _folder(sweeps: str | PathLike[str] | None) -> Path | None:
    if sweeps is None:
        return None
    check_kind("sweeps", sweeps, (str, PathLike), "None or the path of a folder")
    check_is_path("sweeps", fspath(sweeps))  # not of its Path: that of "" is "."
    return Path(sweeps)
