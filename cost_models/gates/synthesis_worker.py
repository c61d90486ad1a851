"""One synthesis in a process of its own: `python -m cost_models.gates.synthesis_worker JOB.json`.

A second synthesis in one process gives another result, so nobody calls this in theirs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def main(job_path: str) -> None:
    """Run the passes of a job, {"passes": [...]}."""
    from pyosys import libyosys

    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    design = libyosys.Design()
    for command in job["passes"]:
        libyosys.run_pass(command, design)


if __name__ == "__main__":
    main(sys.argv[1])
