"""What a search found: rows of its nets and of the fronts, the found nets as pages, all from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dse.architectures.measured import DesignRow, best_designs, kept_figures, unbeaten
from dse.architectures.page import ArchitecturePage
from dse.architectures.record import Kept
from dse.architectures.search import ArchitectureSearch
from dse.architectures.topology import operations_of, synapses_of
from dse.architectures.training import accuracy_of
from dse.front.hypervolume import scale_of
from dse.space.study_spec import StudySpec
from workloads.datasets import load_split
from workloads.formats.network_page import page_bytes
from workloads.host.files import npz_bytes, write_whole
from workloads.networks.accuracy import member_accuracy
from workloads.networks.family import Family, load_family
from workloads.ops.op_field import Op

SEARCH, HAND_MADE = "search", "hand-made"
"""Sources of nets, beside families, which are called so."""

UNFINISHED = "stopped"


class NetRow(NamedTuple):
    """A trained net. state: complete, stopped or failed.

    accuracy_float: of validation images after the last epoch; accuracy: the highest of its integers. designs: that none
    of its own beats; on_front: of these, on the front of its op and source.
    """

    op: str
    net: str
    source: str
    state: str
    network: str
    polarity: str
    learning_rate: float
    layers: int
    operations: int
    synapses: int
    epochs: int
    accuracy_float: float | None
    accuracy: float | None
    designs: int
    on_front: int
    refusal: str


class FrontRow(NamedTuple):
    """A design on the front of one op and source. figures: by the names of `kept_figures`, validation accuracy among
    them; test_accuracy: of its member."""

    op: str
    source: str
    net: str
    x_bits: int
    w_bits: int
    design: str
    test_accuracy: float
    figures: Mapping[str, float]


class Share(NamedTuple):
    """How much of the hypervolume of all fronts together one op and source have. nets: on that front."""

    op: str
    source: str
    nets: int
    designs: int
    share: float


class Results:
    """Rows of a finished search, or of one under way."""

    def __init__(self, search: ArchitectureSearch, data: Path | None) -> None:
        self._search, self._page, self._data = search, search.page, data
        self._shares_of_test: dict[tuple[str, int, int], float] = {}

    def fronts(self) -> list[FrontRow]:
        """Return the front of each op and source, its members' test accuracies measured. Raises LimenError."""
        rows = []
        for op in self._page.ops:
            for source, kept in ((SEARCH, self._of(op, by_hand=False)), (HAND_MADE, self._of(op, by_hand=True))):
                designs = [{"net": self._name(op, one), **row} for one in kept for row in one.result.designs]
                rows += [self._row(op, source, row) for row in unbeaten(designs, self._page.designs)]
            for name in self._page.families:
                rows += family_front(self._page, self._search.costs, op, name)
        return rows

    def _of(self, op: Op, by_hand: bool) -> list[Kept]:
        return [kept for kept in self._search.kept(op) if bool(kept.origin) == by_hand]

    @staticmethod
    def _name(op: Op, kept: Kept) -> str:
        return kept.origin or f"{op}-{kept.number:04}"

    def _row(self, op: Op, source: str, row: DesignRow) -> FrontRow:
        test = self._test_accuracy(self._folder_of(op, row["net"]), row["x_bits"], row["w_bits"])
        return _front_row(self._page, op, source, row, test)

    def _folder_of(self, op: Op, net: str) -> str:
        by_hand = {kept.origin: kept.number for kept in self._of(op, by_hand=True)}
        return f"{op}-{by_hand[net]:04}" if net in by_hand else net

    def _test_accuracy(self, net: str, x_bits: int, w_bits: int) -> float:
        """Return the test accuracy of a member of a found net, measured once."""
        at = (net, x_bits, w_bits)
        if at not in self._shares_of_test:
            op: Any = net.rpartition("-")[0]
            network = Family(net, self._search.folder / "nets" / net).network(op, x_bits, w_bits)
            self._shares_of_test[at] = accuracy_of(network, *load_split(self._page.dataset, "test", self._data))
        return self._shares_of_test[at]

    def nets(self, fronts: Sequence[FrontRow]) -> list[NetRow]:
        """Return a row a net, those made by hand first."""
        rows = []
        for op in self._page.ops:
            for kept in self._search.kept(op):
                name, result = self._name(op, kept), kept.result
                source = HAND_MADE if kept.origin else SEARCH
                layers = kept.architecture.layers(op, self._page.dataset)
                state = "complete" if result.accuracies else UNFINISHED if kept.is_given_up else "failed"
                on_front = sum((row.op, row.source, row.net) == (op, source, name) for row in fronts)
                last = result.curve[-1].validation_accuracy if result.curve else None
                rows.append(
                    NetRow(
                        op, name, source, state, kept.architecture.words(), kept.architecture.polarity,
                        kept.architecture.learning_rate, len(layers), operations_of(layers), synapses_of(layers),
                        len(result.curve), last, max(result.accuracies.values(), default=None), len(result.designs),
                        on_front, result.refusal,
                    )
                )  # fmt: skip
        return rows

    def write_found(self, fronts: Iterable[FrontRow]) -> list[Path]:
        """Write of each net that the search has on a front the most accurate member there: a page with its integers.

        Returns the paths. Raises LimenError where one can't be written.
        """
        best: dict[tuple[str, str], FrontRow] = {}
        for row in fronts:
            at = (row.op, row.net)
            if row.source == SEARCH and (at not in best or row.figures["accuracy"] > best[at].figures["accuracy"]):
                best[at] = row
        paths: list[Path] = []
        for row in best.values():
            family, op, widths = (
                Family(row.net, self._search.folder / "nets" / row.net),
                row.op,
                (row.x_bits, row.w_bits),
            )
            network, page = family.network(op, *widths), self._search.folder / "found" / f"{row.net}.yaml"
            content = family.form(op, *widths).model_dump(exclude_unset=True)
            content |= {"input_map": network.input_map.model_dump(), "checkpoint": f"{row.net}.npz"}
            arrays = {
                f"{layer.name}.{part}": getattr(parameters, part)
                for layer, parameters in zip(network.layers, network.trained(), strict=True)
                for part in ("weights", "polarity", "bias", "shift")
                if getattr(parameters, part) is not None and not (part == "polarity" and layer.generates_polarity)
            }
            words = f"Found by limen net search: {100 * row.figures['accuracy']:.2f} % of validation images"
            write_whole(page.with_suffix(".npz"), npz_bytes(arrays))
            write_whole(page, page_bytes(content, words, page))
            paths += [page, page.with_suffix(".npz")]
        return paths


