"""Seeded faults: each must be caught, or the tests prove nothing. `make mutants` runs these alone.

A Verilog fault is caught when the testbench reports a wrong word or a wrong count, or gives up, for some hard case; a
fault in a model when `compare_models` of a mutated copy stops at an assertion; a fault in the vectors when the
testbench, built from sound Verilog, fails. Each kind has a control: the same procedure finds nothing without a fault.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.cycle import top
from simulator.cycle.cycle import run_cycle
from simulator.cycle.machine import Machine
from simulator.encoding import LAYER, field_places
from simulator.plan.axes import Axes
from simulator.rtl.export import rtl_parameters, write_hardware
from simulator.rtl.toolchain import BuildError, build_testbench, run_testbench
from simulator.rtl.vectors import expected_tensors, format_vectors
from simulator.timing.timing import ALWAYS_READY, count_program
from tests.levels.cases import SCORES, Case, conv, extreme_input, hard_cases, make_network
from tests.levels.faults import DESIGNS, LEAPING, REFUSED, RTL_FAULTS, Fault
from tests.levels.model_faults import MODEL_FAULTS
from tests.levels.naive import naive_network
from tests.support.builds import quicken
from tests.support.forked import Ended, run_forked
from tests.support.paths import ROOT
from tests.support.tools import needs_verilator
from workloads.errors import LimenError
from workloads.exact import reference

SOUND = "sound"
MOST = ["-k1", "-one_of_all"]
"""Ends of the names of the cases that most faults of models are noticed by."""


@cache
def cases_of(where: str) -> list[Case]:
    """All hard cases of a design and, with its accumulators, two more, for what those leave out."""
    cases = hard_cases({**DESIGNS, **LEAPING}[where])
    design = cases[0].design
    more: dict[str, tuple[tuple[int, int, int], list[dict[str, Any]]]] = {
        # A half of the ifmap scratchpad of "os threshold" is full to its last row, and beats hold more.
        "full": ((2, 2, 32), [conv(4, groups=2), SCORES]),
        # Words end where an earlier tile left accumulators in the banks of the lanes behind.
        "stale": ((2, 2, 3), [*(conv(outs, name=f"l{i}") for i, outs in enumerate((4, 4, 2, 2))), SCORES]),
        # Six parts of output channels and one of rows, of one group and of many.
        "parts": ((1, 4, 3), [conv(6 * design.feeder_width), SCORES]),
        "parts_of_groups": ((1, 4, 6 * design.feeder_width), [conv(6 * design.feeder_width, groups=6), SCORES]),
    }
    if design.overlap:  # four tiles, whose folds last longer than their transfers: of two blocks, of one and a half
        layers = [conv(3, (3, 3)), conv(2, name="last")]
        more |= {"tiles": ((10, 6, 2), layers), "tiles_of_a_half": ((6, 8, 2), layers)}
    if design.matmul:  # two parts of pixels and three of channels of what becomes synapses
        gram = {"name": "gram", "kind": "matmul", "input": "input", "synapses": "input", "transposed": True}
        more["second"] = ((18, 1, 9), [gram])
    for seed, (name, (form, layers)) in enumerate(more.items()):
        network = make_network(
            name, design, dict(zip(("height", "width", "channels"), form, strict=True)), layers, seed
        )
        cuts = {"parts": Axes(1, 6, 1), "parts_of_groups": Axes(1, 6, 1), "second": Axes(1, 2, 3)}
        parts = Axes(4, 1, 1) if name.startswith("tiles") else cuts.get(name)
        x = extreme_input(network, seed)
        cases.append(Case(name, network, design.fitted(network), x, ALWAYS_READY, parts))
    return cases


def mutate(path: Path, fault: Fault) -> None:
    text = path.read_text()
    assert text.count(fault.old) == 1, f"{fault.file}: '{fault.old}' stands {text.count(fault.old)} times, not once"
    path.write_text(text.replace(fault.old, fault.new))


def label(fault: Fault) -> str:
    return f"{Path(fault.file).stem}: {fault.old} -> {fault.new or 'nothing'}"


def build_hardware(folder: Path, fault: Fault) -> Path:
    """Build the testbench of a fault's design, with the fault, and return it."""
    write_hardware(folder, rtl_parameters(cases_of(fault.where)[0].design), "mutant")
    # A fault may leave signals unused: the compiler's warnings are not what should catch it.
    quicken(folder / "Makefile", ("WARNINGS ?= -Wall", "WARNINGS ?= -Wno-fatal"))
    if fault.file != SOUND:
        mutate(folder / "rtl" / fault.file, fault)
    return build_testbench(folder)


