"""How large functions, their arguments, files and folders are: `python -m tests.support.sizes`."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

PACKAGES = ("workloads", "simulator", "cost_models", "dse", "tests")
SHOWN = 5
"""Of the longest functions and so on."""


@dataclass(frozen=True)
class Function:
    """A function or method; name: file:class.function. arguments: all but self and cls, *arguments counted as one."""

    name: str
    lines: int
    arguments: int


def python_files() -> list[Path]:
    """Return the Python files of the repository, relative to it."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return sorted(path.relative_to(ROOT) for path in [*paths, *ROOT.glob("*.py")])


def functions(path: Path) -> list[Function]:
    """Return the functions of a file, nested ones too."""
    return list(_functions(ast.parse((ROOT / path).read_text(encoding="utf-8")), f"{path}:"))


def _functions(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(f"{prefix}{child.name}", _lines(child), _arguments(child.args))
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        yield from _functions(child, f"{prefix}{child.name}." if named else prefix)


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    assert function.end_lineno is not None
    return function.end_lineno - function.lineno + 1


def _arguments(arguments: ast.arguments) -> int:
    plain = [*arguments.posonlyargs, *arguments.args]
    bound = bool(plain) and plain[0].arg in ("self", "cls")
    starred = [arguments.vararg is not None, arguments.kwarg is not None]
    return len(plain) - bound + len(arguments.kwonlyargs) + sum(starred)


def main() -> None:
    files = python_files()
    measured = [function for path in files for function in functions(path)]
    lines = {str(path): (ROOT / path).read_text(encoding="utf-8").count("\n") for path in files}
    folders = Counter(str(path.parent) for path in files)
    for title, rows in (
        ("longest functions, lines", {function.name: function.lines for function in measured}),
        ("most arguments", {function.name: function.arguments for function in measured}),
        (
            "most arguments in simulator",
            {function.name: function.arguments for function in measured if function.name.startswith("simulator/")},
        ),
        ("longest files, lines", lines),
    ):
        print(f"{title}:")
        for name in sorted(rows, key=lambda name: -rows[name])[:SHOWN]:
            print(f"  {rows[name]:4}  {name}")
    print("files a folder:")
    for folder, count in sorted(folders.items()):
        print(f"  {count:4}  {folder}")


if __name__ == "__main__":
    main()
