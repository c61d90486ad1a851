"""`BlockEvaluator`: many points of a space at once, as columns of figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cost_models.table.table import Table, load_priced_table
from dse.study.evaluate import FIGURES, TEXT_FIGURES, Evaluator, Figures, Refusal
from dse.study.space import Coordinates
from dse.study.study_spec import StudySpec
from simulator.designs.design import MOST_CYCLES
from simulator.designs.design_block import DesignBlock
from simulator.designs.sizes import half_bits
from simulator.plan.counts import PHASES
from workloads.errors import LimenError

if TYPE_CHECKING:
    from workloads.networks.network import Network

WHOLE_FIGURES = ("cycles", "stall_cycles", "dram_bytes", "acc_bits", "pes")
"""The figures that are whole numbers."""

ACCURACIES = ("accuracy", "test_accuracy")
MOST_PORT_BITS = 512

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Block:
    """Figures of some points, in their order.

    figures: by the names of `FIGURES`, the accuracies only where the workload has data; [points] int64 for whole
    numbers, object (str) for texts, else float64. Where a point is refused its numbers are 0, its texts empty.
    refusals: why a point has no figures, "" where it has.
    """

    figures: Columns
    refusals: list[str]


class _Form(NamedTuple):
    """What an op, widths and a feeder decide: of the design, and of the workload.

    acc_bits: 0 where no design of them runs the network. x_signed: of the design. layers: [layers] of LAYER_INTEGERS.
    accuracies: in the order of ACCURACIES.
    """

    network: Network
    acc_bits: int
    x_signed: bool
    layers: np.ndarray
    accuracies: tuple[float, ...]


class BlockEvaluator:
    """Prices points of a study in blocks: what `Evaluator.figures` gives of each of them, to the bit.

    workload: a family's name or the path of a network file. costs: a built-in table's name or a table's path.
    """

    def __init__(self, spec: StudySpec, workload: str, costs: str) -> None:
        self._evaluator = Evaluator(spec, workload, costs)
        self._memory = spec.memory
        self._costs = costs
        self._forms: dict[tuple[Any, ...], _Form] = {}

    def evaluate(self, points: Sequence[Coordinates]) -> Block:
        """Return the figures of points, and the refusals of those that have none.

        Raises:
            LimenError: a workload or a cost table that can't be read.
        """
        forms = [self._form(point) for point in points]
        table = load_priced_table(self._costs)
        names = [name for name in FIGURES if name not in ACCURACIES or any(form.accuracies for form in forms)]
        figures = {name: np.zeros(len(points), _kind(name)) for name in names}
        for name in TEXT_FIGURES:
            figures[name].fill("")
        refusals = [""] * len(points)
        done = np.zeros(len(points), bool)
        try:
            if points:
                self._fill(table, points, forms, figures, done)
        except LimenError:  # the table lacks a quantity of a unit: some points' figures, or all
            done[:] = False
        for place in np.flatnonzero(~done).tolist():
            try:
                alone = self._evaluator.figures(points[place])
            except Refusal as refusal:
                refusals[place] = str(refusal)
                alone = {}
            for name, column in figures.items():
                column[place] = alone.get(name, "" if name in TEXT_FIGURES else 0)
        return Block(figures, refusals)

    def figures(self, point: Coordinates) -> Figures:
        """Return everything a trial stores about a point. Raises LimenError as `Evaluator.cost_figures`."""
        block = self.evaluate([point])
        if block.refusals[0]:
            raise Refusal(block.refusals[0])
        return {"design": point.key} | {name: column.tolist()[0] for name, column in block.figures.items()}

    def _form(self, point: Coordinates) -> _Form:
        key = (point.op, point.x_bits, point.w_bits, point.feeder_width)
        if key not in self._forms:
            self._forms[key] = self._make_form(point)
        return self._forms[key]

    def _make_form(self, point: Coordinates) -> _Form:
        from simulator.cuts.demands import MOST_SIGNED
        from simulator.timing.timing import network_integers

        network = self._evaluator.network(point.op, point.x_bits, point.w_bits)
        accuracies = tuple(self._evaluator.accuracies(point).values())
        try:
            design = self._evaluator.unfitted(roomiest(point)).fitted(network)
            layers = network_integers(network)
        except LimenError:
            return _Form(network, 0, False, np.zeros(0), accuracies)
        runs = layers["width"].max() <= MOST_SIGNED
        return _Form(network, design.acc_bits * runs, design.x_signed, layers, accuracies)

    def _fill(
        self, table: Table, points: Sequence[Coordinates], forms: Sequence[_Form], figures: Columns, done: np.ndarray
    ) -> None:
        """Fill in the figures of those points that have any, and where they are `done`."""
        from cost_models.price.machine import lacks

        designs = _designs_of(points, forms)
        places = np.flatnonzero(_consistent(designs))
        designs = designs[places]
        there = ~lacks(table, designs)
        places, designs = places[there], designs[there]
        kinds: dict[bytes, list[int]] = {}
        for row, place in enumerate(places.tolist()):
            kinds.setdefault(forms[place].layers.tobytes(), []).append(row)
        for rows in kinds.values():
            form = forms[places[rows[0]]]
            chosen, columns = self._figures_of(table, form, designs[np.array(rows)])
            at = places[rows][chosen]
            for name, column in columns.items():
                figures[name][at] = column
            done[at] = True
        for place, name in enumerate(ACCURACIES):
            if name in figures:
                figures[name][done] = [forms[index].accuracies[place] for index in np.flatnonzero(done).tolist()]

    def _figures_of(self, table: Table, form: _Form, designs: DesignBlock) -> tuple[np.ndarray, Columns]:
        """Return the places of the designs that run layers and have a price, and their figures.

        designs: without a memory's cycles.
        """
        from cost_models.price.machine import Machines
        from cost_models.price.machine_events import count_events
        from cost_models.price.prices import memory_cycles, price_machines
        from simulator.cuts.layout import may_be_too_large
        from simulator.timing.timing import count_best

        memory = self._memory
        machines = Machines(table, designs)
        clocks = machines.clocks()
        interval, latency = memory_cycles(clocks.ns, designs.port_bits, memory.dram_gb_per_s, memory.latency_ns)
        designs = designs.behind(interval.clip(max=MOST_CYCLES), latency.clip(max=MOST_CYCLES))
        counts, fits = count_best(form.layers, designs)
        fits &= (interval <= MOST_CYCLES) & (latency <= MOST_CYCLES)
        fits &= ~may_be_too_large(form.network, counts["tiles"].sum(axis=1), designs)
        chosen = np.flatnonzero(fits)
        if not len(chosen):
            return chosen, {}
        if not fits.all():
            designs, clocks, counts = designs[chosen], clocks[chosen], counts[chosen]
            machines = Machines(table, designs)
        events = count_events(form.layers, counts, designs)
        prices = price_machines(machines, clocks, events, memory.dram)
        total = events.total
        return chosen, prices.figures | {
            "cycles": total.cycles,
            "stall_cycles": sum(getattr(total, name) for name in PHASES if "stall" in name),
            "dram_bytes": total.dram_bytes,
            "utilisation": total.utilisation(designs.pes),
            "acc_bits": designs.acc_bits,
            "pes": designs.pes,
            "clock_component": clocks.component,
            "clock_method": clocks.method,
        }


def roomiest(point: Coordinates) -> Coordinates:
    """Return the point with the widest port, on which only op, widths and feeder decide what a design can run."""
    return point._replace(
        dataflow="os", rows=1, cols=1, ifmap_kib=64.0, filter_kib=64.0, ofmap_kib=64.0, operand_depth=512,
        port_bits=MOST_PORT_BITS,
    )  # fmt: skip


def _designs_of(points: Sequence[Coordinates], forms: Sequence[_Form]) -> DesignBlock:
    """Return the designs of points, as `Evaluator.design` but for the memory's cycles, which are 1 here."""
    values = zip(*points, strict=True)
    columns = {name: np.array(column) for name, column in zip(Coordinates._fields, values, strict=True)}
    ones = np.ones(len(points), np.int64)
    return DesignBlock(
        **columns,
        x_signed=np.array([form.x_signed for form in forms]),
        acc_bits=np.array([form.acc_bits for form in forms]),
        polarity=np.full(len(points), "synapse"),
        port_interval=ones,
        memory_latency=ones,
    )


def _consistent(designs: DesignBlock) -> np.ndarray:
    """Return where the fields go together as those of a `Design` must, and the format runs its network."""
    fits: np.ndarray = (designs.acc_bits > 0) & (designs.word_bits <= designs.port_bits)
    fits &= designs.operand_depth >= designs.feeder_width
    for kib in (designs.ifmap_kib, designs.filter_kib, designs.ofmap_kib):
        fits &= half_bits(kib) >= designs.port_bits
    return fits


def _kind(name: str) -> Any:
    if name in TEXT_FIGURES:
        return object
    return np.int64 if name in WHOLE_FIGURES else np.float64
