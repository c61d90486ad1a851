"""The stored sweep: `sweep.json`, written whole after each block, says which blocks are done and what came of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from cost_models.table.table import table_path
from dse.evaluation.inputs import SWEEP, workload_hashes
from dse.evaluation.tally import Tally
from dse.space.study_spec import StudySpec
from dse.space.workload import SEPARATOR
from workloads.errors import LimenError
from workloads.host.files import write_new, write_whole
from workloads.host.journal import PACKAGES, code_digest, key_of
from workloads.host.manifest import file_hash
from workloads.host.opening import read_file
from workloads.host.specfile import WHOLE, Spec, validate

NOT_OURS = "is damaged, or not a sweep of Limen"


class SweepState(Spec):
    """What sweep.json holds beside its own SHA-256.

    study: the study's file. workload, costs: names, or paths of files from the study's folder. key: of all that the
    figures depend on beside the study's file. points: of the space. blocks: the SHA-256 of each finished block's file.
    tallies: by op. fronts: lines of points that no other point of their op beats.
    """

    version: Annotated[Literal[2], WHOLE]
    study: dict[str, Any]
    workload: str
    costs: str
    key: str
    points: int
    blocks: list[str | None]
    tallies: dict[str, Tally]
    fronts: list[str]


class SweepRecord:
    """The sweep in `folder/sweep.json`."""

    def __init__(self, folder: Path) -> None:
        """Read a sweep. Raises LimenError where there is none, or a damaged one."""
        self.path = folder / SWEEP
        self.read_again()
        self.spec = validate(StudySpec, self.state.study, self.path)

    @property
    def workload(self) -> str:
        return self.state.workload

    @property
    def costs(self) -> str:
        return self.state.costs

    @classmethod
    def create(
        cls, folder: Path, spec: StudySpec, names: tuple[str, str], key: str, points: int, blocks: int
    ) -> SweepRecord:
        """Create a sweep of which no block is done; names: of workload and cost table. Raises LimenError."""
        state = SweepState(
            version=2, study=spec.model_dump(mode="json"), workload=names[0], costs=names[1], key=key, points=points,
            blocks=[None] * blocks, tallies={}, fronts=[],
        )  # fmt: skip
        write_new(folder / SWEEP, _content(state))
        return cls(folder)

    def read_again(self) -> None:
        """Read what other runs have done since. Raises LimenError."""
        try:
            stored = json.loads(read_file(self.path))
            digest = stored.pop("sha256")
        except OSError as error:
            raise LimenError(f"{self.path}: cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise LimenError(f"{self.path}: {NOT_OURS}: expected JSON as limen study run writes it") from None
        if digest != key_of(stored):
            raise LimenError(f"{self.path}: {NOT_OURS}: it has another SHA-256 than is stored in it")
        self.state = validate(SweepState, stored, self.path)

    def write(self, **changes: Any) -> None:
        """Store other values of some fields of the state. Raises LimenError where the file can't be written."""
        self.state = self.state.model_copy(update=changes)
        write_whole(self.path, _content(self.state))


def _content(state: SweepState) -> bytes:
    stored = state.model_dump(mode="json")
    return json.dumps(stored | {"sha256": key_of(stored)}).encode()


def key_of_sweep(workload: str, costs: str) -> str:
    """Return the identity of a sweep's figures, the study's file apart: program, workload, data set and cost table.

    Raises LimenError where one of them can't be read.
    """
    inputs = {
        "code": code_digest((*PACKAGES, "dse")),
        **workload_hashes(workload),
        "costs": [file_hash(table_path(name)) for name in costs.split(SEPARATOR)],
    }
    return key_of(inputs)
