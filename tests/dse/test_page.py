"""`limen report`: one file that needs no network, valid charts, every design of the front, names as texts."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pandas
import pytest

import dse.study.page_of
from dse.study.study import Study
from tests.dse.browser import PLACE, opened
from tests.dse.page_files import ReadPage, read_page
from tests.dse.study_files import NETWORK, SPEC
from tests.support.command import refused, run_command
from tests.support.manifests import unnamed
from tests.support.tools import skip_without
from workloads.errors import LimenError, pip_command
from workloads.host.manifest import read_manifest

jsonschema = pytest.importorskip("jsonschema", reason=f"extra report is not installed: {pip_command('report')}")
altair = pytest.importorskip("altair", reason=f"extra report is not installed: {pip_command('report')}")
pytestmark = skip_without("vl_convert", "report")

MOST_BYTES = 1_500_000
MARKUP = "<script>bad=1<b>&amp;'\"`${bad=1}{{style}}"
"""What would be read as markup, script or a place of the page's own, if it were."""

SWEEP = """version: 1
workloads: [digits]
space: {rows: [2, 4], cols: [2, 4], op: [threshold, mac], bits: {x: 4, w: 4}, dataflow: [os, is]}
objectives: {energy_uj: min, latency_us: min}
sampler: {name: exhaustive}
"""


BARS = """Object.keys(views.fronts.getState({data: () => true}).data)
  .find((name) => views.fronts.data(name)[0]?.group && views.fronts.data(name)[0]?.part !== undefined)"""
"""The name of the data that the bars of energies draw."""


