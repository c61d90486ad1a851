"""From a point of the space to its figures: workload, design, counts, price, accuracy."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, NamedTuple, cast

from cost_models.table.table import load_priced_table
from dse.study.space import Coordinates
from dse.study.study_spec import BUFFERS, StudySpec
from simulator.designs.design import Design, FittedDesign
from simulator.plan.counts import PHASES
from simulator.run import simulate
from workloads.errors import LimenError
from workloads.networks.accuracy import member_accuracy
from workloads.networks.family import find_network, is_page, load_family, made_of
from workloads.networks.network import Network
from workloads.ops.op_field import Op
from workloads.ops.registry import operation

COST_FIGURES = (
    "energy_uj",
    "latency_us",
    "area_mm2",
    "clock_ns",
    "clock_component",
    "clock_method",
    "power_mw",
    "array_share",
    "memory_share",
    "dram_share",
    "assumed_share",
    "energy_assumed_share",
    "area_assumed_share",
    "buffers_kib",
    "device_kib",
)
"""Figures of `cost_models.price.price.Cost` that a trial stores."""

FIGURES = (
    "cycles",
    "stall_cycles",
    "dram_bytes",
    "utilisation",
    "acc_bits",
    "pes",
    *COST_FIGURES,
    "accuracy",
    "test_accuracy",
)
"""All figures of a trial, in the order of trials.csv; the accuracies only where the workload has data."""

TEXT_FIGURES = ("clock_component", "clock_method")
"""Those of them that are no numbers."""

Figures = dict[str, Any]


class Format(NamedTuple):
    """What decides a network of a family, and whether a design can run a network."""

    op: str
    x_bits: int
    w_bits: int


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


class Refusal(LimenError):
    """A point without figures: its fields don't go together, a layer doesn't fit its buffers, or it has no price."""


class Evaluator:
    """Prices points of a study. Networks and their accuracies are kept in memory: a point costs milliseconds.

    workload: a family's name or the path of a network file. costs: a built-in table's name or a table's path.
    """

    def __init__(self, spec: StudySpec, workload: str, costs: str) -> None:
        self._spec = spec
        self._workload = workload
        self._costs = costs
        self._is_page = is_page(workload)
        self._networks: dict[tuple[str, int, int], Network] = {}
        self._accuracies: dict[tuple[str, int, int], dict[str, float]] = {}

    def network(self, op: str, x_bits: int, w_bits: int) -> Network:
        """Return the family's member, the shapes at these widths, or the one network of a page with a checkpoint.

        Raises LimenError where there is none.
        """
        at = ("", 0, 0) if self._is_fixed else (op, x_bits, w_bits)
        if at not in self._networks:
            chosen = (None, None, None) if self._is_fixed else (cast(Op, op), x_bits, w_bits)
            self._networks[at] = find_network(self._workload, *chosen)
        return self._networks[at]

    @cached_property
    def _is_fixed(self) -> bool:
        """Whether the workload is one network, whatever the design's op and widths: a page with a checkpoint."""
        return self._is_page and find_network(self._workload).parameters is not None

    def design(self, point: Coordinates) -> FittedDesign:
        """Return the design of a point, its accumulators sized to the workload, its port to the study's memory.

        Raises:
            LimenError: a point that no design is, or that the workload or the cost table lacks.
        """
        from cost_models.price.price import with_memory

        memory = self._spec.memory
        network = self.network(point.op, point.x_bits, point.w_bits)
        return with_memory(self.unfitted(point), network, self._costs, memory.dram_gb_per_s, memory.latency_ns)

    def unfitted(self, point: Coordinates) -> Design:
        """Return the design of a point before it is sized to anything.

        Where the point doesn't say, polarity is generated if the network's is, and activations are signed if an op or
        the network needs it. Raises LimenError where no design is.
        """
        network = self.network(point.op, point.x_bits, point.w_bits)
        signed = any(operation(op).one_range for op in made_of(point.op))
        signed |= any(layer.x_signed for layer in network.layers)
        polarity = "generated" if network.generates_polarity else "synapse"
        return Design(**{"x_signed": signed, "polarity": polarity, **point.fields()})

    def accuracies(self, point: Coordinates) -> dict[str, float]:
        """Return validation accuracy as `accuracy` and the test split's as `test_accuracy`; {} without data."""
        network = self.network(point.op, point.x_bits, point.w_bits)
        if network.dataset is None or network.parameters is None:
            return {}
        at = (point.op, point.x_bits, point.w_bits)
        if at not in self._accuracies:
            if self._is_fixed:
                shares = network.accuracy("validation"), network.accuracy("test")
            else:  # stored beside the family, so that a study needs no data set
                row = member_accuracy(load_family(self._workload), cast(Op, point.op), point.x_bits, point.w_bits)
                shares = row.validation_accuracy, row.test_accuracy
            self._accuracies[at] = dict(zip(("accuracy", "test_accuracy"), shares, strict=True))
        return self._accuracies[at]

    def cost_figures(self, point: Coordinates) -> Figures:
        """Return counts and prices of a point.

        Raises:
            LimenError: a workload or a cost table that can't be read; as Refusal, a point that can't be built, fitted,
                counted or priced.
        """
        from cost_models.price.price import price

        network = self.network(point.op, point.x_bits, point.w_bits)
        load_priced_table(self._costs)
        try:
            design = self.design(point)
            run = simulate(network, design, "timing")
            cost = price(run, self._costs, self._spec.memory.dram)
        except LimenError as error:
            raise Refusal(str(error)) from None
        busy = sum(counts.busy for counts in run.counts)
        stalls = sum(getattr(counts, name) for counts in run.counts for name in PHASES if "stall" in name)
        figures: Figures = {
            "cycles": run.cycles,
            "stall_cycles": run.of_image(stalls),
            "dram_bytes": run.of_image(sum(counts.dram_bytes for counts in run.counts)),
            "utilisation": busy / (design.pes * run.pass_cycles),
            "acc_bits": design.acc_bits,
            "pes": design.pes,
        }
        return figures | {name: getattr(cost, name) for name in COST_FIGURES}

    def figures(self, point: Coordinates) -> Figures:
        """Return everything a trial stores about a point."""
        return {"design": point.key} | self.cost_figures(point) | self.accuracies(point)

    def formats(self) -> Formats:
        """Return the formats of the space that the workload gives and some design of the space runs, and the others.

        A page with a checkpoint fixes its op and its widths, and designs at least as wide may run it. A family has a
        member for each format, and a page of shapes a network: an op or a width that none of them has is a mistake.

        Raises:
            LimenError: a workload that can't be read, an objective it can't give, an op or a width that a family lacks,
                or no valid point.
        """
        space = self._spec.space
        if self._is_page:
            self._check_accuracy(find_network(self._workload))
        else:
            load_family(self._workload)
        valid: list[Format] = []
        left_out: dict[Format, str] = {}
        for op, x_bits in itertools.product(space.op, space.bits.x):
            for w_bits in [x_bits] if space.bits.w == "same" else space.bits.w:
                form = Format(op, x_bits, w_bits)
                try:
                    next(self._roomy(form, space.rows[0]))
                    valid.append(form)
                except LimenError as error:
                    left_out[form] = str(error)
        if not valid:
            # All reasons: what one of them advises may be in the space, and refused for another.
            raise LimenError(f"space: no valid point: {'; '.join(dict.fromkeys(left_out.values()))}")
        if not self._is_fixed:
            self._check_family(valid, left_out)
        return Formats(valid, left_out)

    def _check_family(self, valid: list[Format], left_out: dict[Format, str]) -> None:
        for form in valid:
            self._check_accuracy(self.network(*form))
        for form, reason in left_out.items():
            for position, value in enumerate(form):
                if all(other[position] != value for other in valid):
                    raise LimenError(reason)

    def _check_accuracy(self, network: Network) -> None:
        if self._spec.needs_accuracy and (network.dataset is None or network.parameters is None):
            missing = "dataset" if network.dataset is None else "checkpoint"
            field = "objectives" if "accuracy" in self._spec.objectives else "constraints"
            raise LimenError(
                f"{field}: accuracy is not allowed: network {network.name} has no {missing}; "
                "without one: energy_uj, latency_us, area_mm2"
            )

    def _roomy(self, form: Format, rows: int) -> Iterator[FittedDesign]:
        """Yield fitted designs of a format, of so many rows. Raises LimenError where there is none.

        Larger scratchpads and operand blocks never hinder, nor does a single image; beats and words may be too wide, an
        op may have no zero gating or no polarity: of axes that may hinder, all values are tried.
        """
        space = self._spec.space
        network = self.network(*form)
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
                design = self.unfitted(Coordinates(*form, **others)).fitted(network)
            except LimenError as error:
                refusal = refusal or error
            else:
                fits = True
                yield design
        if refusal is not None and not fits:
            raise refusal

    def check_prices(self, formats: Iterable[Format]) -> None:
        """Look for one array that has a price.

        Raises:
            LimenError: the cost table can't be read, or lacks the DRAM, or the PEs or edges of all points.
        """
        from cost_models.price.machine import check_array

        space = self._spec.space
        table = load_priced_table(self._costs)
        table.quantity(f"dram_{self._spec.memory.dram}", "energy_per_bit_pj")
        refusal = ""
        for form, rows in itertools.product(formats, space.rows):
            for design in self._roomy(form, rows):
                try:
                    check_array(table, design)
                except LimenError as error:
                    refusal = refusal or str(error)
                else:
                    return
        raise LimenError(f"space: no valid point: none has a price, the first: {refusal}")
