"""`Scenario`: what a system table holds fixed, and the sweeps that have every design of it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from cost_models.table.operands import OWN
from dse.space.sources import portable, resolve_all, resolve_workloads
from dse.space.workload import called, titles
from workloads.errors import LimenError
from workloads.networks.family import FAMILY_BITS, is_page, load_family, made_of
from workloads.networks.widths import families_of_widths
from workloads.ops.names import BASELINE, COMPARED, MIXES
from workloads.ops.registry import operation

WIDEST = FAMILY_BITS[-1]
"""Bits of operands where a rule doesn't leave them free; of a shift weight as many as it may have."""

FREE_BITS = [3, 4, 5, 6, WIDEST]
"""Of x and of w, each free of the other, where a rule leaves them free."""

MACHINES, WIDTHS = "machines", "widths"
"""The two sweeps of a scenario: all arrays and buffers at the widest operands; on fewer of them all operands, and all
widths of the network."""

BUFFERS = ("filter_kib", "ofmap_kib")
"""Those that sweeps leave free."""

ARRAYS: dict[str, dict[str, dict[str, list[Any]]]] = {
    "dram": {
        MACHINES: {"rows": [4, 8, 12, 16, 24], "cols": [4, 8, 12, 16, 24], **{name: [4.0, 16.0] for name in BUFFERS}},
        WIDTHS: {"rows": [8, 16], "cols": [8, 16], "filter_kib": [4.0, 16.0]},
    },
    "sram": {
        MACHINES: {"rows": [8, 16, 24], "cols": [8, 16, 24], "filter_kib": [4.0, 16.0]},
        WIDTHS: {"rows": [8, 16], "cols": [8, 16], "filter_kib": [4.0]},
    },
}
"""Axes by the kind of main memory: designs with one on the chip are counted one by one, so there are fewer of them."""

FEEDERS = [4, 8, 16]
"""Channels a cycle where several images are run at once: a plane of an image must end on a beat, and of 7 x 7 pixels
it does where a word of so many channels is a beat."""

LARGE = {"ifmap_kib": [64.0], "filter_kib": [32.0, 64.0], "ofmap_kib": [32.0, 64.0]}
"""Buffers for networks of the zoo."""


@dataclass(frozen=True)
class Scenario:
    """A network, and how every machine that runs it is priced.

    network: a family or a network of the zoo, by name, folder or file; of a family the same at other widths are tried
    too where a rule leaves them free, see `families_of_widths`. costs: a cost table by name or path. memory:
    dram, sram, or sram and its KiB. images: of a pass. stream: the operands that PEs see. clock_ns: of all machines;
    None: each has its own.
    """

    network: str
    costs: str = "ihp130"
    memory: str = "dram"
    images: int = 1
    stream: str = OWN
    clock_ns: float | None = None

    @property
    def name(self) -> str:
        """What its sweeps are called, before `-machines` and `-widths`."""
        clock = "fastest" if self.clock_ns is None else f"{self.clock_ns:g}ns"
        parts = called(self.network), called(self.costs), self.memory.replace(" ", ""), f"x{self.images}"
        return "-".join([*parts, self.stream, clock])

    @property
    def words(self) -> str:
        """The same for a reader."""
        kind, _, kib = self.memory.partition(" ")
        memory = (
            "DRAM" if kind == "dram" else f"{kib} KiB of main memory on the chip" if kib else "all memory on the chip"
        )
        images = "one image" if self.images == 1 else f"{self.images} images at once"
        clock = "each at its own clock" if self.clock_ns is None else f"all at {self.clock_ns:g} ns"
        stream = "the network's own operands" if self.stream == OWN else f"{self.stream} operands"
        return f"{called(self.network)} on {called(self.costs)}, {memory}, {images}, {stream}, {clock}"

    @property
    def is_trained(self) -> bool:
        """Whether the network is a family, whose members have accuracies."""
        return not is_page(self.network)

    @property
    def sweeps(self) -> tuple[str, ...]:
        """Its sweeps: networks without accuracy have no use for other widths."""
        return (MACHINES, WIDTHS) if self.is_trained else (MACHINES,)

    @cached_property
    def networks(self) -> list[str]:
        """The network, and the same at other widths, by name or folder. Raises LimenError where there is none."""
        return families_of_widths(self.network) if self.is_trained else [self.network]

    @cached_property
    def ops_of_all(self) -> list[str]:
        """The ops that its networks of all widths have: where widths are free, each op has the same choice of them."""
        there = [load_family(name).ops() for name in self.networks] if self.is_trained else []
        return [op for op in self.ops if all(op in of_one for of_one in there)]

    @cached_property
    def ops(self) -> list[str]:
        """The ops that the network can have, the MAC first, mixes of two last.

        Raises LimenError where there is no such network, or it has no MAC to compare with.
        """
        if not self.is_trained:
            return [BASELINE, *COMPARED]
        there = load_family(self.network).ops()
        if BASELINE not in there:
            raise LimenError(
                f"network: {self.network} is not allowed: it has {', '.join(there)} and no {BASELINE} to compare with"
            )
        return [op for op in (BASELINE, *COMPARED, *MIXES) if op in there]

    def page(self, sweep: str, folder: Path) -> str:
        """Return the study that is one of its sweeps, as YAML; names of files start at `folder`."""
        here = Path()
        names = self.networks if sweep == WIDTHS else [self.network]
        workloads = [portable(resolve_workloads([name], here), folder) for name in names]
        content: dict[str, Any] = {"version": 1, "workloads": workloads}
        content["costs"] = portable(resolve_all([self.costs], here), folder)
        if self.clock_ns is not None:
            content["clock_ns"] = self.clock_ns
        content["space"] = {**({"workload": titles(workloads)} if len(names) > 1 else {}), **self._space(sweep)}
        content["objectives"] = {"edp_uj_us": "min", "area_mm2": "min"}
        if self.is_trained:
            content["objectives"]["accuracy"] = "max"
        content["sampler"] = {"name": "exhaustive"}
        text, yaml = io.StringIO(), YAML()
        yaml.default_flow_style = None
        yaml.dump(content, text)
        return f"# {self.words}: a sweep of limen study tables system.\n{text.getvalue()}"

    def _space(self, sweep: str) -> dict[str, Any]:
        widest = sorted({widest_w_bits(op) for op in self.ops})
        free = sweep == WIDTHS
        arrays = ARRAYS[self.memory.partition(" ")[0]][sweep]
        return {
            **arrays,
            **({} if self.is_trained else LARGE),
            "op": self.ops,
            "bits": {"x": FREE_BITS if free else [WIDEST], "w": FREE_BITS if free else widest},
            "dataflow": ["os", "ws", "is"],
            "memory": [self.memory],
            "pe_stages": [1, 2],
            "zero_gating": [False, True],
            **({"feeder_width": FEEDERS} if self.images > 1 else {}),
            "images_at_once": [self.images],
            "acc_policy": ["weights" if self.is_trained else "format"],
            "stream": [self.stream],
        }


def widest_w_bits(op: str) -> int:
    """Return the bits of an op's widest weights, at most WIDEST."""
    return max(operation(part).fitted_bits(WIDEST) for part in made_of(op))
