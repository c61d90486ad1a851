"""`BlockEvaluator`: many points of a space at once, as columns of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cost_models.table.operands import UNIFORM
from cost_models.table.table import Table, load_priced_table
from dse.evaluation.block import Block, Columns
from dse.evaluation.evaluate import Evaluator
from dse.evaluation.main_memories import main_memories
from dse.evaluation.own_figures import NO_FUNCTIONS, Functions, own_figures
from dse.evaluation.refusal import Refusal
from dse.evaluation.unfit_layers import unfit_layers
from dse.space.figures import (
    ACCURACIES,
    COUNTED_FIGURES,
    FIGURES,
    OPS_OF_A_PAIR,
    derived,
    figure_names,
)
from dse.space.main_memory import LEAST_SRAM, parse_memory
from dse.space.space import Coordinates
from dse.space.study_spec import ALLOWED_WORDS, BESIDE_DESIGN, MEMORY, StudySpec
from dse.space.workload import Format, Workload
from simulator.designs.channel_rows import rows_of_smallest_tiles
from simulator.designs.design import BUFFERS, FEWEST_CHANNEL_ROWS, MOST_CYCLES
from simulator.designs.design_block import DesignBlock, for_each
from simulator.designs.sizes import MOST_ROWS, half_bits
from simulator.plan.counts import PHASES
from workloads.errors import LimenError
from workloads.networks.family import made_of
from workloads.networks.stacked import stack
from workloads.ops.names import AND
from workloads.ops.registry import known_ops

if TYPE_CHECKING:
    from cost_models.price.machine import Machines
    from simulator.plan.counts import Counts
    from workloads.networks.network import Network

MOST_PORT_BITS = 512

NO_LAYERS = np.zeros(0)


class _Form(NamedTuple):
    """What op, widths and a few other fields decide: of the design, and of the workload.

    network: of one image; whole: of a pass. refusal: why no design of them runs the network; "" where one does.
    acc_bits: 0 where none does, or each point is counted alone. x_signed, polarity: of the design. operands: that its
    PEs are looked up with. layers: [layers] of
    LAYER_INTEGERS, of a pass; shape: the same as bytes. accuracies: in the order of ACCURACIES.
    """

    network: Network
    whole: Network
    accuracies: tuple[float, ...]
    refusal: str = ""
    acc_bits: int = 0
    x_signed: bool = False
    polarity: str = "synapse"
    operands: str = UNIFORM
    layers: np.ndarray = NO_LAYERS
    shape: bytes = b""


class _Key(NamedTuple):
    """What of a point decides its `_Form`."""

    op: str
    x_bits: int
    w_bits: int
    feeder_width: int
    images_at_once: int
    polarity: str
    x_signed: str
    acc_policy: str
    matmul: bool
    stream: str
    workload: str
    dataflow: str


class BlockEvaluator:
    """Prices points of a study in blocks: what `Evaluator.figures` gives of each of them, to the bit.

    workload, costs: see `Evaluator`.
    """

    def __init__(
        self, spec: StudySpec, workload: str | Workload, costs: str, functions: Functions = NO_FUNCTIONS
    ) -> None:
        self._evaluator = Evaluator(spec, workload, costs, functions)
        self._spec = spec
        self._forms: dict[_Key, _Form] = {}
        self._mistakes: dict[Coordinates, str] = {}

    def evaluate(self, points: Sequence[Coordinates]) -> Block:
        """Return the figures of points, and the refusals of those that have none.

        Raises:
            LimenError: a workload or a cost table that can't be read.
        """
        if self._evaluator.is_shared:
            return self._evaluate_each(points)
        forms = [self._form(point) for point in points]
        tables = {costs: load_priced_table(costs) for costs in {*map(self._evaluator.costs_of, points)}}
        names = [name for name in FIGURES if name not in ACCURACIES or any(form.accuracies for form in forms)]
        block = Block.empty(self._spec, [*names, *self._evaluator.functions], len(points))
        priced = np.zeros(len(points), bool)
        try:
            if points:
                self._price(tables, points, forms, block, priced)
        except LimenError:  # a table lacks a quantity of some unit
            priced[:] = False
        for place in np.flatnonzero(~priced).tolist():
            if not block.refusals[place]:
                self._evaluate_alone(place, points[place], block)
        if self._evaluator.functions:
            for place in np.flatnonzero(priced).tolist():
                self._add_own(place, points[place], block, names)
        return block

    def _add_own(self, place: int, point: Coordinates, block: Block, names: Sequence[str]) -> None:
        """Add the user's own figures to those of a point."""
        figures = {name: block.figures[name][[place]].tolist()[0] for name in names}
        block.fill(place, lambda: figures | own_figures(self._evaluator.functions, point, figures))

    def _evaluate_each(self, points: Sequence[Coordinates]) -> Block:
        """Return the figures of points of several workloads, one point after another. Raises LimenError as above."""
        names = self._evaluator.names(Format(*points[0][:3])) if points else figure_names(self._spec)
        block = Block.empty(self._spec, names, len(points))
        for place, point in enumerate(points):
            self._evaluate_alone(place, point, block)
        return block

    def _evaluate_alone(self, place: int, point: Coordinates, block: Block) -> None:
        block.fill(place, lambda: self._evaluator.figures(point))

    def _form(self, point: Coordinates) -> _Form:
        decisive = point._replace(dataflow=_dataflow_of_form(point))
        key = _Key(*(getattr(decisive, name) for name in _Key._fields))
        if key not in self._forms:
            self._forms[key] = self._make_form(point)
        return self._forms[key]

    def _make_form(self, point: Coordinates) -> _Form:
        from cost_models.price.family_operands import operands_of
        from simulator.cuts.demands import MOST_SIGNED
        from simulator.timing.timing import network_integers

        try:
            network = self._evaluator.network(point.op, point.x_bits, point.w_bits, point.workload)
        except LimenError as error:
            if not point.workload:
                raise
            other = self._evaluator.some_network(Format(*point[:3]), point.workload)
            return _Form(other, other, (), refusal=str(error))
        accuracies = tuple(self._evaluator.accuracies(point).values())
        form = _Form(network, network, accuracies)
        if network.schedule:  # its cuts fit or don't, machine by machine
            return form
        try:
            design = self._evaluator.unfitted(_roomiest(point)).fitted(network)
            operands = operands_of(point.stream, network, design.op, design.x_bits, design.w_bits)
        except LimenError as error:
            return form._replace(refusal=str(error))
        form = form._replace(x_signed=design.x_signed, polarity=design.polarity, operands=operands)
        try:
            whole = stack(network, point.images_at_once)
            layers = network_integers(whole)
        except LimenError:
            return form
        acc_bits = design.acc_bits if layers["width"].max() <= MOST_SIGNED else 0
        shape = layers.tobytes() + " ".join(_layer_ops(design.ops, network)).encode()
        return form._replace(acc_bits=acc_bits, whole=whole, layers=layers, shape=shape)

    def _mistake(self, point: Coordinates) -> str:
        """Return why a point's fields don't go together, worked out once for all points of the same first mistake."""
        least = _mistaken(point)
        if least is None:
            return ""
        if least not in self._mistakes:
            line = ""
            try:
                self._evaluator.unfitted(least)
            except LimenError as error:
                line = str(error)
            self._mistakes[least] = line
        return self._mistakes[least]

    def _price(
        self,
        tables: Mapping[str, Table],
        points: Sequence[Coordinates],
        forms: Sequence[_Form],
        block: Block,
        priced: np.ndarray,
    ) -> None:
        """Fill in the figures of all points that have any, where they are `priced`, and refusals by the table."""
        designs = _designs_of(points, forms)
        consistent = _consistent(designs)
        for place in np.flatnonzero(~consistent).tolist():
            block.refusals[place] = self._mistake(points[place]) or forms[place].refusal
        places: dict[tuple[str, bytes], list[int]] = {}
        for place in np.flatnonzero(consistent).tolist():
            places.setdefault((self._evaluator.costs_of(points[place]), forms[place].shape), []).append(place)
        for (costs, _), alike in places.items():
            operands = np.array([forms[place].operands for place in alike])
            machines, at = self._look_up(tables[costs], designs, np.array(alike), operands, block)
            if machines is None:
                continue
            sized = np.array([points[place].memory == LEAST_SRAM for place in at.tolist()])
            chosen, columns, refused = self._figures_of([forms[place] for place in at.tolist()], machines, sized)
            for row, refusal in refused.items():
                block.refuse(at[row], refusal)
            at = at[chosen]
            for name, column in columns.items():
                block.figures[name][at] = column
            priced[at] = True
        done = np.flatnonzero(priced).tolist()
        for rank, name in enumerate(ACCURACIES):
            if name in block.figures:
                block.figures[name][done] = [forms[place].accuracies[rank] for place in done]

    def _look_up(
        self, table: Table, designs: DesignBlock, at: np.ndarray, operands: np.ndarray, block: Block
    ) -> tuple[Machines | None, np.ndarray]:
        """Return the machines of designs and their places, without those that the table refuses."""
        from cost_models.price.machine import Machines, lacking

        chosen = designs if len(at) == len(designs) else designs[at]
        try:
            return Machines(table, chosen, operands), at
        except LimenError:
            lines = lacking(table, chosen, operands)
            if not lines:
                raise
        for row, line in lines.items():
            block.refusals[at[row]] = line
        others = np.setdiff1d(np.arange(len(at)), list(lines))
        return (Machines(table, chosen[others], operands[others]) if len(others) else None), at[others]

    def _figures_of(
        self, forms: list[_Form], machines: Machines, sized: np.ndarray
    ) -> tuple[np.ndarray, Columns, dict[int, Refusal]]:
        """Return the places of the machines that run their networks, their figures, and by place why others don't.

        forms: of each machine, all of the same layers. sized: see `main_memories`.
        """
        from cost_models.price.machine_events import count_events
        from cost_models.price.prices import memory_cycles, memory_figures, price_machines
        from simulator.cuts.layout import may_be_too_large
        from simulator.cuts.passes import are_passes
        from simulator.timing.integers import machine_integers
        from simulator.timing.timing import count_best

        memory, designs, own_clocks, form = self._spec.memory, machines.designs, machines.clocks(), forms[0]
        clocks, slower = own_clocks.at(self._spec.clock_ns), own_clocks.slower(self._spec.clock_ns)
        speed = memory.dram_gb_per_s, memory.latency_ns
        interval, latency = memory_cycles(machines, clocks.ns, *speed)
        integers = machine_integers(designs)
        integers["interval"], integers["latency"] = interval.clip(max=MOST_CYCLES), latency.clip(max=MOST_CYCLES)
        best = count_best(form.layers, integers)
        counts, reached = best.counts, best.reached
        known = (interval <= MOST_CYCLES) & (latency <= MOST_CYCLES)
        known[list(slower)] = False
        known &= are_passes(form.layers, designs)  # why another isn't, its evaluation tells
        failing = np.flatnonzero(known & (reached < len(form.layers)))
        networks = [own.whole for own in forms]
        refused = unfit_layers(networks, form.layers, designs, reached, failing)
        refused |= {place: Refusal(line) for place, line in slower.items()}
        fits = known & (reached == len(form.layers))
        fits &= ~may_be_too_large(form.whole, counts["tiles"].sum(axis=1), designs)
        on_chip = main_memories(networks, form.layers, best, designs, sized)
        told_room = {place: on_chip.refused[place] for place in on_chip.refused if fits[place]}
        refused |= told_room
        fits[[*told_room]] = False
        if sized.any():  # a smaller memory may be faster, and its cuts others: such a design is evaluated alone
            machines = machines.with_memory_kib(on_chip.kib)
            fits &= np.equal(memory_cycles(machines, clocks.ns, *speed), (interval, latency)).all(axis=0)
        chosen = np.flatnonzero(fits)
        if not len(chosen):
            return chosen, {}, refused
        if len(chosen) < len(designs):
            machines, clocks, counts = machines[chosen], clocks[chosen], counts[chosen]
        designs = machines.designs
        ops = str(designs.op[0]).split(AND)
        events = count_events(form.layers, counts, designs, _layer_ops(ops, form.network))
        total, prices = events.total, price_machines(machines, clocks, events, memory.dram)
        figures = (
            prices.figures
            | memory_figures(designs, on_chip.beats[chosen])
            | {
                **self._of_images(total, designs),
                "utilisation": total.utilisation(designs.pes),
                "acc_bits": designs.acc_bits,
                "pes": designs.pes,
                "clock_component": clocks.component,
                "clock_method": clocks.method,
            }
        )
        return chosen, figures | derived(figures), refused

    def _of_images(self, total: Counts, designs: DesignBlock) -> Columns:
        """Return COUNTED_FIGURES of an image."""
        stalls: Any = sum(getattr(total, name) for name in PHASES if "stall" in name)
        counted = total.cycles, stalls, total.dram_bytes, OPS_OF_A_PAIR * total.busy
        columns = dict(zip(COUNTED_FIGURES, counted, strict=True))
        if not self._spec.shares_passes:
            return columns
        return {name: column / designs.images_at_once for name, column in columns.items()}


