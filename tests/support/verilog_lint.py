"""What Verilator says of one of our Verilog modules."""

from __future__ import annotations

import os
import subprocess

from cost_models.sources.source import VERILOG
from simulator.rtl.toolchain import find_verilator


def lint(module: str, parameters: dict[str, int]) -> str:
    """Return what Verilator says of limen_`module` with these parameters: nothing where all is well."""
    verilator, root = find_verilator()
    command = [verilator, "--lint-only", "-Wall", "--quiet", "--top-module", f"limen_{module}"]
    command += ["-y", str(VERILOG), str(VERILOG / f"limen_{module}.v")]
    command += [f"-G{name}={value}" for name, value in parameters.items()]
    environment = {**os.environ, **({"VERILATOR_ROOT": root} if root else {})}
    outcome = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (outcome.returncode == 0) == (outcome.stdout + outcome.stderr == "")
    return outcome.stdout + outcome.stderr
