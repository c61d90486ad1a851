"""One run of SCALE-Sim by its own Python: prints the CPU seconds it took and the cycles it counted, as JSON."""

from __future__ import annotations

import csv
import json
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

from scalesim.scale_sim import scalesim


def main(configuration: str, topology: str, results: str) -> None:
    start = time.process_time()
    with redirect_stdout(sys.stderr):
        scalesim(
            save_disk_space=True, verbose=False, config=configuration, topology=topology, layout=topology
        ).run_scale(top_path=results)
    seconds = time.process_time() - start
    (report,) = Path(results).glob("*/COMPUTE_REPORT.csv")
    with report.open() as file:
        cycles = sum(float(row[" Total Cycles"]) for row in csv.DictReader(file))
    print(json.dumps({"seconds": seconds, "cycles": cycles}))


main(*sys.argv[1:])
