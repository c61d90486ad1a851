"""An artifact's folder: written whole or not at all, its scripts run once."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import NamedTuple

from dse.artifact.appendix import PREPARE, Facts, appendix, readme
from dse.artifact.citation import citation
from dse.artifact.item import Item, all_scripts, whole_minutes
from dse.artifact.pinned import ROOT_PACKAGE, installed, requirements, size_bytes
from workloads.errors import LimenError
from workloads.host.children import run_child
from workloads.host.files import new_folder
from workloads.host.manifest import ROOT, Origin, commit, processor
from workloads.host.text_tables import read_csv
from workloads.version import VERSION

MARKER = "run-all.sh"
"""The file that shows that a folder is an artifact."""

RESULTS = "results"
MIB = 1 << 20
LEAST_MINUTES = 0.1
NOTHING: Mapping[str, str] = {}


class Outcome(NamedTuple):
    """What the scripts said, a line each, and how many of them found a difference."""

    lines: list[str]
    differ: int


def write_artifact(
    target: Path,
    title: str,
    items: Sequence[Item],
    data: Sequence[str],
    inputs: Mapping[str, str],
    fill: Callable[[Path], None],
    run: bool = True,
    needed: Mapping[str, str] = NOTHING,
) -> Outcome:
    """Write an artifact, and return what its scripts said.

    title: of README.md. data: what it computes on, in words. inputs: hashes, of its manifest. fill: writes into the
    folder what the items need beside their files. run: run every script once, so that their minutes are measured;
    otherwise they are those of the items. needed: variables that the scripts ask for.

    Raises LimenError where `target` is something else than an artifact, or can't be written.
    """
    origin = Origin(inputs)
    with new_folder(target, MARKER) as folder:
        (folder / "scripts").mkdir()
        (folder / "expected").mkdir()
        for item in items:
            for name, content in item.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        fill(folder)
        versions = installed()
        facts = Facts(
            title, f"{VERSION}, commit {commit() or 'unknown'}", sys.version.split()[0], processor(),
            os.cpu_count() or 1, data, _size(folder) / MIB, size_bytes(versions) / MIB, len(versions),
        )  # fmt: skip
        (folder / "requirements.txt").write_text(requirements(versions), encoding="utf-8")
        (folder / "prepare.sh").write_text(PREPARE, encoding="utf-8")
        (folder / "LICENSE").write_text(licence(), encoding="utf-8")
        (folder / "CITATION.cff").write_text(citation(commit()), encoding="utf-8")
        shutil.copyfile(Path(__file__).with_name("compare.py"), folder / "compare.py")
        _write_words(folder, facts, items, needed)
        outcome = Outcome([], 0)
        if run:
            outcome, measured = _run(folder, items, needed)
            shutil.rmtree(folder / RESULTS)
            _write_words(folder, facts, measured, needed)
        origin.write_into(folder, sorted(path for path in folder.rglob("*") if path.is_file()))
    return outcome


def _write_words(folder: Path, facts: Facts, items: Sequence[Item], needed: Collection[str]) -> None:
    """Write the scripts and what says how long they take."""
    for item in items:
        (folder / item.script).write_text(item.text(), encoding="utf-8")
    everything = all_scripts(sum(item.minutes for item in items), whole_minutes(items))
    for name, text in (
        (MARKER, everything), ("README.md", readme(facts, items, needed)), ("appendix.tex", appendix(facts, items))
    ):  # fmt: skip
        (folder / name).write_text(text, encoding="utf-8")


def _run(folder: Path, items: Sequence[Item], needed: Mapping[str, str]) -> tuple[Outcome, list[Item]]:
    """Run every script by this very program; return what they said, and the items with measured minutes."""
    own = {"LIMEN": f"{sys.executable} {ROOT / 'limen.py'}", "PYTHON": sys.executable}
    said = run_child(["sh", MARKER], folder, {**os.environ, **own, **needed, "FULL": ""})
    lines = [line for line in said.stdout.splitlines() if line.startswith(("equal: ", "differs: "))]
    path = folder / RESULTS / "minutes.csv"
    timed = {row[0]: (float(row[1]), int(row[2])) for row in read_csv(path, "minutes")[1]} if path.is_file() else {}
    if len(timed) < len(items):
        reason = (said.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise LimenError(f"{MARKER}: ended after {len(timed)} of {len(items)} scripts: {reason}")
    for item in items:
        if not any(line.split(": ")[1] == item.name for line in lines):
            lines.append(f"differs: {item.name}: no result, exit code {timed[item.name][1]}")
    measured = [item._replace(minutes=max(timed[item.name][0], LEAST_MINUTES)) for item in items]
    return Outcome(lines, sum(code != 0 for _, code in timed.values())), measured


def licence() -> str:
    """Return the text of Limen's licence. Raises LimenError where it isn't installed with Limen."""
    places = [ROOT / "LICENSE"]
    if not (ROOT / "setup.cfg").is_file():  # no checkout: a LICENSE there would be somebody else's
        files = distribution(ROOT_PACKAGE).files or []
        places = [Path(str(file.locate())) for file in files if file.name == "LICENSE"]
    if not places:
        raise LimenError("LICENSE: is missing: Limen was installed without it")
    return places[0].read_text(encoding="utf-8")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
