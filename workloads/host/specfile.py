"""Strict YAML specifications: frozen, validated at the edge, one line per mistake."""

from __future__ import annotations

import difflib
import os
import typing
import warnings
from collections.abc import Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import ConstructorError, SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from workloads.errors import LimenError, shown
from workloads.host.opening import open_file

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)

MOST_BYTES = 1 << 19
"""Of a YAML file: six thousand layers, which take seconds to read."""

MOST_MERGED_KEYS = 100
"""Of a mapping that merges others (`<<`): each of a chain of them may hold ten times as many as the one before."""

EXPECTED = {
    "model_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "string_type": "a text",
    "invalid_key": "keys are words; several values of one stand in a list, such as x: [4, 8]",
}
"""What a file should hold, where pydantic would name Python's own types and our classes."""

LEAST_LIKENESS = 0.7
"""Of a key to the one it may be a slip of, as difflib measures it: `rowz` is 0.75 like `rows`."""


class _OneLine(ModelMetaclass):
    """The class of specifications: a mistake in one that Python code constructs is a LimenError, too.

    Not `__init__`: pydantic would call it for the specifications within one as well, whose mistakes it collects.
    """

    def __call__(cls, *values: Any, **fields: Any) -> Any:
        model = cast(type[BaseModel], cls)
        if values:
            names = ", ".join(model.model_fields)
            raise LimenError(f"{model.__name__}: {shown(values[0])} is not allowed: fields by name: {names}")
        try:
            return super().__call__(**{name: _plain(value) for name, value in fields.items()})
        except ValidationError as error:
            raise LimenError(f"{model.__name__}: {describe_mistake(error, model, fields)}") from None


def _plain(value: Any) -> Any:
    """Return numpy's numbers as Python's: fields come out of arrays and data frames, too."""
    if isinstance(value, Integral) and not isinstance(value, int):
        return int(value)
    return float(value) if isinstance(value, Real) and not isinstance(value, int | float) else value


