"""Pages of the system table, from the cells and definitions that come with Limen."""

from __future__ import annotations

from dse.space.workload import called
from dse.system.definition_table import RATIOS, TITLE
from dse.system.rules import RULES, Asked
from dse.system.scenario import Scenario
from dse.system.sentences import Pair, pairs_of, ratio_of
from dse.system.stored import cells_of, stored_definitions, stored_scenarios
from dse.system.system import cells_for, definitions_for
from dse.system.table import RULE_WORDS, UNKNOWN, table_markdown
from dse.system.whole import whole_markdown
from tests.docs.system_cells import MAIN, OTHERS, UNTRAINED
from workloads.host.text_tables import markdown_table

BEST = Asked().best
SHOWN = {"power_mw": "power", "latency_us": "speed", "energy_uj": "energy", "area_mm2": "area"}


def main_page(network: str) -> str:
    """The whole table of a network's first scenario, as `limen study tables system` prints it."""
    scenario = Scenario(network)
    return whole_markdown(cells_for(scenario, Asked(), None), definitions_for(scenario, None), BEST)


def scenarios_page() -> str:
    """MAC over threshold in every stored scenario of the main networks, and the definitions on every library."""
    head = ["scenario", *(f"{RULE_WORDS[rule]}, {kind}" for rule in RULES for kind in ("first limit", "second"))]
    parts = []
    for network in MAIN:
        rows = []
        for scenario in (each for each in stored_scenarios() if each.network == network):
            words = scenario.words.removeprefix(f"{network} ")
            pairs = {rule: pairs_of(cells_of(scenario), rule) for rule in RULES}
            both = [_ratios(pairs[rule], place) for rule in RULES for place in (0, 1)]
            rows.append([words, *both])
        parts.append(f"## {network}\n\n{markdown_table(head, rows)}")
    return "\n".join([*parts, f"## {TITLE}\n\n{_definitions()}"])


def _ratios(pairs: list[Pair], place: int) -> str:
    if place >= len(pairs):
        return UNKNOWN
    return ", ".join(f"{ratio_of(pairs[place], name):.2f}" for name in SHOWN)


def _definitions() -> str:
    places = list(dict.fromkeys((row.network, row.costs) for row in stored_definitions()))
    lines = {(row.change, row.rule): ["", *[UNKNOWN] * len(places)] for row in stored_definitions()}
    for row in stored_definitions():
        cells = [f"{ratio:.2f}" if (ratio := row.ratio(name)) else UNKNOWN for name in RATIOS]
        lines[row.change, row.rule][1 + places.index((row.network, row.costs))] = ", ".join(cells)
    head = ["the MAC machine has", *(f"{network}, {called(costs)}" for network, costs in places)]
    return markdown_table(head, [[f"{change}, {rule}", *cells[1:]] for (change, rule), cells in lines.items()])


def others_page() -> str:
    """The tables of the other families, and of networks without training."""
    pages = [
        f"## {network}\n\n{table_markdown(cells_of(Scenario(network)), BEST)}" for network in (*OTHERS, *UNTRAINED)
    ]
    return "\n".join(pages)