def run_hardware(folder: Path, fault: Fault) -> list[str]:
    """Return the hard cases that the testbench with this fault fails, up to the first."""
    program = build_hardware(folder, fault)
    for case in cases_of(fault.where):
        vectors = folder / "vectors.txt"
        vectors.write_text(format_vectors(case.program, case.x[None], case.mask))
        try:
            if run_testbench(program, [str(vectors)]).returncode == 1:
                return [case.name]
        except LimenError as error:
            assert "not done" in str(error) or "outside the memory" in str(error), error
            return [case.name]
    return []


@contextmanager
def ends_by(most: int) -> Iterator[None]:
    """Assert that runs of the cycle model, not compiled, end in so many cycles: a fault may loop for ever."""

    def end_cycle(machine: Machine, cycle: int) -> None:
        assert cycle < most, f"not done after {most} cycles"
        sound(machine, cycle)

    sound, top.end_cycle = top.end_cycle, end_cycle
    yield
    top.end_cycle = sound


def compare_models(where: str, ends: Sequence[str]) -> None:
    """Assert that reference, integer kernels, timing and cycle models agree on a design's cases whose names end so.

    A cycle's signals that are kept keep the cycle model from leaping over what a fault may be in.
    """
    for case in (case for case in cases_of(where) if case.name.endswith(tuple(ends))):
        network, program = case.network, case.program
        expected = count_program(program.schedules, case.design, case.mask)
        outputs = reference.run(network.layers, network.trained(), case.x[None])
        assert [y[0].tolist() for y in outputs] == naive_network(network.layers, network.trained(), case.x.tolist())
        assert np.array_equal(network.predict(case.x[None]), outputs[-1].reshape(1, -1)), case.name
        with ends_by(2 * sum(counts.cycles for counts in expected)):
            run = run_cycle(program, case.x, case.mask, signal_cycles=int(where not in LEAPING))
        tensors = run.image[program.first_beat :]
        assert np.array_equal(tensors, expected_tensors(program, case.x)), case.name
        assert list(run.counts) == expected, case.name


def link_beside(source: Path, target: Path, changed: Path | None) -> None:
    """Link a folder to another place, where one file is to be changed: that one is copied, its folders are made."""
    if changed is None or source not in (changed, *changed.parents):
        target.symlink_to(source)
    elif source == changed:
        shutil.copyfile(source, target)
    else:
        target.mkdir()
        for path in source.iterdir():
            if path.name != "__pycache__":
                link_beside(path, target / path.name, changed)


def run_models(folder: Path, fault: Fault, ends: Sequence[str]) -> Ended:
    """Run `compare_models` in a copy of the packages with this fault; nothing is compiled."""
    changed = None if fault.file == SOUND else Path(fault.file)
    for name in ("workloads", "simulator", "tests"):
        link_beside(ROOT / name, folder / name, changed and ROOT / changed)
    if changed is not None:
        mutate(folder / changed, fault)
    code = f"from tests.levels.test_mutants import compare_models; compare_models{(fault.where, ends)!r}"
    return run_forked(folder, code)


@pytest.mark.parametrize("fault", [Fault(SOUND, "", "", where) for where in DESIGNS], ids=lambda fault: fault.where)
def test_sound_hardware(fault: Fault, tmp_path: Path) -> None:
    """The control: without a fault the same procedure finds nothing."""
    needs_verilator()
    assert run_hardware(tmp_path, fault) == []


@pytest.mark.parametrize("fault", RTL_FAULTS, ids=label)
def test_hardware_fault(fault: Fault, tmp_path: Path) -> None:
    needs_verilator()
    assert len(run_hardware(tmp_path, fault)) == 1


def test_a_fault_in_parameters_is_refused(tmp_path: Path) -> None:
    needs_verilator()
    with pytest.raises(BuildError, match=r"limen_op_shift\.v: a parameter is not allowed: .*op_bits"):
        build_hardware(tmp_path, REFUSED)


