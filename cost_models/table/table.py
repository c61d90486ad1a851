"""`Table`: a cost table, validated as it is read. Every value is a row with its unit, method and source."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cost_models.table.operands import UNIFORM
from workloads.errors import LimenError, check_kind, shown
from workloads.host.names import TABLE, named_file
from workloads.host.text_tables import csv_text, read_csv
from workloads.ops.names import FUSED_OPS

if TYPE_CHECKING:
    import pandas

DATA = Path(__file__).parents[1] / "data"
COLUMNS = (
    "component op multiplier x_bits w_bits acc_bits dataflow stages stream quantity value unit method source "
    "tool_versions hash"
).split()
METHODS = ("synthesis", "measured", "cited", "scaled", "assumed")
"""From the firmest to the softest."""

SOFT = ("scaled", "assumed")
ALLOWED = {
    "dataflow": ("", "os", "ws", "is"),
    "unit": ("um2", "nW", "pJ", "ns", "count", "ratio"),
    "method": METHODS,
}
SMALLEST = "_smallest"
"""How components of MACs end that the recipe of least area made, beside the best one; `price` reads none of them."""

INTEGERS = ("x_bits", "w_bits", "acc_bits", "stages")
ONE_STAGE = "1"
"""Stages of rows that name none, as UNIFORM are their operands: those that `price` reads unless told otherwise."""

Row = dict[str, str]
UnitKey = tuple[str, str, str, str, str]
"""(component, op, x_bits, w_bits, dataflow)."""

Index = Mapping[UnitKey, Mapping[int, Mapping[str, "Value"]]]


@dataclass(frozen=True, slots=True)
class Value:
    """A number in the unit of its quantity, and the softest method behind it."""

    value: float
    method: str


class Quantities(dict[str, Value]):
    """The quantities of a component; asking for one its table lacks is a LimenError that names it."""

    def __init__(self, where: str, values: Mapping[str, Value]) -> None:
        super().__init__(values)
        self._where = where

    def __missing__(self, name: str) -> Value:
        raise LimenError(f"{self._where}: quantity: {name!r} is missing")


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of one file, and what lookups use: for (stream, stages), unit to acc_bits to quantity."""

    path: Path
    rows: tuple[Row, ...]
    variants: Mapping[tuple[str, str], Index]

    @property
    def index(self) -> Index:
        """The rows of uniform operands and one stage, and those that name neither."""
        return self._index_of(UNIFORM)

    def _index_of(self, stream: str, stages: str = ONE_STAGE) -> Index:
        """Return the rows of some operands and stages."""
        return self.variants.get((stream, stages), {})

    @cached_property
    def of_fpga(self) -> bool:
        """Whether it counts LUTs: such a table has no energy and can't price."""
        return any(row["quantity"] == "lut" for row in self.rows)

    def at(
        self,
        component: str,
        acc_bits: int = 0,
        op: str = "",
        x_bits: int | None = None,
        w_bits: int | None = None,
        dataflow: str = "",
        stream: str = UNIFORM,
        stages: int = 1,
    ) -> dict[str, Value]:
        """Return every quantity of a component, linear in acc_bits between the table's widths.

        stream: operands of the energies; only the uniform ones have areas, delays and leakage beside them.
        stages: of a PE.

        Raises:
            LimenError: no row for these widths or operands, or acc_bits outside them: nothing is extrapolated.
        """
        x, w = ("" if bits is None else str(bits) for bits in (x_bits, w_bits))
        key = (component, op, x, w, dataflow)
        by_width, of_stages = self._index_of(stream, str(stages)).get(key), self._index_of(UNIFORM, str(stages))
        if by_width is None and key in of_stages:
            streams = [
                stream_there
                for (stream_there, stages_there), index in self.variants.items()
                if stages_there == str(stages) and key in index
            ]
            raise LimenError(
                f"{self.path}: stream: {stream!r} is missing for {' '.join(filter(None, key))}: "
                f"the table has {', '.join(streams)}"
            )
        if by_width is None:
            raise LimenError(self._missing(of_stages, stages, component, op, x, w, dataflow))
        where = f"{self.path}: component {component!r}"
        if acc_bits in by_width:
            return Quantities(where, by_width[acc_bits])
        below = max((width for width in by_width if width < acc_bits), default=None)
        above = min((width for width in by_width if width > acc_bits), default=None)
        if below is None or above is None:
            raise LimenError(
                f"{self.path}: acc_bits: {acc_bits} is not allowed for {component} {op} {x} {w} {dataflow}"
                f"{' of 2 stages' * (stages == 2)}: the table has {min(by_width)} to {max(by_width)}"
            )
        share = (acc_bits - below) / (above - below)
        between = {
            name: Value(low.value * (1 - share) + by_width[above][name].value * share, low.method)
            for name, low in by_width[below].items()
            if name in by_width[above]
        }
        return Quantities(where, between)

    def sums(
        self, component: str, op: str, x_bits: int, w_bits: int, dataflow: str, stream: str, stages: int
    ) -> list[int]:
        """Return the widths of sums, rising, at which the table has a PE's energies under some operands."""
        key = component, op, str(x_bits), str(w_bits), dataflow
        return sorted(self._index_of(stream, str(stages)).get(key, {}))

    def quantity(self, component: str, name: str) -> Value:
        """Return one value of a component without widths. Raises LimenError where no row has it."""
        value = self.index.get((component, "", "", "", ""), {}).get(0, {}).get(name)
        if value is None:
            raise LimenError(f"{self.path}: quantity: {name!r} of component {component!r} is missing")
        return value

    def dram(self, name: str) -> Value:
        """Return a DRAM's energy in pJ a bit. Raises LimenError where the table has no such row."""
        known = [component.removeprefix("dram_") for component, *_ in self.index if component.startswith("dram_")]
        if name not in known:
            raise LimenError(f"{self.path}: dram: {name!r} is not allowed: {', '.join(known) or 'it has none'}")
        return self.quantity(f"dram_{name}", "energy_per_bit_pj")

    def fit(self, component: str, name: str, sizes: Mapping[str, float], dataflow: str = "") -> Value:
        """Return a fitted quantity: the sum of size · coefficient over the terms in `sizes`.

        Beyond the largest size behind the fit it is `assumed`.

        Raises:
            LimenError: the table has no term of it.
        """
        terms = self.index.get((component, "", "", "", dataflow), {}).get(0, {})
        coefficients = {term: terms[f"{name}:{term}"] for term in sizes if f"{name}:{term}" in terms}
        if not coefficients:
            raise LimenError(f"{self.path}: quantity: {name!r} of component {component!r} is missing")
        known = {term: terms[f"largest:{term}"].value for term in sizes if f"largest:{term}" in terms}
        beyond = any(sizes[term] > largest for term, largest in known.items())
        value = 0.0
        for term, coefficient in coefficients.items():
            value += coefficient.value * sizes[term]  # not by `sum`, whose last bit Python 3.12 changed
        return Value(value, "assumed" if beyond else softest(coefficients.values()))

    def _missing(
        self, index: Index, stages: int, component: str, op: str, x_bits: str, w_bits: str, dataflow: str
    ) -> str:
        """Return the line that says which field of a lookup the table lacks, and what it has."""
        keys = [key for key in index if key[0] == component]
        if not keys:
            known = sorted({key[0] for key in index})
            of_stages = " of 2 stages" * (stages == 2)
            return f"{self.path}: component: {component!r}{of_stages} is missing: the table has {', '.join(known)}"
        looked_up = (component, op, x_bits, w_bits, dataflow)
        for position, field in ((1, "op"), (4, "dataflow"), (2, "x_bits"), (3, "w_bits")):
            having = sorted({key[position] for key in keys}, key=lambda text: (text.isdecimal() and int(text), text))
            if looked_up[position] not in having:
                return (
                    f"{self.path}: {field}: {looked_up[position] or 'none'} of component {component!r} is missing: "
                    f"the table has {', '.join(text or 'none' for text in having)}"
                )
            keys = [key for key in keys if key[position] == looked_up[position]]
        return f"{self.path}: component {component!r} lacks {looked_up}"