class Spec(BaseModel, metaclass=_OneLine):
    """Base of every specification: immutable, unknown keys refused, no silent type coercion.

    Raises:
        LimenError: one line naming class, field, value and what is allowed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _no_lookalike(value: Any) -> Any:
    if isinstance(value, bool | float):
        raise PydanticCustomError("whole_number", "input should be a whole number")
    return value


WHOLE = BeforeValidator(_no_lookalike)
"""Of a choice among whole numbers: to pydantic, `true` and 1.0 are the choice 1, since Python has them equal."""

SpecType = TypeVar("SpecType", bound=BaseModel)


class _Constructor(SafeConstructor):
    """Python values of YAML nodes; a value that its type doesn't allow is a mistake of the file, with its line."""

    def construct_object(self, node: Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, TypeError, LookupError, ArithmeticError):  # of Python's own types
            value = shown(node.value) if isinstance(node, ScalarNode) else "this"
            problem = f"{value} is no {str(node.tag).rpartition(':')[2]} that can be read"
            raise ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> Any:
        try:
            return super().construct_mapping(node, deep)
        except TypeError:  # a list within a key
            raise ConstructorError(None, None, "found unhashable key", node.start_mark) from None

    def flatten_mapping(self, node: MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST_MERGED_KEYS and getattr(node, "merge", None):
            problem = (
                f"<<: {len(node.value)} keys are not allowed: at most {MOST_MERGED_KEYS} where mappings are merged"
            )
            raise ConstructorError(None, None, problem, node.start_mark)


# No field is a date: what looks like one is text, as in YAML 1.2 itself.
_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the mapping in a YAML 1.2 file (safe loader; duplicate keys are an error).

    Raises:
        LimenError: the file is absent, unreadable, too large, not YAML or not a mapping.
    """
    try:
        with open_file(path) as file:
            text = file.read(MOST_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise LimenError(f"{path}: cannot be read: not UTF-8 text; expected a YAML file") from None
    except (OSError, ValueError) as error:  # ValueError: a path that no file can have
        reason = getattr(error, "strerror", None) or error
        raise LimenError(f"{path}: cannot be read: {reason}; expected a YAML file") from None
    if len(text.encode()) > MOST_BYTES:
        raise LimenError(f"{path}: larger than {MOST_BYTES >> 10} KiB is not allowed; expected a YAML file")
    content = _load(text, path)
    if content is None:
        raise LimenError(f"{path}: is empty; expected a mapping of keys to values")
    if not isinstance(content, dict):
        kind = "a list" if isinstance(content, list) else f"only {shown(content)}"
        raise LimenError(f"{path}: holds {kind}; expected a mapping of keys to values")
    for key in content:
        if not isinstance(key, str):
            raise LimenError(f"{path}: {shown(key)}: not a name; keys are words")
    return content


def _load(text: str, path: str | os.PathLike[str]) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an anchor's name used again, which YAML allows
            return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        problem = getattr(error, "problem", None) or str(error)
        raise LimenError(f"{path}:{line} not valid YAML: {problem}") from None
    except RecursionError:
        raise LimenError(f"{path}: not a specification: nested hundreds deep") from None


def distinct(values: list[Any]) -> list[Any]:
    """Return a field's values. Raises ValueError for one that stands there twice."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{value!r} stands {values.count(value)} times; once is allowed")
    return values


def validate(model: type[SpecType], content: Mapping[str, Any], source: str | os.PathLike[str]) -> SpecType:
    """Return `content` as a `model`; `source` names the file in the error line.

    Raises:
        LimenError: the first mistake, as `source: field: value is not allowed: what is`.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise LimenError(f"{source}: {describe_mistake(error, model, content)}") from None


def read_spec(model: type[SpecType], path: str | os.PathLike[str]) -> SpecType:
    """Read and validate a YAML file. Raises LimenError as `read_yaml` and `validate` do."""
    return validate(model, read_yaml(path), path)


def describe_mistake(error: ValidationError, model: type[BaseModel], content: Any) -> str:
    """Say the first mistake of a pydantic error over `content` in one line: field, value, what is allowed.

    A key that nobody knows comes before one that is missing beside it: it may be the same, misspelt.
    """
    mistakes = error.errors(include_url=False)
    first = mistakes[0]
    if first["type"] == "missing":
        beside = (mistake for mistake in mistakes if mistake["loc"][:-1] == first["loc"][:-1])
        first = next((mistake for mistake in beside if mistake["type"] == "extra_forbidden"), first)
    field = _place(first["loc"], content) or "(whole file)"
    if first["type"] == "extra_forbidden":
        return f"{field}: unknown key; {_allowed_keys(first['loc'], model, content)}"
    if first["type"] == "missing":
        return f"{field}: missing; this key is required"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"{field}: {message}" if first["loc"] else message
    given = list(first["input"]) if isinstance(first["input"], tuple) else first["input"]  # as files write it
    value = "nothing" if given is None else shown(given)
    expected = EXPECTED.get(first["type"], message[:1].lower() + message[1:])
    if first["type"] in ("too_short", "too_long"):
        expected = _length(**first["ctx"])
    return f"{field}: {value} is not allowed: {expected}"


def _length(field_type: str, actual_length: int | None, min_length: int = 0, max_length: int = 0) -> str:
    """Say what length is allowed, of pydantic's context of a value that is too short or too long."""
    bound, limit = ("at most", max_length) if max_length else ("at least", min_length)
    kind, parts = ("a mapping", "key") if field_type == "Dictionary" else ("a list", "item")
    return f"{kind} of {bound} {limit} {parts}{'s' if limit > 1 else ''}; this one has {actual_length}"


def _place(location: Sequence[str | int], content: Any) -> str:
    """Return where a mistake is: keys with dots between, a layer by its name, or its number where it has none."""
    place, before = "", ""
    for part in location:
        if isinstance(content, list | tuple) and isinstance(part, int) and part < len(content):
            content = content[part]
            if before == "layers":
                # A layer of params.json calls its name `layer`.
                name = content.get("name", content.get("layer")) if isinstance(content, Mapping) else None
                place = f"layer {name}: " if isinstance(name, str) and name else f"layer number {part + 1}: "
            else:
                place += f".{part}"
        elif isinstance(content, Mapping) and isinstance(part, str) and (part in content or part.isidentifier()):
            place += part if not place or place.endswith(": ") else f".{part}"
            content = content.get(part)
        # Anything else is pydantic's name of a kind of value, not a place.
        before = str(part)
    return place.removesuffix(": ")


def _allowed_keys(location: Sequence[str | int], model: type[BaseModel], content: Any) -> str:
    """Return the keys allowed beside an unknown one, the nearest first where one is near."""
    for part in location[:-1]:
        content = content[part]
        if isinstance(part, str) and part in model.model_fields:
            model = next(_models(model.model_fields[part].annotation), model)
    allowed = list(model.model_fields)
    absent = [name for name in allowed if name not in content]
    near = difflib.get_close_matches(str(location[-1]), absent, n=1, cutoff=LEAST_LIKENESS)
    return f"{f'the nearest is {near[0]}; ' if near else ''}allowed are {', '.join(allowed)}"


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the specifications in a field's annotation: in lists, mappings and choices as well."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)
