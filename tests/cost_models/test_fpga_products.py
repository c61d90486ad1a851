"""Products of whole designs: a MAC's are its PEs', a threshold machine has none, whatever its widths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cost_models.fpga.fpga import DSP, passes
from cost_models.fpga.systems import SMALL
from cost_models.gates.synthesis import canonical_files, read_verilog, run_yosys
from cost_models.sources.source import VERILOG, Source
from simulator.designs.design import FittedDesign
from simulator.rtl.export import chip_verilog, rtl_parameters
from tests.support.tools import skip_without

FILES = tuple(sorted(path.name for path in VERILOG.glob("*.v")))
ODD = {"rows": 3, "cols": 2, "x_bits": 5, "w_bits": 7}
MATMUL = {"matmul": True, "polarity": "generated", "overlap": True, "feeder_width": 2}


@skip_without("pyosys", "synth")
@pytest.mark.parametrize(
    ("op", "fields", "products"),
    [
        ("mac", {"dataflow": "os", "rows": 4, "cols": 4, "x_bits": 8, "w_bits": 8, **SMALL}, 16),
        ("threshold", {"dataflow": "os", **ODD, "port_bits": 64}, 0),
        ("threshold", {"dataflow": "is", **ODD, "port_bits": 32}, 0),
        ("threshold", {"dataflow": "ws", **ODD, **MATMUL, "port_bits": 128}, 0),
    ],
)
def test_only_macs_have_products(op: str, fields: dict[str, Any], products: int, tmp_path: Path) -> None:
    """Where Yosys maps products to DSP blocks; by then it has made shifts of some of the indices."""
    design = FittedDesign.model_validate({"op": op, "acc_bits": 30, "acc_policy": "weights", **fields})
    source = Source("limen_chip", FILES, {}, chip_verilog(rtl_parameters(design), op))
    files, steps = canonical_files(source), passes("xc7", source, DSP)
    assert steps[-1].endswith(" -run prepare:")
    # JSON can't hold the library that comes first; nothing before the mapping reads it.
    commands = [read_verilog(files), *steps[1:-1], f"{steps[-1]}map_dsp"]
    document = run_yosys(commands, files, source.top, tmp_path)
    cells = [cell for module in document["modules"].values() for cell in module["cells"].values()]
    of_products = [cell["attributes"].get("src") for cell in cells if cell["type"] in ("$mul", "$macc", "$macc_v2")]
    assert cells and len(of_products) == products, of_products
