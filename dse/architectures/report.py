"""Writing what a search over networks found: tables, picture, pages, and the manifest that names them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dse.architectures.page import ArchitecturePage
from dse.architectures.plot import front_picture
from dse.architectures.results import FrontRow, NetRow, Results, volume_shares
from dse.architectures.search import ArchitectureSearch
from dse.architectures.tables import (
    Grid,
    as_csv,
    as_latex,
    as_markdown,
    as_text,
    costs_at,
    found,
    front_csv,
    nets_csv,
    shares_of,
)
from workloads.host.files import write_whole
from workloads.host.manifest import Origin, read_manifest
from workloads.host.width import wrapped

TITLES = (
    "The least of each cost at validation accuracies: designs and widths of found nets, of those made by hand and "
    "trained as long, and of trained families",
    "Share of each front in the hypervolume of all together",
    "The nets that the search has on its op's front, each with its most accurate member there",
)


CAPTIONS = ("Costs at accuracies", "Shares of the hypervolume", "Found nets")


def write_results(search: ArchitectureSearch, data: Path | None, origin: Origin) -> list[Grid]:
    """Write trials.csv, front.csv, tables.md, tables.tex, front.png and the found nets; return the tables.

    Raises LimenError where one can't be written.
    """
    results = Results(search, data)
    fronts = results.fronts()
    nets = results.nets(fronts)
    grids = grids_of(nets, fronts, search.page)
    contents = {
        "trials.csv": nets_csv(nets).encode(),
        "front.csv": front_csv(fronts).encode(),
        "tables.md": joined(grids, "md", search.page.name).encode(),
        "tables.tex": joined(grids, "latex", search.page.name).encode(),
        "front.png": front_picture(fronts, costs_of(search.page), title_of(search, fronts), origin.words()),
    }
    for name, content in contents.items():
        write_whole(search.folder / name, content)
    paths = [*(search.folder / name for name in contents), *results.write_found(fronts)]
    earlier = read_manifest(search.folder)
    origin.write_into(search.folder, paths, earlier.runs if earlier is not None else [])
    return grids


def costs_of(page: ArchitecturePage) -> list[str]:
    """Return the objectives beside accuracy."""
    return [name for name in page.designs.objectives if name != "accuracy"]


def grids_of(nets: Sequence[NetRow], fronts: Sequence[FrontRow], page: ArchitecturePage) -> list[Grid]:
    """Return the tables of `TITLES`."""
    shares = volume_shares(fronts, page.designs)
    return [costs_at(fronts, costs_of(page)), shares_of(shares), found(nets, fronts)]


def joined(grids: list[Grid], form: str, name: str, page_columns: int = 2) -> str:
    """Return the tables of a search of that name in a format, each under its title; of CSV nothing but the tables.

    Raises LimenError where LaTeX doesn't fit the columns of a page.
    """
    if form == "latex":
        return as_latex(grids, CAPTIONS, name, page_columns)
    if form == "csv":
        return "\n".join(map(as_csv, grids))
    if form == "text":
        return "\n".join(f"{wrapped(title)}:\n{as_text(grid)}" for grid, title in zip(grids, TITLES, strict=True))
    return "\n".join(f"{title}:\n\n{as_markdown(grid)}" for grid, title in zip(grids, TITLES, strict=True))


def title_of(search: ArchitectureSearch, fronts: list[FrontRow]) -> str:
    """Return the title of the picture."""
    done, planned = search.progress()
    of = "" if done == planned else f" of {planned}"
    return f"{search.page.name}: {done}{of} nets trained, {len(fronts)} designs on their fronts"
