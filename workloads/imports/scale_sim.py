"""SCALE-Sim's topologies read as networks: lists of convolutions, or of matrix products, in CSV.

Columns count by their place, whatever the header says. A layer stands alone: the file doesn't say what it reads.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from workloads.errors import LimenError, shown
from workloads.host.opening import open_file
from workloads.imports.imported import Imported, NumberFormats
from workloads.imports.names import Names, network_name
from workloads.imports.products import as_entries, product_entries

MOST_BYTES = 1 << 20
"""Of a topology."""

MOST_LAYERS = 4096
MOST_SIZE = (1 << 31) - 1
"""Of a number in a row."""

CONVOLUTION = ("IFMAP height", "IFMAP width", "filter height", "filter width", "channels", "filters", "stride")
PRODUCT = ("M", "N", "K")

INTEGER = re.compile(r"[0-9]{1,12}")
NUMBER_LIKE = re.compile(r"[-+]?[0-9]*[.]?[0-9]+([eE][-+]?[0-9]+)?")
"""A row without one is text: of `3x3 convolutions`, or of a template's letters alone."""

RATIO = re.compile(r"[0-9]+:[0-9]+")
LINE_END = re.compile(r"\r\n|\n|\r")
AROUND = " \t\v\f\xa0\ufeff\u200b\"'"
"""Around a cell, of no meaning: spaces that don't break and byte order marks among them."""

DEPTHWISE = "DP"
"""In a name: each channel has filters of its own."""


class Row(NamedTuple):
    """A line with a layer: what stands before its numbers, and they."""

    line: int
    name: str
    numbers: tuple[int, ...]


