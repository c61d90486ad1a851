"""One net of a search, in a process of its own: trained, quantised at every width, measured, each design counted."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dse.architectures.measured import DesignRow, MeasuredWorkload, best_designs
from dse.architectures.page import ArchitecturePage
from dse.architectures.topology import Architecture
from dse.space.workload import Format
from workloads.errors import LimenError
from workloads.formats.network_page import page_bytes
from workloads.host.files import npz_bytes, write_whole
from workloads.networks.family import Family
from workloads.networks.network import Network, NetworkFile
from workloads.ops.op_field import Op
from workloads.training.classifier import Data, load_data
from workloads.training.loop import Diverged, EpochRow
from workloads.training.make_family import calibrated, checkpoint_arrays, next_member
from workloads.training.quantise import Member
from workloads.training.train_and_tune import Course, train_master


class Net(NamedTuple):
    """A net to train. number: of its op's nets, those made by hand first. floors: see `Schedule`."""

    op: Op
    number: int
    architecture: Architecture
    floors: tuple[tuple[int, float], ...] = ()

    @property
    def name(self) -> str:
        """What it is called."""
        return f"{self.op}-{self.number:04}"


class NetResult(NamedTuple):
    """What came of a net.

    curve: of training. accuracies: validation accuracy by (x_bits, w_bits), by exact integers; none of a net that was
    given up, or that has none. designs: those that no other one of the net beats. refusal: why it has no integers, or
    couldn't be trained. cpu_seconds: that it took.
    """

    curve: list[EpochRow]
    accuracies: dict[tuple[int, int], float]
    designs: list[DesignRow]
    refusal: str
    cpu_seconds: float


@dataclass(frozen=True)
class Workshop:
    """What trainings share. folder: of the search. costs: see `best_designs`."""

    page: ArchitecturePage
    folder: Path
    costs: str
    data: Data

    def place(self, net: Net) -> Path:
        """Return the folder of a net's family."""
        return self.folder / "nets" / net.name

    def checkpoint(self, net: Net) -> Path:
        """Return where a net's training under way is kept."""
        return self.place(net) / f"{net.op}.checkpoint.npz"

    def make(self, net: Net) -> NetResult:
        """Train a net, write its family and return what came of it; stopped and called again, the same.

        Raises LimenError where a file can't be written, or a checkpoint is another training's.
        """
        started, recipe = time.process_time(), self.page.recipe(net.op, net.architecture.learning_rate)
        content = net.architecture.page(f"{self.page.name}-{net.name}", net.op, self.page.dataset)
        course = Course(recipe, net.op, self.page.seed, self.data, floors=net.floors)
        try:
            master, curve = train_master(NetworkFile(**content).build_layers(), course, self.checkpoint(net))
        except Diverged as error:
            return NetResult([], {}, [], str(error), time.process_time() - started)
        if len(curve) < recipe.epochs:
            return NetResult(curve, {}, [], "", time.process_time() - started)
        calibration = calibrated(master, self.data)
        members: dict[tuple[int, int], tuple[int, Member]] = {}
        refusal = ""
        for _, x_bits, w_bits in sorted(self.page.formats(net.op), reverse=True):
            try:
                members[x_bits, w_bits] = 0, next_member(calibration, 0, x_bits, w_bits, members)
            except LimenError as error:
                refusal = refusal or str(error)
        if not members:
            return NetResult(curve, {}, [], refusal, time.process_time() - started)
        write_whole(self.place(net) / f"{net.op}.yaml", page_bytes(content, net.architecture.words(), Path(net.op)))
        write_whole(self.place(net) / f"{net.op}.npz", npz_bytes(checkpoint_arrays({0: master}, members)))
        shares = self._accuracies(net, sorted(members))
        return NetResult(curve, shares, self.designs(net, shares), refusal, time.process_time() - started)

    def _accuracies(self, net: Net, widths: list[tuple[int, int]]) -> dict[tuple[int, int], float]:
        family = Family(net.name, self.place(net))
        networks = {(x_bits, w_bits): family.network(net.op, x_bits, w_bits) for x_bits, w_bits in widths}
        pixels, labels = self.data.validation_pixels, self.data.validation_labels
        return {at: accuracy_of(network, pixels, labels) for at, network in networks.items()}

    def designs(self, net: Net, shares: Mapping[tuple[int, int], float]) -> list[DesignRow]:
        """Return the designs that no other one of a trained net beats."""
        known = {Format(net.op, *at): share for at, share in shares.items()}
        formats = [form for form in self.page.formats(net.op) if form in known]
        return best_designs(self.page, MeasuredWorkload(str(self.place(net)), known), self.costs, formats)


def accuracy_of(network: Network, pixels: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images that a network classifies right, by exact integers."""
    first = network.layers[0]
    x = network.as_input(network.input_map.apply(pixels, first.x_bits, first.x_signed))
    return float(np.mean(network.predict(x).argmax(axis=1) == labels))


_here: list[Workshop] = []
"""What this process works in."""


def start(page: ArchitecturePage, folder: Path, costs: str, data_folder: Path | None) -> None:
    """Make this process one that trains nets of a search. Raises LimenError where data can't be read."""
    _here[:] = [Workshop(page, folder, costs, load_data(page.dataset, data_folder, page.effort.images))]


def make(net: Net) -> NetResult:
    """Train a net in a process that was started for it."""
    (workshop,) = _here
    return workshop.make(net)
