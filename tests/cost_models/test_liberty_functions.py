"""Functions of pins as Liberty writes them."""

from __future__ import annotations

import pytest

from cost_models.liberty.liberty_functions import Literal, literal, sum_of_products, truth_table
from workloads.errors import LimenError


class TestFunctions:
    @pytest.mark.parametrize("text", ["", "A @ B", "A B)", "(A", "!", "A'C", "A ^", "(" * 5000, "A " * 5000])
    def test_that_are_none(self, text: str) -> None:
        with pytest.raises(LimenError, match=r"function: .* is not allowed"):
            truth_table(text, ("A", "B"))

    @pytest.mark.parametrize(
        ("text", "name", "inverted"),
        [
            (" (A) ", "A", False),
            ("A'", "A", True),
            ("!(!(A'))", "A", True),
            ("A + A B", "A", False),
            ('"A"', "A", False),
        ],
    )
    def test_that_are_one_pin(self, text: str, name: str, inverted: bool) -> None:
        assert literal(text, ("B", "A")) == Literal(name, inverted)

    def test_as_a_sum_of_products(self) -> None:
        """The majority of three, an input that does nothing, and constants."""
        assert sum_of_products(0b11101000, ("A", "B", "C")) == "(A*B*!C)+(A*!B*C)+(!A*B*C)+(A*B*C)"
        assert sum_of_products(0b0011, ("A", "B")) == "(!B)"
        assert (sum_of_products(0, ("A",)), sum_of_products(1, ())) == ("0", "1")

    def test_that_are_more_than_one(self) -> None:
        assert literal("A B", ("A", "B")) is None and literal("1", ("A",)) is None
