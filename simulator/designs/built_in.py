"""The designs that come with Limen, and those in a user's files."""

from __future__ import annotations

from pathlib import Path

from simulator.designs.design import Design
from workloads.errors import check_kind
from workloads.host.names import named_file
from workloads.host.specfile import read_spec


def built_in_designs() -> dict[str, Path]:
    """Return the files of the designs that come with Limen, by name."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


def load_design(name: str | Path) -> Design:
    """Return a built-in design by name, or the one in a YAML file. Raises LimenError."""
    check_kind("design", name, (str, Path), "a Design, a built-in design's name or a .yaml file")
    return read_spec(Design, named_file("design", name, built_in_designs()))
