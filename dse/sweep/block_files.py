"""`BlockFiles`: a folder with a file a block, each written whole and known by its SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from dse.evaluation.rows import Columns, Kinds, csv_head, csv_lines, parquet_bytes, parquet_columns, parse_lines
from workloads.errors import LimenError
from workloads.host.files import write_whole
from workloads.host.opening import read_file

Form = Literal["csv", "parquet"]


class BlockFiles(NamedTuple):
    """Files of blocks of rows, named by number, as CSV or Parquet."""

    folder: Path
    form: Form
    kinds: Kinds

    def path(self, block: int) -> Path:
        return self.folder / f"{block:06d}.{self.form}"

    def encode(self, columns: Columns) -> bytes:
        """Return what the file of a block holds."""
        if self.form == "parquet":
            return parquet_bytes(columns, self.kinds)
        return "".join([csv_head(self.kinds), *csv_lines(columns, self.kinds)]).encode()

    def write(self, block: int, content: bytes) -> str:
        """Write a block's file whole; return its SHA-256. Raises LimenError."""
        write_whole(self.path(block), content)
        return hashlib.sha256(content).hexdigest()

    def holds(self, block: int, digest: str) -> bool:
        """Return whether a block's file is there, and the one with this SHA-256."""
        try:
            return hashlib.sha256(read_file(self.path(block))).hexdigest() == digest
        except OSError:
            return False

    def read(self, block: int, digest: str, rows: Sequence[int] | None = None) -> Columns:
        """Return the rows of a block, or those of these places in it.

        Raises LimenError where its file can't be read or has another SHA-256.
        """
        path = self.path(block)
        try:
            content = read_file(path)
        except OSError as error:
            raise LimenError(f"{path}: cannot be read: {error.strerror}") from None
        if hashlib.sha256(content).hexdigest() != digest:
            raise LimenError(f"{path}: is damaged: it has another SHA-256 than sweep.json has of it")
        if self.form == "parquet":
            return parquet_columns(content, self.kinds, rows)
        lines = content.decode().splitlines(keepends=True)[1:]
        return parse_lines(lines if rows is None else [lines[row] for row in rows], self.kinds)
