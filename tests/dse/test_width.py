"""What commands print unless asked for more: no line wider than a person's window, the same in one and in a file."""

from __future__ import annotations

import csv
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

import limen
from dse.cli.run_text import COLUMNS
from dse.space.study_spec import built_in_studies
from dse.system.rules import Asked
from dse.system.scenario import Scenario
from dse.system.stored import stored_scenarios
from dse.system.system import cells_for, definitions_for
from dse.system.whole import whole_text
from simulator.designs.built_in import built_in_designs
from tests.support.command import LIMEN, refused, run_command
from workloads.host.width import WIDTH, columns, wrapped
from workloads.networks.family import shipped_families
from workloads.networks.pages import zoo_pages

ROOMY = """version: 1
rows: 16
cols: 16
dataflow: os
op: mac
x_bits: 8
w_bits: 8
ifmap_kib: 256
filter_kib: 256
ofmap_kib: 256
operand_depth: 4096
matmul: true
"""
"""A design that takes every network of the zoo."""


def printed(folder: Path, *arguments: str) -> list[str]:
    outcome = run_command(*arguments, cwd=folder)
    assert outcome.returncode == 0, (arguments, outcome.stderr)
    lines = outcome.stdout.splitlines()
    too_long = [line for line in lines if len(line) > WIDTH]
    assert lines and not too_long, (arguments, len(too_long), too_long[0])
    return lines


@pytest.mark.parametrize("workload", [*shipped_families(), *zoo_pages()])
def test_counts_and_prices(tmp_path: Path, workload: str) -> None:
    (tmp_path / "roomy.yaml").write_text(ROOMY)
    design = "roomy.yaml" if workload in zoo_pages() else "threshold-16x16"
    printed(tmp_path, "simulate", "-w", workload, "-d", design)
    printed(tmp_path, "price", "-w", workload, "-d", design)


TABLES = ("ihp130", "ecp5-dsp")
"""Of the built-in tables the largest, and one of an FPGA."""

NAMES = (*shipped_families(), *zoo_pages(), *built_in_designs(), *built_in_studies(), *TABLES, "zoo")


def test_descriptions(tmp_path: Path) -> None:
    printed(tmp_path, "describe")
    for name in dict.fromkeys(NAMES):
        printed(tmp_path, "describe", name)


@pytest.mark.parametrize(
    "arguments",
    [
        ("study", "tables", "kernel"),
        ("study", "tables", "kernel", "--costs", "xc7-dsp", "--costs", "ecp5-dsp"),
        ("study", "tables", "fpga"),
        ("study", "tables", "fpga-system"),
        ("study", "tables", "hardwired"),
        ("study", "tables", "hardwired", "--forms"),
        ("costs", "show"),
        ("costs", "show", "ecp5-dsp"),
        ("net", "accuracy"),
        ("net", "stats", "--images", "2"),
        ("study", "init"),
        ("net", "init"),
    ],
    ids=" ".join,
)
def test_tables(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    printed(tmp_path, *arguments)


@pytest.mark.parametrize("scenario", stored_scenarios(), ids=lambda scenario: scenario.name)
def test_system_tables(scenario: Scenario) -> None:
    cells = cells_for(scenario, Asked(), None)
    lines = whole_text(cells, definitions_for(scenario, None), Asked().best).splitlines()
    assert not [line for line in lines if len(line) > WIDTH]
    assert all(any(cell.design in line for line in lines) for cell in cells)


def test_a_study(small: Path) -> None:
    printed(small, "study", "front", "out")
    printed(small, "describe", "out")


def test_a_terminal_changes_nothing(tmp_path: Path) -> None:
    """`simulate` on a terminal of 40 columns, and into a pipe."""
    environment = {**os.environ, "COLUMNS": "40", "LINES": "10"}
    ours, theirs = pty.openpty()
    command = [*LIMEN, "simulate"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=theirs) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 1 << 16)
            except OSError:  # how a terminal says that nobody writes any more
                break
    os.close(ours)
    assert process.returncode == 0
    assert shown.decode().replace("\r\n", "\n") == run_command("simulate", cwd=tmp_path).stdout


