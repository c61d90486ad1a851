"""`limen.system_table` gives the rows of `limen study tables system`."""

from __future__ import annotations

import io
from typing import Any

import pandas
import pytest
from click.testing import CliRunner

import limen
from dse.cli.commands import commands


def test_it_is_the_command_s_table() -> None:
    for more, frame in (
        ([], limen.system_table("mnist", rules=["array", "accuracy"])),
        (["--definition"], limen.system_definitions("mnist")),
    ):
        rules = ["--rule", "array", "--rule", "accuracy"]
        words = ["study", "tables", "system", "-w", "mnist", "--format", "csv", *rules, *more]
        printed = pandas.read_csv(io.StringIO(CliRunner().invoke(commands, words).stdout))
        again = pandas.read_csv(io.StringIO(frame.to_csv(index=False)))
        shared = [name for name in printed if name in frame]
        assert len(frame) == len(printed) > 5 and len(shared) >= len(printed.columns) - 2
        pandas.testing.assert_frame_equal(again[shared], printed[shared], check_exact=True)
    assert limen.system_table().attrs["published"] == {"power": 2.52, "speed": 1.75}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"rules": "size"}, "rules: 'size' is not allowed: array, silicon, storage, accuracy"),
        ({"rules": 3}, "rules: 3 is not allowed: of array, silicon, storage, accuracy one or a list"),
        ({"network": 3}, "network: 3 is not allowed: a string"),
        ({"images": 0}, "images: 0 is not allowed: an integer from 1 on"),
        ({"clock_ns": 0.0}, "clock_ns: 0.0 is not allowed"),
        ({"sweeps": ""}, "sweeps: '' is not allowed: the path of a file or a folder"),
        ({"sweeps": 5}, "sweeps: 5 is not allowed: None or the path of a folder"),
        ({"memory": "flash"}, "memory: 'flash' is not allowed"),
        ({"network": "lenet", "rules": "accuracy"}, "network lenet is untrained"),
    ],
)
def test_refused_in_one_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(limen.LimenError, match=line) as refused:
        limen.system_table(**arguments)
    assert "\n" not in str(refused.value)


def test_definitions_of_nothing_are_none_and_of_what_is_not_there_refused() -> None:
    assert limen.system_definitions("lenet").empty
    for arguments, line in (
        ({"network": "nope"}, "'nope' is not allowed: a family"),
        ({"costs": "nope"}, "costs: 'nope'"),
    ):
        with pytest.raises(limen.LimenError, match=line):
            limen.system_definitions(**arguments)
