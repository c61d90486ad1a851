"""From a point of the space to its figures: workload, design, counts, price, accuracy."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from cost_models.table.table import Table, load_priced_table
from dse.evaluation.own_figures import NO_FUNCTIONS, Functions, own_figures
from dse.evaluation.refusal import Refusal
from dse.space.figures import (
    ACCURACIES,
    COST_FIGURES,
    EACH,
    OBJECTIVES,
    OPS_OF_A_PAIR,
    Figures,
    derived,
    figure_names,
)
from dse.space.main_memory import LEAST_SRAM
from dse.space.reduction import reduced
from dse.space.space import Coordinates, applied
from dse.space.study_spec import BUFFERS, StudySpec
from dse.space.workload import SEPARATOR, Format, Workload, titles
from simulator.cuts.missing import DoesNotFit
from simulator.designs.design import Design, FittedDesign
from simulator.plan.counts import PHASES
from simulator.run import simulate
from workloads.errors import LimenError
from workloads.networks.family import made_of
from workloads.networks.network import Network
from workloads.ops.registry import operation


class Formats(NamedTuple):
    """The formats of a space: those a design can have, and why it can't have the others."""

    valid: list[Format]
    left_out: dict[Format, str]

    def notices(self) -> list[str]:
        """Return a line for each op and width that no design can have, and one for combinations of those it can."""
        rest = dict(self.left_out)
        lines = []
        for position, name in enumerate(Format._fields):
            having = {form[position] for form in self.valid}
            for value in dict.fromkeys(form[position] for form in self.left_out if form[position] not in having):
                formats = [form for form in rest if form[position] == value]
                if formats:
                    lines.append(f"{name} {value}: {rest[formats[0]]}")
                rest = {form: reason for form, reason in rest.items() if form not in formats}
        if rest:
            first, reason = next(iter(rest.items()))
            named = " ".join(f"{name} {value}" for name, value in zip(Format._fields, first, strict=True))
            lines.append(
                f"{len(rest)} combination{'s' * (len(rest) > 1)} of op and widths, the first {named}: {reason}"
            )
        return lines


