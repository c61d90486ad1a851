"""A study's page, read as a browser reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any


@dataclass
class ReadPage(HTMLParser):
    """tags: of all elements, in order. blocks: JSON in the page by its id. scripts: what is run. text: the rest."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    blocks: dict[str, Any] = field(default_factory=dict)
    scripts: list[str] = field(default_factory=list)
    text: str = ""
    _open: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        attributes = self.tags[-1][1] if self.tags else {}
        if self._open == "script" and "id" in attributes:
            self.blocks[str(attributes["id"])] = json.loads(data)
        elif self._open == "script":
            self.scripts.append(data)
        elif self._open != "style":
            self.text += data


def read_page(path: Path) -> ReadPage:
    page = ReadPage()
    page.feed(path.read_text(encoding="utf-8"))
    page.close()
    return page
