"""What a system table shows: stored with Limen, or chosen from sweeps and priced."""

from __future__ import annotations

import math
from pathlib import Path

from cost_models.table.table import table_path
from dse.evaluation.inputs import workload_hashes
from dse.space.study_spec import parse_memory
from dse.space.workload import SEPARATOR, called
from dse.system.cells import Cell
from dse.system.naive import THRESHOLD, Definition, definitions, is_chain
from dse.system.rules import Asked, choose, sweeps_of
from dse.system.scenario import WIDEST, Scenario
from dse.system.sentences import sentences
from dse.system.stored import PATH, cells_of, stored_cells, stored_definitions, stored_scenarios
from dse.system.sweeps import sweep
from workloads.errors import LimenError
from workloads.host.manifest import file_hash
from workloads.networks.family import find_network
from workloads.ops.names import BASELINE


def cells_for(scenario: Scenario, asked: Asked, sweeps: Path | None, jobs: int | None = None) -> list[Cell]:
    """Return the cells of a table; sweeps: a folder of them, made or resumed, or None for what comes with Limen.

    Raises LimenError for what a network or a rule can't have, and what isn't stored.
    """
    try:
        parse_memory(scenario.memory)
    except ValueError as error:
        raise LimenError(f"memory: {error}") from None
    if scenario.clock_ns is not None and not 0 < scenario.clock_ns < math.inf:
        raise LimenError(f"clock_ns: {scenario.clock_ns} is not allowed: None or a number of nanoseconds above 0")
    rules = asked.check(scenario)
    if sweeps is not None:
        return choose(scenario, asked, sweep(scenario, sweeps, sweeps_of(rules), jobs))
    if asked != Asked(asked.rules):
        raise LimenError(
            "sweeps: nothing is not allowed with a budget or a best figure of one's own: a folder, which keeps all "
            "designs to choose among"
        )
    return [cell for cell in cells_of(scenario) if cell.rule in rules]


def inputs_of(scenario: Scenario, sweeps: Path | None) -> dict[str, str]:
    """Return the SHA-256 of what a table depends on, by what it is. Raises LimenError."""
    hashes = workload_hashes(SEPARATOR.join(scenario.networks))
    hashes[f"costs {called(scenario.costs)}"] = file_hash(table_path(scenario.costs))
    if sweeps is None:
        hashes["stored evaluations"] = file_hash(PATH)
    return hashes


def definitions_for(scenario: Scenario, sweeps: Path | None) -> list[Definition]:
    """Return the definitions of a naive machine on a scenario's network and cost table; none of other than chains.

    Raises LimenError where a table lacks the PEs of 16 bits.
    """
    if sweeps is None:
        place = scenario.network, scenario.costs
        return [row for row in stored_definitions() if (row.network, row.costs) == place]
    if not scenario.is_trained or THRESHOLD not in scenario.ops:
        return []
    chain = is_chain(find_network(scenario.network, BASELINE, WIDEST, WIDEST))
    return definitions(scenario.network, scenario.costs) if chain else []


def none_stored(scenario: Scenario) -> str:
    """Say that a scenario has no definitions of a naive machine, and which networks and cost tables have."""
    stored: dict[str, list[str]] = {}
    for row in stored_definitions():
        costs = stored.setdefault(row.network, [])
        costs += [row.costs] * (row.costs not in costs)
    there = "; ".join(f"{network} on {', '.join(costs)}" for network, costs in stored.items())
    return (
        f"definition: {called(scenario.network)} on {called(scenario.costs)} is not allowed: a trained chain of layers "
        f"of both ops, evaluated with --sweeps FOLDER; stored are {there}"
    )


def what_it_says(scenario: Scenario, cells: list[Cell], rows: list[Definition]) -> list[str]:
    """Return the sentences under a table; other scenarios of the network are those that are stored."""
    others = [other for other in stored_scenarios() if other.network == scenario.network and other != scenario]
    tables = [[cell for cell in stored_cells() if cell.scenario == other] for other in others]
    return sentences(cells, tables, rows)
