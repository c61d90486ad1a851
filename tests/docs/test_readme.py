"""The README stays a page of ten minutes, its map has every room, its code runs; commands on all pages exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dse.cli.commands import commands
from tests.docs.test_links import PACKAGES, PAGES, text_of
from tests.support.paths import ROOT

README = ROOT / "README.md"
MOST_WORDS = 600
COMMAND = re.compile(r"(?:(?<=`)|^ {4}|^)limen ([^`\n]*)", re.MULTILINE)


def blocks(language: str) -> list[str]:
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text_of(README), re.MULTILINE | re.DOTALL)
    return [code for word, code in fenced if word == language]


def test_is_short() -> None:
    assert len(text_of(README).split()) <= MOST_WORDS  # as `wc -w` counts them


def test_map_has_a_line_for_every_room_and_no_other() -> None:
    (code_map,) = blocks("")
    rooms, package = set(), ""
    for line in code_map.splitlines():
        name = line.split()[0].rstrip("/")
        package = package if line.startswith(" ") else name
        rooms.add(Path(package, name) if line.startswith(" ") else Path(name))
    there = {
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).iterdir()
        if any(file.is_file() and "__pycache__" not in file.parts for file in path.rglob("*"))
    }
    assert all((ROOT / room).exists() for room in rooms)
    assert {room for room in rooms if len(room.parts) > 1 and not room.suffix} == there


def map_places() -> Iterator[tuple[str, Path]]:
    """Yield (line, file) of each file that the map names: of the line's room, or of its package."""
    (code_map,) = blocks("")
    package = Path()
    for line in code_map.splitlines():
        room, *words = line.split()
        package, folder = (package, package / room) if line.startswith(" ") else (Path(room), Path(room))
        for name in (word.strip(":;,") for word in words):
            if name.endswith((".py", ".csv")):
                inside = folder / name
                yield line, inside if (ROOT / inside).is_file() else package / name


def test_map_names_files_of_their_rooms() -> None:
    for line, path in map_places():
        assert (ROOT / path).is_file(), f"{path}: {line}"


def test_map_names_the_file_to_begin_with_in_each_package() -> None:
    first = {path.parts[0]: path.name for line, path in map_places() if not line.startswith(" ")}
    assert set(first) == set(PACKAGES)


def test_map_names_functions_and_values_of_the_files_beside_them() -> None:
    named = 0
    for line, path in map_places():
        content = (ROOT / path).read_text(encoding="utf-8")
        for name in re.findall(r"`(\w+)`", line):
            assert re.search(rf"\b{name}\b", content), f"{name}: not in {path}"
            named += 1
    assert named == 5  # each of the five names has one file on its line


def test_code_runs() -> None:
    (code,) = blocks("python")
    exec(compile(code, README.name, "exec"), {})


def named_commands(page: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Yield (words, options) of each `limen …` of a page; `a|b` stands for several."""
    for line in COMMAND.findall(text_of(page)):
        words = re.split(r"\s+", line.replace("\\|", "|").strip())
        names = []
        for word in words:
            if not re.fullmatch(r"[a-z][a-z0-9|-]*", word):
                break
            names.append(word)
        options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)
        last = names[-1].split("|") if names else []
        for name in last:
            yield [*names[:-1], name], options
        if not names:
            yield [], options


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    for names, options in named_commands(page):
        command: click.Command = commands
        for name in names:
            if not isinstance(command, click.Group):
                break  # an argument
            assert name in command.commands, f"limen {' '.join(names)}"
            command = command.commands[name]
        offered = {option for given in command.params for option in (*given.opts, *given.secondary_opts)}
        known = offered | {"--help"}
        if not isinstance(command, click.Group) or names:
            assert set(options) <= known, f"limen {' '.join(names)}: {sorted(set(options) - known)}"
