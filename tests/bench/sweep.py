"""What a sweep of the digits network takes on all cores, from its file to its front: `make bench`.

Search of every cut, counts, clock, price, accuracy, rows as CSV, front and picture. CPU time of all processes together,
time on the wall, and their memory (PSS: what several share counts once). `--points 1000000` for a million: more points
are more and larger arrays. On a machine that does something else, too, the time on the wall says little.
"""

from __future__ import annotations

import argparse
import math
import resource
import tempfile
import threading
import time
from pathlib import Path

STUDY = """version: 1
workloads: [digits]
costs: ihp130
space:
  rows: {sides}
  cols: {sides}
  op: [threshold, mac]
  bits: {{x: 2..8, w: same}}
  dataflow: [os, ws, is]
  ifmap_kib: [4, 8]
  filter_kib: [8, 16]
  ofmap_kib: [2, 8, 16]
  operand_depth: [128, 512]
  feeder_width: [4, 8]
  port_bits: [64, 128]
objectives: {{energy_uj: min, latency_us: min, area_mm2: min, accuracy: max}}
constraints: {{accuracy: ">= 0.9"}}
sampler: {{name: exhaustive}}
"""
POINTS_OF_AN_ARRAY = 2 * 7 * 3 * 2 * 2 * 3 * 2 * 2 * 2
SAMPLES_A_SECOND = 4


def study_of(points: int) -> str:
    """Return a study of at least so many points: arrays of 4, 8, 12, … rows and columns."""
    sides = math.isqrt(math.ceil(points / POINTS_OF_AN_ARRAY) - 1) + 1
    return STUDY.format(sides=[4 * side for side in range(1, sides + 1)])


def with_children(process: str) -> list[str]:
    """Return a process and all that it started, by their numbers."""
    found = [process]
    for tasks in Path("/proc", process, "task").glob("*/children"):
        found += [other for child in tasks.read_text().split() for other in with_children(child)]
    return found


def pss_mib() -> float:
    """Return the memory of this process and of all that it started."""
    kib = 0
    for process in with_children("self"):
        lines = Path("/proc", process, "smaps_rollup").read_text().splitlines()
        kib += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kib / 1024


class Memory(threading.Thread):
    """Watches the memory of all processes; `most_mib` so far."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most_mib = 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(1 / SAMPLES_A_SECOND):
            try:
                self.most_mib = max(self.most_mib, pss_mib())
            except OSError:  # a process that just ended
                continue

    def end(self) -> None:
        self._ended.set()
        self.join()


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those it started that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    # Here, as the commands do: a process that evaluates blocks imports this module, and needs none of it.
    from dse.evaluation.tally import total
    from dse.study.study import Study

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000, help="at least so many")
    parser.add_argument("--jobs", type=int, help="processes, by default one a core")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch) / "sweep.yaml"
        page.write_text(study_of(arguments.points))
        memory, wall, cpu = Memory(), time.perf_counter(), cpu_seconds()
        memory.start()
        study = Study(page, Path(scratch) / "out", quiet=True).run(arguments.jobs)
        wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
        memory.end()
        tally, front = total(study.tallies().values()), len(study.front())
        stored = sum(path.stat().st_size for path in (study.folder / "points").iterdir())
    print(f"{tally.tried:,} designs, {tally.refused:,} refused, {front:,} on the front, {stored / 1e6:.0f} MB of rows")
    print(f"{cpu:.1f} s of CPU time, {1e6 * cpu / tally.tried:.0f} us a design; {wall:.1f} s on the wall")
    print(f"{memory.most_mib:.0f} MiB of memory at most")


if __name__ == "__main__":
    main()
