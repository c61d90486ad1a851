"""Names of others' files made names of ours: letters, digits and `_`, a letter first, each once."""

from __future__ import annotations

import re

from workloads.layers.graph import INPUT

MOST_CHARACTERS = 64
"""Of a layer's name, but for the number that tells it from others."""


class Names:
    """The names of a network's layers, given out one by one."""

    def __init__(self) -> None:
        self._taken = {INPUT}
        self._next: dict[str, int] = {}

    def own(self, text: str) -> str:
        """Return a name that is like `text` and like no name before."""
        plain = _plain(text, r"[^A-Za-z0-9_]+", "layer")
        name = plain
        while name in self._taken:
            self._next[plain] = self._next.get(plain, 1) + 1
            name = f"{plain}_{self._next[plain]}"
        self._taken.add(name)
        return name


def network_name(text: str) -> str:
    """Return a network's name that is like `text`."""
    return _plain(text, r"[^A-Za-z0-9_-]+", "network")


def _plain(text: str, others: str, prefix: str) -> str:
    plain = re.sub(others, "_", text)[:MOST_CHARACTERS].strip("_")
    return plain if plain[:1].isalpha() else f"{prefix}_{plain}" if plain else prefix