@pytest.mark.parametrize(
    "fault", [Fault(SOUND, "", "", where) for where in (*DESIGNS, *LEAPING)], ids=lambda fault: fault.where
)
def test_sound_models(fault: Fault, tmp_path: Path) -> None:
    """The control for the models: all cases compiled, and every one that a fault is run on as faults are run."""
    compare_models(fault.where, [""])
    noticing = {seeded.case for seeded in MODEL_FAULTS if seeded.where == fault.where and seeded.case}
    outcome = run_models(tmp_path, fault, [*MOST, *sorted(noticing)])
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize("fault", MODEL_FAULTS, ids=label)
def test_model_fault(fault: Fault, tmp_path: Path) -> None:
    outcome = run_models(tmp_path, fault, [fault.case] if fault.case else MOST)
    assert outcome.returncode == 1 and "AssertionError" in outcome.stderr, outcome.stderr


def change_count(name: str, by: Callable[[int], int]) -> Callable[[str], str]:
    """Return a function that changes the number behind a name, where that name stands last."""

    def apply(text: str) -> str:
        *_, number = re.finditer(rf"(?<=\b{name} )\d+", text)
        return text[: number.start()] + str(by(int(number[0]))) + text[number.end() :]

    return apply


def change_word(keyword: str, index: int, by: Callable[[int], int], below: int = 0) -> Callable[[str], str]:
    """Return a function that changes one word of the last line that begins so, or of one below it."""

    def apply(text: str) -> str:
        lines = text.splitlines()
        at = max(i for i, line in enumerate(lines) if line.startswith(keyword)) + below
        words = lines[at].split()
        words[index] = f"{by(int(words[index], 16)):08x}"
        lines[at] = " ".join(words)
        return "\n".join(lines) + "\n"

    return apply


Y_HIGH = int(field_places(LAYER)[LAYER.names.index("y_high"), 0])
"""Word of the first layer's descriptor, which the image begins with."""

# On beats of 128 bits; the last beat holds the last raw score. The first filter begins at beat 14.
VECTOR_FAULTS = {
    "the input is another": change_word("tensors", 1, lambda word: word ^ 16),
    "the last score is another": change_word("tensors", -4, lambda word: word ^ 1),
    "a highest activation is another": change_word("image", Y_HIGH, lambda word: word - 8, below=1),
    "a weight has another sign": change_word("image", 4 * 14, lambda word: word ^ 32, below=1),
    "a phase is a cycle longer": change_count("stream", lambda cycles: cycles + 1),
    "a stall is a cycle shorter": change_count("stall_ifmap", lambda cycles: cycles - 1),
    "the packer reads less": change_count("pack_reads", lambda reads: reads - 1),
    "the memory answers later": change_count("latency", lambda latency: latency + 1),
    "beats come more slowly": change_count("interval", lambda interval: interval + 1),
    "the memory is silent now and then": lambda text: text.replace("mask 1\n", "mask 1110\n"),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A testbench without a fault."""
    needs_verilator()
    return build_hardware(tmp_path_factory.mktemp("sound"), Fault(SOUND, "", "", "os mac"))


@pytest.mark.parametrize("name", VECTOR_FAULTS)
def test_vector_fault(name: str, sound: Path, tmp_path: Path) -> None:
    case = next(case for case in cases_of("os mac") if case.network.name == "residual")
    text = format_vectors(case.program, case.x[None], case.mask)
    faulty = VECTOR_FAULTS[name](text)
    assert faulty != text
    for content, code in ((text, 0), (faulty, 1)):
        (tmp_path / "vectors.txt").write_text(content)
        assert run_testbench(sound, [str(tmp_path / "vectors.txt")]).returncode == code


def test_every_fault_has_one_place() -> None:
    """Seen at once, before anything is built: text that a renaming took away would be no fault."""
    verilog = ROOT / "simulator" / "rtl" / "verilog"
    places = [(verilog / fault.file, fault) for fault in [*RTL_FAULTS, REFUSED]]
    places += [(ROOT / fault.file, fault) for fault in MODEL_FAULTS]
    assert [fault for path, fault in places if path.read_text().count(fault.old) != 1] == []