class Evaluator:
    """Prices points of a study. Networks and their accuracies are kept in memory: a point costs milliseconds.

    workload: a family's name, say, or several names, see `Workload`, or one itself. costs: a built-in table's name or a
    table's path, or several. Of several workloads a design is one that runs them all, and figures are of an image of
    each, unless a point names the one that it runs. functions: of the user's own figures, which only `figures` needs.
    """

    def __init__(
        self, spec: StudySpec, workload: str | Workload, costs: str, functions: Functions = NO_FUNCTIONS
    ) -> None:
        self._spec = spec
        self.functions = functions
        names = workload.split(SEPARATOR) if isinstance(workload, str) else []
        self._workloads = [workload] if isinstance(workload, Workload) else [*map(Workload, names)]
        self._tables = dict(zip(titles(spec.tables), costs.split(SEPARATOR), strict=True))
        self.is_shared = spec.is_shared
        """Whether a design runs several workloads."""

    def network(self, op: str, x_bits: int, w_bits: int, workload: str = "") -> Network:
        """Return the network of a workload by its title, or of the first. Raises LimenError where it has none."""
        return self._networks(Format(op, x_bits, w_bits), workload)[0]

    def some_network(self, form: Format, title: str) -> Network:
        """Return the network of a workload, where it has none at a format that at another one of the space.

        Raises LimenError where it has none at any.
        """
        (workload,) = self._chosen(title)
        refusal: LimenError | None = None
        for other in (form, *self._all_formats()):
            try:
                return workload.network(other)
            except LimenError as error:
                refusal = refusal or error
        assert refusal is not None
        raise refusal

    def _all_formats(self) -> Iterator[Format]:
        """Yield the formats of the space, whether the workload gives them or not."""
        bits = self._spec.space.bits
        for op, x_bits in itertools.product(self._spec.space.op, bits.x):
            for w_bits in [x_bits] if bits.w == "same" else bits.w:
                yield Format(op, x_bits, w_bits)

    def costs_of(self, point: Coordinates) -> str:
        """Return the cost table of a point, by its name or path."""
        return self._tables[point.costs] if point.costs else next(iter(self._tables.values()))

    def workload_of(self, point: Coordinates) -> Workload:
        """Return the workload of a point, the first of several that a design runs."""
        return self._chosen(point.workload)[0]

    def _chosen(self, title: str) -> list[Workload]:
        """Return the workload of this title, or all."""
        if not title:
            return self._workloads
        return [self._workloads[titles(self._spec.workloads).index(title)]]

    def _networks(self, form: Format, title: str) -> list[Network]:
        """Return the workloads at an op and widths, those of `_chosen`. Raises LimenError.

        Of several, shapes have signed activations where a trained one has, or without any of those another one.
        """
        networks = [workload.network(form) for workload in self._chosen(title)]
        if not self.is_shared:
            return networks
        deciding = [network for network in networks if network.parameters is not None] or networks
        signed = any(layer.x_signed for network in deciding for layer in network.layers)
        return [workload.network(form, signed) for workload in self._workloads]

    def names(self, form: Format) -> list[str]:
        """Return the names of the figures of a point, which are those of all points: accuracies only with data."""
        each = titles(self._spec.workloads)
        measured = [_is_measured(self.some_network(form, title)) for title in each]
        having = dict(zip(each, measured, strict=True)) | {"": all(measured)}
        parts = ((name, *name.rpartition(".")[::2]) for name in figure_names(self._spec))
        return [name for name, title, figure in parts if figure not in ACCURACIES or having[title]]

    def unmapped(self, form: Format) -> list[str]:
        """Return a line for each workload with operators that no design has, at a format of the space."""
        return [
            f"{title}: {', '.join(map(str, network.unmapped_ops))}"
            for title in titles(self._spec.workloads)
            if (network := self.some_network(form, title)).unmapped_ops
        ]

    def design(self, point: Coordinates) -> FittedDesign:
        """Return the design of a point, its accumulators sized to the workload, its port to the study's memory.

        Raises:
            LimenError: a point that no design is, or that the workload or the cost table lacks.
        """
        from cost_models.price.price import with_least_memory, with_memory

        memory, costs = self._spec.memory, self.costs_of(point)
        design, networks = self.unfitted(point), self._networks(Format(*point[:3]), point.workload)
        if self.is_shared:
            design = _fitted(design, networks)

        def timed(design: Design) -> FittedDesign:
            speed, clock_ns = (memory.dram_gb_per_s, memory.latency_ns), self._spec.clock_ns
            return with_memory(design, networks[0], costs, *speed, stream=point.stream, clock_ns=clock_ns)

        design = timed(design)
        return with_least_memory(design, networks, timed) if point.memory == LEAST_SRAM else design

    def unfitted(self, point: Coordinates) -> Design:
        """Return the design of a point before it is sized to anything.

        Where the point doesn't say, polarity is generated if the network's is, and activations are signed if an op or
        the network needs it. Raises LimenError where no design is.
        """
        networks = self._networks(Format(*point[:3]), point.workload)
        signed = any(operation(op).one_range for op in made_of(point.op))
        signed |= any(layer.x_signed for network in networks for layer in network.layers)
        polarity = "generated" if all(network.generates_polarity for network in networks) else "synapse"
        return Design(**{"x_signed": signed, "polarity": polarity, **point.fields()})

    def accuracies(self, point: Coordinates) -> dict[str, float]:
        """Return validation accuracy as `accuracy` and the test split's as `test_accuracy`; {} without data."""
        return self._joined([workload.accuracies(Format(*point[:3])) for workload in self._chosen(point.workload)])

    def cost_figures(self, point: Coordinates) -> Figures:
        """Return counts and prices of a point.

        Raises:
            LimenError: a workload or a cost table that can't be read; as Refusal, a point that can't be built, fitted,
                counted or priced.
        """
        try:
            networks = self._networks(Format(*point[:3]), point.workload)
        except LimenError as error:
            if point.workload:  # another one has this op and these widths
                raise Refusal(str(error)) from None
            raise
        load_priced_table(self.costs_of(point))
        try:
            design = self.design(point)
            each, refused = [], []
            for network in networks:
                try:
                    each.append(self._figures_of(network, design, point))
                except DoesNotFit as error:
                    refused.append(error)
        except DoesNotFit as error:  # with the largest memory
            raise Refusal(str(error), error.missing_bytes) from None
        except LimenError as error:
            raise Refusal(str(error)) from None
        if refused:
            missing = [error.missing_bytes for error in refused]
            raise Refusal(str(refused[0]), max(missing) if all(missing) else 0)
        return self._joined(each)

    def _figures_of(self, network: Network, design: FittedDesign, point: Coordinates) -> Figures:
        """Return counts and prices of one network on a design. Raises LimenError."""
        from cost_models.price.price import price

        run = simulate(network, design, "timing")
        cost = price(run, self.costs_of(point), self._spec.memory.dram, point.stream, self._spec.clock_ns)
        busy = sum(counts.busy for counts in run.counts)
        stalls = sum(getattr(counts, name) for counts in run.counts for name in PHASES if "stall" in name)
        figures: Figures = {
            "cycles": run.cycles,
            "stall_cycles": run.of_image(stalls),
            "dram_bytes": run.of_image(sum(counts.dram_bytes for counts in run.counts)),
            "operations": run.of_image(OPS_OF_A_PAIR * busy),
            "utilisation": busy / (design.pes * run.pass_cycles),
            "acc_bits": design.acc_bits,
            "pes": design.pes,
        }
        figures |= {name: getattr(cost, name) for name in COST_FIGURES}
        return figures | derived(figures)

    def _joined(self, each: list[Figures]) -> Figures:
        """Return the figures of all workloads, each one's own beside their reduction; of one its own."""
        if not self.is_shared:
            return each[0]
        own = {
            f"{title}.{name}": figures[name]
            for title, figures in zip(titles(self._spec.workloads), each, strict=True)
            for name in EACH
            if name in figures
        }
        return reduced(self._spec.reduction, each) | own

    def figures(self, point: Coordinates) -> Figures:
        """Return everything a trial stores about a point. Raises as `cost_figures` does, and what functions refuse."""
        figures = self.cost_figures(point) | self.accuracies(point)
        return {"design": point.key} | figures | own_figures(self.functions, point, figures)

    def formats(self) -> Formats:
        """Return the formats of the space that the workload gives and some design of the space runs, and the others.

        Of workloads among which points choose, one has to give it: a point of another one is refused.
        A page with a checkpoint fixes its op and its widths, and designs at least as wide may run it. A family has a
        member for each format, and a page of shapes a network: an op or a width that none of them has is a mistake.

        Raises:
            LimenError: a workload that can't be read, an objective it can't give, an op or a width that a family lacks,
                or no valid point.
        """
        space = self._spec.space
        for workload in self._workloads:
            example = workload.example()
            if example is not None:
                self._check_accuracy(example)
        refused: dict[tuple[Format, str], str] = {}
        each = space.workload or [""]
        for form, title in itertools.product(self._all_formats(), each):
            try:
                next(self._roomy(form, space.rows[0], title))
            except LimenError as error:
                refused[form, title] = str(error)
        for title in each:
            reasons = [refused.get((form, title)) for form in self._all_formats()]
            if all(reasons):
                # All of them: what one advises may be in the space, and refused for another.
                raise LimenError(f"space: no valid point: {'; '.join(filter(None, dict.fromkeys(reasons)))}")
        left_out = {
            form: refused[form, each[0]]
            for form in self._all_formats()
            if all((form, title) in refused for title in each)
        }
        valid = [form for form in self._all_formats() if form not in left_out]
        if not any(workload.is_fixed for workload in self._workloads):
            self._check_family(valid, left_out)
        return Formats(valid, left_out)

    def _check_family(self, valid: list[Format], left_out: dict[Format, str]) -> None:
        for form, title in itertools.product(valid, titles(self._spec.workloads)):
            self._check_accuracy(self.some_network(form, title))
        for form, reason in left_out.items():
            for position, value in enumerate(form):
                if all(other[position] != value for other in valid):
                    raise LimenError(reason)

    def _check_accuracy(self, network: Network) -> None:
        if self._spec.needs_accuracy and not _is_measured(network):
            missing = "dataset" if network.dataset is None else "checkpoint"
            field = "objectives" if "accuracy" in self._spec.objectives else "constraints"
            raise LimenError(
                f"{field}: accuracy is not allowed: network {network.name} has no {missing}; "
                f"without one: {', '.join(name for name in OBJECTIVES if name != 'accuracy')}"
            )

    def _roomy(self, form: Format, rows: int, title: str) -> Iterator[FittedDesign]:
        """Yield fitted designs of a format, of so many rows, for a workload or all; LimenError where there is none.

        Larger scratchpads and operand blocks never hinder, nor does a single image; beats and words may be too wide, an
        op may have no zero gating or no polarity: of axes that may hinder, all values are tried.
        """
        space = self._spec.space
        largest = {name: max(getattr(space, name)) for name in BUFFERS}
        refusal: LimenError | None = None
        fits = False
        tried: dict[str, list[Any]] = {
            "dataflow": space.dataflow,
            "port_bits": sorted(space.port_bits, reverse=True),
            "feeder_width": sorted(space.feeder_width),
            "pe_stages": sorted(space.pe_stages),
            "zero_gating": sorted(space.zero_gating),
            "overlap": sorted(space.overlap),
            **{name: getattr(space, name) for name in ("polarity", "x_signed", "acc_policy", "matmul")},
        }
        for values in itertools.product(*tried.values()):
            others = largest | dict(zip(tried, values, strict=True)) | {"rows": rows, "cols": space.cols[0]}
            try:
                point = applied(Coordinates(*form, **others, workload=title))
                design = _fitted(self.unfitted(point), self._networks(form, title))
            except LimenError as error:
                refusal = refusal or error
            else:
                fits = True
                yield design
        if refusal is not None and not fits:
            raise refusal

    def check_prices(self, formats: Iterable[Format]) -> None:
        """Look for one array that has a price, in each cost table.

        Raises:
            LimenError: a cost table that can't be read, or lacks the DRAM, or the PEs or edges of all points.
        """
        for costs in self._tables.values():
            self._check_prices(load_priced_table(costs), formats)

    def _check_prices(self, table: Table, formats: Iterable[Format]) -> None:
        from cost_models.price.family_operands import operands_of
        from cost_models.price.machine import check_array

        space = self._spec.space
        table.dram(self._spec.memory.dram)
        refusal = ""
        tried = formats, space.rows, space.stream, space.workload or [""]
        for form, rows, stream, title in itertools.product(*tried):
            try:
                network = self.network(*form, title)
                for design in self._roomy(form, rows, title):
                    try:
                        operands = operands_of(stream, network, design.op, design.x_bits, design.w_bits)
                        check_array(table, design, operands)
                    except LimenError as error:
                        refusal = refusal or str(error)
                    else:
                        return
            except LimenError as error:  # another workload has this format
                refusal = refusal or str(error)
        raise LimenError(f"space: no valid point: none has a price, the first: {refusal}")


def _is_measured(network: Network) -> bool:
    """Return whether a network has an accuracy."""
    return network.dataset is not None and network.parameters is not None


def _fitted(design: Design, networks: list[Network]) -> FittedDesign:
    """Return a design fitted to all networks: what they need is the most that one of them does. Raises LimenError."""
    each = [design.fitted(network) for network in networks]
    most = {name: max(getattr(fitted, name) for fitted in each) for name in ("acc_bits", "channel_rows")}
    return each[0] if len(each) == 1 else FittedDesign(**{**each[0].model_dump(), **most})
