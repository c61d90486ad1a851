"""From a point of the space to its figures: workload, design, counts, price, accuracy."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from cost_models.table import load_table
from dse.space import Coordinates
from dse.study_spec import BUFFERS, StudySpec
from simulator.counts import PHASES
from simulator.design import Design
from simulator.run import simulate
from workloads.accuracy import member_accuracy
from workloads.errors import LimenError
from workloads.family import find_network, load_family
from workloads.network import Network
from workloads.numbers import Op

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
)
"""Figures of `cost_models.price.Cost` that a trial stores."""

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

Figures = dict[str, Any]


class Refusal(LimenError):
    """A point that no machine is: its fields don't go together, or a layer doesn't fit its buffers."""


class Evaluator:
    """Prices points of a study. Networks and their accuracies are kept in memory: a point costs milliseconds.

    workload: a family's name or the path of a network file. costs: a built-in table's name or a table's path.
    """

    def __init__(self, spec: StudySpec, workload: str, costs: str) -> None:
        self._spec = spec
        self._workload = workload
        self._costs = costs
        self._is_file = workload.endswith((".yaml", ".yml"))
        self._networks: dict[tuple[str, int, int], Network] = {}
        self._accuracies: dict[tuple[str, int, int], dict[str, float]] = {}

    def network(self, op: str, x_bits: int, w_bits: int) -> Network:
        """Return the family's member, or the file's network, which fixes its own widths. Raises LimenError."""
        # A network file is one network, whatever the design's widths.
        at = ("", 0, 0) if self._is_file else (op, x_bits, w_bits)
        if at not in self._networks:
            chosen = (None, None, None) if self._is_file else (cast(Op, op), x_bits, w_bits)
            self._networks[at] = find_network(self._workload, *chosen)
        return self._networks[at]

    def design(self, point: Coordinates) -> Design:
        """Return the design of a point, its accumulators sized to the workload, its port to the study's memory.

        Raises:
            LimenError: a point the workload or the cost table lacks; as Refusal, one that no design is.
        """
        from cost_models.price import with_memory

        network = self.network(point.op, point.x_bits, point.w_bits)
        signed = point.op == "threshold" or any(layer.x_signed for layer in network.layers)
        try:
            design = Design(**point.fields(), x_signed=signed)
        except LimenError as error:
            raise Refusal(str(error)) from None
        memory = self._spec.memory
        return with_memory(design, network, self._costs, memory.dram_gb_per_s, memory.latency_ns)

    def accuracies(self, point: Coordinates) -> dict[str, float]:
        """Return validation accuracy as `accuracy` and the test split's as `test_accuracy`; {} without data."""
        network = self.network(point.op, point.x_bits, point.w_bits)
        if network.dataset is None or network.parameters is None:
            return {}
        at = (point.op, point.x_bits, point.w_bits)
        if at not in self._accuracies:
            if self._is_file:
                shares = network.accuracy("validation"), network.accuracy("test")
            else:  # stored beside the family, so that a study needs no data set
                row = member_accuracy(load_family(self._workload), cast(Op, point.op), point.x_bits, point.w_bits)
                shares = row.validation_accuracy, row.test_accuracy
            self._accuracies[at] = dict(zip(("accuracy", "test_accuracy"), shares, strict=True))
        return self._accuracies[at]

    def cost_figures(self, point: Coordinates) -> Figures:
        """Return counts and prices of a point.

        Raises:
            LimenError: the cost table lacks a row; as Refusal, a layer doesn't fit the design's buffers.
        """
        from cost_models.price import price

        design = self.design(point)
        try:
            run = simulate(self.network(point.op, point.x_bits, point.w_bits), design, "timing")
        except LimenError as error:
            raise Refusal(str(error)) from None
        cost = price(run, self._costs, self._spec.memory.dram)
        busy = sum(counts.busy for counts in run.counts)
        figures: Figures = {
            "cycles": run.cycles,
            "stall_cycles": sum(getattr(counts, name) for counts in run.counts for name in PHASES if "stall" in name),
            "dram_bytes": sum(counts.dram_bytes for counts in run.counts),
            "utilisation": busy / (design.pes * run.cycles),
            "acc_bits": design.acc_bits,
            "pes": design.pes,
        }
        return figures | {name: getattr(cost, name) for name in COST_FIGURES}

    def figures(self, point: Coordinates) -> Figures:
        """Return everything a trial stores about a point."""
        return {"design": point.key} | self.cost_figures(point) | self.accuracies(point)

    def formats(self) -> list[tuple[str, int, int]]:
        """Return the (op, x_bits, w_bits) of the space that the workload gives.

        A family must have every one of them; a network file needs at least one design that supports it.

        Raises:
            LimenError: an objective the workload can't give, a width a family lacks, or no valid point.
        """
        space = self._spec.space
        widths = list(itertools.product(space.bits.x, space.bits.x if space.bits.w == "same" else space.bits.w))
        if space.bits.w == "same":
            widths = [(x_bits, x_bits) for x_bits in space.bits.x]
        valid: list[tuple[str, int, int]] = []
        refusal = ""
        for op, (x_bits, w_bits) in itertools.product(space.op, widths):
            network = self.network(op, x_bits, w_bits)
            if self._spec.needs_accuracy and (network.dataset is None or network.parameters is None):
                missing = "dataset" if network.dataset is None else "checkpoint"
                raise LimenError(
                    f"objectives: accuracy is not allowed: network {network.name} has no {missing}; "
                    "without one: energy_uj, latency_us, area_mm2"
                )
            try:
                self.design(self._roomy(op, x_bits, w_bits, space.dataflow[0], space.rows[0], space.cols[0]))
            except LimenError as error:
                if not self._is_file:
                    raise
                refusal = refusal or str(error)
            else:
                valid.append((op, x_bits, w_bits))
        if not valid:
            raise LimenError(f"space: no valid point: {refusal}")
        return valid

    def _roomy(self, op: str, x_bits: int, w_bits: int, dataflow: str, rows: int, cols: int) -> Coordinates:
        """Return the point with the largest buffers and the narrowest words: if any design is valid, it is."""
        space = self._spec.space
        largest = {name: max(getattr(space, name)) for name in BUFFERS} | {"feeder_width": min(space.feeder_width)}
        return Coordinates(op, x_bits, w_bits, dataflow, rows, cols, **largest)

    def check_prices(self, formats: list[tuple[str, int, int]], show: Callable[[str, int, int], None]) -> None:
        """Look up arrays of every format and dataflow, so that a table's gap shows before the first trial.

        show: called with (what, done, total).

        Raises:
            LimenError: the first gap.
        """
        space = self._spec.space
        corners = {(rows, cols) for rows in (min(space.rows), max(space.rows)) for cols in (min(space.cols),)}
        points = [
            self._roomy(*form, dataflow, rows, cols)
            for form in formats
            for dataflow in space.dataflow
            for rows, cols in sorted(corners)
        ]
        load_table(self._costs).quantity(f"dram_{self._spec.memory.dram}", "energy_per_bit_pj")
        for done, point in enumerate(points):
            show("checking the cost table", done, len(points))
            self.design(point)
        show("checking the cost table", len(points), len(points))


def resolve(name: str, folder: Path) -> str:
    """Return a workload's or table's name, or the absolute path of its file; a study's paths start at its folder."""
    return str((folder / name).resolve()) if name.endswith((".yaml", ".yml", ".csv")) else name
