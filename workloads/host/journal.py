"""Long work in pieces: a journal keeps each finished one, so that a stopped build goes on where it was.

A piece is kept under a key made of everything that its result depends on, our own code included (`key_of`,
`code_digest`): whoever changes an input finds no old piece, and does it anew.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from workloads.errors import LimenError
from workloads.host.opening import lines_of

Piece = TypeVar("Piece")
Result = TypeVar("Result")
Results = Generator[tuple[str, Result]]
"""(key, result) of pieces, in any order."""

FOLDER = Path(__file__).parents[2]
PACKAGES = ("workloads", "simulator", "cost_models")
"""Limen's packages that compute, in FOLDER."""


@dataclass(frozen=True)
class Journal(Generic[Result]):
    """Finished pieces by key, a line each, in a file that stays until the whole is written.

    encode, decode: a result to JSON's values and back. A line cut short by a kill is as if it weren't there, and so is
    what decode refuses with a ValueError, KeyError or TypeError.
    """

    path: Path
    encode: Callable[[Result], Any]
    decode: Callable[[Any], Result]

    def read(self) -> dict[str, Result]:
        """Return all finished pieces, none where there is no file. Raises LimenError where it can't be read."""
        done: dict[str, Result] = {}
        for line in lines_of(self.path):
            try:
                entry = json.loads(line)
                done[entry["key"]] = self.decode(entry["result"])
            except (ValueError, KeyError, TypeError, RecursionError):
                continue
        return done

    def add(self, key: str, result: Result) -> None:
        """Keep a finished piece. Raises LimenError where the file can't be written."""
        line = json.dumps({"key": key, "result": self.encode(result)})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}")  # what a kill cut short stays a line of its own
        except OSError as error:
            raise LimenError(f"{self.path}: cannot be written: {error.strerror}") from None

    def finish(
        self,
        pieces: Mapping[str, Piece],
        work: Callable[[Mapping[str, Piece]], Results[Result]],
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Result]:
        """Return the results of all pieces by key: kept ones, and those of the others as `work` yields them.

        progress: called with (pieces done, pieces in all). Raises LimenError as `read` and `add` do.
        """
        done = {key: result for key, result in self.read().items() if key in pieces}

        def show() -> None:
            if progress is not None:
                progress(len(done), len(pieces))

        show()
        with closing(work({key: piece for key, piece in pieces.items() if key not in done})) as results:
            for key, result in results:
                done[key] = result
                self.add(key, result)
                show()
        return done

    def remove(self) -> None:
        """Remove the file: the whole is written."""
        self.path.unlink(missing_ok=True)


def key_of(inputs: object) -> str:
    """Return the SHA-256, in hex, of JSON's values: equal for equal ones, in whatever order mappings name theirs."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def code_digest(packages: Sequence[str] = PACKAGES) -> str:
    """Return the SHA-256 of Limen's Python: of what it does, not of how it is laid out or described.

    It is that of whole packages, since a list of the files that matter would one day lack one. packages: those that
    the result can depend on.
    """
    digest = hashlib.sha256()
    for package in packages:
        for path in sorted((FOLDER / package).rglob("*.py")):
            digest.update(f"{path.relative_to(FOLDER).as_posix()}\n{_digest_of(path.read_bytes())}\n".encode())
    return digest.hexdigest()


@cache
def _digest_of(source: bytes) -> str:
    """Return the SHA-256 of what a source does; seconds for all of them, and a sweep asks twice."""
    tree = _WithoutTexts().visit(ast.parse(source))
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


class _WithoutTexts(ast.NodeTransformer):
    """Leaves out docstrings, and those behind a constant: texts that stand for themselves."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node
