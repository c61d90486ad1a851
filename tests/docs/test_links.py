"""Every link of every page leads somewhere, and every file, module and name of the code that a page names is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PACKAGES = ("workloads", "simulator", "cost_models", "dse")
FOLDERS = (*PACKAGES, "tests", "docs", "notebooks")
PAGES = sorted(
    page
    for folder in (ROOT, *(ROOT / name for name in FOLDERS))
    for page in (folder.glob("*.md") if folder == ROOT else folder.rglob("*.md"))
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"(?<![\w./-])((?:{'|'.join(FOLDERS)})/[\w.*/-]*[\w*/])")
PLACE = re.compile(r"`(\w+)`,? in `([\w/]+\.(?:py|v))`")
MODULE = re.compile(r"limen_[a-z0-9_]+(?=\.v$|$)")
FILE = re.compile(r"[\w/]+\.py")
NAMED_FILE = re.compile(rf"(?<![\w./{{}}-])((?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:py|md|v|yaml|png|csv))\b")
CODE = (".py", ".v", ".cpp", ".yaml")
OF_AN_EXPORT = {"limen_chip"}
"""Modules that only exported folders have."""

NO_MODULES = {"limen_registered", "limen_sha256"}
"""A module that is written while a unit is placed, and a key of a trial."""


def sources(ending: str) -> set[str]:
    return {path.name for name in (*PACKAGES, "tests") for path in (ROOT / name).rglob(f"*{ending}")} | {"limen.py"}


PYTHON, VERILOG = sources(".py"), {name.removesuffix(".v") for name in sources(".v")}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(page: Path) -> Iterator[str]:
    for target in LINK.findall(prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        place = (page.parent / name).resolve() if name else page
        if not place.exists() or ROOT not in (place, *place.parents):
            yield f"({target}): no such file"
        elif anchor and anchor not in anchors(place):
            yield f"({target}): no such heading"


def dead_names(page: Path) -> Iterator[str]:
    for span in SPAN.findall(prose(page)):
        for path in PATH.findall(span):
            if not any(ROOT.glob(path.rstrip("/"))):
                yield f"`{path}`: no such file"
        if FILE.fullmatch(span) and Path(span).name not in PYTHON:
            yield f"`{span}`: no such file"
        name = MODULE.match(span)
        if name and name[0] not in VERILOG | OF_AN_EXPORT | NO_MODULES:
            yield f"`{span}`: no such module"
    for name, path in PLACE.findall(prose(page)):
        place = ROOT / path
        if place.is_file() and not re.search(rf"\b{name}\b", place.read_text(encoding="utf-8")):
            yield f"`{name}`: not in {path}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_leads_somewhere(page: Path) -> None:
    assert not [*dead_links(page), *dead_names(page)]


def test_code_of_commands_is_there() -> None:
    """Commands in blocks of code, too, name only tests and files that are there."""
    for page in PAGES:
        for block in re.findall(r"^(?:```\n.*?^```|    \S.*)$", text_of(page), re.MULTILINE | re.DOTALL):
            for path in PATH.findall(block):
                assert any(ROOT.glob(path.rstrip("/"))), f"{page.name}: {path}"


def test_files_that_the_code_names_are_there() -> None:
    """In comments, docstrings and messages of Python, Verilog, C++ and the Makefile."""
    places = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in CODE]
    for place in [*places, ROOT / "limen.py", ROOT / "Makefile", ROOT / "setup.cfg"]:
        gone = [name for name in NAMED_FILE.findall(text_of(place)) if not (ROOT / name).exists()]
        assert not gone, f"{place}: {gone}"
