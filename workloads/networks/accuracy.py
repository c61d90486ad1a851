"""Stored accuracies of a family's members: exact, and valid only for the very integers they were measured on.

Each row of a family's accuracy.csv holds the hash of the network (layers, every weight, polarity, bias and shift, the
input map) and of the data. A study reads rows and needs no data set; a row whose network has changed in one bit is
void.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from workloads.datasets import available, content_hash
from workloads.errors import LimenError, shown
from workloads.host.files import write_whole
from workloads.host.progress import Progress
from workloads.host.text_tables import ALL_DIGITS, csv_bytes, read_csv
from workloads.layers.layer import Layer
from workloads.networks.family import Family, FamilyOp
from workloads.networks.network import Network

FILE = "accuracy.csv"


class AccuracyRow(NamedTuple):
    """One member of a family; accuracies are shares of the split's images."""

    op: str
    x_bits: int
    w_bits: int
    validation_accuracy: float
    test_accuracy: float
    network_sha256: str
    data_sha256: str

    @property
    def member(self) -> tuple[str, int, int]:
        return self.op, self.x_bits, self.w_bits


LATER = ("images", "synapses", "transposed", "own_input")
"""Fields that layers got after accuracies had been stored: at their defaults nothing has changed."""

DEFAULTS = {name: Layer.model_fields[name].default for name in LATER}


def network_hash(network: Network) -> str:
    """Return the SHA-256 of everything that decides a network's scores: one changed bit of a weight changes it."""
    digest = hashlib.sha256()
    described = {
        "layers": [described_layer(layer) for layer in network.layers],
        "input_map": network.input_map.model_dump(),
        "dataset": network.dataset,
    }
    digest.update(json.dumps(described, sort_keys=True).encode())
    for parameters in network.trained():
        for array in (parameters.weights, parameters.polarity, parameters.bias, parameters.shift):
            if array is not None:
                digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return digest.hexdigest()


def described_layer(layer: Layer) -> dict[str, Any]:
    """Return a layer's fields, those that came LATER only where they aren't the default."""
    fields = layer.model_dump()
    return {name: value for name, value in fields.items() if name not in LATER or value != DEFAULTS[name]}


def read_accuracies(family: Family) -> dict[tuple[str, int, int], AccuracyRow]:
    """Return the stored rows by (op, x_bits, w_bits), valid or not; none where the family has no file.

    Raises LimenError for a damaged file, naming the line.
    """
    path = family.folder / FILE
    if not path.exists():
        return {}
    header, lines = read_csv(path, "an accuracy table")
    if tuple(header) != AccuracyRow._fields:
        raise LimenError(f"{path}: columns: {shown(header)} are not allowed: {', '.join(AccuracyRow._fields)}")
    rows: dict[tuple[str, int, int], AccuracyRow] = {}
    for line, fields in enumerate(lines, start=2):
        row = _read_row(f"{path}: line {line}", fields)
        if row.member in rows:
            raise LimenError(f"{path}: line {line}: {row.op} {row.x_bits} x {row.w_bits}: stands there already")
        rows[row.member] = row
    return rows


def _read_row(where: str, fields: list[str]) -> AccuracyRow:
    if len(fields) != len(AccuracyRow._fields):
        raise LimenError(f"{where}: {len(fields)} fields; expected {len(AccuracyRow._fields)}")
    op, x_bits, w_bits, validation, test, *hashes = fields
    try:
        row = AccuracyRow(op, int(x_bits), int(w_bits), float(validation), float(test), *hashes)
    except ValueError:
        raise LimenError(f"{where}: not a row of an accuracy table: {shown(fields)}") from None
    for field, share in (("validation_accuracy", row.validation_accuracy), ("test_accuracy", row.test_accuracy)):
        if not 0 <= share <= 1:
            raise LimenError(f"{where}: {field}: {share} is not allowed: 0 to 1")
    return row


def member_accuracy(family: Family, op: FamilyOp, x_bits: int, w_bits: int) -> AccuracyRow:
    """Return a member's row, from the file if it is valid, else measured, where the data is available.

    Raises LimenError where neither is so.
    """
    network = family.network(op, x_bits, w_bits)
    row = read_accuracies(family).get((op, x_bits, w_bits))
    if row is not None and row.network_sha256 == network_hash(network):
        return row
    dataset = network.dataset
    if dataset is None or not available(dataset):
        raise LimenError(
            f"{family.folder / FILE}: {op} {x_bits} x {w_bits}: no row of these weights, and {dataset} is not "
            f"available to measure them: name its folder in LIMEN_DATA"
        )
    return _evaluate(family, op, x_bits, w_bits, None)


def store_accuracies(
    family: Family, data_folder: Path | None = None, progress: Progress | None = None
) -> list[AccuracyRow]:
    """Measure every member whose stored row is missing or void, write the file whole, and return its rows.

    Written after each op, so that a stop loses one op's at most. Raises LimenError where the data can't be read.
    """
    stored = read_accuracies(family)
    members = [(op, x_bits, w_bits) for op in family.ops() for x_bits, w_bits in family.widths(op)]
    data: dict[str, str] = {}
    rows: list[AccuracyRow] = []
    for done, (op, x_bits, w_bits) in enumerate(members, start=1):
        network = family.network(op, x_bits, w_bits)
        assert network.dataset is not None, "a family's networks name their data"
        data.setdefault(network.dataset, content_hash(network.dataset, data_folder))
        row = stored.get((op, x_bits, w_bits))
        if row is None or (row.network_sha256, row.data_sha256) != (network_hash(network), data[network.dataset]):
            row = _evaluate(family, op, x_bits, w_bits, data_folder)
        rows.append(row)
        if done == len(members) or members[done][0] != op:
            write_whole(family.folder / FILE, csv_bytes(rows, ALL_DIGITS))
        if progress is not None:
            progress(f"evaluating {op}", done, len(members))
    return rows


class Recomputed(NamedTuple):
    """A stored row and its like from fresh inference."""

    stored: AccuracyRow | None
    fresh: AccuracyRow

    @property
    def equal(self) -> bool:
        return self.stored == self.fresh


def check_accuracies(
    family: Family, sample: int, seed: int, data_folder: Path | None = None, progress: Progress | None = None
) -> list[Recomputed]:
    """Measure a random sample of members again, with their hashes. Raises LimenError where the data can't be read."""
    stored = read_accuracies(family)
    members = [(op, x_bits, w_bits) for op in family.ops() for x_bits, w_bits in family.widths(op)]
    chosen = np.random.default_rng(seed).permutation(len(members))[:sample]
    recomputed = []
    for done, index in enumerate(sorted(chosen), start=1):
        op, x_bits, w_bits = members[index]
        recomputed.append(
            Recomputed(stored.get((op, x_bits, w_bits)), _evaluate(family, op, x_bits, w_bits, data_folder))
        )
        if progress is not None:
            progress("evaluating", done, len(chosen))
    return recomputed


def _evaluate(family: Family, op: FamilyOp, x_bits: int, w_bits: int, data_folder: Path | None) -> AccuracyRow:
    network = family.network(op, x_bits, w_bits)
    assert network.dataset is not None, "a family's networks name their data"
    validation, test = (network.accuracy(split, data_folder) for split in ("validation", "test"))
    data = content_hash(network.dataset, data_folder)
    return AccuracyRow(op, x_bits, w_bits, validation, test, network_hash(network), data)