def _dataflow_of_form(point: Coordinates) -> str:
    """Return the dataflow where it may decide whether a design runs a network, the same for all points elsewhere."""
    return point.dataflow if point.matmul else "os"


def _roomiest(point: Coordinates) -> Coordinates:
    """Return the point with the widest port, on which only fields of `_Key` decide what a design can run."""
    return point._replace(
        dataflow=_dataflow_of_form(point), rows=1, cols=1, ifmap_kib=64.0, filter_kib=64.0, ofmap_kib=64.0,
        operand_depth=512, port_bits=MOST_PORT_BITS, pe_stages=1, zero_gating=False, overlap=False, images_at_once=1,
    )  # fmt: skip


def _mistaken(point: Coordinates) -> Coordinates | None:
    """Return the point with what its design's first mistake depends on, and otherwise roomy; None where there is none.

    The order is that of the checks of a `Design`; what a `_Key` has is no less wrong of the roomy point.
    """
    least = _roomiest(point)._replace(port_bits=point.port_bits)
    if point.feeder_width * point.x_bits > point.port_bits:
        return least
    if point.operand_depth < point.feeder_width:
        return least._replace(operand_depth=point.operand_depth)
    if point.zero_gating and (point.op != "mac" or point.pe_stages != 2):
        return least._replace(pe_stages=point.pe_stages, zero_gating=True)
    for name in BUFFERS:
        if half_bits(getattr(point, name)) < point.port_bits:
            return least._replace(**{name: getattr(point, name)})
    return None


