"""Strict YAML specifications: frozen, validated at the edge, one line per mistake."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from workloads.errors import LimenError, shown


class Spec(BaseModel):
    """Base of every specification: immutable, unknown keys refused, no silent type coercion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


SpecType = TypeVar("SpecType", bound=BaseModel)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the mapping in a YAML 1.2 file (safe loader; duplicate keys are an error).

    Raises:
        LimenError: the file is absent, unreadable, not YAML or not a mapping.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise LimenError(f"{path}: cannot be read: {reason}; expected a YAML file") from None
    try:
        content = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise LimenError(f"{path}:{line} not valid YAML: {problem}") from None
    if content is None:
        raise LimenError(f"{path}: is empty; expected a mapping of keys to values")
    if not isinstance(content, dict):
        kind = "a list" if isinstance(content, list) else f"only {shown(content)}"
        raise LimenError(f"{path}: holds {kind}; expected a mapping of keys to values")
    for key in content:
        if not isinstance(key, str):
            raise LimenError(f"{path}: {key!r}: not a name; keys are words")
    return content


def validate(model: type[SpecType], content: Mapping[str, Any], source: str | os.PathLike[str]) -> SpecType:
    """Return `content` as a `model`; `source` names the file in the error line.

    Raises:
        LimenError: the first mistake, as `source: field: value is not allowed: what is`.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise LimenError(f"{source}: {describe_mistake(error, model)}") from None
    except LimenError as error:  # a model that already speaks in one line names itself, not the file
        raise LimenError(f"{source}: {str(error).removeprefix(model.__name__ + ': ')}") from None


def read_spec(model: type[SpecType], path: str | os.PathLike[str]) -> SpecType:
    """Read and validate a YAML file. Raises LimenError as `read_yaml` and `validate` do."""
    return validate(model, read_yaml(path), path)


def describe_mistake(error: ValidationError, model: type[BaseModel]) -> str:
    """Say the first mistake of a pydantic error in one line: field, value, what is allowed."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or "(whole file)"
    if first["type"] == "extra_forbidden":
        allowed = ", ".join(model.model_fields) if len(first["loc"]) == 1 else "the keys of the documented form"
        return f"{field}: unknown key; allowed are {allowed}"
    if first["type"] == "missing":
        return f"{field}: missing; this key is required"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{field}: {message}" if first["loc"] else message
    return f"{field}: {first['input']!r} is not allowed: {message[:1].lower()}{message[1:]}"
