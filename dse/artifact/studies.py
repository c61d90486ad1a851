"""Finished studies as parts of an artifact: their pages, what they stored, and a script for each table and figure."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from dse.artifact.item import Item
from dse.artifact.pages import yaml_text
from dse.evaluation.inputs import SWEEP, origin_of
from dse.evaluation.tally import total
from dse.search.trial_table import table_csv
from dse.space.sources import family_files, is_path, resolve
from dse.space.study_spec import load_study
from dse.space.workload import SEPARATOR
from dse.study.stored import stored_record
from dse.study.study import Study
from workloads.errors import LimenError, shown
from workloads.host.manifest import read_manifest
from workloads.networks.family import is_page
from workloads.networks.pages import read_page

SAMPLE = 20
"""Points that are evaluated again."""

START_MINUTES = 0.1
"""A script's least: programs start, tables are read. Kernels that must be compiled first take half a minute more."""

STORED = "stored"
"""The study's folder in that of its page."""

WHOLE = """\
study=studies/{name}/{stored}
if [ -n "$FULL" ]; then
  study=results/{name}
  $LIMEN study run studies/{name}/study.yaml --out "$study" >&2 || exit 2
fi
"""
POINTS = """\
if ! line=$($LIMEN study check "$study" --sample {sample} 2>&1); then echo "differs: {name}-points: $line"; exit 1; fi
if [ -z "$FULL" ]; then echo "equal: {name}-points: $line"; exit 0; fi
exec "$PYTHON" compare.py {name}-points studies/{name}/{stored}/{trials} "$study/{trials}\""""
FRONT = """\
$LIMEN study front "$study" --format csv > results/{name}-front.csv || exit 2
exec "$PYTHON" compare.py {name}-front expected/{name}-front.csv results/{name}-front.csv"""
FIGURE = """\
$LIMEN study plot "$study" --out results/{name}-figure.svg >&2 || exit 2
exec "$PYTHON" compare.py {name}-figure expected/{name}-figure.svg results/{name}-figure.svg"""


class Part(NamedTuple):
    """A study in an artifact. inputs: hashes, of the manifest. data: what it is evaluated on, in words."""

    name: str
    study: Study
    items: list[Item]
    inputs: dict[str, str]
    data: str


def check_place(place: str, runs: Path) -> str:
    """Return what a study is called in an artifact; nothing is run or written. Arguments as of `finished`.

    Raises:
        LimenError: there is none, that of a folder isn't finished, or it has figures of the user's own.
    """
    folder = Path(place)
    if folder.is_dir():
        spec = _of_folder(folder).spec
    else:
        folder, spec = runs / folder.stem, load_study(place)
    if spec.figures:
        raise LimenError(
            f"{place}: figures: {', '.join(spec.figures)} is not allowed in an artifact: no script has the functions "
            "that give them"
        )
    return name_of(folder)


def finished(place: str, runs: Path) -> Study:
    """Return a finished study: of a folder, or of a page or a built-in study, which is run, or resumed, in `runs`.

    Raises LimenError as `check_place` and studies do.
    """
    return _of_folder(Path(place)) if Path(place).is_dir() else Study(place, runs / Path(place).stem).run()


def _of_folder(folder: Path) -> Study:
    """Return a finished study. Raises LimenError where there is none."""
    if stored_record(folder) is None:
        raise LimenError(f"{folder}: no study is stored there; expected a finished study's folder, or a study file")
    study = Study.open(folder)
    done, planned = total(study.tallies().values()).tried, study.planned
    if done < planned:
        raise LimenError(
            f"{folder}: {done} of {planned} trials are done: limen study run FILE --out {folder}, to its end"
        )
    return study


def study_part(study: Study) -> Part:
    """Return the part of a finished study.

    Raises LimenError where it has no front, or files that can't go into a folder that is sent elsewhere.
    """
    name = name_of(study.folder)
    manifest = read_manifest(study.folder)
    seconds = sum(float(run.get("seconds", 0.0)) for run in manifest.runs if "trials" in run) if manifest else 0.0
    tried = total(study.tallies().values()).tried
    whole = START_MINUTES + seconds / 60
    sampled = START_MINUTES + min(SAMPLE, tried) * seconds / tried / 60
    front, trials = study.front(), SWEEP if study.spec.is_sweep else "trials.csv"
    before = WHOLE.format(name=name, stored=STORED)
    words = {"name": name, "stored": STORED, "sample": SAMPLE, "trials": trials}
    items = [
        Item(
            f"{name}-points", "table", f"all {tried:,} designs of the study {name}",
            f"{min(SAMPLE, tried)} of them are evaluated again, every figure exactly; inputs and reports by hashes.",
            before + POINTS.format(**words), {}, sampled, whole, name,
        ),
        Item(
            f"{name}-front", "table", f"the {len(front)} designs on the front of the study {name}",
            "The front is found again among the stored designs.",
            before + FRONT.format(**words), {f"expected/{name}-front.csv": table_csv(front).encode()}, START_MINUTES,
            whole, name,
        ),
        Item(
            f"{name}-figure", "figure", f"the front of the study {name}, " + " against ".join(_axes(study)),
            "The picture is drawn again from the stored designs.",
            before + FIGURE.format(**words), {}, START_MINUTES, whole, name,
        ),
    ]  # fmt: skip
    inputs = origin_of(study).inputs
    return Part(name, study, items, inputs, ", ".join(study.spec.workloads))


def name_of(folder: Path) -> str:
    """Return what a study's folder is called in an artifact: small letters, digits and hyphens."""
    return re.sub("[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "study"


def write_part(part: Part, target: Path) -> None:
    """Write a study's page, the files that it names, what it stored, and its picture. Raises LimenError."""
    study, home = part.study, target / "studies" / part.name
    stored = home / STORED
    shutil.copytree(study.folder, stored, ignore=shutil.ignore_patterns("*.lock", "*-journal", "*-wal", "*-shm"))
    page = home / "study.yaml"
    page.write_text(yaml_text(study.spec.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
    names = [*study.spec.workloads, *study.spec.tables]
    places = [*study.workload.split(SEPARATOR), *study.costs.split(SEPARATOR)]
    own = [(name, Path(place)) for name, place in zip(names, places, strict=True) if is_path(place)]
    for name, place in own:
        _copy(name, place, home)
    if own:
        Study(page, stored, quiet=True).run()  # it names its files from where they are now
    study.save_front(target / "expected" / f"{part.name}-figure.svg")


def _copy(name: str, place: Path, home: Path) -> None:
    """Copy a network's page and checkpoint, a family's files or a cost table, to where the study's page names it."""
    to = Path(resolve(f"./{name}", home))
    if Path(name).is_absolute() or not to.is_relative_to(home.resolve()):
        raise LimenError(f"{shown(name)}: is not allowed in an artifact: a file in the folder of the study's page")
    files: Sequence[Path] = [place]
    if place.is_dir():
        files = family_files(str(place))
    elif is_page(str(place)):
        checkpoint = read_page(place).checkpoint
        files = [place, *([place.parent / checkpoint] if checkpoint else [])]
    for file in files:
        copy = to / file.name if place.is_dir() else to.parent / file.relative_to(place.parent)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)


def _axes(study: Study) -> list[str]:
    names = [*study.spec.objectives]
    return [names[-1], names[0]]
