"""`Op`: the name of an op, as a field of a specification."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import PlainValidator
from pydantic_core import PydanticKnownError

from workloads.ops.registry import known_ops


def one_of(names: Callable[[], Sequence[str]]) -> PlainValidator:
    """Return what refuses all but these names, in the words in which pydantic refuses what a Literal doesn't list."""

    def check(value: Any) -> str:
        if isinstance(value, str) and value in names():
            return value
        *first, last = map(repr, names())
        raise PydanticKnownError("literal_error", {"expected": f"{', '.join(first)} or {last}"})

    return PlainValidator(check)


Op = Annotated[str, one_of(known_ops)]
"""The name of an op, as a field of a specification."""
