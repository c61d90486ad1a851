"""The Verilog of every unit."""

from __future__ import annotations

from pathlib import Path

from cost_models.sources import kernel_sources, machine_sources
from cost_models.sources.source import Source
from cost_models.units.unit import (
    Control,
    Edge,
    Lanes,
    Nand2,
    Neuron,
    Operator,
    Packer,
    Pe,
    Pool,
    RegisterBank,
    Scatter,
    Scratchpad,
    Skew,
    Tag,
    Unit,
)

OWN_VERILOG = Path(__file__).parent / "verilog"


def unit_source(unit: Unit) -> Source:
    """Return the Verilog of a unit."""
    match unit:
        case Pe():
            return _staged_pe(unit) if unit.stages > 1 or unit.zero_gating else _pe(unit)
        case Operator():
            return kernel_sources.op_result(unit) if unit.one_number else kernel_sources.op_alone(unit)
        case Neuron():
            return kernel_sources.neuron(unit)
        case Nand2():
            return kernel_sources.nand2()
        case Tag():
            return _tag(unit)
        case Skew():
            return _skew(unit)
        case RegisterBank():
            return _bank(unit)
        case Edge():
            return machine_sources.edge(unit)
        case Lanes():
            return machine_sources.lanes(unit)
        case Scratchpad():
            return machine_sources.scratchpad(unit)
        case Packer():
            return machine_sources.packer(unit)
        case Scatter():
            return machine_sources.scatter(unit)
        case Pool():
            return machine_sources.pool(unit)
        case Control():
            return machine_sources.control(unit)


def _pe(unit: Pe) -> Source:
    files, parameters = kernel_sources.op_files(unit.op), kernel_sources.op_parameters(unit)
    text = kernel_sources.op_text(unit.op)
    if unit.dataflow == "os":
        return Source("limen_pe_os", (*files, "limen_pe_os.v"), {**parameters, "ACC_BITS": unit.sum_bits}, text)
    stays = unit.dataflow == "is"
    still, moving = (unit.x_bits, unit.synapse_bits) if stays else (unit.synapse_bits, unit.x_bits)
    own = {"PSUM_BITS": unit.sum_bits, "X_STAYS": int(stays), "STILL_BITS": still, "MOVING_BITS": moving}
    return Source("limen_pe_stationary", (*files, "limen_pe_stationary.v"), {**parameters, **own}, text)


def _staged_pe(unit: Pe) -> Source:
    held = "ACC_BITS" if unit.dataflow == "os" else "PSUM_BITS"
    parameters = kernel_sources.op_parameters(unit)
    parameters |= {held: unit.sum_bits, "ZERO_GATING": int(unit.zero_gating)}
    top = f"limen_pe_{unit.dataflow}_staged"
    text = kernel_sources.op_text(unit.op)
    text += "".join((OWN_VERILOG / f"{name}.v").read_text(encoding="utf-8") for name in ("limen_op_staged", top))
    return Source(top, kernel_sources.op_files(unit.op), parameters, text)


def _tag(unit: Tag) -> Source:
    return Source("limen_tag", ("limen_tag.v",), {"ADDR_BITS": unit.address_bits})


def _skew(unit: Skew) -> Source:
    return Source("limen_skew", ("limen_skew.v",), {"WIDTH": unit.width, "DEPTH": 1})


def _bank(unit: RegisterBank) -> Source:
    return Source(
        "limen_bank", ("limen_bank.v",), {"WIDTH": unit.width, "DEPTH": 1 << unit.address_bits}, buffered=True
    )
