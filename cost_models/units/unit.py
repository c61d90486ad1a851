"""`Unit`: what a row of a table is about, a type for each kind. Plain records; their Verilog is found in `sources`.

What a row says of its unit are its `columns`. There, `acc_bits` is the width of the value a unit holds: accumulator
(os PE, edge), psum (ws and is PE), sum (neuron), address (tag).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar, get_args

from cost_models.units.neurons import SYNAPSES, Window
from workloads.ops.names import AND
from workloads.ops.op_field import Op
from workloads.ops.operation import Operation
from workloads.ops.registry import operation

GATED = "pe_zero_gated"
"""A MAC's PE whose multiplier keeps its operands, and whose sum stays, while x is 0: it needs two stages."""

SIGNED = "pe_signed"
"""A PE for signed activations, of an op whose `pe` takes unsigned ones."""

FUSED = "pe_fused"
"""A PE of several ops."""

PE_COMPONENTS = ("pe", GATED)
STAGED_STAGES = 2


class Columns(NamedTuple):
    """What a row says of its unit beside the component; empty or 0 where it says nothing."""

    op: str = ""
    x_bits: int = 0
    w_bits: int = 0
    acc_bits: int = 0
    dataflow: str = ""
    stages: int = 0

    def texts(self) -> dict[str, str]:
        """The fields of the row, by column."""
        return {name: str(value or "") for name, value in self._asdict().items()}


@dataclass(frozen=True)
class UnitBase(ABC):
    """What all units have."""

    @property
    @abstractmethod
    def component(self) -> str:
        """Its name in a table."""

    @property
    def smallest(self) -> bool:
        """Whether it is built by the recipe of least area, for comparison, instead of that of least area × energy ×
        clock.
        """
        return False

    @property
    def multiplies(self) -> bool:
        """Whether it holds a multiplier."""
        return False

    @property
    def op_energies(self) -> tuple[str, ...]:
        """The energies that choose among its recipes: what operating it costs."""
        return ("energy_per_op_pj",)

    def columns(self) -> Columns:
        """Return what its rows say of it: nothing by default, as of units behind a fit, whose sizes are terms."""
        return Columns()

    def sort_key(self) -> tuple[str, Columns, bool]:
        """Return what puts units of all types in one order."""
        return self.component, self.columns(), self.smallest


@dataclass(frozen=True)
class OpUnit(UnitBase):
    """What computes an op, or holds something that does."""

    op: Op
    x_bits: int
    w_bits: int
    smallest: bool = field(default=False, kw_only=True)

    @property
    def operation(self) -> Operation:
        """The room of its op."""
        return operation(self.op)

    @property
    def multiplies(self) -> bool:
        return self.operation.multiplies

    @property
    def x_signed(self) -> bool:
        """Whether activations are two's complement; otherwise they are unsigned, as after ReLU."""
        return self.operation.one_range

    @property
    def op_bits(self) -> int:
        return self.operation.result_bits(self.x_bits, self.w_bits)

    @property
    def synapse_bits(self) -> int:
        return self.w_bits + self.operation.polar


@dataclass(frozen=True)
class Pe(OpUnit):
    """A PE. sum_bits: of its accumulator (os) or psum (ws, is). zero_gating: see GATED. signed: see SIGNED."""

    sum_bits: int
    dataflow: str
    stages: int = 1
    zero_gating: bool = False
    signed: bool = False

    @property
    def component(self) -> str:
        return GATED if self.zero_gating else SIGNED if self.signed else "pe"

    @property
    def x_signed(self) -> bool:
        return self.signed or super().x_signed

    def columns(self) -> Columns:
        return Columns(self.op, self.x_bits, self.w_bits, self.sum_bits, self.dataflow, self.stages)


@dataclass(frozen=True)
class FusedPe(UnitBase):
    """A PE of several ops, `ops` as AND joins them. Activations are signed; a weight has the bits that its op takes."""

    ops: str
    x_bits: int
    w_bits: int
    sum_bits: int
    dataflow: str
    component: ClassVar[str] = FUSED

    def members(self) -> dict[Op, Pe]:
        """Return the PE of each of its ops alone, with a sum as wide."""
        return {op: self._member(op) for op in self.ops.split(AND)}

    def _member(self, op: Op) -> Pe:
        room = operation(op)
        w_bits = room.fitted_bits(self.w_bits)
        return Pe(op, self.x_bits, w_bits, self.sum_bits, self.dataflow, signed=not room.one_range)

    @property
    def multiplies(self) -> bool:
        return any(pe.multiplies for pe in self.members().values())

    @property
    def op_bits(self) -> int:
        return max(pe.op_bits for pe in self.members().values())

    @property
    def synapse_bits(self) -> int:
        return self.w_bits + any(pe.operation.polar for pe in self.members().values())

    @property
    def op_energies(self) -> tuple[str, ...]:
        return tuple(f"energy_per_{op}_op_pj" for op in self.members())

    def columns(self) -> Columns:
        return Columns(self.ops, self.x_bits, self.w_bits, self.sum_bits, self.dataflow, 1)


