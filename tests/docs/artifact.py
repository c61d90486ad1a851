"""The project's own artifact, every table and figure of docs: `python -m tests.docs.artifact FOLDER`, `make artifact`.

What follows from stored rows, runs and searches is computed again, from all of them; of stored runs and searches
themselves, which take long, a sample is computed anew (samples.py), and all is told by its SHA-256.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from dse.artifact.appendix import SOURCE
from dse.artifact.folder import write_artifact
from dse.artifact.item import Item
from dse.cli.ending import end_with
from dse.evaluation.inputs import workload_hashes
from dse.report import polarity_report
from dse.report.sampler_plot import plot_samplers
from dse.report.sampler_table import ShareRow, table_markdown
from dse.report.seed_cells import cells_csv
from tests.docs.redrawn import DIFFUSION, REDRAWN, curve, errors_by_step, picture
from tests.docs.samples import SAMPLERS, sampled, samples
from tests.docs.shown import DOCS, Shown, lines_csv
from tests.docs.tables import FAMILIES, FILES, PAGES, PICTURES, POLARITY, SWEPT
from tests.support.manifests import results
from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.host.manifest import MANIFEST, Origin, file_hash, manifests_in, read_manifest
from workloads.host.scratch import scratch_folder
from workloads.host.text_tables import csv_text
from workloads.studies.diffusion import DIFFUSION_OPS
from workloads.studies.polarity import read_rows

POINTS = {
    "digits": "digits: 169,344 points, 263 on the front",
    "mnist": "mnist: 117,600 points, 274 on the front",
}
"""Titles of the samplers' pictures: of sweeps that aren't stored."""

BODY = """\
: "${{SOURCE:?the folder of Limen's source}}"
PYTHONPATH="$SOURCE" "$PYTHON" -m tests.docs.artifact --again {name} > results/{name}.csv || exit 2
exec "$PYTHON" compare.py {name} expected/{name}.csv results/{name}.csv"""

SAMPLE_BODY = """\
: "${{SOURCE:?the folder of Limen's source}}" "${{SEED:=0}}"
again() {{ PYTHONPATH="$SOURCE" "$PYTHON" -m tests.docs.artifact "$1" {name} --seed "$SEED"; }}
expected=expected/{name}.csv
if [ "$SEED" != 0 ]; then expected=results/{name}-stored.csv; again --stored > "$expected" || exit 2; fi
again --again > results/{name}.csv || exit 2
exec "$PYTHON" compare.py {name} "$expected" results/{name}.csv"""
"""SEED: draws what is computed anew; that of expected/ is 0."""


def hashes_csv(paths: Sequence[Path], now: bool) -> str:
    """Return the SHA-256 of files of docs: what they are now, or what the manifest of their making says."""
    rows = [[path.relative_to(DOCS).as_posix(), file_hash(path) if now else _made(path)] for path in paths]
    return csv_text(["file", "sha256"], rows)


def _made(path: Path) -> str:
    manifests = manifests_in(path.parent)
    beside = manifests.get(path.with_name(f"{path.name}.{MANIFEST}")) or manifests.get(path.parent / MANIFEST)
    return beside.files.get(path.name, "in no manifest") if beside else "no manifest"


def page(name: str) -> Shown:
    return Shown(
        "table", PAGES[name].title, "Computed again from the shipped rows, runs and networks, all of it.",
        lambda: lines_csv((DOCS / "tables" / f"{name}.md").read_text(encoding="utf-8")),
        lambda: lines_csv(PAGES[name].text()), (DOCS / "tables" / f"{name}.md",),
    )  # fmt: skip


def polarity_cells(dataset: str) -> list[polarity_report.Cell]:
    return polarity_report.summarise(read_rows(POLARITY / f"{dataset}-runs.csv"))


def polarity_table(dataset: str) -> Shown:
    return Shown(
        "table", f"Polarity on {dataset}, mean and deviation of each cell", "From the stored runs, all of them.",
        lambda: (POLARITY / f"{dataset}.csv").read_text(encoding="utf-8"),
        lambda: cells_csv(polarity_report.Cell, polarity_cells(dataset)), (POLARITY / f"{dataset}.csv",),
    )  # fmt: skip


def polarity_picture(dataset: str) -> Shown:
    return picture(
        POLARITY / f"{dataset}.png", f"Polarity on {dataset}", "the stored runs",
        lambda: polarity_report.picture(polarity_cells(dataset)),
    )  # fmt: skip


def share_rows(name: str) -> list[ShareRow]:
    """Return the stored looks at the searches of a comparison."""
    with (SAMPLERS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return [
            ShareRow(row["sampler"], *(int(row[key]) for key in ("seed", "trials")),
                     *(float(row[key]) for key in ("share", "suggestion_ms")))
            for row in csv.DictReader(file)
        ]  # fmt: skip


def table_of_samplers(place: int) -> str:
    """Return the lines of a table of samplers in docs/studies.md."""
    tables = re.findall(
        r"^\| sampler \| seeds \|.*\n(?:\|.*\n)+", (DOCS / "studies.md").read_text("utf-8"), re.MULTILINE
    )
    return lines_csv(tables[place])


def samplers_picture(name: str) -> bytes:
    with scratch_folder() as scratch:
        plot_samplers(share_rows(name), POINTS[name], scratch / "again.png")
        return (scratch / "again.png").read_bytes()


def redraw() -> None:
    """Draw pictures of docs again from stored numbers, by the program as it is now: searches, and diffusion."""
    pictures = {SAMPLERS / f"{name}.png": samplers_picture(name) for name in POINTS}
    pictures |= {DIFFUSION / f"{op}-curve.png": curve(op) for op in DIFFUSION_OPS}
    pictures[DIFFUSION / "diffusion-steps.png"] = errors_by_step()
    changed = {path: content for path, content in pictures.items() if path.read_bytes() != content}
    for folder in dict.fromkeys(path.parent for path in changed):
        manifest = read_manifest(folder)
        assert manifest is not None
        tables = [folder / name for name in manifest.files if name.endswith(".csv")]
        origin = Origin({path.name: file_hash(path) for path in tables})
        for path, content in changed.items():
            if path.parent == folder:
                path.write_bytes(content)
        origin.write_into(folder, [folder / name for name in manifest.files], manifest.runs)


TRAINED = "whose trainings came out with other bits on another processor"
LONG = {
    "architectures": f"half an hour and 41 minutes, by limen net search, {TRAINED}",
    ".": "times, which no other machine has; make growth, a quarter of an hour",
    "depth": f"4 minutes, by limen net depth, {TRAINED}",
    "diffusion": f"10 minutes, by limen net diffusion, {TRAINED}",
    "polarity": "17 minutes and MNIST's files, by limen net polarity, whose training has changed since",
    "samplers": "80 minutes, by limen study compare",
    "speakers": f"by limen net speakers, {TRAINED}",
    "training": "hours, by limen net train, of programs of before",
}
"""What results in a folder of docs take that no script makes again."""

FIGURES = (".png", ".svg", ".pdf", ".html")


def rest(covered: Collection[Path]) -> dict[str, Shown]:
    """Return an item for the tables, and one for the figures, of each folder of docs that nothing else covers."""
    groups: dict[tuple[str, str], list[Path]] = {}
    for path in results(DOCS):
        if path not in covered and path.suffix != ".md":
            folder = path.parent.relative_to(DOCS).as_posix()
            groups.setdefault((folder, "figure" if path.suffix in FIGURES else "table"), []).append(path)
    names = {folder: folder.strip(".").replace("/", "-") or "docs" for folder, _ in groups}
    return {f"stored-{names[folder]}-{kind}s": _hashed(folder, kind, paths) for (folder, kind), paths in groups.items()}


def _hashed(folder: str, kind: str, paths: Sequence[Path]) -> Shown:
    parts = "".join(dict.fromkeys(map(sampled, paths)))
    return Shown(
        kind, ", ".join(path.relative_to(DOCS).as_posix() for path in paths),
        f"Not computed again ({LONG[folder]}): by the SHA-256 of its making.{parts}",
        lambda: hashes_csv(paths, now=False), lambda: hashes_csv(paths, now=True), tuple(paths),
    )  # fmt: skip


COMPUTED: dict[str, Shown] = {
    **{f"table-{name}": page(name) for name in PAGES},
    **{
        f"table-{Path(name).stem}-csv": Shown(
            "table", f"{name}, all numbers", "Computed again, all of it.",
            lambda name=name: (DOCS / "tables" / name).read_text(encoding="utf-8"),  # type: ignore[misc]
            lambda content=content: content().decode(),  # type: ignore[misc]
            (DOCS / "tables" / name,),
        )
        for name, content in FILES.items()
    },
    **{
        f"table-{Path(name).stem}-csv": Shown(
            "table", f"{name}, all numbers", "Every point of its study's space is evaluated again.",
            lambda name=name: (DOCS / "tables" / name).read_text(encoding="utf-8"),  # type: ignore[misc]
            lambda content=content: content().decode(),  # type: ignore[misc]
            (DOCS / "tables" / name,), minutes=2.0,
        )
        for name, content in SWEPT.items()
    },
    **{
        f"{Path(name).stem}-figure": picture(
            DOCS / "tables" / name, f"{name}, of the table of that name", "the stored best", content
        )
        for name, content in PICTURES.items()
    },
    **{f"polarity-{name}": polarity_table(name) for name in ("digits", "mnist")},
    **{f"polarity-{name}-figure": polarity_picture(name) for name in ("digits", "mnist")},
    **{
        f"samplers-{name}": Shown(
            "table", f"Samplers on the space of {name}", "From the stored searches, all of them.",
            lambda place=place: table_of_samplers(place),  # type: ignore[misc]
            lambda name=name: lines_csv(table_markdown(share_rows(name))),  # type: ignore[misc]
        )
        for place, name in enumerate(POINTS)
    },
    **{
        f"samplers-{name}-figure": picture(
            SAMPLERS / f"{name}.png", f"Samplers on the space of {name}", "the stored searches",
            lambda name=name: samplers_picture(name),  # type: ignore[misc]
        )
        for name in POINTS
    },
    **REDRAWN,
}  # fmt: skip


def items(seed: int = 0) -> dict[str, Shown]:
    """Return all tables and figures by the name of their script; seed: of the samples."""
    return COMPUTED | samples(seed) | rest({path for shown in COMPUTED.values() for path in shown.covers})


def body_of(name: str) -> str:
    """Return what a script does."""
    return (SAMPLE_BODY if name.startswith("sample-") else BODY).format(name=name)


def make(target: Path, run: bool = True) -> int:
    """Write the artifact, print what its scripts said, and return how many of them found a difference."""
    scripts = [
        Item(name, one.kind, one.title, one.how, body_of(name), {f"expected/{name}.csv": one.stored().encode()},
             one.minutes)
        for name, one in items().items()
    ]  # fmt: skip
    inputs = {name: digest for family in FAMILIES for name, digest in workload_hashes(family).items()}
    outcome = write_artifact(
        target, "Limen: every table and figure of its documentation", scripts, [*FAMILIES], inputs, lambda folder: None,
        run, {SOURCE: str(ROOT), "SEED": "0"},
    )  # fmt: skip
    print("\n".join(outcome.lines))
    print(f"{len(outcome.lines) - outcome.differ} of {len(outcome.lines)} equal")
    print(f"{target}: written; run it: SOURCE={ROOT} sh {target}/run-all.sh")
    return outcome.differ


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, 1 where a result differs, 2 where the arguments are none of these.

    --redraw: see `redraw`, where the program draws otherwise than when they were stored.
    """
    try:
        match arguments:
            case ["--redraw"]:
                redraw()
                return 0
            case ["--again" | "--stored" as which, name, *rest] if name in items() and (
                not rest or (len(rest) == 2 and rest[0] == "--seed" and rest[1].isdecimal())
            ):
                shown = items(int(rest[1]) if rest else 0)[name]
                print(shown.again() if which == "--again" else shown.stored(), end="")
                return 0
            case [folder] if not folder.startswith("-"):
                return 1 if make(Path(folder)) else 0
    except LimenError as error:
        print(error, file=sys.stderr)
        return 2
    print("python -m tests.docs.artifact FOLDER | --again NAME | --stored NAME | --redraw", file=sys.stderr)
    return 2


if __name__ == "__main__":
    end_with(lambda: main(sys.argv[1:]))
