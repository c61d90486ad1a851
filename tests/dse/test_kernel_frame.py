"""`limen.kernel_table` gives the rows of `limen study tables kernel`."""

from __future__ import annotations

import io

import pandas
import pytest

import limen
from dse.report.unit_table import Choice, table_csv, unit_table


def test_it_is_the_command_s_table() -> None:
    frame = limen.kernel_table("asap7", "threshold", [4, 8])
    printed = pandas.read_csv(io.StringIO(table_csv(unit_table(["asap7"], ["threshold"], Choice(bits=(4, 8))))))
    assert len(frame) == len(printed) > 20 and frame["definition"].tolist() == printed["definition"].tolist()
    assert frame["area_ratio"].to_numpy(float) == pytest.approx(printed["area_ratio"], rel=1e-5, nan_ok=True)
    assert frame.attrs["published"]["area"] == tuple(printed.filter(like="published_area_ratio").iloc[0])


def test_refused_in_one_line() -> None:
    for op in ("mac", "relu"):
        with pytest.raises(
            limen.LimenError, match=f"ops: '{op}' is not allowed: threshold, adder, shift, each compared"
        ):
            limen.kernel_table(ops=["threshold", op])
    with pytest.raises(limen.LimenError, match="bits: 9 is not allowed"):
        limen.kernel_table("asap7", bits=[9])
