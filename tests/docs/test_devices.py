"""What docs say of the best devices is what they cost today, and no device like them is better."""

from __future__ import annotations

from itertools import product
from typing import Any

from cost_models.price.price import price
from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator
from dse.report.device_table import COSTS, LEAST_ENERGY, MOST_ACCURATE, Device
from dse.space.space import Coordinates
from dse.space.study_spec import StudySpec, load_study
from simulator.run import simulate
from tests.docs.devices import stored
from workloads.networks.accuracy import read_accuracies
from workloads.networks.family import load_family


def study() -> StudySpec:
    return load_study("small")


def evaluator() -> Evaluator:
    return Evaluator(study(), "\n".join(study().workloads), "ihp130")


def coordinates(device: Device, **others: Any) -> Coordinates:
    """The point of the study that a device is, or one like it."""
    space = study().space
    fields = {name: getattr(device, name) for name in Coordinates._fields if hasattr(device, name)}
    fixed = {name: getattr(space, name)[0] for name in ("operand_depth", "memory", "acc_policy", "stream")}
    own = {"feeder_width": 4, "port_bits": 64, "workload": device.network}
    return Coordinates(**{**fields, **fixed, **own, **others})


def test_each_device_costs_what_its_row_says() -> None:
    """By `price` of its network on its design, each alone; smallest devices where nothing fits, too."""
    by_trial = {(device.trial, bool(device.lacks_bytes)): device for device in stored().devices}
    every = evaluator()
    for device in by_trial.values():
        point = coordinates(device)
        design = every.design(point)
        cost = price(simulate(every.network(*point[:3], point.workload), design), stream=point.stream)
        assert {name: getattr(cost, name) for name in COSTS} == {name: getattr(device, name) for name in COSTS}
        assert cost.device_kib == device.on_chip_kib == design.buffers_kib + design.memory_kib
        accuracies = {"accuracy": device.accuracy, "test_accuracy": device.test_accuracy}
        assert every.accuracies(point) == accuracies


def test_no_device_of_the_same_widths_is_better() -> None:
    """Of digits' rows: the ones of least energy, against every network that is as accurate on every machine."""
    spec, space = study(), study().space
    blocks = BlockEvaluator(spec, "\n".join(spec.workloads), "ihp130")
    of_digits = [row for row in stored().devices if (row.dataset, row.budget_kib) == ("digits", 64)]
    rows = [row for row in of_digits if row.best == LEAST_ENERGY]
    assert {row.op for row in rows} == {"threshold", "mac"}
    bar = 100 * min(row.accuracy for row in of_digits if row.best == MOST_ACCURATE) - stored().within_points
    free = ("dataflow", "rows", "cols", "ifmap_kib", "filter_kib", "ofmap_kib", "pe_stages")
    for row in rows:
        families = [name for name in space.workload if name.startswith("digits") and row.op in load_family(name).ops()]
        stored_of = {name: read_accuracies(load_family(name))[row.op, row.x_bits, row.w_bits] for name in families}
        networks = [name for name, member in stored_of.items() if round(100 * member.validation_accuracy - bar, 9) >= 0]
        assert row.network in networks
        points = [
            coordinates(row, workload=network, **dict(zip(free, values, strict=True)))
            for network in networks
            for values in product(*(getattr(space, name) for name in free))
        ]
        block = blocks.evaluate(points)
        fitting = [place for place, refusal in enumerate(block.refusals) if not refusal]
        under = [place for place in fitting if block.figures["device_kib"][place] <= row.budget_kib]
        assert len(under) > 200 and min(block.figures["energy_uj"][under]) == row.energy_uj
