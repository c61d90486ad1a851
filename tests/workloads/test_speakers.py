"""The study of unknown speakers: who is in which split, resuming, tables, and bad input."""

import re
from pathlib import Path

import numpy as np
import pytest

from dse.cli.speakers import speakers
from dse.report.speaker_report import table_latex, table_markdown, write_report
from tests.workloads.dataset_files import written
from workloads.datasets import load_split, spoken_digits
from workloads.errors import LimenError
from workloads.host.text_tables import csv_bytes
from workloads.studies.speakers import SpeakerRow, run_study
from workloads.training.recipe import Recipe

BRIEF = Recipe(
    version=1, name="brief", dataset="spoken-digits", epochs=1, batch=16,
    ops={"threshold": {"learning_rate": 0.08}, "mac": {"learning_rate": 0.01}},
)  # fmt: skip


@pytest.fixture(name="folder")
def two_speakers(tmp_path) -> Path:
    """Return a folder of twelve recordings of each digit by each of two speakers."""
    folder = written(tmp_path, "spoken-digits")
    for path in sorted(folder.iterdir()):
        (folder / path.name.replace("jackson", "theo")).write_bytes(path.read_bytes())
    return folder


def test_who_is_left_out_is_in_the_test_split_alone():
    count = 240
    recordings = spoken_digits.Recordings(
        np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1),
        np.arange(count) // 24,
        np.where(np.arange(count) // 12 % 2, "theo", "jackson"),
        np.arange(count) % 12,
    )
    parts = spoken_digits.split(recordings, "theo")
    there = {name: pixels.reshape(-1) for name, (pixels, _) in parts.items()}
    assert sorted(np.concatenate([*there.values()])) == [*range(count)]
    assert (recordings.speakers[there["test"]] == "theo").all() and len(there["test"]) == count // 2
    assert (recordings.speakers[np.concatenate([there["train"], there["validation"]])] == "jackson").all()
    assert set(recordings.indices[there["validation"]]) == {*range(5, 10)}
    assert set(recordings.indices[there["train"]]) == {*range(5), 10, 11}
    for pixels, labels in parts.values():
        np.testing.assert_array_equal(recordings.labels[pixels.reshape(-1)], labels)


def test_the_customary_split_is_what_it_always_was(folder):
    parts = spoken_digits.split(spoken_digits.read_recordings(folder))
    for name, arrays in parts.items():
        for one, other in zip(arrays, load_split("spoken-digits", name, folder), strict=True):
            np.testing.assert_array_equal(one, other)


class Stopped(Exception):
    pass


def test_a_stopped_study_ends_with_the_bytes_of_an_unbroken_one(folder, tmp_path):
    def stop(what, done, total):
        assert (what, total) == ("speakers", 6)
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        run_study(1, tmp_path / "broken", folder, stop, BRIEF)
    again = run_study(1, tmp_path / "broken", folder, effort=BRIEF)
    rows = run_study(1, tmp_path / "whole", folder, effort=BRIEF)
    assert again == rows
    assert (tmp_path / "broken" / "runs.csv").read_bytes() == (tmp_path / "whole" / "runs.csv").read_bytes()
    assert [(row.held_out, row.op, row.train_recordings, row.test_recordings) for row in rows[::2]] == [
        ("jackson", "mac", 70, 120), ("theo", "mac", 70, 120), ("nobody", "mac", 40, 100),
    ]  # fmt: skip
    paths = write_report(rows, tmp_path)
    assert [path.name for path in paths] == ["speakers.md", "speakers.tex"]


def row(held_out, op, seed, test):
    return SpeakerRow(held_out, op, seed, 70, 120, 0.5, test, test, "0123456789ab")


def test_tables_average_speakers_then_seeds():
    rows = [row("ann", "mac", 0, 0.8), row("ann", "mac", 1, 0.9), row("bob", "mac", 0, 0.6), row("bob", "mac", 1, 0.5)]
    markdown = table_markdown([*rows, row("nobody", "mac", 0, 0.98)])
    assert "| ann | 120 | 85.0 ± 7.1 |" in markdown  # 10 / √2
    assert "| mean of the speakers left out | 240 | 70.0 ± 0.0 |" in markdown
    assert "| nobody: the customary split | 120 | 98.0 ± – |" in markdown
    assert r"ann & 120 & 85.0 $\pm$ 7.1 \\" in table_latex(rows)


def test_bad_input_is_refused_in_one_line(tmp_path, folder):
    with pytest.raises(LimenError, match=r"^spoken-digits: not found; expected"):
        speakers.main(["--data", str(tmp_path / "absent"), "--out", str(tmp_path / "out")], standalone_mode=False)
    with pytest.raises(LimenError, match=r"^seeds: 0 is not allowed: at least 1$"):
        run_study(0, tmp_path / "out", folder)
    assert not (tmp_path / "out").exists()
    (tmp_path / "runs.csv").write_bytes(csv_bytes([row("ann", "mac", 0, 0.8)]))
    with pytest.raises(LimenError, match=r"runs.csv: settings: '0123456789ab' is not allowed: this study's are '"):
        run_study(1, tmp_path, folder)
    for path in folder.glob("*_theo_*"):
        path.unlink()
    with pytest.raises(LimenError, match=rf"^{re.escape(str(folder))}: speakers: jackson; expected two at least"):
        run_study(1, tmp_path / "out", folder)