def test_what_simulate_prints_of_a_layer(tmp_path: Path) -> None:
    """Ten columns, each as the whole table has it; stalls in one, and the largest by name."""
    lines = printed(tmp_path, "simulate", "-w", "lenet", "-d", "mac-16x16")
    head = next(number for number, line in enumerate(lines) if line.split()[:2] == ["layer", "op"])
    assert lines[head].split() == [*COLUMNS]
    rows = json.loads(run_command("simulate", "-w", "lenet", "-d", "mac-16x16", "--json", cwd=tmp_path).stdout)
    for line, row in zip(lines[head + 1 :], rows["levels"]["timing"], strict=True):
        stalls = {name.removeprefix("stall_"): count for name, count in row.items() if name.startswith("stall_")}
        cells = dict(zip(COLUMNS, line.split(), strict=True))
        assert int(cells["stalls"]) == sum(stalls.values())
        assert stalls[cells["worst_stall"]] == max(stalls.values()) > 0
        for name in ("M", "N", "K", "cycles", "dram_bytes"):
            assert int(cells[name]) == row[name]


def test_all_columns(tmp_path: Path) -> None:
    """`--all` prints and `--csv` writes all that is counted, with all digits."""
    arguments = ("simulate", "-w", "lenet", "-d", "mac-16x16")
    outcome = run_command(*arguments, "--all", "--csv", "layers.csv", cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    rows = limen.simulate("lenet", "mac-16x16").layers.to_dict("records")
    with (tmp_path / "layers.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [*written[0]] == ["level", *rows[0]] and len(written) == len(rows)
    for line, row in zip(written, rows, strict=True):
        assert line == {"level": "timing"} | {name: str(value) for name, value in row.items()}
    assert all(name in outcome.stdout.split() for name in rows[0])
    refused(run_command(*arguments, "--csv", "layers.txt", cwd=tmp_path), "--csv", "'layers.txt'", ".csv")


def test_long_names_are_shortened(tmp_path: Path) -> None:
    """Layers called by 150 characters each: figures stay, of the names the middle goes."""
    page = ["version: 1", "name: long", "op: threshold", "x_bits: 8", "w_bits: 8", "input: {channels: 4}", "layers:"]
    page += [f"  - {{name: {'a' * 149}{index}, kind: linear, out_channels: 4}}" for index in range(2)]
    (tmp_path / "long.yaml").write_text("\n".join(page))
    lines = printed(tmp_path, "simulate", "-w", "long.yaml")
    assert [line.split()[0][-1] for line in lines[-2:]] == ["0", "1"] and "…" in lines[-1]
    assert sum("…" in line for line in printed(tmp_path, "price", "-w", "long.yaml", "--layers")) == 7


def test_words_are_wrapped_and_kept() -> None:
    text = "  name: " + "some words and a-hyphen " * 20
    lines = wrapped(text).splitlines()
    assert max(map(len, lines)) <= WIDTH and " ".join(text.split()) == " ".join(" ".join(lines).split())
    assert all(line.startswith("      ") for line in lines[1:])
    assert wrapped("x" * 200) == "x" * 200 and wrapped("short\n  lines") == "short\n  lines"
    assert columns([("a", "12"), ("bcd", "3")], right=[1]) == "a    12\nbcd   3"


@pytest.mark.parametrize(
    "arguments",
    [
        ("study", "run", "digits", "-o"), ("study", "front"), ("study", "export", "out", "-o"), ("export", "-o"),
        ("verify",), ("net", "train", "digits", "-o"), ("study", "init"), ("study", "tables", "kernel", "--plot"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_an_address_is_no_folder(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Where a file or a folder is meant, before anything is made; a password in it isn't repeated."""
    outcome = run_command(*arguments, "postgresql://me:secret@host/studies", cwd=tmp_path)
    refused(outcome, "'postgresql://…' is not allowed: the path of a file or a folder")
    assert "secret" not in outcome.stderr and not list(tmp_path.iterdir())


def test_nor_is_it_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in ("postgresql://me@host/studies", Path("postgresql://me@host/studies")):
        with pytest.raises(limen.LimenError, match="out: 'postgresql://…' is not allowed: the path of a"):
            limen.Study("digits", out=place)
        with pytest.raises(limen.LimenError, match="folder: 'postgresql://…' is not allowed"):
            limen.export("digits", "threshold-16x16", place)
    assert not list(tmp_path.iterdir())