def softest(values: Iterable[Value]) -> str:
    """Return the softest method behind some values."""
    return max((value.method for value in values), key=METHODS.index)


@lru_cache(maxsize=1)
def built_in_tables() -> dict[str, Path]:
    """Return the files of the tables that come with Limen, by name."""
    names = ("ihp130", "sky130hd", "asap7", "xc7-fabric", "xc7-dsp", "ecp5-fabric", "ecp5-dsp")
    return {name: DATA / f"{name.replace('-', '_')}.csv" for name in names}


def table_path(name: str | Path) -> Path:
    """Return the file of a built-in table, or of a .csv given by path. Raises LimenError."""
    check_kind("costs", name, (str, Path), "a built-in table's name or a .csv file")
    return named_file("costs", name, built_in_tables(), TABLE)


def table_text(rows: Iterable[Row]) -> str:
    """Return the CSV text of a table."""
    return csv_text(COLUMNS, ([row[name] for name in COLUMNS] for row in rows))


def load_table(name: str | Path) -> Table:
    """Return a table by name or path; read once as long as the file stays as it is.

    Raises:
        LimenError: one line naming file, row, field, value and what is allowed.
    """
    path = table_path(name)
    try:
        stamp = path.stat()
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = getattr(error, "strerror", None) or error
        raise LimenError(f"{path}: cannot be read: {reason}; expected a cost table") from None
    return _load(path, stamp.st_mtime_ns, stamp.st_size)


