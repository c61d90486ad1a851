"""A headless Chromium, where there is one: a page opened from its file, hovered over, clicked, dragged over."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
DRAWN = "typeof views === 'object' && Object.keys(views).length === document.querySelectorAll(`[id^='spec-']`).length"
"""Whether all charts are there."""

PLACE = """([panel, trial]) => {
  const view = views.fronts, canvas = document.querySelector("#fronts canvas").getBoundingClientRect(), found = [];
  const left = canvas.x + view.padding().left + view.origin()[0];
  const top = canvas.y + view.padding().top + view.origin()[1];
  const walk = (item, x, y) => {
    if (item.marktype) return (item.items || []).forEach((inner) => walk(inner, x, y));
    if (item.items) return item.items.forEach((inner) => walk(inner, x + (item.x || 0), y + (item.y || 0)));
    if (item.mark.marktype === "symbol" && item.datum?.trial === trial && item.datum?.export)
      found.push([left + x + item.x, top + y + item.y]);
  };
  walk(view.scenegraph().root, 0, 0);
  return found[panel];
}"""
"""Where a trial's design is in the n-th panel of two figures, in pixels of the window."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, list[str]]]:
    """Yield a page, all its charts drawn, and what it has said or asked for beyond its own file so far.

    Skips without Chromium or Playwright.
    """
    reason = "no Chromium to open the page with: apt-get install chromium; pip install playwright"
    program = next(filter(None, map(shutil.which, NAMES)), None)
    playwright = pytest.importorskip("playwright.sync_api", reason=reason)
    if program is None:
        pytest.skip(reason)
    said: list[str] = []
    with playwright.sync_playwright() as player:
        # Root has no sandbox; nothing but our own file is opened.
        browser = player.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.set_default_timeout(60_000)  # of a busy machine
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: said.append(request.url))
        page.goto(path.absolute().as_uri())
        page.wait_for_function(DRAWN)
        assert said.pop(0) == path.absolute().as_uri()
        yield page, said
        browser.close()
