"""The text of a network page: a line a key, a line a layer."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from workloads.errors import LimenError, printable
from workloads.host.specfile import MOST_BYTES

WIDEST = 1 << 20
"""Characters of a line: none is broken."""


def page_bytes(content: Mapping[str, Any], comment: str, path: Path) -> bytes:
    """Return a page with the content of a `NetworkFile` under a line of comment.

    Raises LimenError where it is larger than pages may be; path: of the page, for the line.
    """
    page = CommentedMap({key: _on_a_line(value) for key, value in content.items()})
    yaml = YAML()
    yaml.width = WIDEST
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.BytesIO(f"# {printable(comment)}\n".encode())
    text.seek(0, io.SEEK_END)
    yaml.dump(page, text)
    if len(text.getvalue()) > MOST_BYTES:
        layers = len(content["layers"])
        raise LimenError(f"{path}: layers: {layers} are not allowed: a network file has at most {MOST_BYTES >> 10} KiB")
    return text.getvalue()


def _on_a_line(value: Any) -> Any:
    """Return a value that is written on one line; of a list of mappings, each of them."""
    if isinstance(value, Mapping):
        line = CommentedMap(value)
        line.fa.set_flow_style()
        return line
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return [_on_a_line(entry) for entry in value]
    return value
