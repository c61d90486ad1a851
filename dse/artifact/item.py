"""A table or a figure of an artifact: its script, what it must give, and how long that takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

SCRIPT = """\
#!/bin/sh
# {kind}: {title}.
# {minutes}
# {how}
cd "$(dirname "$0")/.." || exit 2
: "${{LIMEN:=limen}}" "${{PYTHON:=python3}}"
mkdir -p results
{body}
"""
"""How every script begins. LIMEN, PYTHON: other programs than those on PATH."""

ALL = """\
#!/bin/sh
# All tables and figures, one after another; {minutes:.1f} minutes{whole}.
# Exit code 0 where every result is equal, else 1. Writes results/minutes.csv.
cd "$(dirname "$0")" || exit 2
mkdir -p results
echo "script,minutes,exit_code" > results/minutes.csv
equal=0 differ=0
for script in scripts/*.sh; do
  from=$(date +%s)
  sh "$script"; code=$?
  seconds=$(($(date +%s) - from))
  name=$(basename "$script" .sh)
  echo "$name,$(awk "BEGIN {{ printf \\"%.2f\\", $seconds / 60 }}"),$code" >> results/minutes.csv
  if [ $code = 0 ]; then equal=$((equal + 1)); else differ=$((differ + 1)); fi
done
echo "$equal equal, $differ differ"
[ $differ = 0 ]
"""


class Item(NamedTuple):
    """A table or a figure.

    name: of its script, and of its files in expected/ and results/. kind: table or figure. how: what is computed again,
    in a sentence. body: of the script, in sh. files: what the script needs beside those of its study, by path in the
    artifact: expected results above all. minutes: of the script. whole_minutes: from scratch, by FULL=1; None where the
    script always is. whole_of: what is then made, once for all items that need it.
    """

    name: str
    kind: str
    title: str
    how: str
    body: str
    files: Mapping[str, bytes]
    minutes: float
    whole_minutes: float | None = None
    whole_of: str = ""

    @property
    def script(self) -> str:
        """The place of its script in the artifact."""
        return f"scripts/{self.name}.sh"

    def text(self) -> str:
        """Return the script."""
        return SCRIPT.format(
            kind=self.kind.capitalize(), title=self.title, minutes=self.time(), how=self.how, body=self.body
        )

    def time(self) -> str:
        """Return how long it takes, in words."""
        whole = "" if self.whole_minutes is None else f"; FULL=1: all from scratch, {self.whole_minutes:.1f} minutes"
        return f"{self.minutes:.1f} minutes{whole}."


def whole_minutes(items: Sequence[Item]) -> float:
    """Return the minutes of all items from scratch, what several need counted once; 0 where FULL=1 changes nothing."""
    made = {item.whole_of: item.whole_minutes for item in items if item.whole_minutes is not None}
    return sum(made.values()) + sum(item.minutes for item in items) if made else 0.0


def all_scripts(minutes: float, whole_minutes: float) -> str:
    """Return run-all.sh."""
    whole = f"; with FULL=1 in its environment {whole_minutes:.1f}" if whole_minutes else ""
    return ALL.format(minutes=minutes, whole=whole)
