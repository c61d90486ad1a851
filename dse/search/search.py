"""`Search`: how the designs of a study are tried, and what is stored of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, NamedTuple, Protocol

import pandas

from dse.evaluation.tally import Tally
from dse.evaluation.unchanged import Known
from dse.space.space import Coordinates

Show = Callable[[str, int, int], None]


class WarmStart(NamedTuple):
    """The best designs of another study, those of them that are points of this space, and those that became trials."""

    best: int
    fitting: int
    added: int


class Search(Protocol):
    """Trials by a sampler of Optuna (`OptunaSearch`), or every point of the space (`Sweep`)."""

    reports: tuple[str, ...]
    """Files in the study's folder that hold trials."""

    def run(self, show: Show, jobs: int | None, executor: Executor | None = None) -> None:
        """Try what is left to try, see `Study.run`. Raises LimenError."""

    @property
    def planned(self) -> int:
        """Trials of the whole study."""

    @property
    def notes(self) -> list[str]:
        """Lines on how the trials came about, where there is something to say."""

    def best(self) -> list[Coordinates]:
        """Return the feasible designs that no other of their op beats, for a warm start of another study."""

    def take(self, points: Sequence[Coordinates], name: str, show: Show) -> WarmStart:
        """Take over designs of another study. Raises LimenError."""

    def read_again(self) -> None:
        """Read what other runs have stored since. Raises LimenError."""

    def move_sources(self, workload: str, costs: str) -> None:
        """Store where workload and cost table are now. Raises LimenError."""

    def close(self) -> None:
        """Let go of the study's file."""

    @property
    def designs(self) -> int:
        """Distinct designs among the trials."""

    def tallies(self) -> dict[str, Tally]:
        """Return a tally for each op that was tried."""

    def trials(self) -> pandas.DataFrame:
        """Return a row per trial, see `Study.trials`."""

    def candidates(self) -> pandas.DataFrame:
        """Return rows of distinct feasible trials, among them those that no trial of their op beats."""

    def feasible(self, most: int) -> pandas.DataFrame:
        """Return the rows of feasible trials, of more than about `most` a sample."""

    def drawn(self, count: int, seed: int) -> list[Known]:
        """Return what is stored of points drawn at random, at most `count`."""

    def find(self, trial: int) -> tuple[Coordinates, Mapping[str, Any]]:
        """Return a trial's point and figures. Raises LimenError for one that was refused, or isn't there."""

    def priced(self) -> Iterator[tuple[int, Coordinates, Mapping[str, Any]]]:
        """Yield each trial that has figures, its point and them, in the order of trials. Raises LimenError."""

    def write_reports(self) -> None:
        """Write the files that hold trials, each whole or not at all. Raises LimenError."""
