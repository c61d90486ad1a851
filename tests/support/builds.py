"""Testbenches built for tests: their runs are short, so all is compiled in one piece, in a quarter of the time."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from simulator.rtl.toolchain import build_testbench, find_compiler, find_verilator
from workloads.host.progress import Progress

SCRATCH = tempfile.TemporaryDirectory(prefix="limen-tests-")
"""Of this process of the tests, until it ends."""

SOURCES = ("Makefile", "filelist.f", "rtl", "tb")

UNITED = r"""	(cd $(BUILD) && printf '#include "%s"\n' Vlimen_chip*.cpp ../tb/limen_tb.cpp > united.cpp)
	$(COMPILE) $(CXXFLAGS) -include HEADERS -c -o $@ $(BUILD)/united.cpp
"""
QUICKLY = (
    ("CXXFLAGS ?= -O1", "CXXFLAGS ?= -O0"),
    ("MODEL = $(patsubst %.cc,%.o,$(wildcard $(BUILD)/*.cc))", "MODEL ="),
    ("$(BUILD)/model.stamp\n\t$(COMPILE) $(CXXFLAGS) -c -o $@ $<\n", "$(BUILD)/model.stamp\n" + UNITED),
)
"""Changes to the testbench's Makefile."""

COMMON = """#include "verilated.h"
#include <cinttypes>
#include <fstream>
#include <memory>
#include <vector>
"""
"""Headers of every testbench, a third of the time it takes to compile one: they are compiled once a process."""

_built: dict[str, Path] = {}


@cache
def compiled_headers() -> Path:
    """Return a header file beside what the compiler has made of it, which it takes where flags are as there."""
    path, root = Path(SCRATCH.name) / "common.h", Path(find_verilator()[1])
    path.write_text(COMMON)
    folders = [f"-I{root / name}" for name in ("include", "include/vltstd")]
    command = [*find_compiler(), "-std=c++17", "-O0", *folders, "-x", "c++-header", str(path), "-o", f"{path}.gch"]
    subprocess.run(command, check=True)
    return path


def quicken(makefile: Path, *changes: tuple[str, str]) -> None:
    """Change a testbench's Makefile so that it builds quickly, and in these respects too."""
    text = makefile.read_text()
    for old, new in (*QUICKLY, *changes):
        assert text.count(old) == 1, f"the Makefile has changed: {old}"
        text = text.replace(old, new)
    makefile.write_text(text.replace("HEADERS", shlex.quote(str(compiled_headers()))))


def build_quickly(folder: Path, progress: Progress | None = None, trace: bool = False) -> Path:
    """Stands for `kept_testbench`: the program of a folder's sources, built once for all tests of this process."""
    sources = sorted(path for name in SOURCES for path in (folder / name, *(folder / name).glob("*")) if path.is_file())
    digest = hashlib.sha256(f"{trace} {os.environ.get('CXXFLAGS')}".encode())
    for path in sources:
        digest.update(f"\n{path.relative_to(folder)} {path.stat().st_size}\n".encode() + path.read_bytes())
    key = digest.hexdigest()
    if key not in _built:
        place = Path(tempfile.mkdtemp(dir=SCRATCH.name))
        for path in sources:
            (place / path.relative_to(folder)).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, place / path.relative_to(folder))
        quicken(place / "Makefile")
        _built[key] = build_testbench(place, trace)
    return _built[key]
