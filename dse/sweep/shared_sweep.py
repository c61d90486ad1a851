"""`SharedSweep`: a sweep whose blocks are shared with other workers, and copied into each one's folder."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import closing
from itertools import chain
from typing import Any

from dse.evaluation.rows import parse_lines
from dse.evaluation.tally import Tally
from dse.search.postgres import Rows
from dse.search.search import Show
from dse.search.shared_search import POLLS_S
from dse.search.shared_study import SharedStudy
from dse.sweep.block_rows import BlockResult
from dse.sweep.sweep import Sweep
from workloads.errors import LimenError
from workloads.host.specfile import validate


class SharedSweep(Sweep):
    """A sweep as one worker of several has it, see `SharedStudy`: finished blocks are rows of a table of ours."""

    def __init__(self, *arguments: Any, shared: SharedStudy) -> None:
        self._shared = shared
        super().__init__(*arguments)

    def run(self, show: Show, jobs: int | None, executor: Executor | None = None) -> None:
        """Evaluate the blocks that this worker gets, until all are done and in the folder."""
        if executor is not None:
            raise LimenError("executor: is not allowed with storage: its workers share a study without one")
        self._todo()
        wait, count = POLLS_S[0], self._blocks.count
        processes = min(self._processes(self._space.size, jobs), count)
        with self._shared.working(show):
            self._shared.perform(lambda rows: self._shared.offer(rows, count))
            while True:
                show("points", self.designs, self._space.size)
                first = self._lease(own=True)
                if first is not None:
                    wait = POLLS_S[0]
                    self._work(show, chain([first], iter(lambda: self._lease(own=False), None)), processes)
                self._copy(show)
                if None not in self._record.state.blocks:
                    break
                if first is None:
                    time.sleep(wait)
                    wait = min(2 * wait, POLLS_S[1])

    def _lease(self, own: bool) -> int | None:
        leased = self._shared.perform(lambda rows: self._shared.take_over(rows, 1, own))
        return leased[0] if leased else None

    def _work(self, show: Show, blocks: Iterator[int], processes: int) -> None:
        """Evaluate blocks as they are leased, and store each."""
        with closing(self._evaluate(blocks, processes)) as results:
            for block, result in results:
                if self._shared.perform(lambda rows, at=block, found=result: self._finish(rows, at, found)):  # type: ignore[misc]
                    self._take(block, result)
                show("points", self.designs, self._space.size)

    def _finish(self, rows: Rows, block: int, result: BlockResult) -> bool:
        """Store a block, and return whether it was this worker's: no other one had its lease by then."""
        if not self._shared.end_lease(rows, block):
            return False
        tallies = json.dumps({op: tally.model_dump(mode="json") for op, tally in result.tallies.items()})
        fronts = json.dumps([line for op in sorted(result.fronts) for line in result.fronts[op].lines])
        digest = hashlib.sha256(result.content).hexdigest()
        query = "insert into limen_blocks (study_id, block, sha256, content, tallies, fronts) values (?, ?, ?, ?, ?, ?)"
        rows.execute(query, (self._shared.study, block, digest, result.content, tallies, fronts))
        return True

    def _take(self, block: int, result: BlockResult) -> None:
        """Store a block in the folder, which may have it from earlier, without a storage."""
        if self._record.state.blocks[block] is None:
            self._add(block, result)

    def _copy(self, show: Show) -> None:
        """Copy finished blocks that the folder lacks."""
        query = "select block from limen_blocks where study_id = ? order by block"
        done = self._shared.perform(lambda rows: [block for (block,) in rows.execute(query, (self._shared.study,))])
        for block in done:
            if self._record.state.blocks[block] is None:
                self._take(block, self._shared.perform(lambda rows, at=block: self._read(rows, at)))  # type: ignore[misc]
                show("points", self.designs, self._space.size)

    def _read(self, rows: Rows, block: int) -> BlockResult:
        query = "select content, sha256, tallies, fronts from limen_blocks where study_id = ? and block = ?"
        ((content, digest, tallies, fronts),) = rows.execute(query, (self._shared.study, block)).fetchall()
        place = f"{self._shared.where}: block {block}"
        if hashlib.sha256(content).hexdigest() != digest:
            raise LimenError(f"{place}: is damaged: it has another SHA-256 than is stored with it")
        try:
            lines, counts = json.loads(fronts), json.loads(tallies)
            columns = parse_lines(lines, self._files.kinds)
            by_op = {op: validate(Tally, tally, place) for op, tally in counts.items()}
        except (ValueError, TypeError, AttributeError) as error:
            raise LimenError(f"{place}: is damaged: {error}") from None
        return BlockResult(bytes(content), by_op, self._split(columns, lines))

    def close(self) -> None:
        """Let go of the connection."""
        self._shared.close()
