"""The cells that come with Limen, dse/system/*.csv: `python -m tests.docs.system_cells FOLDER` makes them.

FOLDER has the sweeps, some gigabytes of nothing new: what is there is read, the rest evaluated. It takes CPU minutes,
so no test does it; `tests/dse/test_system_table.py` prices cells again, and chooses some anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from dse.system.cells import cells_csv
from dse.system.definition_table import definitions_csv
from dse.system.naive import definitions
from dse.system.rules import Asked, choose
from dse.system.scenario import Scenario
from dse.system.stored import DEFINITIONS, PATH
from dse.system.sweeps import sweep
from workloads.host.files import write_whole

MAIN = ("digits", "mnist")
OTHERS = ("fashion-mnist", "spoken-digits")
UNTRAINED = ("lenet", "ds-cnn", "resnet8")
IMAGES = 16
COMMON_CLOCK_NS = 10.0
LIBRARIES = ("ihp130", "sky130hd", "asap7")


def scenarios() -> Iterator[Scenario]:
    """Yield what is stored: of the main networks, each thing that a scenario says changed alone."""
    for network in MAIN:
        yield Scenario(network)
        yield Scenario(network, stream="uniform")
        yield Scenario(network, clock_ns=COMMON_CLOCK_NS)
        yield Scenario(network, images=IMAGES)
        for costs in LIBRARIES[1:]:
            yield Scenario(network, costs=costs)
        yield Scenario(network, memory="sram")
    for network in OTHERS + UNTRAINED:
        yield Scenario(network)


def write_cells(folder: Path) -> None:
    """Sweep all scenarios and write their cells. Raises LimenError."""
    cells = []
    for scenario in scenarios():
        cells += choose(scenario, Asked(), sweep(scenario, folder, scenario.sweeps))
        print(f"{scenario.name}: {len(cells)} cells", file=sys.stderr, flush=True)
    write_whole(PATH, cells_csv(cells).encode())
    rows = [row for network in MAIN for costs in LIBRARIES for row in definitions(network, costs)]
    write_whole(DEFINITIONS, definitions_csv(rows).encode())


if __name__ == "__main__":
    write_cells(Path(sys.argv[1]))
