"""A study's page: what of a stored study goes into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas

from dse.evaluation.inputs import origin_of
from dse.evaluation.tally import total
from dse.front.growth import growth
from dse.front.importance import METHOD, variance_shares
from dse.report.page import check_page_extra, page
from dse.report.page_data import PageData, Roof
from dse.search.parameters import in_order
from dse.study.look import drawing_of
from simulator.insight.roofline import Roofs
from simulator.run import simulate
from workloads.errors import LimenError, check_kind
from workloads.host.files import write_whole
from workloads.host.manifest import packages, read_manifest
from workloads.host.names import PAGE, is_file_name
from workloads.version import VERSION

if TYPE_CHECKING:
    from dse.evaluation.point import Point
    from dse.study.study import Study

MOST_DRAWN = 1_000
"""Feasible designs of a page, beside its front."""


def check_page(path: Path) -> None:
    """Raise LimenError unless a page can be made and this can be its name: asked before the work."""
    if not is_file_name(path, PAGE):
        raise LimenError(f"{path}: not allowed: a name that ends in {PAGE[0]}")
    check_page_extra()


def write_page(study: Study, place: str | Path) -> Path:
    """Write a study's page, and its manifest beside it; return its path.

    Raises:
        LimenError: a name that doesn't end in .html, no extra `report`, no front, or a file that can't be written.
    """
    check_kind("path", place, (str, Path), "the page's file")
    path = Path(place)
    check_page(path)
    origin = origin_of(study)
    write_whole(path, page(page_data(study), METHOD).encode())
    origin.write_beside(path)
    return path


def page_data(study: Study) -> PageData:
    """Return what a study's page shows. Raises LimenError where it has no front."""
    drawing, objectives = drawing_of(study, MOST_DRAWN), study.spec.objectives
    if len(drawing.feasible) > 2 * MOST_DRAWN:
        drawing = replace(drawing, feasible=drawing.feasible.sample(MOST_DRAWN, random_state=0).sort_index())
    axes = _axes(study, pandas.concat([drawing.front, drawing.feasible]))
    by_factor = {name: drawing.scales[name].is_logarithmic for name in objectives}
    ops = sorted((op for op, tally in study.tallies().items() if tally.feasible), reverse=True)
    points = {name: study.point(name) for name in ("knee", "largest", *ops)}
    return PageData(
        drawing=drawing,
        folder=str(study.folder),
        axes=axes,
        importance=variance_shares(drawing.feasible, list(axes), by_factor),
        growth=None if study.spec.is_sweep else growth(study.trials(), drawing.front, objectives),
        points={name: (point.trial, point.coordinates.key) for name, point in points.items()},
        roofs=[roof for roof in (_roof(name, points[name]) for name in ops) if not roof.layers.empty],
        facts=_facts(study),
        hashes=origin_of(study).inputs,
    )


def _axes(study: Study, designs: pandas.DataFrame) -> dict[str, list[Any]]:
    """Return the values of each axis with several, in order, then those where it doesn't apply."""
    named = {name: in_order(values) for name, values in study.axes.items() if name in designs}
    axes = {name: [*dict.fromkeys([*values, *designs[name]])] for name, values in named.items()}
    return {name: values for name, values in axes.items() if len(values) > 1}


def _roof(name: str, point: Point) -> Roof:
    run = simulate(point.network, point.design)
    roofs = Roofs.of(run.design)
    return Roof(f"{name}: {point.coordinates.key}", roofs.operations_per_cycle, roofs.bytes_per_cycle, run.roofline)


def _facts(study: Study) -> dict[str, str]:
    """Return what was sought how, and every run, as the study's manifest has it."""
    spec, manifest = study.spec, read_manifest(study.folder)
    seed = getattr(spec.sampler, "seed", None)
    facts = {
        "workloads": ", ".join(spec.workloads),
        "objectives": ", ".join(f"{name} {direction}" for name, direction in spec.objectives.items()),
        "constraints": ", ".join(f"{name} {bound}" for name, bound in spec.constraints.items()) or "none",
        "sampler": f"{spec.sampler.name}, seed {'none' if seed is None else seed}",
        "trials": f"{total(study.tallies().values()).tried:,}; points of the space: {study.space_size:,}",
    }
    for number, run in enumerate(manifest.runs if manifest else [], start=1):
        facts[f"run {number}"] = "; ".join(f"{name}: {_words(fact)}" for name, fact in run.items() if name != "inputs")
    return facts | {"this page": f"Limen {VERSION}; {_words(packages())}"}


def _words(fact: object) -> str:
    if isinstance(fact, Mapping):
        return ", ".join(f"{name} {value}" for name, value in fact.items())
    return str(fact)
