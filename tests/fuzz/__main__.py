"""Run cases: `python -m tests.fuzz --count 20000 --seed 0`; one again: `python -m tests.fuzz --seed 0 --case 7`."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

from tqdm import tqdm

from tests.fuzz.judge import Fault, run_case, run_chunk
from tests.fuzz.kinds import KINDS

CHUNK = 50


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, help="only this one; its files go to ./fuzz-case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.case is not None:
        fault = run_case(arguments.seed, arguments.case, Path("fuzz-case"))
        print(fault or f"case {arguments.case}: no fault")
        sys.exit(fault is not None)
    print(f"count {arguments.count}, seed {arguments.seed}, {len(KINDS)} kinds of files", flush=True)
    jobs = [(arguments.seed, first, min(first + CHUNK, arguments.count)) for first in range(0, arguments.count, CHUNK)]
    faults: list[Fault] = []
    workers = ProcessPoolExecutor(arguments.jobs, get_context("spawn"))
    with workers as pool, tqdm(total=arguments.count, disable=None) as bar:
        done = pool.map(run_chunk, jobs)
        for _, first, end in jobs:
            try:
                faults_of_case = next(done)
            except BrokenProcessPool:  # a crash, not an error
                sys.exit(f"a process died in case {first} or a few hundred later: run them one by one (--case)")
            faults += faults_of_case
            bar.update(end - first)
            for fault in faults_of_case:
                tqdm.write(str(fault))
    kinds = ", ".join(f"{kind} {count}" for kind, count in Counter(fault.kind for fault in faults).items())
    summary = f"{arguments.count} inputs, seed {arguments.seed}: faults {len(faults)}{f' ({kinds})' if faults else ''}"
    if faults:
        sys.exit(summary)
    print(summary)


if __name__ == "__main__":
    main()
