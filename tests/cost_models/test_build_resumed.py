"""A resumed build of a cost table takes no piece that was made from another input: each input, changed, is noticed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cost_models.derive import build
from cost_models.derive.characterise import UnitFigures
from cost_models.fpga import fpga, fpga_build
from cost_models.gates import synthesis
from cost_models.stimuli import captured
from cost_models.units.unit import Operator
from tests.support.paths import TINY
from workloads.host import journal
from workloads.networks.family import SHIPPED, Family

UNITS = tuple(Operator(op, 2, 2) for op in ("threshold", "mac", "adder"))
Patch = pytest.MonkeyPatch
Change = Callable[[Patch, Path], None]
"""Changes an input; the folder holds copies: code in `packages`, Verilog, the family, the library."""


class Stop(Exception):
    """Stands for a kill in the middle of a build."""


def of_code(package: str) -> Change:
    def change(_patch: Patch, folder: Path) -> None:
        (folder / "packages" / package / "code.py").write_text("A = 2")

    return change


def of_file(name: str, old: bytes, new: bytes) -> Change:
    def change(_patch: Patch, folder: Path) -> None:
        for path in sorted(folder.glob(name)):
            content = path.read_bytes()
            assert old in content
            path.write_bytes(content.replace(old, new, 1))

    return change


def to(module: object, name: str, value: object) -> Change:
    return lambda patch, _folder: patch.setattr(module, name, value)


WIDER = [(replace(unit, x_bits=3),) for unit in UNITS]
CODE = {f"code of {package}": of_code(package) for package in journal.PACKAGES}
VERILOG = {"Verilog": of_file("verilog/limen_op*.v", b"endmodule", b"wire more; endmodule")}
BUILD_CHANGES: dict[str, Change] = {
    **CODE,
    **VERILOG,
    "tools": to(build, "tool_versions", lambda: "pyosys 2"),
    "numpy": to(np, "__version__", "0"),
    "units": to(build, "groups", lambda *_: WIDER),
    "library": of_file("tiny.lib", b"area : ", b"area : 1"),
    "passes": to(synthesis, "FINISH", ["opt"]),
    "family's weights": of_file("family/mac.npz", b"PK", b"PQ"),
    "family's layers": of_file("family/mac.yaml", b"digits", b"digit"),
    "data": to(captured, "content_hash", lambda _: "another"),
}
FPGA_CHANGES: dict[str, Change] = {
    **CODE,
    **VERILOG,
    "tools": to(fpga_build, "tools", lambda _: "pyosys 2"),
    "passes": to(fpga, "ECP5", "synth_ecp5 -abc9{nodsp}"),
    "placement": to(fpga, "TARGET_MHZ", "401"),
}


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A folder of inputs that can be changed, instead of the real ones; a unit's work takes no time."""
    for package in journal.PACKAGES:
        (tmp_path / "packages" / package).mkdir(parents=True)
        (tmp_path / "packages" / package / "code.py").write_text("A = 1")
    shutil.copytree(synthesis.VERILOG, tmp_path / "verilog")
    shutil.copytree(SHIPPED / "digits", tmp_path / "family")
    shutil.copy(TINY, tmp_path)
    monkeypatch.setattr(journal, "FOLDER", tmp_path / "packages")
    monkeypatch.setattr(synthesis, "VERILOG", tmp_path / "verilog")
    monkeypatch.setattr(captured, "load_family", lambda _: Family("digits", tmp_path / "family"))
    monkeypatch.setattr(build, "tool_versions", lambda: "pyosys 1")
    monkeypatch.setattr(build, "groups", lambda *_: [(unit,) for unit in UNITS])
    monkeypatch.setattr(
        build, "characterise_group", lambda group, _kit: [UnitFigures(group[0], "", "", {"area_um2": 1.0})]
    )
    monkeypatch.setattr(fpga_build, "tools", lambda _: "pyosys 1")
    monkeypatch.setattr(fpga_build, "implement", lambda _, unit, _ways: fpga.Implementation(unit, "", "", {"lut": 1}))
    return tmp_path


def stopped_after(pieces: int, work: Callable[[build.Progress], object]) -> int:
    """Stop a build when so many pieces are done, and return with how many it began."""
    seen: list[int] = []

    def stop(done: int, _total: int) -> None:
        seen.append(done)
        if done >= pieces:
            raise Stop

    with pytest.raises(Stop):
        work(stop)
    return seen[0]


def build_table(folder: Path) -> Callable[[build.Progress], object]:
    return lambda progress: build.build_table(folder / "tiny.lib", folder / "out.csv", progress=progress)


def build_fpga(folder: Path) -> Callable[[build.Progress], object]:
    return lambda progress: fpga_build.build_fpga("ecp5", folder / "out", progress=progress, units=UNITS)


@pytest.mark.parametrize("work", [build_table, build_fpga])
def test_a_build_of_the_same_inputs_goes_on(inputs: Path, work: Callable[[Path], Callable]) -> None:
    assert stopped_after(2, work(inputs)) == 0
    of_file("verilog/*.v", b"endmodule", b"// a comment\nendmodule")(Patch(), inputs)
    assert stopped_after(3, work(inputs)) == 2
    assert stopped_after(0, work(inputs)) == 3


@pytest.mark.parametrize("name", BUILD_CHANGES)
def test_a_table_of_another_input_begins_anew(name: str, inputs: Path, monkeypatch: Patch) -> None:
    stopped_after(2, build_table(inputs))
    BUILD_CHANGES[name](monkeypatch, inputs)
    assert stopped_after(0, build_table(inputs)) == 0


@pytest.mark.parametrize("name", FPGA_CHANGES)
def test_an_fpgas_table_of_another_input_begins_anew(name: str, inputs: Path, monkeypatch: Patch) -> None:
    stopped_after(2, build_fpga(inputs))
    FPGA_CHANGES[name](monkeypatch, inputs)
    assert stopped_after(0, build_fpga(inputs)) == 0


def test_a_points_kind_and_unit_are_in_its_key(inputs: Path) -> None:
    points = [(kind, unit) for kind in (fpga_build.FABRIC, fpga.DSP) for unit in (*UNITS, replace(UNITS[1], x_bits=3))]
    assert len({fpga_build.build_key("ecp5", point, {}) for point in points}) == len(points)
