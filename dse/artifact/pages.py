"""Text of YAML files."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML


def yaml_text(content: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, a line a key, in its order."""
    text, yaml = io.StringIO(), YAML()
    yaml.width = 120
    yaml.dump(dict(content), text)
    return text.getvalue()
