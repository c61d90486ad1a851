"""The timing model: cycles, accesses and beats of layers, without data. Microseconds a layer.

Arrays and records for the kernels that do the counting, and what they say as `Counts` and `Axes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from simulator.plan.axes import Axes, lengths, pieces_of
from simulator.plan.counts import Counts
from simulator.plan.geometry import layer_geometry
from simulator.timing.integers import (
    COUNT_INTEGERS,
    COUNT_NAMES,
    CUT_INTEGERS,
    NEED_INTEGERS,
    UNCUT,
    layer_integers,
    machine_integers,
)
from workloads.layers.order import ORDERS, Order

if TYPE_CHECKING:
    from simulator.designs.design import FittedDesign
    from simulator.plan.geometry import Geometry
    from simulator.plan.steps import Schedule
    from workloads.networks.network import Network

ALWAYS_READY = np.ones(1, dtype=np.int64)
"""The ready-mask of a memory that answers in every cycle."""


class Cut(NamedTuple):
    """How a layer is cut: into how many parts along each axis, and which loop is inside the other."""

    parts: Axes
    order: Order


def network_integers(network: Network) -> np.ndarray:
    """Return the layers of a network as records, [layers] of LAYER_INTEGERS. Raises LimenError as `layer_geometry`."""
    return np.concatenate([layer_integers(layer_geometry(network, index)) for index in range(len(network.layers))])


def count_layers(geometries: Sequence[Geometry], cuts: Sequence[Cut], design: FittedDesign) -> list[Counts]:
    """Return the exact counts of layers by these cuts on a fitted design; the memory answers in every cycle."""
    from simulator.timing.count_kernels import count_batch
    from simulator.timing.cut_kernels import new_job

    layers = np.concatenate([layer_integers(geometry) for geometry in geometries])
    cut_rows = np.concatenate([cut_integers(*pair, design) for pair in zip(geometries, cuts, strict=True)])
    counts = np.zeros((1, len(layers)), COUNT_INTEGERS)
    count_batch(new_job(), layers, machine_integers(design), cut_rows[None], counts)
    return [_counts(record, design) for record in counts[0]]


def count_program(schedules: Sequence[Schedule], design: FittedDesign, mask: np.ndarray = ALWAYS_READY) -> list[Counts]:
    """Return the exact counts of every layer of a program on a fitted design.

    mask: 0 in cycles (modulo its length, counted from `start`) in which the memory doesn't answer.
    """
    geometries = [schedule.geometry for schedule in schedules]
    cuts = [Cut(schedule.parts, schedule.order) for schedule in schedules]
    if mask.all():
        return count_layers(geometries, cuts, design)
    from simulator.timing.cut_kernels import new_job
    from simulator.timing.ready_mask_kernels import count_masked

    cycle, counts, job = 0, [], new_job()
    job.machine[:] = machine_integers(design)
    for geometry, cut in zip(geometries, cuts, strict=True):
        job.layer[:], job.cut[:] = layer_integers(geometry), cut_integers(geometry, cut, design)
        record = np.zeros(1, COUNT_INTEGERS)[0]
        cycle = count_masked(cycle, job, mask.astype(np.int64), record)
        counts.append(_counts(record, design))
    return counts


class Best(NamedTuple):
    """The best of all cuts of layers on machines, [machines, layers] of CUT_INTEGERS, and the counts by them.

    counts: [machines, layers] of COUNT_INTEGERS. reached: [machines] int64, how many layers were counted, up to the
    first one of which no cut fits.
    """

    cuts: np.ndarray
    counts: np.ndarray
    reached: np.ndarray


def count_best(layers: np.ndarray, machines: np.ndarray) -> Best:
    """Return the best of all cuts of [layers] of LAYER_INTEGERS on [machines] of MACHINE_INTEGERS, and its counts."""
    from simulator.timing.cut_kernels import new_job
    from simulator.timing.search_kernels import search_batch

    shape = len(machines), len(layers)
    best = Best(np.zeros(shape, CUT_INTEGERS), np.zeros(shape, COUNT_INTEGERS), np.zeros(len(machines), np.int64))
    search_batch(new_job(), layers, machines, best.cuts, best.reached, best.counts)
    return best


def smallest_needs(layers: np.ndarray, machines: np.ndarray, uncut: str = "") -> np.ndarray:
    """Return what the smallest tile of a layer needs on a machine, [pairs] of NEED_INTEGERS.

    layers: [pairs] of LAYER_INTEGERS; machines: [pairs] of MACHINE_INTEGERS. uncut: an axis of which it holds all,
    "rows" (of outputs) or "channels" (of inputs).
    """
    from simulator.timing.cut_kernels import new_job
    from simulator.timing.smallest_kernels import fill_needs

    needs = np.zeros(len(layers), NEED_INTEGERS)
    fill_needs(new_job(), layers, machines, UNCUT.index(uncut), needs)
    return needs


def needs_of_all(layers: np.ndarray, machines: np.ndarray) -> np.ndarray:
    """Return the most that the smallest tile of any layer needs on each machine, [machines] of NEED_INTEGERS.

    layers: [layers] of LAYER_INTEGERS; machines: [machines] of MACHINE_INTEGERS.
    """
    most = np.zeros(len(machines), NEED_INTEGERS)
    for layer in layers:
        needs = smallest_needs(np.full(len(machines), layer, layers.dtype), machines)
        for name in NEED_INTEGERS.fields or ():
            np.maximum(most[name], needs[name], out=most[name])
    return most


@lru_cache(maxsize=4096)
def best_cut(geometry: Geometry, design: FittedDesign) -> Cut | None:
    """Return the best of all cuts of a layer on a fitted design, None where none fits.

    It has the fewest cycles; then the fewest beats; then it comes first: the fewest parts of the output rows, of the
    output channels, of the input channels, then order "rows".
    """
    from simulator.timing.cut_kernels import new_job
    from simulator.timing.search_kernels import NEVER, choose_cut

    job = new_job()
    job.layer[:], job.machine[:] = layer_integers(geometry), machine_integers(design)
    if choose_cut(job, np.zeros(1, COUNT_INTEGERS)[0]) == NEVER:
        return None
    rows, outputs, channels, order = job.cut[0].tolist()
    return Cut(pieces_of(geometry, Axes(rows, outputs, channels)), ORDERS[order])


def cut_integers(geometry: Geometry, cut: Cut, design: FittedDesign) -> np.ndarray:
    return np.array([(*lengths(geometry, design, cut.parts), ORDERS.index(cut.order))], CUT_INTEGERS)


def _counts(record: np.record, design: FittedDesign) -> Counts:
    return Counts(**dict(zip(COUNT_NAMES, record.tolist(), strict=True)), port_bytes=design.port_bits // 8)
