"""The project's own artifact, every table and figure of docs: `python -m tests.docs.artifact FOLDER`, `make artifact`.

What follows from stored rows, runs and searches is computed again, from all of them; stored runs and searches
themselves, which take long, are told by their SHA-256 and their minutes.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import image

from dse.artifact.folder import write_artifact
from dse.artifact.item import Item
from dse.evaluation.inputs import workload_hashes
from dse.front.front import knee_distances, non_dominated
from dse.report import polarity_report
from dse.report.plot import FIGURE_SIZE, Drawing, Scale, draw_front
from dse.report.sampler_plot import plot_samplers
from dse.report.sampler_table import ShareRow, table_markdown
from dse.report.seed_cells import cells_csv
from dse.space.figures import CATALOGUE
from tests.docs import whole_machine
from tests.docs.tables import FAMILIES, FILES, PAGES, PICTURES, POLARITY, SWEPT
from tests.support.manifests import results
from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.host.manifest import MANIFEST, Origin, file_hash, manifests_in, read_manifest
from workloads.host.pictures import Figure, picture_bytes
from workloads.host.scratch import scratch_folder
from workloads.host.text_tables import csv_text
from workloads.studies.polarity import read_rows

DOCS = ROOT / "docs"
SAMPLERS = DOCS / "samplers"
POINTS = {
    "digits": "digits: 169,344 points, 263 on the front",
    "mnist": "mnist: 117,600 points, 274 on the front",
}
"""Titles of the samplers' pictures: of sweeps that aren't stored."""

BODY = """\
: "${{SOURCE:?the folder of Limen's source}}"
PYTHONPATH="$SOURCE" "$PYTHON" -m tests.docs.artifact --again {name} > results/{name}.csv || exit 2
exec "$PYTHON" compare.py {name} expected/{name}.csv results/{name}.csv"""


class Shown(NamedTuple):
    """A table or figure of docs. stored: what is there, again: the same computed again, both as CSV.

    covers: the files that are compared whole. minutes: where the artifact's scripts aren't run.
    """

    kind: str
    title: str
    how: str
    stored: Callable[[], str]
    again: Callable[[], str]
    covers: Sequence[Path] = ()
    minutes: float = 0.1


def lines_csv(text: str) -> str:
    """Return a page's lines as a table of one column."""
    return csv_text(["line"], [[line] for line in text.splitlines()])