class Notices:
    """What is to be said of a file, a line a kind: how often, and where first."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}

    def add(self, kind: str, line: int, text: str) -> None:
        self._counts[kind] += 1
        self._first.setdefault(kind, f"line {line}, {shown(text)}")

    def lines(self) -> tuple[str, ...]:
        return tuple(f"{kind}: {count}, the first in {self._first[kind]}" for kind, count in self._counts.items())


def read_topology(path: Path, formats: NumberFormats) -> Imported:
    """Return the network of a topology: a layer a row, each with an input of its own.

    Raises:
        LimenError: no layer, a row that begins like one and is none, letters in the place of numbers (a template), a
            size the machine hasn't, more than a megabyte; the line names file, line, column and what is allowed.
    """
    notices, names = Notices(), Names()
    layers: list[dict[str, Any]] = []
    for row in _rows(path, notices):
        name = names.own(row.name)
        if name != row.name:
            notices.add("names changed to letters, digits and _, each once", row.line, row.name)
        try:
            entries = _entries(row, notices)
        except ValueError as error:
            raise LimenError(f"{path}: line {row.line}: {error}") from None
        if len(entries) > 1:
            notices.add("layers of too many outputs made several", row.line, row.name)
        parts = [name] if len(entries) == 1 else [names.own(f"{name}_{part}") for part in range(1, len(entries) + 1)]
        layers += [{"name": part, **entry} for part, entry in zip(parts, entries, strict=True)]
        if len(layers) > MOST_LAYERS:
            raise LimenError(f"{path}: line {row.line}: more than {MOST_LAYERS} layers are not allowed")
    if not layers:
        raise LimenError(
            f"{path}: no layer; expected rows, with commas, of a name and {len(CONVOLUTION)} or {len(PRODUCT)} integers"
        )
    content = {"version": 1, "name": network_name(path.stem), **formats.keys, "input": layers[0].pop("own_input")}
    return Imported({**content, "layers": layers}, notices.lines())


def _entries(row: Row, notices: Notices) -> list[dict[str, Any]]:
    """Return the layers of a row, without names. Raises ValueError naming a size that isn't allowed."""
    if len(row.numbers) == len(PRODUCT):
        return product_entries(*row.numbers)
    height, width, down, across, channels, filters, stride = row.numbers
    for side, size, window in (("height", height, down), ("width", width, across)):
        if window > size:
            raise ValueError(f"filter {side}: {window} is not allowed: at most the IFMAP's, {size}")
    if (height - down) % stride or (width - across) % stride:
        notices.add("last windows that are partial read zeros beyond the IFMAP", row.line, row.name)
    groups = channels if DEPTHWISE in row.name else 1
    entries = as_entries(height, width, (down, across), stride, channels, groups * filters, groups)
    if entries is None:
        notices.add("larger than a layer may be, and spelt as a matrix product", row.line, row.name)
        pixels = ((height - down + stride - 1) // stride + 1) * ((width - across + stride - 1) // stride + 1)
        if groups > 1:
            raise ValueError(f"channels: {channels} are not allowed: too large a depthwise layer")
        return product_entries(pixels, filters, down * across * channels)
    return entries


def _rows(path: Path, notices: Notices) -> Iterator[Row]:
    """Yield the lines with layers. Raises LimenError for one that is neither a layer nor text."""
    columns: tuple[str, ...] = ()
    header = ""
    for number, line in enumerate(LINE_END.split(_text(path)), start=1):
        cells = _cells(line)
        if not any(cells):
            if line.strip():
                notices.add("rows of separators alone ignored", number, line)
            continue
        if not any(NUMBER_LIKE.fullmatch(cell) for cell in cells[1:]):
            if columns or header or len(cells) < 1 + len(PRODUCT):
                notices.add("rows of text ignored", number, line)
            else:
                header = line
            continue
        if not columns and not header:
            notices.add("no header, and a first row that SCALE-Sim skips read as a layer", number, line)
        try:
            named = len([cell for cell in _cells(header) if cell])
            numbers = _numbers(cells[1:], columns or _columns(cells[1:], named), number, line, notices)
        except ValueError as error:
            raise LimenError(f"{path}: line {number}: {error}") from None
        columns = columns or (CONVOLUTION if len(numbers) == len(CONVOLUTION) else PRODUCT)
        if columns is PRODUCT and named > len(CONVOLUTION):
            raise LimenError(f"{path}: line {number}: {len(numbers)} numbers; its header names {len(CONVOLUTION)}")
        yield Row(number, cells[0], numbers)


def _text(path: Path) -> str:
    try:
        with open_file(path) as file:
            content = file.read(MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LimenError(f"{path}: cannot be read: not UTF-8 text; expected a SCALE-Sim topology") from None
    except (OSError, ValueError) as error:
        raise LimenError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MOST_BYTES:
        raise LimenError(f"{path}: larger than {MOST_BYTES >> 10} KiB is not allowed; expected a SCALE-Sim topology")
    if "\0" in text:
        raise LimenError(f"{path}: cannot be read: it holds zero bytes; expected a SCALE-Sim topology")
    return text


def _cells(line: str) -> list[str]:
    """Return the cells of a line, without what is around them and without empty ones at its end."""
    separator = "," if "," in line else "\t"
    cells = [cell.strip(AROUND) for cell in line.split(separator)]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _leading(cells: list[str]) -> int:
    """Return how many integers a row begins with."""
    return next((place for place, cell in enumerate(cells) if not INTEGER.fullmatch(cell)), len(cells))


def _columns(cells: list[str], named: int) -> tuple[str, ...]:
    """Return the columns of a file whose first layer this is, right or wrong; named: how many its header names, or 0.

    A header that names no more than a product's has some beside them, which may hold numbers, too.
    """
    count = _leading(cells)
    product = count == len(PRODUCT) and not any(INTEGER.fullmatch(cell) for cell in cells[count:])
    product |= 0 < named <= len(CONVOLUTION) and count < len(CONVOLUTION)
    return PRODUCT if product or (not named and len(cells) <= len(PRODUCT)) else CONVOLUTION


def _numbers(cells: list[str], columns: tuple[str, ...], line: int, text: str, notices: Notices) -> tuple[int, ...]:
    """Return the numbers of a row that has these columns. Raises ValueError naming the column that is wrong."""
    count = _leading(cells)
    if count < len(columns):
        loose = [part for cell in cells for part in cell.split()]
        if len(loose) == len(columns) and all(INTEGER.fullmatch(part) for part in loose):
            notices.add("a comma and a space that changed places put right", line, text)
            cells, count = loose, len(loose)
    if count < len(columns):
        column, numbers = columns[count], f"a layer has {len(columns)} numbers"
        if count == len(cells):
            raise ValueError(f"{column}: missing; {numbers}: {', '.join(columns)}")
        cell = cells[count]
        letters = "; a template's letters stand for numbers of yours" if cell.isalpha() else ""
        raise ValueError(f"{column}: {shown(cell)} is not allowed: an integer from 1 to {MOST_SIZE}{letters}")
    numbers_read = tuple(int(cell) for cell in cells[: len(columns)])
    for column, number in zip(columns, numbers_read, strict=True):
        if not 1 <= number <= MOST_SIZE:
            raise ValueError(f"{column}: {number} is not allowed: an integer from 1 to {MOST_SIZE}")
    _notice_rest(cells[len(columns) :], columns, line, text, notices)
    return numbers_read


def _notice_rest(cells: list[str], columns: tuple[str, ...], line: int, text: str, notices: Notices) -> None:
    """Say what stands behind the numbers of a layer."""
    first = cells[0] if cells else ""
    if RATIO.fullmatch(first):
        notices.add("sparsity ignored, all weights counted", line, text)
    elif INTEGER.fullmatch(first) and columns is CONVOLUTION:
        notices.add("batch sizes ignored, one image counted", line, text)
    elif first:
        notices.add("comments behind layers ignored", line, text)
    if any(cells[1:]):
        notices.add("further columns ignored", line, text)
