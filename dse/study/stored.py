"""What is stored in a study's folder: a search or a sweep."""

from __future__ import annotations

from pathlib import Path

from dse.evaluation.inputs import SWEEP
from dse.search.record import DATABASE, Record
from dse.sweep.record import SweepRecord


def stored_record(folder: Path) -> Record | SweepRecord | None:
    """Return what is stored in a folder, if anything. Raises LimenError where it is damaged."""
    if (folder / SWEEP).exists():
        return SweepRecord(folder)
    return Record(folder) if (folder / DATABASE).exists() else None