def _layer_ops(ops: Sequence[str], network: Network) -> list[str]:
    """Return the op of each layer where PEs have several, else nothing."""
    return [layer.op for layer in network.layers] if len(ops) > 1 else []


def _pe_ops(op: str) -> str:
    """Return the ops of a PE as a `DesignBlock` names them."""
    return AND.join(name for name in known_ops() if name in made_of(op))


def _designs_of(points: Sequence[Coordinates], forms: Sequence[_Form]) -> DesignBlock:
    """Return the designs of points, as `Evaluator.design` but for the memory's cycles, which are 1 here."""
    values = zip(*points, strict=True)
    columns = {name: np.array(column) for name, column in zip(Coordinates._fields, values, strict=True)}
    memories = [parse_memory(words) for words in columns.pop(MEMORY).tolist()]
    for name in {*ALLOWED_WORDS, *BESIDE_DESIGN}:
        del columns[name]  # a form has what they come to
    columns["op"] = for_each(_pe_ops, columns["op"])
    ones, numbers = np.ones(len(points), np.int64), {id(form): number for number, form in enumerate(forms)}
    form = np.array([numbers[id(form)] for form in forms])
    rows = for_each(
        lambda form, cols, feeder, dataflow: rows_of_smallest_tiles(forms[form].network, cols, feeder, dataflow),
        *(form, columns["cols"], columns["feeder_width"], columns["dataflow"]),
    )
    return DesignBlock(
        **columns,
        x_signed=np.array([form.x_signed for form in forms]),
        acc_bits=np.array([form.acc_bits for form in forms]),
        polarity=np.array([form.polarity for form in forms]),
        channel_rows=np.clip(rows, FEWEST_CHANNEL_ROWS, MOST_ROWS),
        port_interval=ones,
        memory_latency=ones,
        on_chip=np.array([memory.kind == "sram" for memory in memories]),
        memory_kib=np.array([memory.kib or 0.0 for memory in memories]),
    )


def _consistent(designs: DesignBlock) -> np.ndarray:
    """Return where the fields go together as those of a `Design` must, and the format runs its network."""
    fits: np.ndarray = (designs.acc_bits > 0) & (designs.word_bits <= designs.port_bits)
    fits &= designs.operand_depth >= designs.feeder_width
    fits &= ~designs.zero_gating | ((designs.op == "mac") & (designs.pe_stages == 2))
    for name in BUFFERS:
        fits &= half_bits(getattr(designs, name)) >= designs.port_bits
    return fits
