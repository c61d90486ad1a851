"""`Source`: a module to synthesise."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

VERILOG = Path(__file__).parents[2] / "simulator" / "rtl" / "verilog"
"""The machine's own Verilog."""


@dataclass(frozen=True)
class Source:
    """A module to synthesise: files of simulator/rtl/verilog, Verilog text beside them, the top and its parameters.

    buffered: its wide nets get buffers, see `cost_models.gates.synthesis`; large: and its logic stays as it is.
    kept: wires, by a pattern of their names, that an FPGA's tools keep.
    """

    top: str
    files: tuple[str, ...]
    parameters: dict[str, int] = field(default_factory=dict)
    text: str = ""
    buffered: bool = False
    large: bool = False
    kept: str = ""