def family_front(page: ArchitecturePage, costs: str, op: Op, name: str) -> list[FrontRow]:
    """Return the front of a trained family's members of an op; nothing where it has none. Raises LimenError."""
    family = load_family(name)
    if op not in family.ops():
        return []
    formats = [form for form in page.formats(op) if form[1:] in family.widths(op)]
    return [
        _front_row(
            page, op, name, {"net": name, **row},
            member_accuracy(family, op, row["x_bits"], row["w_bits"]).test_accuracy,
        )
        for row in best_designs(page, name, costs, formats)
    ]  # fmt: skip


def _front_row(page: ArchitecturePage, op: Op, source: str, row: DesignRow, test: float) -> FrontRow:
    figures = {name: row[name] for name in kept_figures(page)}
    return FrontRow(op, source, row["net"], row["x_bits"], row["w_bits"], row["design"], test, figures)


def volume_shares(fronts: Sequence[FrontRow], designs: StudySpec) -> list[Share]:
    """Return the share of each op and source in the hypervolume of all fronts together, see `scale_of`."""
    if not fronts:
        return []
    values = np.array([[row.figures[name] for name in designs.objectives] for row in fronts])
    rows = [dict(row.figures) for row in fronts]
    best = {id(row) for row in unbeaten(rows, designs)}
    scale = scale_of(values[[id(row) in best for row in rows]], designs.objectives)
    whole = scale.volume(values)
    shares = []
    for op, source in dict.fromkeys((row.op, row.source) for row in fronts):
        own = np.array([(row.op, row.source) == (op, source) for row in fronts])
        nets = {row.net for row in fronts if (row.op, row.source) == (op, source)}
        shares.append(Share(op, source, len(nets), int(own.sum()), scale.volume(values[own]) / whole))
    return shares
