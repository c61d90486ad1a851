"""Testbenches built before, kept in the user's folder of caches by the digest of all that they were built from."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from simulator.rtl.toolchain import build_testbench, find_verilator, tool_versions
from workloads.errors import LimenError
from workloads.host.caches import cache_folder
from workloads.host.files import write_whole
from workloads.host.progress import Progress
from workloads.host.scratch import clear_folder

KEPT = 32
"""Programs that are kept, of about a megabyte each: the others were used longer ago."""

SOURCES = ("Makefile", "filelist.f", "rtl/*", "tb/*")
VARIABLES = (
    *("CXXFLAGS", "WARNINGS"),  # of the Makefile
    *("COMPILER_PATH", "CPATH", "CPLUS_INCLUDE_PATH", "GCC_EXEC_PREFIX", "LIBRARY_PATH"),  # of the compiler
)
"""What of the environment goes into a build, beside the tools."""

DIGEST_BYTES = hashlib.sha256().digest_size


def kept_testbench(folder: Path, progress: Progress | None = None) -> Path:
    """Return the testbench of a folder's sources, without trace: one kept of the very same, else built, and kept.

    Raises LimenError and BuildError as `build_testbench` does.
    """
    builds = cache_folder() / "builds"
    clear_folder(builds)
    kept = builds / _digest(folder)
    content = _fetch(kept)
    if content is None:
        program = build_testbench(folder, progress=progress)
        with suppress(LimenError, OSError):  # the disk is full: the next time it is built again
            builds.mkdir(mode=0o700, exist_ok=True)
            built = program.read_bytes()
            write_whole(kept, hashlib.sha256(built).digest() + built)
            for old in sorted(builds.iterdir(), key=os.path.getmtime)[:-KEPT]:
                old.unlink()
        return program
    program = folder / "build" / "limen_tb"
    program.parent.mkdir()
    program.write_bytes(content)
    program.chmod(0o700)
    return program


def _digest(folder: Path) -> str:
    """Return the digest of all that a testbench is built from: every file's name and text, tools, flags."""
    hashed = hashlib.sha256(repr((sorted(tool_versions().items()), find_verilator(), os.uname().machine)).encode())
    for name in VARIABLES:
        hashed.update(repr((name, os.environ.get(name))).encode())
    for path in sorted(path for pattern in SOURCES for path in folder.glob(pattern)):
        text = path.read_bytes()
        hashed.update(repr((str(path.relative_to(folder)), len(text))).encode() + text)
    return hashed.hexdigest()


def _fetch(kept: Path) -> bytes | None:
    """Return a kept program, and let it count as used; None where there is none, or not the whole of it."""
    try:
        content = kept.read_bytes()
        os.utime(kept)
    except OSError:
        return None
    digest, program = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return program if hashlib.sha256(program).digest() == digest else None
