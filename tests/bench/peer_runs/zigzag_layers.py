"""ZigZag's cycles of layers, each a workload of its own, by its own Python: they and the CPU seconds, as JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

from zigzag.api import get_hardware_performance_zigzag
from zigzag.inputs import __path__ as inputs


def main(layers_file: str, results: str) -> None:
    logging.disable()
    cycles, seconds = [], []
    for layer in json.loads(Path(layers_file).read_text(encoding="utf-8")):
        start = time.process_time()
        with redirect_stdout(sys.stderr):
            _, latency, _ = get_hardware_performance_zigzag(
                workload=[layer],
                accelerator=f"{inputs[0]}/hardware/tpu_like.yaml",
                mapping=f"{inputs[0]}/mapping/tpu_like.yaml",
                opt="latency",
                dump_folder=results,
                loma_show_progress_bar=False,
            )
        cycles.append(latency)
        seconds.append(time.process_time() - start)
    print(json.dumps({"cycles": cycles, "seconds": seconds}))


main(*sys.argv[1:])
