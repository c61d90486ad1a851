"""A memory bank's price: flip-flops or SRAM macros, whichever is smaller."""

from __future__ import annotations

from dataclasses import dataclass

from cost_models.table import Table, Value, softest


@dataclass(frozen=True)
class Bank:
    """One bank. kind: "registers" or "sram". delay: ns from clock to data; None where it is a flip-flop's own.

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
    method: str
    leakage_method: str


def price_bank(table: Table, width: int, words: int, two_ports: bool = False) -> Bank:
    """Return the smaller of a register file and SRAM macros of `words` × `width` bits.

    two_ports: read and written in one cycle, which a single-port macro can't. Macros smaller than the kit's smallest
    cost as much as that; banks larger than its largest are several.
    """
    sram = _macros(table, width, words, two_ports)
    if width * words > table.quantity("bank", "most_bits").value:
        return sram
    registers = _registers(table, width, words)
    return registers if registers.area_um2 <= sram.area_um2 else sram


def _registers(table: Table, width: int, words: int) -> Bank:
    def fit(name: str) -> Value:
        return table.fit("bank", name, width, words)

    idle, area, leakage = fit("energy_per_idle_cycle_pj"), fit("area_um2"), fit("leakage_nw")
    read, write = fit("energy_per_read_pj"), fit("energy_per_write_pj")
    method = softest([area, idle, read, write])
    # Reads and writes were measured with the clock running: what is paid on top of an idle cycle is the difference.
    above = [max(own.value - idle.value, 0.0) for own in (read, write)]
    return Bank("registers", area.value, leakage.value, above[0], above[1], idle.value, None, method, leakage.method)


def _macros(table: Table, width: int, words: int, two_ports: bool) -> Bank:
    def limit(name: str) -> int:
        return int(table.quantity("sram", name).value)

    ports = table.quantity("sram", "macros_for_two_ports") if two_ports else Value(1, "cited")
    words = -(-words // int(ports.value))
    deep, wide = -(-words // limit("most_words")), -(-width // limit("most_columns"))
    own_words = max(-(-words // deep), limit("fewest_words"))
    own_width = max(-(-width // wide), limit("fewest_columns"))
    area = table.fit("sram", "area_um2", own_width, own_words)
    read = table.fit("sram", "energy_per_read_pj", own_width, own_words)
    write = table.fit("sram", "energy_per_write_pj", own_width, own_words)
    leakage = table.fit("sram", "leakage_nw", own_width, own_words)
    access = table.fit("sram", "access_ns", own_width, own_words)
    count = int(ports.value) * deep * wide
    return Bank(
        "sram",
        count * area.value,
        count * leakage.value,
        wide * read.value,
        wide * write.value,
        0.0,
        access,
        softest([ports, area, read, write]),
        leakage.method,
    )
