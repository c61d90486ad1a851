"""A stored study's file, changed by hand."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from tests.dse.study_files import SPEC

SMALL = SPEC.replace("SEED", "1").replace("trials: 40", "trials: 6")


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file's bytes and its and the folder's times: a file made and removed again changes the folder's."""
    files = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    return {**files, ".": (b"", folder.stat().st_mtime_ns)}


FIGURE_CHANGES = {
    "energy": "update trial_user_attributes set value_json = '0.001' where key = 'energy_uj' and trial_id = 4;"
    "update trial_values set value = 0.001 where objective = 0 and trial_id = 4",
    "bytes": "update trial_user_attributes set value_json = '-5' where key = 'dram_bytes' and trial_id = 4",
    "accuracy": "update trial_user_attributes set value_json = '1e99' where key = 'test_accuracy' and trial_id = 4",
    "constraint": "update trial_system_attributes set value_json = '-1'"
    " where key like 'constraints:%' and trial_id = 4",
    "digest": "delete from trial_user_attributes where key = 'limen_sha256' and trial_id = 4",
    "state": "update trials set state = 'FAIL' where trial_id = 4;"
    "insert into trial_user_attributes (trial_id, key, value_json) values (4, 'refusal', '\"no\"')",
}
"""Of one trial, in SQL, by what they change."""


def execute(copy: Path, *changes: str, values: Sequence[str] = ()) -> None:
    with sqlite3.connect(copy / "out" / "study.db") as connection:
        for change in changes:
            assert connection.execute(change, values).rowcount
    connection.close()