def load_priced_table(name: str | Path) -> Table:
    """Return a table to price with. Raises LimenError as `load_table` does, and for a table of an FPGA."""
    table = load_table(name)
    if table.of_fpga:
        raise LimenError(
            f"costs: {name!r} is not allowed: a table of an FPGA has no energy, since power is not measurable with "
            "open tools; ihp130 has, or a .csv file of limen costs build"
        )
    return table


@lru_cache(maxsize=16)
def _load(path: Path, _modified: int, _size: int) -> Table:
    header, lines = read_csv(path, "a cost table")
    for column in header:
        if column not in COLUMNS:
            raise LimenError(f"{path}: {column}: unknown column; allowed are {', '.join(COLUMNS)}")
    if sorted(header) != sorted(COLUMNS):
        missing = [column for column in COLUMNS if column not in header]
        raise LimenError(f"{path}: columns: {', '.join(missing) or 'one twice'} is not allowed: each column once")
    from workloads.ops.registry import known_ops  # with numpy, which nothing else here needs

    allowed = {"op": ("", *known_ops(), *FUSED_OPS), **ALLOWED}
    rows: list[Row] = []
    variants: dict[tuple[str, str], dict[UnitKey, dict[int, dict[str, Value]]]] = {}
    for number, fields in enumerate(lines, start=2):
        if len(fields) != len(header):
            raise LimenError(f"{path}: line {number}: {len(fields)} fields; expected {len(header)}")
        row = dict(zip(header, fields, strict=True))
        problem = _problem(row, allowed)
        if problem is not None:
            raise LimenError(f"{path}: line {number}: {problem}")
        variant, key, acc_bits, quantity = place = _place(row)
        quantities = variants.setdefault(variant, {}).setdefault(key, {}).setdefault(acc_bits, {})
        if quantity in quantities:
            there = next(line for line, other in enumerate(rows, start=2) if _place(other) == place)
            raise LimenError(f"{path}: line {number}: quantity: {quantity!r} is in line {there} already")
        quantities[quantity] = Value(float(row["value"]), row["method"])
        rows.append(row)
    if not rows:
        raise LimenError(f"{path}: holds no rows; expected a cost table")
    return Table(path, tuple(rows), variants)


def _place(row: Row) -> tuple[tuple[str, str], UnitKey, int, str]:
    """Return where an index has a row: (stream, stages), unit, acc_bits and quantity, which no two rows share."""
    unit = (row["component"], row["op"], row["x_bits"], row["w_bits"], row["dataflow"])
    variant = (row["stream"] or UNIFORM, row["stages"] or ONE_STAGE)
    return variant, unit, int(row["acc_bits"] or 0), row["quantity"]


def _problem(row: Row, allowed_words: Mapping[str, Sequence[str]]) -> str | None:
    """Return why a row can't be priced or traced, a field first; None of one that can."""
    for field in ("component", "quantity", "value", "unit", "method", "source"):
        if not row[field].strip():
            return f"{field}: missing; every row needs one"
    for field, allowed in allowed_words.items():
        if row[field] not in allowed:
            named = ", ".join(text for text in allowed if text)
            return f"{field}: {shown(row[field])} is not allowed: one of {named}"
    for field in INTEGERS:
        if row[field] and not _is_whole(row[field]):
            return f"{field}: {shown(row[field])} is not allowed: a whole number or nothing"
    try:
        value = math.nan if "_" in row["value"] else float(row["value"])  # which takes 1_0 as 10
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        return f"value: {shown(row['value'])} is not allowed: a finite number"
    expected = _unit_of(row["quantity"])
    if expected is not None and row["unit"] != expected:
        return f"unit: {row['unit']!r} is not allowed for {row['quantity']}: {expected}"
    if value < 0 and ":" not in row["quantity"]:
        return f"value: {row['value']} is not allowed: at least 0"
    return None


def _is_whole(text: str) -> bool:
    return len(text) < 10 and text.isascii() and text.isdecimal()


@lru_cache(maxsize=1024)
def _unit_of(quantity: str) -> str | None:
    """Return the unit that a quantity's name ends with; None of one whose name says nothing of it."""
    suffix = quantity.partition(":")[0].rsplit("_", 1)[-1]
    return {"um2": "um2", "nw": "nW", "pj": "pJ", "ns": "ns"}.get(suffix)


def show(
    name: str, component: str | None = None, op: str | None = None, quantity: str | None = None
) -> pandas.DataFrame:
    """Return a table's rows as a DataFrame, all or those of one component, op or quantity. Raises LimenError."""
    import pandas

    table = load_table(name)
    filters = {"component": component, "op": op, "quantity": quantity}
    for field, value in filters.items():
        known = sorted({row[field] for row in table.rows if row[field]})
        if value is not None and value not in known:
            raise LimenError(f"{field}: {value!r} is not allowed: one of {', '.join(known)}")
    rows = [row for row in table.rows if all(v is None or row[f] == v for f, v in filters.items())]
    frame = pandas.DataFrame(rows, columns=COLUMNS)
    frame["value"] = frame["value"].astype(float)
    return frame
