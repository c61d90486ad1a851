"""The Verilog of every unit."""

from __future__ import annotations

from cost_models.sources import machine_sources, neuron_sources
from cost_models.sources.source import Source
from cost_models.units import unit as kinds
from cost_models.units.unit import Unit
from workloads.ops.registry import operation


def unit_source(unit: Unit) -> Source:
    """Return the Verilog of a unit."""
    match unit:
        case kinds.Pe():
            parameters = neuron_sources.op_parameters(unit)
            parameters |= {"STAGES": unit.stages, "ZERO_GATING": int(unit.zero_gating)}
            return _pe(unit, parameters, neuron_sources.op_files(unit.op), neuron_sources.op_text(unit.op))
        case kinds.FusedPe():
            ops = tuple(unit.members())
            files = tuple(f"{operation(op).verilog_module}.v" for op in neuron_sources.read_ops(*ops))
            return _pe(unit, neuron_sources.fused_parameters(unit), files, "")
        case kinds.Operator():
            return neuron_sources.op_result(unit) if unit.one_number else neuron_sources.op_alone(unit)
        case kinds.Neuron():
            return neuron_sources.neuron(unit)
        case kinds.Nand2():
            return neuron_sources.nand2()
        case kinds.Tag():
            return _tag(unit)
        case kinds.Skew():
            return _skew(unit)
        case kinds.Shadow():
            return _shadow(unit)
        case kinds.RegisterBank():
            return _bank(unit)
        case kinds.Edge():
            return machine_sources.edge(unit)
        case kinds.Lanes():
            return machine_sources.lanes(unit)
        case kinds.Scratchpad():
            return machine_sources.scratchpad(unit)
        case kinds.Packer():
            return machine_sources.packer(unit)
        case kinds.Scatter():
            return machine_sources.scatter(unit)
        case kinds.Pool():
            return machine_sources.pool(unit)
        case kinds.Generator():
            return machine_sources.generator(unit)
        case kinds.Control():
            return machine_sources.control(unit)


def _pe(unit: kinds.Pe | kinds.FusedPe, parameters: dict[str, int], op_files: tuple[str, ...], op_text: str) -> Source:
    """Return the PE whose limen_op has these parameters."""
    if unit.dataflow == "os":
        top, sizes = "limen_pe_os", {"ACC_BITS": unit.sum_bits}
    else:
        stays = unit.dataflow == "is"
        still, moving = (unit.x_bits, unit.synapse_bits) if stays else (unit.synapse_bits, unit.x_bits)
        top = "limen_pe_stationary"
        sizes = {"PSUM_BITS": unit.sum_bits, "X_STAYS": int(stays), "STILL_BITS": still, "MOVING_BITS": moving}
    return Source(top, ("limen_resize.v", "limen_op.v", *op_files, f"{top}.v"), {**parameters, **sizes}, op_text)


def _tag(unit: kinds.Tag) -> Source:
    return Source("limen_tag", ("limen_tag.v",), {"ADDR_BITS": unit.address_bits})


def _skew(unit: kinds.Skew) -> Source:
    return Source("limen_skew", ("limen_skew.v",), {"WIDTH": unit.width, "DEPTH": 1})


def _shadow(unit: kinds.Shadow) -> Source:
    return Source("limen_shadow", ("limen_shadow.v",), {"WIDTH": unit.width, "TAKES": int(unit.dataflow == "os")})


def _bank(unit: kinds.RegisterBank) -> Source:
    return Source(
        "limen_bank", ("limen_bank.v",), {"WIDTH": unit.width, "DEPTH": 1 << unit.address_bits}, buffered=True
    )
