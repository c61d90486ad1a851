"""The sizes that the quantities of a unit of any size are linear in: a base and a few terms.

A quantity of such a unit is a row `QUANTITY:TERM` per term; `price` sums term · coefficient with the design's sizes.
Energies and areas go with bits, delays with logarithms of what is chosen from.
"""

from __future__ import annotations

import math

from cost_models.units.unit import (
    Control,
    Fitted,
    Generator,
    Lanes,
    Packer,
    Pool,
    RegisterBank,
    Scatter,
    Scratchpad,
    Shadow,
    Skew,
)

Terms = dict[str, float]


def terms(unit: Fitted) -> Terms:
    """Return the sizes that areas, leakages and energies of a unit are linear in."""
    match unit:
        case RegisterBank(width, address_bits):
            words = 1 << address_bits
            return {"base": 1, "per_column": width, "per_word": words, "per_bit": width * words}
        case Skew(width) | Shadow(width):
            return {"base": 1, "per_bit": width}
        case Pool(x_bits, feeder_width):
            return {"base": 1, "per_word_bit": feeder_width * x_bits}
        case Lanes(x_bits, _, lanes, feeder_width):
            word = feeder_width * x_bits
            return {
                "base": 1,
                "per_lane": lanes,
                "per_lane_bit": lanes * x_bits,
                "per_lane_word_bit": lanes * word,
            }
        case Scratchpad(_, row, port):
            banks, stream = scratchpad_banks(row, port), port + row
            return {
                "base": 1,
                "per_row_bit": row,
                "per_shifted_bit": stream * math.log2(stream),
                "per_bank": banks,
                "per_bank_port_bit": (banks - 1) * port,
            }
        case Packer() | Scatter():
            word = unit.feeder_width * unit.x_bits
            stream = unit.port_bits + word
            choice = unit.feeder_width if isinstance(unit, Scatter) and unit.dataflow != "is" else 1
            return {
                "base": 1,
                "per_shifted_bit": stream * math.log2(stream),
                "per_column_word_bit": unit.cols * word,
                "per_accumulator_bit": unit.cols * unit.acc_bits * choice,
            }
        case Generator(_, lanes):
            return {"base": 1, "per_lane": lanes}
        case Control():
            return {"base": 1, "per_port_bit": unit.port_bits, "per_lane_bit": unit.lanes * (unit.x_bits + 1)}


def delay_terms(unit: Fitted) -> Terms:
    """Return the sizes that delays of a unit are linear in."""

    def log(size: float) -> float:
        return math.log2(max(1.0, size))

    match unit:
        case RegisterBank(width, address_bits):
            return {"base": 1, "per_address_bit": address_bits, "per_log_column": log(width)}
        case Skew() | Generator() | Shadow():
            return {"base": 1}
        case Pool(x_bits):
            return {"base": 1, "per_log_x_bit": log(x_bits)}
        case Lanes():
            return {"base": 1, "per_log_lane": log(unit.lanes), "per_log_feeder": log(unit.feeder_width)}
        case Scratchpad(_, row, port):
            banks = scratchpad_banks(row, port)
            return {"base": 1, "per_log_stream_bit": log(port + row), "per_log_bank": log(banks)}
        case Packer() | Scatter():
            stream = unit.port_bits + unit.feeder_width * unit.x_bits
            return {"base": 1, "per_log_lane": log(unit.cols), "per_log_stream_bit": log(stream)}
        case Control():
            return {"base": 1, "per_log_port_bit": log(unit.port_bits)}


def scratchpad_banks(width: int, port_bits: int) -> int:
    """Return the banks of each half: as limen_scratchpad.v."""
    return 1 << (-(-port_bits // width) - 1).bit_length()
