"""One run of ZigZag by its own Python: prints the CPU seconds it took and the cycles it counted, as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

from zigzag.api import get_hardware_performance_zigzag
from zigzag.inputs import __path__ as inputs


def main(workload: str, results: str) -> None:
    layers = json.loads(Path(workload).read_text(encoding="utf-8"))
    logging.disable()
    start = time.process_time()
    with redirect_stdout(sys.stderr):
        _, cycles, _ = get_hardware_performance_zigzag(
            workload=layers,
            accelerator=f"{inputs[0]}/hardware/tpu_like.yaml",
            mapping=f"{inputs[0]}/mapping/tpu_like.yaml",
            opt="latency",
            dump_folder=results,
            loma_show_progress_bar=False,
        )
    print(json.dumps({"seconds": time.process_time() - start, "cycles": cycles}))


main(*sys.argv[1:])
