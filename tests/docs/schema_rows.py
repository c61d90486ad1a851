"""What a page of a file format must say of each key: what is allowed and the default, out of the pydantic schema."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from pydantic import BaseModel

from workloads.ops.registry import known_ops

PATTERNS = {
    "^[A-Za-z][A-Za-z0-9_]*$": "name: letters, digits and `_`, a letter first",
    "^[A-Za-z][A-Za-z0-9_-]*$": "name: letters, digits, `_` and `-`, a letter first",
    "^[A-Za-z][A-Za-z0-9_.]*$": "name: letters, digits, `_` and `.`, a letter first",
    r"^\d+(\.\d+)?( [kMG])?$": "number in quotes, with or without k, M or G after a space",
}
"""Regular expressions of the specifications, in words."""


class SchemaRow(NamedTuple):
    """The first cells of a key's line."""

    key: str
    allowed: str
    default: str

    def line(self, meaning: str = "…") -> str:
        """Return the line of a Markdown table."""
        return f"| `{self.key}` | {self.allowed} | {self.default} | {meaning} |"


def schema_rows(model: type[BaseModel]) -> list[SchemaRow]:
    """Return a row a key of a specification, in its own order."""
    keys = model.model_json_schema()["properties"]
    return [SchemaRow(key, _allowed(schema, key), _default(model, key)) for key, schema in keys.items()]


def _allowed(schema: dict[str, Any], key: str) -> str:
    """Return in words what a (part of a) schema lets through. Nothing is never written: the key is left out."""
    if "anyOf" in schema:
        choices = [choice for choice in schema["anyOf"] if choice.get("type") != "null"]
        return " or ".join(_allowed(choice, key) for choice in choices)
    own_keys = f"[keys of its own](#keys-of-{key})"
    if "$ref" in schema:
        return own_keys
    if "const" in schema or "enum" in schema:
        return ", ".join(_value(value) for value in schema.get("enum", [schema.get("const")]))
    if _names_an_op(schema, key):
        return ", ".join(_value(op) for op in known_ops())
    kind = schema["type"]
    if kind == "boolean":
        return "`true`, `false`"
    if kind == "string":
        return PATTERNS[schema["pattern"]] if "pattern" in schema else "text"
    if kind == "object":
        return f"names, each with {'a text' if '$ref' not in schema['additionalProperties'] else own_keys}"
    if kind == "array":
        return _list(schema, key)
    return f"{kind} {_range(schema)}"


def _names_an_op(schema: dict[str, Any], key: str) -> bool:
    """Return whether this is the name of an op, which a function checks, so that its schema is empty."""
    return key in ("op", "extra_ops") and "type" not in schema


def _list(schema: dict[str, Any], key: str) -> str:
    least, most, items = schema.get("minItems", 0), schema.get("maxItems"), schema["items"]
    count = f" of {least} to {most}" if most is not None else f" of at least {least}" if least else ""
    each = "each one of" if "enum" in items or _names_an_op(items, key) else "each with" if "$ref" in items else "each"
    return f"list{count}, {each} {_allowed(items, key)}"


def _range(schema: dict[str, Any]) -> str:
    whole = schema["type"] == "integer"
    parts = [f"at least {_number(schema['minimum'])}"] if "minimum" in schema else []
    parts += [f"above {schema['exclusiveMinimum']}"] if "exclusiveMinimum" in schema else []
    most = schema["exclusiveMaximum"] - 1 if whole and "exclusiveMaximum" in schema else schema.get("maximum")
    if most is not None and "minimum" in schema:
        return f"{_number(schema['minimum'])} to {_number(most)}"
    parts += [f"at most {_number(most)}"] if most is not None else []
    parts += [f"below {_number(schema['exclusiveMaximum'])}"] if most is None and "exclusiveMaximum" in schema else []
    return ", ".join(parts)


def _number(value: float) -> str:
    return f"{value:,}".replace("-", "−")


def _default(model: type[BaseModel], key: str) -> str:
    """Return the default as YAML, `–` where leaving the key out means something of its own."""
    field = model.model_fields[key]
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        default = default.model_dump(mode="json")
    return "–" if default is None else _value(list(default) if isinstance(default, tuple) else default)


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value).replace('"', "")
    return f"`{text}`"
