"""The progress bar every long command shows."""

from __future__ import annotations

from typing import Any


class ProgressBar:
    """A bar on stderr for work that reports (what, done, total); silent if `quiet`, or where that is no terminal."""

    def __init__(self, quiet: bool = False) -> None:
        self._bar: Any = None
        self._disable = quiet or None  # None: tqdm looks whether stderr is a terminal

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, task: str, done: int, total: int) -> None:
        """Move the bar; a new task starts a new one, whose speed is that of what is done from now on."""
        from tqdm import tqdm

        if self._bar is None or self._bar.desc != task or self._bar.total != total or done < self._bar.n:
            if self._bar is not None:
                self._bar.close()
            self._bar = tqdm(desc=task, total=total, leave=False, initial=done, disable=self._disable)
            self._bar.desc = task
        self._bar.update(done - self._bar.n)