@dataclass(frozen=True)
class Operator(OpUnit):
    """An op alone. one_number: its result, instead of an addend and a carry."""

    one_number: bool = False

    @property
    def component(self) -> str:
        return "op_result" if self.one_number else "op"

    def columns(self) -> Columns:
        return Columns(self.op, self.x_bits, self.w_bits)


@dataclass(frozen=True)
class Neuron(OpUnit):
    """A whole neuron: an op a synapse of its window, and their sum."""

    window: Window
    sum_bits: int

    @property
    def component(self) -> str:
        return self.window

    @property
    def synapses(self) -> int:
        return SYNAPSES[self.window]

    def columns(self) -> Columns:
        return Columns(self.op, self.x_bits, self.w_bits, self.sum_bits)


@dataclass(frozen=True)
class Edge(UnitBase):
    """The edge of a column: accumulates and requantises."""

    x_bits: int
    acc_bits: int
    component: ClassVar[str] = "edge"

    def columns(self) -> Columns:
        return Columns(x_bits=self.x_bits, acc_bits=self.acc_bits)


@dataclass(frozen=True)
class Tag(UnitBase):
    """A register of an address that goes with a psum."""

    address_bits: int
    component: ClassVar[str] = "tag"

    def columns(self) -> Columns:
        return Columns(acc_bits=self.address_bits)


@dataclass(frozen=True)
class Nand2(UnitBase):
    """The gate that gate equivalents count."""

    component: ClassVar[str] = "nand2"


@dataclass(frozen=True)
class Skew(UnitBase):
    """A skew register."""

    width: int
    component: ClassVar[str] = "skew"


@dataclass(frozen=True)
class RegisterBank(UnitBase):
    """A memory bank of registers."""

    width: int
    address_bits: int
    component: ClassVar[str] = "bank"


@dataclass(frozen=True)
class Pool(UnitBase):
    """The pooling unit."""

    x_bits: int
    feeder_width: int
    component: ClassVar[str] = "pool"


@dataclass(frozen=True)
class Scratchpad(UnitBase):
    """A scratchpad without its banks."""

    memory: Literal["ifmap", "filter"]
    row_bits: int
    port_bits: int

    @property
    def component(self) -> str:
        return f"{self.memory}_scratchpad"


@dataclass(frozen=True)
class Lanes(UnitBase):
    """The operand memory of `lanes` lanes without its banks."""

    x_bits: int
    dataflow: str
    lanes: int
    feeder_width: int
    component: ClassVar[str] = "lane"

    def columns(self) -> Columns:
        return Columns(dataflow=self.dataflow)


@dataclass(frozen=True)
class Mover(UnitBase):
    """What moves outputs of `cols` columns: a packer or a scatter unit."""

    x_bits: int
    acc_bits: int
    dataflow: str
    cols: int
    feeder_width: int
    port_bits: int

    def columns(self) -> Columns:
        return Columns(dataflow=self.dataflow)


@dataclass(frozen=True)
class Packer(Mover):
    """Packs outputs into beats."""

    component: ClassVar[str] = "packer"


@dataclass(frozen=True)
class Scatter(Mover):
    """Scatters words into the edges' memories."""

    component: ClassVar[str] = "scatter"


@dataclass(frozen=True)
class Generator(UnitBase):
    """The generator of polarity for `lanes` lanes of synapses."""

    dataflow: str
    lanes: int
    component: ClassVar[str] = "generator"

    def columns(self) -> Columns:
        return Columns(dataflow=self.dataflow)


@dataclass(frozen=True)
class Shadow(UnitBase):
    """A PE's shadow where folds overlap, which takes accumulators under os."""

    width: int
    dataflow: str
    component: ClassVar[str] = "shadow"

    def columns(self) -> Columns:
        return Columns(dataflow=self.dataflow)


@dataclass(frozen=True)
class Control(UnitBase):
    """Everything that no other unit is, of an array of `lanes` rows and columns. overlap: folds overlap."""

    x_bits: int
    dataflow: str
    lanes: int
    feeder_width: int
    port_bits: int
    overlap: bool = False

    @property
    def component(self) -> str:
        return "control_overlap" if self.overlap else "control"

    def columns(self) -> Columns:
        return Columns(dataflow=self.dataflow)


Fitted = Lanes | Scratchpad | Packer | Scatter | Pool | Generator | Control | RegisterBank | Skew | Shadow
"""Units of any size: their rows are terms of fits over several of them."""

Unit = Pe | FusedPe | Operator | Neuron | Edge | Tag | Nand2 | Fitted
"""All units of a library's table."""

UNITS: tuple[type[Unit], ...] = get_args(Unit)

Known = TypeVar("Known", bound=UnitBase)


def journalled(unit: UnitBase) -> dict[str, Any]:
    """Return a unit as a journal holds it: the name of its type, and its fields."""
    return {"type": type(unit).__name__, "fields": asdict(unit)}


def from_journal(stored: Mapping[str, Any], known: Iterable[type[Known]]) -> Known:
    """Return a unit from what `journalled` made of it, of one of the types `known`."""
    return {kind.__name__: kind for kind in known}[stored["type"]](**stored["fields"])
