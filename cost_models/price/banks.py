"""A memory bank's price: flip-flops or SRAM macros, whichever is smaller."""

from __future__ import annotations

from dataclasses import dataclass

from cost_models.table.table import Table, Value, softest
from cost_models.units.sizes import delay_terms
from cost_models.units.unit import RegisterBank


@dataclass(frozen=True)
class Bank:
    """One bank. kind: "registers" or "sram". delay: ns from clock to data; None where it is a flip-flop's own.
    min_clock: ns of a register file alone.

    idle_pj is paid every cycle, read_pj and write_pj on top of it. method: of area and access energy;
    leakage_method: of the leakage.
    """

    kind: str
    area_um2: float
    leakage_nw: float
    read_pj: float
    write_pj: float
    idle_pj: float
    delay: Value | None
    min_clock: Value | None
    method: str
    leakage_method: str


def price_bank(table: Table, width: int, words: int, two_ports: bool = False, write_bits: int | None = None) -> Bank:
    """Return the smaller of a register file and SRAM macros of `words` × `width` bits.

    two_ports: read and written in one cycle, which a single-port macro can't. write_bits: what one write changes,
    by default a whole word. Macros smaller than the kit's smallest cost as much as that; banks larger than its
    largest are several. A read costs a read of every macro side by side, a write one of those it changes.
    """
    written = width if write_bits is None else min(width, write_bits)
    words = max(words, 1)  # a scratchpad that holds no row runs nothing: whoever counts refuses it, by its buffer
    sram = _macros(table, width, words, two_ports, written)
    if width * words > table.quantity("bank", "most_bits").value:
        return sram
    registers = _registers(table, width, words, written)
    return registers if registers.area_um2 <= sram.area_um2 else sram


def price_main_memory(table: Table, port_bits: int, words: int) -> Bank:
    """Return an on-chip main memory of so many beats: SRAM macros, several below one another and side by side.

    None has more words than the kit's widest: deeper ones are narrow, and take more energy an access.
    """
    return _macros(table, port_bits, max(words, 1), False, port_bits, "most_words_widest")


def _registers(table: Table, width: int, words: int, written: int) -> Bank:
    def fit(name: str, columns: int = width) -> Value:
        sizes = {"base": 1, "per_column": columns, "per_word": words, "per_bit": columns * words}
        return table.fit("bank", name, sizes)

    idle, area, leakage = fit("energy_per_idle_cycle_pj"), fit("area_um2"), fit("leakage_nw")
    # Reads and writes were measured with the clock running: what is paid on top of an idle cycle is the difference.
    read = max(fit("energy_per_read_pj").value - idle.value, 0.0)
    changed = fit("energy_per_write_pj", written).value - fit("energy_per_idle_cycle_pj", written).value
    unit = RegisterBank(width, (words - 1).bit_length())
    return Bank(
        "registers",
        area.value,
        leakage.value,
        read,
        max(changed, 0.0),
        idle.value,
        None,
        table.fit("bank", "min_clock_ns", delay_terms(unit)),
        area.method,
        leakage.method,
    )


def _macros(table: Table, width: int, words: int, two_ports: bool, written: int, deepest: str = "most_words") -> Bank:
    """Return the smaller of macros as narrow as they come, and of the widest, of which the kit has lower ones.

    deepest: the limit of the words of one.
    """

    def limit(name: str) -> int:
        return int(table.quantity("sram", name).value)

    ports = table.quantity("sram", "macros_for_two_ports") if two_ports else Value(1, "cited")
    words = -(-words // int(ports.value))
    most = limit("most_columns")
    deep, wide = -(-words // limit(deepest)), -(-width // most)
    words = -(-words // deep)
    narrowest = max(-(-width // wide), limit("fewest_columns"))
    shapes = [(narrowest, max(words, limit("fewest_words"))), (most, max(words, limit("fewest_words_widest")))]

    def fit(name: str, shape: tuple[int, int]) -> Value:
        columns, rows = shape
        return table.fit("sram", name, {"base": 1, "per_column": columns, "per_word": rows, "per_bit": columns * rows})

    shape = min(shapes, key=lambda candidate: fit("area_um2", candidate).value)
    area, leakage, access = (fit(name, shape) for name in ("area_um2", "leakage_nw", "access_ns"))
    read, write = fit("energy_per_read_pj", shape), fit("energy_per_write_pj", shape)
    count = int(ports.value) * deep * wide
    return Bank(
        "sram",
        count * area.value,
        count * leakage.value,
        wide * read.value,
        -(-written * wide // width) * write.value,
        0.0,
        access,
        None,
        softest([ports, area, read, write]),
        leakage.method,
    )
