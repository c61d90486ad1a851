"""Operands of an operation: rows where there are any, and where there are none an estimate that says it is one."""

from __future__ import annotations

import pytest

import limen
from cost_models.price.family_operands import operands_of
from cost_models.price.operand_energies import OPERATION, operand_energies
from cost_models.table.operands import ESTIMATED, OWN
from cost_models.table.table import load_table
from workloads.errors import LimenError
from workloads.networks.family import find_network

TABLE = load_table("ihp130")


@pytest.mark.parametrize("op", ["threshold", "mac"])
@pytest.mark.parametrize("dataflow", ["os", "ws"])
def test_own_operands_are_rows_where_there_are_any(op: str, dataflow: str) -> None:
    sums = TABLE.sums("pe", op, 6, 6, dataflow, "network", 1)
    for held in (sums[0], sums[-1], (sums[0] + sums[-1]) // 2):
        row = TABLE.at("pe", held, op, 6, 6, dataflow, "network")
        assert operand_energies(TABLE, "pe", held, op, 6, 6, dataflow, 1, OWN) == row
        estimate = operand_energies(TABLE, "pe", held, op, 6, 6, dataflow, 1, ESTIMATED)
        assert estimate[OPERATION].method == "assumed" and row[OPERATION].method == "synthesis"
        if held in sums:
            assert estimate[OPERATION].value == pytest.approx(row[OPERATION].value)


@pytest.mark.parametrize(("dataflow", "like"), [("os", "os"), ("ws", "ws"), ("is", "ws")])
def test_other_widths_are_estimated(dataflow: str, like: str) -> None:
    """By the ratio of the PE whose w is as wide as x, under is that of ws, at the nearest sum that has one."""
    held = 12
    (found,) = operand_energies(TABLE, "pe", held, "mac", 7, 4, dataflow, 1, OWN).values()
    near = max(held, TABLE.sums("pe", "mac", 7, 7, like, "network", 1)[0])
    own, uniform = (
        TABLE.at("pe", near, "mac", 7, 7, like, stream)[OPERATION].value for stream in ("network", "uniform")
    )
    plain = TABLE.at("pe", held, "mac", 7, 4, dataflow)[OPERATION].value
    assert found.value == plain * (own / uniform) < 0.8 * plain and found.method == "assumed"


def test_a_fused_pe_has_an_estimate_of_each_op() -> None:
    pe = TABLE.at("pe_fused", 20, "threshold+mac", 8, 8, "os")
    found = operand_energies(TABLE, "pe_fused", 20, "threshold+mac", 8, 8, "os", 1, OWN)
    ratios = {name: value.value / pe[name].value for name, value in found.items()}
    assert {*ratios} == {"energy_per_threshold_op_pj", "energy_per_mac_op_pj"}
    assert ratios["energy_per_mac_op_pj"] < 0.8 < 0.9 < ratios["energy_per_threshold_op_pj"] < 1


def test_whose_operands_they_are() -> None:
    digits, mnist = (find_network(family, "mac", 8, 8) for family in ("digits", "mnist"))
    assert operands_of(OWN, digits, "mac", 8, 8) == OWN
    assert operands_of(OWN, digits, "mac", 8, 7) == operands_of(OWN, mnist, "mac", 8, 8) == ESTIMATED
    assert (
        operands_of("network", digits, "mac", 8, 8) == "network"
        and operands_of("uniform", mnist, "mac", 8, 8) == "uniform"
    )
    with pytest.raises(
        LimenError, match=r"^stream: 'network' is not allowed for mnist-mac-x8-w8: rows of mac 8 8 have"
    ):
        operands_of("network", mnist, "mac", 8, 8)


def test_widths_without_any_operands_are_a_line() -> None:
    with pytest.raises(
        LimenError, match=r"ihp130.csv: stream: 'own' is not allowed for mac 12: the table has no operan"
    ):
        operand_energies(TABLE, "pe", 30, "mac", 12, 12, "os", 1, OWN)


def test_a_price_says_what_is_estimated() -> None:
    costs = {}
    for family in ("digits", "mnist"):
        run = limen.simulate(find_network(family, "mac", 8, 8), "mac-16x16")
        costs[family] = [limen.price(run, stream=stream) for stream in ("uniform", "own")]
        assert costs[family][1].energy_uj < costs[family][0].energy_uj
    shares = {family: both[1].energy_assumed_share - both[0].energy_assumed_share for family, both in costs.items()}
    assert shares["mnist"] > 0.1 > abs(shares["digits"])
    run = limen.simulate(find_network("digits", "mac", 8, 8), "mac-16x16")
    assert costs["digits"][1] == limen.price(run, stream="network")
