"""Testbenches built for tests: their runs are short, so all is compiled in one piece, in a quarter of the time."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from simulator.rtl.toolchain import build_testbench

SCRATCH = tempfile.TemporaryDirectory(prefix="limen-tests-")
"""Of this process of the tests, until it ends."""

SOURCES = ("Makefile", "filelist.f", "rtl", "tb")

UNITED = r"""	(cd $(BUILD) && printf '#include "%s"\n' Vlimen_chip*.cpp ../tb/limen_tb.cpp > united.cpp)
	$(COMPILE) $(CXXFLAGS) -c -o $@ $(BUILD)/united.cpp
"""
QUICKLY = (
    ("CXXFLAGS ?= -O1", "CXXFLAGS ?= -O0"),
    ("MODEL = $(patsubst %.cpp,%.o,$(wildcard $(BUILD)/Vlimen_chip*.cpp))", "MODEL ="),
    ("$(BUILD)/model.stamp\n\t$(COMPILE) $(CXXFLAGS) -c -o $@ $<\n", "$(BUILD)/model.stamp\n" + UNITED),
)
"""Changes to the testbench's Makefile."""

_built: dict[str, Path] = {}


def quicken(makefile: Path, *changes: tuple[str, str]) -> None:
    """Change a testbench's Makefile so that it builds quickly, and in these respects too."""
    text = makefile.read_text()
    for old, new in (*QUICKLY, *changes):
        assert text.count(old) == 1, f"the Makefile has changed: {old}"
        text = text.replace(old, new)
    makefile.write_text(text)


def build_quickly(folder: Path, trace: bool = False) -> Path:
    """Stands for `build_testbench`: the program of a folder's sources, built once for all tests of this process."""
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