@pytest.fixture(scope="module")
def page(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the small study, written by command."""
    path = tmp_path_factory.mktemp("page") / "small.html"
    outcome = run_command("report", "out", "--out", str(path), cwd=small)
    assert (outcome.returncode, outcome.stdout, outcome.stderr) == (0, f"{path}: written\n", "")
    assert unnamed(path.parent) == []
    return path


def of_rows(page: ReadPage) -> pandas.DataFrame:
    return pandas.DataFrame(page.blocks["designs"]["rows"], columns=page.blocks["designs"]["fields"])


def test_a_page_is_one_file_with_valid_charts(page: Path) -> None:
    read = read_page(page)
    assert page.stat().st_size < MOST_BYTES
    assert not [tag for tag, attributes in read.tags if {"src", "href", "data"} & attributes.keys()]
    policies = [attributes["content"] for tag, attributes in read.tags if "http-equiv" in attributes]
    assert len(policies) == 1 and str(policies[0]).startswith("default-src 'none'")
    specs = {name: block for name, block in read.blocks.items() if name.startswith("spec-")}
    assert specs.keys() == {f"spec-{name}" for name in ("fronts", "importance", "growth", "roofline")}
    for spec in specs.values():
        altair.Chart.from_dict(spec).to_dict(validate=True)
        spec["mark"] = "none"
        with pytest.raises(jsonschema.ValidationError):
            altair.Chart.from_dict(spec)


def test_a_page_has_every_design_of_the_front(page: Path, small: Path) -> None:
    study, read = Study.open(small / "out"), read_page(page)
    rows, front, trials = of_rows(read), study.front(), study.trials()
    assert rows.loc[rows["front"] == 1, "trial"].tolist() == front["trial"].tolist()
    assert set(rows["trial"]) == set(trials.loc[trials["feasible"], "trial"])
    assert rows["f0"].tolist() == pytest.approx(trials.set_index("trial").loc[rows["trial"], "energy_uj"], rel=1e-5)
    parts = rows[["array", "logic", "memory", "dram"]].sum(axis=1)
    assert parts.tolist() == pytest.approx(rows["f0"].tolist(), rel=1e-4)
    panels = read.blocks["spec-fronts"]["vconcat"][0]["concat"]
    assert len(panels) == 6
    knee = study.knee()
    for word in (str(knee.coordinates.key), f"limen study export out --point {knee.trial} --out out-{knee.trial}"):
        assert word in read.text
    for word in (study.spec.digest(), "nsga2, seed", "accuracy >= 0.97", "epsilon²", "0 refused"):
        assert word in read.text
    manifest = read_manifest(small / "out")
    assert manifest is not None
    for word in (*manifest.runs[0]["inputs"].values(), "command: limen study run small.yaml --out out", "commit "):
        assert word in read.text


def test_a_page_is_opened_hovered_over_and_clicked(page: Path, small: Path) -> None:
    knee = Study.open(small / "out").knee()
    command = f"limen study export out --point {knee.trial} --out out-{knee.trial}"
    with opened(page) as (window, said):
        window.mouse.move(*window.evaluate(PLACE, [0, knee.trial]))
        window.wait_for_selector("#vg-tooltip-element.visible")
        tooltip = window.inner_text("#vg-tooltip-element")
        assert knee.coordinates.key in tooltip and command in tooltip and "energy per image (µJ)" in tooltip
        x, y = window.evaluate(PLACE, [0, knee.trial])
        window.mouse.click(x, y)
        assert window.inner_text("#chosen strong") == f"trial {knee.trial}: {knee.coordinates.key}, on the front"
        assert window.inner_text("#chosen code") == command
        assert window.evaluate("views.fronts.signal('chosen')") == knee.trial
        # A rectangle around the knee leaves its bar among those of the front's energies, and takes others away.
        name = window.evaluate(BARS)
        bars = f"[...new Set(views.fronts.data('{name}').map((bar) => bar.design))]"
        before = window.evaluate(bars)
        window.mouse.move(x - 12, y - 12)
        window.mouse.down()
        window.mouse.move(x + 12, y + 12, steps=4)
        window.mouse.up()
        window.wait_for_function(f"{bars}.length < {len(before)} && {bars}.includes('{knee.coordinates.key}')")
        assert set(window.evaluate(bars)) < set(before)
        assert said == []


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    """The page of a study whose network's file and whose folder are called like markup, and the study."""
    folder = tmp_path_factory.mktemp("marked")
    (folder / f"{MARKUP}.yaml").write_text(NETWORK)
    lines = [line for line in SPEC.replace("SEED", "0").splitlines() if not line.startswith(("workl", "const", "obj"))]
    lines += ["objectives: {energy_uj: min, area_mm2: min}", f"workloads: [{json.dumps(f'{MARKUP}.yaml')}]"]
    text = "\n".join(lines).replace("4..5", "6").replace("[threshold, mac]", "[threshold]")
    (folder / "s.yaml").write_text(text.replace("trials: 40", "trials: 3"))
    study = Study(folder / "s.yaml", folder / "<" / f"script>{MARKUP}", quiet=True).run()
    return study.report(folder / "page.html"), study


def test_names_are_texts(marked: tuple[Path, Study]) -> None:
    path, study = marked
    read = read_page(path)
    tags = [tag for tag, _ in read.tags]
    assert tags.count("script") == 2 + len(read.blocks) and len(read.scripts) == 2 and "b" not in tags
    assert MARKUP in read.text and f"limen study export '{study.folder.parent.parent}/</script>" in read.text


def test_names_do_nothing_in_a_browser(marked: tuple[Path, Study]) -> None:
    path, study = marked
    with opened(path) as (window, said):
        assert MARKUP in window.title()
        trial = int(study.knee().trial)
        place = window.evaluate(PLACE, [0, trial])
        window.mouse.move(*place)
        window.wait_for_selector("#vg-tooltip-element.visible")
        assert f"/</script>{MARKUP[:10]}" in window.inner_text("#vg-tooltip-element")
        window.mouse.click(*place)
        assert window.inner_text("#chosen code") == f"limen study export {shlex.quote(str(study.folder))} --point " + (
            f"{trial} --out {shlex.quote(str(study.folder))}-{trial}"
        )
        assert window.evaluate("typeof bad") == "undefined" and said == []


def test_a_sweep_has_its_front_and_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sweep.yaml").write_text(SWEEP)
    study = Study(tmp_path / "sweep.yaml", tmp_path / "out", quiet=True).run(jobs=1)
    monkeypatch.setattr(dse.study.page_of, "MOST_DRAWN", 6)
    monkeypatch.setattr("dse.report.page._library", lambda: "")
    outcome = run_command("study", "report", "out", cwd=tmp_path)
    assert (outcome.returncode, outcome.stdout) == (0, "out/report.html: written\n"), outcome.stderr
    assert unnamed(tmp_path / "out") == []
    read = read_page(tmp_path / "out" / "report.html")
    rows = of_rows(read)
    assert set(rows.loc[rows["front"] == 1, "trial"]) == set(study.front()["trial"])
    drawn = re.search(r"16 feasible designs, (\d) of them drawn, a sample, and the whole front", read.text)
    assert drawn and len(rows) <= len(study.front()) + int(drawn[1]) < 16 + len(study.front())
    assert "spec-growth" not in read.blocks and "exhaustive" in read.text


@pytest.mark.parametrize(("module", "package"), [("altair", "altair"), ("vl_convert", "vl-convert-python")])
def test_without_the_extra(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    outcome = run_command("report", str(small / "out"), "-o", "a.html", cwd=tmp_path)
    refused(outcome, f"limen: report needs {package}, not installed: pip install '.[report]' in Limen's folder")
    assert not list(tmp_path.iterdir())


def test_pages_refused(small: Path, tmp_path: Path) -> None:
    refused(
        run_command("report", str(small / "out"), "-o", "a.pdf", cwd=tmp_path),
        "a.pdf: not allowed: a name that ends in .html",
    )
    refused(run_command("report", "nothing", "-o", "a.html", cwd=tmp_path), "nothing")
    (tmp_path / "s.yaml").write_text(SPEC.replace("SEED", "0"))
    study = Study(tmp_path / "s.yaml", tmp_path / "new", quiet=True)
    with pytest.raises(LimenError, match="no trial yet"):
        study.report(tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()
