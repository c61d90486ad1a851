"""Parts of dear results, computed anew: a seed draws which, and what comes out must be what is stored, to the bit.

Trainings are not among them: made again on another processor, most came out with other bits.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from dse.architectures.page import built_in_pages, load_page, page_path
from dse.architectures.results import FrontRow, family_front
from dse.architectures.tables import front_csv, read_front
from dse.space.sources import resolve_all
from dse.study.comparison import DEAR, Piece, looks_of, replay
from dse.study.known_space import read_swept
from dse.study.study import Study
from tests.docs.shown import DOCS, Shown
from workloads.host.manifest import read_manifest
from workloads.host.scratch import scratch_folder
from workloads.host.text_tables import SIX_DECIMALS, csv_text
from workloads.ops.op_field import Op

ARCHITECTURES, SAMPLERS = DOCS / "architectures", DOCS / "samplers"
POINTS = "points of the sweep"
"""What a manifest calls the digest of all points that a comparison's searches looked up."""


def drawn(seed: int, name: str, count: int) -> int:
    """Return the place, from 0, of the one among so many that a seed draws for a result of this name."""
    return int(np.random.default_rng([seed, *name.encode()]).integers(count))


def drawn_op(name: str, seed: int) -> Op:
    """Return the op whose families are counted and priced anew."""
    ops = [*load_page(name).ops]
    return ops[drawn(seed, f"architectures {name}", len(ops))]


def families_stored(name: str, seed: int) -> str:
    """Return the stored designs of an op of the families that a search over networks is compared with."""
    families, op = load_page(name).families, drawn_op(name, seed)
    rows = read_front(ARCHITECTURES / f"{name}-front.csv")
    return fronts_csv([row for row in rows if row.op == op and row.source in families])


def families_again(name: str, seed: int) -> str:
    page = load_page(name)
    costs = resolve_all(page.designs.tables, page_path(name).parent)
    op = drawn_op(name, seed)
    return fronts_csv([row for family in page.families for row in family_front(page, costs, op, family)])


def fronts_csv(rows: list[FrontRow]) -> str:
    """Return `front_csv` with all figures as real numbers, as they are read."""
    return front_csv(
        [row._replace(figures={name: float(value) for name, value in row.figures.items()}) for row in rows]
    )


def stored_search(name: str, seed: int) -> list[dict[str, str]]:
    """Return the looks at a stored search of a space, by a sampler that takes no hour of it."""
    with (SAMPLERS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["sampler"] != DEAR]
    searches = sorted({(row["sampler"], int(row["seed"])) for row in rows})
    chosen = searches[drawn(seed, f"samplers {name}", len(searches))]
    return [row for row in rows if (row["sampler"], int(row["seed"])) == chosen]


def search_csv(looks: list[list[object]], digest: str) -> str:
    return csv_text(["sampler", "seed", "trials", "share", POINTS], [[*look, digest] for look in looks], SIX_DECIMALS)


def search_stored(name: str, seed: int) -> str:
    """Return a stored search, with the digest of the points that it was to find."""
    manifest = read_manifest(SAMPLERS)
    assert manifest is not None
    (digest,) = {
        run["inputs"][POINTS]
        for run in manifest.runs
        if f"{name}.csv" in run.get("of files", ()) and POINTS in run["inputs"]
    }
    looks = [[row["sampler"], row["seed"], row["trials"], float(row["share"])] for row in stored_search(name, seed)]
    return search_csv(looks, digest)


def search_again(name: str, seed: int) -> str:
    """Sweep a space and search it anew."""
    last = stored_search(name, seed)[-1]
    piece = Piece(last["sampler"], int(last["seed"]), int(last["trials"]))
    with scratch_folder() as scratch:
        Study(SAMPLERS / f"{name}.yaml", scratch / "sweep", sampler="exhaustive", quiet=True).run(1)
        swept = read_swept(scratch / "sweep")
    looks = zip(looks_of(piece.trials), replay(swept, piece).shares, strict=True)
    return search_csv([[piece.sampler, piece.seed, trials, share] for trials, share in looks], swept.digest)


def searched_pages() -> list[str]:
    """Return the built-in searches over networks whose results are stored."""
    return [name for name in built_in_pages() if (ARCHITECTURES / f"{name}-trials.csv").exists()]


def samples(seed: int) -> dict[str, Shown]:
    """Return the samples that a seed draws, by the names of their scripts."""

    def sample(
        title: str, how: str, stored: Callable[[], str], again: Callable[[], str], minutes: float
    ) -> Shown:  # fmt: skip
        return Shown("table", title, f"A sample: {how}; SEED=1 draws another.", stored, again, (), minutes)

    found = {}
    for name in searched_pages():
        found[f"sample-architectures-{name}"] = sample(
            f"The shipped families' designs in architectures/{name}-front.csv, of one op",
            "all widths and designs are counted and priced, and the front found, anew",
            lambda name=name: families_stored(name, seed),  # type: ignore[misc]
            lambda name=name: families_again(name, seed), 0.3,  # type: ignore[misc]
        )  # fmt: skip
    for path in sorted(SAMPLERS.glob("*.yaml")):
        found[f"sample-samplers-{path.stem}"] = sample(
            f"One search of samplers/{path.name.replace('.yaml', '.csv')}, without its times",
            f"every point of the space is evaluated, and the search done, anew; not drawn are those of {DEAR}",
            lambda name=path.stem: search_stored(name, seed),  # type: ignore[misc]
            lambda name=path.stem: search_again(name, seed), 1.5,  # type: ignore[misc]
        )  # fmt: skip
    return found


def sampled(path: Path) -> str:
    """Return the words that say which script computes a part of a stored result anew; none where none does."""
    folder = path.parent.name
    of = {"architectures": "sample-architectures", "samplers": "sample-samplers"}
    return f" A part of it anew: {of[folder]}." if folder in of and path.suffix == ".csv" else ""
