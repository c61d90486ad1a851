"""The Verilog of every unit."""

from __future__ import annotations

from pathlib import Path

from cost_models.sources import kernel_sources, machine_sources
from cost_models.sources.source import Source
from cost_models.units.neurons import SYNAPSES
from cost_models.units.unit import GATED, Unit

OWN_VERILOG = Path(__file__).parent / "verilog"


def unit_source(unit: Unit) -> Source:
    """Return the Verilog of a unit."""
    builders = {
        "pe": _pe if unit.stages == 1 else _staged_pe,
        GATED: _staged_pe,
        "tag": _tag,
        "skew": _skew,
        "bank": _bank,
        "edge": machine_sources.edge,
        "lane": machine_sources.lane,
        "ifmap_scratchpad": machine_sources.scratchpad,
        "filter_scratchpad": machine_sources.scratchpad,
        "packer": machine_sources.packer,
        "scatter": machine_sources.scatter,
        "pool": machine_sources.pool,
        "control": machine_sources.control,
        "op": kernel_sources.op_alone,
        "op_result": kernel_sources.op_result,
        "nand2": kernel_sources.nand2,
        **dict.fromkeys(SYNAPSES, kernel_sources.neuron),
    }
    return builders[unit.component](unit)


def _pe(unit: Unit) -> Source:
    assert unit.op
    files, parameters = kernel_sources.op_files(unit.op), kernel_sources.op_parameters(unit)
    text = kernel_sources.op_text(unit.op)
    if unit.dataflow == "os":
        return Source("limen_pe_os", (*files, "limen_pe_os.v"), {**parameters, "ACC_BITS": unit.acc_bits}, text)
    stays = unit.dataflow == "is"
    still, moving = (unit.x_bits, unit.synapse_bits) if stays else (unit.synapse_bits, unit.x_bits)
    own = {"PSUM_BITS": unit.acc_bits, "X_STAYS": int(stays), "STILL_BITS": still, "MOVING_BITS": moving}
    return Source("limen_pe_stationary", (*files, "limen_pe_stationary.v"), {**parameters, **own}, text)


def _staged_pe(unit: Unit) -> Source:
    assert unit.op
    held = "ACC_BITS" if unit.dataflow == "os" else "PSUM_BITS"
    parameters = kernel_sources.op_parameters(unit)
    parameters |= {held: unit.acc_bits, "ZERO_GATING": int(unit.component == GATED)}
    top = f"limen_pe_{unit.dataflow}_staged"
    text = kernel_sources.op_text(unit.op)
    text += "".join((OWN_VERILOG / f"{name}.v").read_text(encoding="utf-8") for name in ("limen_op_staged", top))
    return Source(top, kernel_sources.op_files(unit.op), parameters, text)


def _tag(unit: Unit) -> Source:
    return Source("limen_tag", ("limen_tag.v",), {"ADDR_BITS": unit.acc_bits})


def _skew(unit: Unit) -> Source:
    return Source("limen_skew", ("limen_skew.v",), {"WIDTH": unit.acc_bits, "DEPTH": 1})


def _bank(unit: Unit) -> Source:
    return Source("limen_bank", ("limen_bank.v",), {"WIDTH": unit.x_bits, "DEPTH": 1 << unit.acc_bits}, buffered=True)