def pixels_csv(content: bytes) -> str:
    """Return a PNG's size and the SHA-256 of its pixels: what it shows, whatever else is in the file."""
    pixels = np.round(255 * image.imread(io.BytesIO(content))).astype(np.uint8)
    height, width = pixels.shape[:2]
    return csv_text(
        ["width", "height", "sha256_of_pixels"], [[width, height, hashlib.sha256(pixels.tobytes()).hexdigest()]]
    )


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
    return Shown(
        "figure", f"Polarity on {dataset}", "Drawn again from the stored runs; pixels are compared.",
        lambda: pixels_csv((POLARITY / f"{dataset}.png").read_bytes()),
        lambda: pixels_csv(polarity_report.picture(polarity_cells(dataset))), (POLARITY / f"{dataset}.png",),
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


def samplers_picture(name: str) -> str:
    with scratch_folder() as scratch:
        plot_samplers(share_rows(name), POINTS[name], scratch / "again.png")
        return pixels_csv((scratch / "again.png").read_bytes())


def redraw() -> None:
    """Draw the samplers' pictures in docs again from the stored searches, by the program as it is now."""
    pictures = [SAMPLERS / f"{name}.png" for name in POINTS]
    origin = Origin({path.with_suffix(".csv").name: file_hash(path.with_suffix(".csv")) for path in pictures})
    for path in pictures:
        plot_samplers(share_rows(path.stem), POINTS[path.stem], path)
    manifest = read_manifest(SAMPLERS)
    assert manifest is not None
    origin.write_into(SAMPLERS, [SAMPLERS / name for name in manifest.files], manifest.runs)


def front_picture() -> str:
    """Return the picture of the front of digits: every point of the study's space is evaluated for it."""
    spec, table = whole_machine.study("digits"), whole_machine.points("digits").copy()
    table["trial"] = range(len(table))
    feasible = table[table["feasible"]]
    front = feasible[non_dominated(feasible, spec.objectives)]
    front = front.sort_values([*spec.objectives, "trial"]).reset_index(drop=True)
    distances = front.assign(distance=knee_distances(front, spec.objectives))
    refused = int(table["refused"].sum())
    drawing = Drawing(
        title="digits, ihp130", feasible=feasible, front=front, objectives=spec.objectives,
        knee=int(distances.sort_values(["distance", "trial"], kind="stable")["trial"].iloc[0]),
        scales={name: Scale(known.label, known.by_factor) for name, known in CATALOGUE.items() if name in front},
        count=len(feasible), infeasible=len(table) - refused - len(feasible), refused=refused,
    )  # fmt: skip
    figure = Figure(figsize=FIGURE_SIZE, layout="constrained")
    draw_front(drawing, "energy_uj", "accuracy", "op", figure.add_subplot())
    return pixels_csv(picture_bytes(figure))


LONG = {
    "architectures": "an hour, by limen net search",
    ".": "times, which no other machine has; make growth, a quarter of an hour",
    "diffusion": "10 minutes, by limen net diffusion",
    "polarity": "17 minutes and MNIST's files, by limen net polarity, whose training has changed since",
    "samplers": "80 minutes, by limen study compare",
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
    why = LONG.get(folder, "by the command in its manifest")
    return Shown(
        kind, ", ".join(path.relative_to(DOCS).as_posix() for path in paths),
        f"Not computed again ({why}): by the SHA-256 of its making.",
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
        f"{Path(name).stem}-figure": Shown(
            "figure", f"{name}, of the table of that name", "Drawn again from the stored best; pixels are compared.",
            lambda name=name: pixels_csv((DOCS / "tables" / name).read_bytes()),  # type: ignore[misc]
            lambda content=content: pixels_csv(content()),  # type: ignore[misc]
            (DOCS / "tables" / name,),
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
        f"samplers-{name}-figure": Shown(
            "figure", f"Samplers on the space of {name}", "Drawn again from the stored searches; pixels are compared.",
            lambda name=name: pixels_csv((SAMPLERS / f"{name}.png").read_bytes()),  # type: ignore[misc]
            lambda name=name: samplers_picture(name),  # type: ignore[misc]
            (SAMPLERS / f"{name}.png",),
        )
        for name in POINTS
    },
    "front-figure": Shown(
        "figure", "The front of the built-in study digits", "Every point of its space is evaluated again, and the "
        "picture drawn; pixels are compared.", lambda: pixels_csv((DOCS / "front.png").read_bytes()), front_picture,
        (DOCS / "front.png",), minutes=1.0,
    ),
}  # fmt: skip
ITEMS = COMPUTED | rest({path for shown in COMPUTED.values() for path in shown.covers})
"""By the name of their script."""


def make(target: Path, run: bool = True) -> int:
    """Write the artifact, print what its scripts said, and return how many of them found a difference."""
    items = [
        Item(name, shown.kind, shown.title, shown.how, BODY.format(name=name),
             {f"expected/{name}.csv": shown.stored().encode()}, shown.minutes)
        for name, shown in ITEMS.items()
    ]  # fmt: skip
    inputs = {name: digest for family in FAMILIES for name, digest in workload_hashes(family).items()}
    outcome = write_artifact(
        target, "Limen: every table and figure of its documentation", items, [*FAMILIES], inputs, lambda folder: None,
        run, {"SOURCE": str(ROOT)},
    )  # fmt: skip
    print("\n".join(outcome.lines))
    print(f"{target}: written; run it: SOURCE={ROOT} sh {target}/run-all.sh")
    return outcome.differ


def main(arguments: list[str]) -> int:
    """Return the exit code: 0, 1 where a result differs, 2 where the arguments are none of these.

    --redraw: the samplers' pictures of docs, where the program draws them otherwise than when they were stored.
    """
    if len(arguments) == 2 and arguments[0] == "--again" and arguments[1] in ITEMS:
        print(ITEMS[arguments[1]].again(), end="")
        return 0
    if arguments == ["--redraw"]:
        redraw()
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("python -m tests.docs.artifact FOLDER | --again NAME | --redraw", file=sys.stderr)
        return 2
    try:
        return 1 if make(Path(arguments[0])) else 0
    except LimenError as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
