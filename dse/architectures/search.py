"""`ArchitectureSearch`: rounds of nets, each op with the same number; what of it is under way goes on after a kill."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cost_models.table.table import table_path
from dse.architectures.page import ArchitecturePage
from dse.architectures.proposals import Parameters, Proposals, Tried, check_not_empty, floors
from dse.architectures.record import Kept, NetRecord, held
from dse.architectures.topology import Architecture, operations_of
from dse.architectures.training import Net, NetResult, make, start
from dse.report.progress import ProgressBar
from dse.space.sources import resolve_all
from dse.space.workload import SEPARATOR
from workloads.datasets import content_hash
from workloads.errors import LimenError
from workloads.host.children import run_in_workers
from workloads.host.journal import code_digest, key_of
from workloads.host.manifest import file_hash
from workloads.ops.op_field import Op


class Proposed(NamedTuple):
    """A net of a round. origin: see `Kept`."""

    net: Net
    origin: str
    parameters: Parameters


def _results(
    nets: Sequence[Net], jobs: int, arguments: tuple[ArchitecturePage, Path, str, Path | None]
) -> Generator[tuple[Net, NetResult]]:
    """Yield (net, what came of it) as they come, of so many processes, or of this one. Close the iterator."""
    if jobs > 1:
        with closing(run_in_workers(jobs, start, arguments, make, nets)) as results:
            yield from results
        return
    if nets:
        start(*arguments)
    for net in nets:
        yield net, make(net)


class ArchitectureSearch:
    """A search over nets in a folder: made at first, gone on with from then on.

    path: of the page, beside which its cost tables lie. data: the folder of data sets, see `load_split`.

    Raises LimenError: a bad cost table, data that can't be read, a stored search of another page.
    """

    def __init__(self, page: ArchitecturePage, path: Path, out: Path, data: Path | None = None) -> None:
        self.page, self.folder = page, out
        self._data_folder = data
        self.costs = resolve_all(page.designs.tables, path.parent)
        self.inputs = {
            "page": page.digest(),
            f"data {page.dataset}": content_hash(page.dataset, data),
            **{f"costs {Path(name).stem}": file_hash(table_path(name)) for name in self.costs.split(SEPARATOR)},
        }
        self.proposals = {op: Proposals(page, op) for op in page.ops}
        with held(out):
            self.record = NetRecord(out, page, key_of([self.inputs, code_digest()]))

    def run(self, jobs: int, bar: ProgressBar) -> None:
        """Train nets until each op has as many as the page says, or the space no more; jobs: processes.

        Rounds end before the next begins, so that any number of processes trains the same nets.

        Raises:
            LimenError: another run holds the folder; the program, the data or a table has changed since the first net.
        """
        with held(self.folder):
            self.record = NetRecord(self.folder, self.page, self.record.key)
            for proposed in self._rounds():
                known = {op: {kept.number for kept in kept_nets} for op, kept_nets in self.record.nets.items()}
                todo = [one for one in proposed if one.net.number not in known[one.net.op]]
                if todo and any(known.values()) and not self.record.is_current:
                    raise LimenError(
                        f"{self.record.path}: program, data or cost table have changed since its first net was "
                        "trained: search into another folder"
                    )
                self._train(todo, jobs, bar)

    def _rounds(self) -> Iterator[list[Proposed]]:
        """Yield the nets of each round; the one made by hand is the first."""
        page = self.page
        by_hand = {op: page.made_by_hand(op) for op in page.ops}
        first = len(page.hand_made)
        yield [
            Proposed(Net(op, number, architecture), name, {})
            for op in page.ops
            for number, (name, architecture) in enumerate(by_hand[op].items())
        ]
        ended: set[Op] = set()
        for begin in range(0, page.trials, page.round):
            count = min(page.round, page.trials - begin)
            proposed = []
            for op in page.ops:
                numbers = {*range(first + begin, first + begin + count)}
                if op in ended or numbers <= {kept.number for kept in self.record.nets[op]}:
                    continue
                tried = self.tried(op, first, first + begin)
                parameters = self.proposals[op].of_round(first + begin, count, tried)
                if not begin:
                    check_not_empty(page, op, parameters)
                if len(parameters) < count:
                    ended.add(op)
                proposed += [
                    Proposed(self._net(op, first + begin + index, one, tried), "", one)
                    for index, one in enumerate(parameters)
                ]
            yield proposed

    def _net(self, op: Op, number: int, parameters: Parameters, tried: Sequence[Tried]) -> Net:
        architecture = self.proposals[op].architecture(parameters)
        operations = operations_of(architecture.layers(op, self.page.dataset))
        return Net(op, number, architecture, floors(self.page, operations, tried))

    def tried(self, op: Op, first: int, end: int) -> list[Tried]:
        """Return the finished nets of an op with these numbers, as proposals see them."""
        return [
            Tried(
                kept.parameters, kept.architecture, self.operations(op, kept.architecture),
                {row.epoch: row.validation_accuracy for row in kept.result.curve}, kept.result.designs,
            )
            for kept in self.record.nets[op]
            if first <= kept.number < end
        ]  # fmt: skip

    def operations(self, op: Op, architecture: Architecture) -> int:
        """Return the operand pairs an image of a net."""
        return operations_of(architecture.layers(op, self.page.dataset))

    def _train(self, todo: Sequence[Proposed], jobs: int, bar: ProgressBar) -> None:
        by_net = {one.net: one for one in todo}
        started = datetime.now()
        arguments = (self.page, self.folder, self.costs, self._data_folder)
        bar.show("nets", *self.progress())
        with closing(_results([*by_net], min(jobs, len(todo)), arguments)) as results:
            for net, result in results:  # as they come
                one, axes = by_net[net], self.proposals[net.op].axes
                self.record.add(net, one.origin, one.parameters, axes, result, self.page, started)
                self._clean(net)
                bar.show("nets", *self.progress())

    def _clean(self, net: Net) -> None:
        """Remove the checkpoint of a finished training, and its folder where the net was given up."""
        place = self.folder / "nets" / net.name
        (place / f"{net.op}.checkpoint.npz").unlink(missing_ok=True)
        if place.is_dir() and not any(place.iterdir()):
            place.rmdir()

    def progress(self) -> tuple[int, int]:
        """Return how many nets there are, and how many there will be."""
        done = sum(map(len, self.record.nets.values()))
        return done, max(done, len(self.page.ops) * (len(self.page.hand_made) + self.page.trials))

    def kept(self, op: Op) -> list[Kept]:
        """Return the finished nets of an op."""
        return self.record.nets[op]
