"""A proof isn't made twice, and believed only where all that it was made from is the same, and this user made it."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import simulator.rtl.verify
from simulator.rtl.proof import OWN_PROOFS, Proof
from simulator.rtl.verify import verify
from tests.simulator.small_export import IMAGES, edit, edit_line, export_small
from tests.support.command import run_command
from workloads.host.caches import cache_folder


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, quick_builds: None) -> list[str]:
    """A word for each time that a testbench ran."""
    words: list[str] = []
    run = simulator.rtl.verify.run_testbench

    def counted(*arguments: object) -> object:
        words.append("ran")
        return run(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(simulator.rtl.verify, "run_testbench", counted)
    return words


@pytest.fixture
def proved(chip: Path, runs: list[str]) -> Path:
    """An exported folder with its proof."""
    assert not verify(chip).kept
    runs.clear()
    return chip


def test_a_proof_is_made_once(proved: Path, runs: list[str]) -> None:
    first = run_command("verify", "chip", "--json", cwd=proved.parent)
    outcome = run_command("verify", "chip", cwd=proved.parent)
    assert runs == [] and outcome.returncode == 0
    words = " (proved before; --again proves it anew)"
    assert outcome.stdout.endswith(f"mismatches 0{words}\n")
    content = json.loads((proved / "proof.json").read_text())
    assert json.loads(first.stdout) == content
    assert {*content["tools"]} == {"verilator", "compiler"} and all(content["tools"].values())
    again = run_command("verify", "chip", "--again", cwd=proved.parent)
    assert runs == ["ran"] and again.stdout == outcome.stdout.replace(words, "")
    assert json.loads((proved / "proof.json").read_text()) == content
    proof = verify(proved)
    assert proof.kept and runs == ["ran"] and proof == verify(proved, again=True)
    assert repr(proof) == f"Proof(images={IMAGES}, layers=1, words=4, bits=128, cycles={proof.cycles}, mismatches=0)"


def other_testbench(chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {**simulator.rtl.verify.TESTBENCH, "tb/other": "Makefile"}
    monkeypatch.setattr(simulator.rtl.verify, "TESTBENCH", names)


def other_tools(chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator.rtl.verify, "tool_versions", lambda: {"verilator": "6", "compiler": "7"})


def forged(chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it was proved from is right, but nobody here has made it."""
    edit(chip / "proof.json", '"cycles": ', '"cycles": 1')


def linked(chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (chip / "proof.json").rename(chip.parent / "proof.json")
    (chip / "proof.json").symlink_to(chip.parent / "proof.json")


def forgotten(chip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (chip / "empty").mkdir()
    monkeypatch.setattr(simulator.rtl.proof, "cache_folder", lambda: chip / "empty")


CHANGES: dict[str, Callable[[Path, pytest.MonkeyPatch], object]] = {
    "Verilog": lambda chip, _: edit(chip / "rtl" / "limen_top.v", "endmodule", "endmodule // more"),
    "vectors": lambda chip, _: edit_line(chip, 17, "tensors" + " 00000000" * 5),
    "testbench": other_testbench,
    "tools": other_tools,
    "forged": forged,
    "no JSON": lambda chip, _: (chip / "proof.json").write_text("[" * 100_000),
    "of other kinds": lambda chip, _: (chip / "proof.json").write_text('{"images": 2}'),
    "linked": linked,
    "nobody's": forgotten,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_proof_of_something_else_is_not_believed(
    proved: Path, runs: list[str], monkeypatch: pytest.MonkeyPatch, change: Callable[[Path, pytest.MonkeyPatch], object]
) -> None:
    change(proved, monkeypatch)
    assert not verify(proved).kept and runs == ["ran"]


def test_of_other_images(proved: Path, runs: list[str]) -> None:
    assert verify(proved, images=1).images == 1 and runs == ["ran"]
    assert verify(proved, images=1).kept and not verify(proved).kept


def test_a_proof_with_mismatches_is_made_again(chip: Path, runs: list[str]) -> None:
    edit(chip / "rtl" / "limen_op_threshold.v", "~below", "below")
    assert verify(chip).mismatches == verify(chip).mismatches > 0 and len(runs) == 2


def test_the_same_export_keeps_its_proof(proved: Path, runs: list[str]) -> None:
    (proved / "mine").write_text("")
    export_small(proved)
    assert not (proved / "mine").exists() and verify(proved).kept and runs == []
    export_small(proved, "other")  # its params.json has another name in it
    assert not (proved / "proof.json").exists() and not verify(proved).kept


def test_several_folders(proved: Path, runs: list[str]) -> None:
    """A line each, as JSON a list; where one is wrong the others are proved all the same."""
    export_small(proved.parent / "wrong")
    edit(proved.parent / "wrong" / "rtl" / "limen_op_threshold.v", "~below", "below")
    outcome = run_command("verify", "wrong", "chip", cwd=proved.parent)
    assert outcome.returncode == 1 and outcome.stderr.startswith("limen: wrong: mismatches ")
    assert [line.split(":")[0] for line in outcome.stdout.splitlines()] == ["wrong", "chip"] and runs == ["ran"]
    outcome = run_command("verify", "wrong", "chip", "--json", cwd=proved.parent)
    assert [proof["mismatches"] > 0 for proof in json.loads(outcome.stdout)] == [True, False]


def test_what_is_kept_is_one_line(proved: Path) -> None:
    digest = hashlib.sha256((proved / "proof.json").read_bytes()).hexdigest()
    verify(proved, again=True)
    assert (cache_folder() / OWN_PROOFS).read_text().splitlines().count(digest) == 1
    assert "kept" not in Proof(1, 1, 1, 1, 1, 0, {}, {}).content() and os.listdir(proved).count("proof.json") == 1


def test_progress_of_a_proof(chip: Path, quick_builds: None) -> None:
    seen: list[tuple[str, int, int]] = []
    verify(chip, again=True, progress=lambda *step: seen.append(step))
    assert [step for step in seen if step[0] == "images"] == [("images", done, IMAGES) for done in (1, 2)]
