"""The sizes that the quantities of a unit of any size are linear in: a base and a few terms.

A quantity of such a unit is a row `QUANTITY:TERM` per term; `price` sums term · coefficient with the design's sizes.
Energies and areas go with bits, delays with logarithms of what is chosen from.
"""

from __future__ import annotations

import math

from cost_models.units.unit import Unit

Terms = dict[str, float]
FITTED = ("lane", "ifmap_scratchpad", "filter_scratchpad", "packer", "scatter", "pool", "control", "bank", "skew")


def terms(unit: Unit) -> Terms:
    """Return the sizes that areas, leakages and energies of a unit are linear in."""
    lanes, word, port, acc = unit.lanes, unit.feeder * unit.x_bits, unit.port_bits, unit.acc_bits
    shifted = (port + word) * math.log2(port + word) if word else 0.0
    match unit.component:
        case "bank":
            words = 1 << acc
            return {"base": 1, "per_column": unit.x_bits, "per_word": words, "per_bit": unit.x_bits * words}
        case "skew":
            return {"base": 1, "per_bit": acc}
        case "pool":
            return {"base": 1, "per_word_bit": word}
        case "lane":
            return {
                "base": 1,
                "per_lane": lanes,
                "per_lane_bit": lanes * unit.x_bits,
                "per_lane_word_bit": lanes * word,
            }
        case "ifmap_scratchpad" | "filter_scratchpad":
            banks, stream = scratchpad_banks(acc, port), port + acc
            return {
                "base": 1,
                "per_row_bit": acc,
                "per_shifted_bit": stream * math.log2(stream),
                "per_bank": banks,
                "per_bank_port_bit": (banks - 1) * port,
            }
        case "packer" | "scatter":
            mover = {"base": 1, "per_shifted_bit": shifted, "per_column_word_bit": lanes * word}
            choice = unit.feeder if unit.component == "scatter" and unit.dataflow != "is" else 1
            return mover | {"per_accumulator_bit": lanes * acc * choice}
        case "control":
            return {"base": 1, "per_port_bit": port, "per_lane_bit": lanes * (unit.x_bits + 1)}
    raise AssertionError(unit.component)


def delay_terms(unit: Unit) -> Terms:
    """Return the sizes that delays of a unit are linear in."""

    def log(size: float) -> float:
        return math.log2(max(1.0, size))

    lanes, word, port, acc = unit.lanes, unit.feeder * unit.x_bits, unit.port_bits, unit.acc_bits
    match unit.component:
        case "bank":
            return {"base": 1, "per_address_bit": acc, "per_log_column": log(unit.x_bits)}
        case "skew":
            return {"base": 1}
        case "pool":
            return {"base": 1, "per_log_x_bit": log(unit.x_bits)}
        case "lane":
            return {"base": 1, "per_log_lane": log(lanes), "per_log_feeder": log(unit.feeder)}
        case "ifmap_scratchpad" | "filter_scratchpad":
            banks = scratchpad_banks(acc, port)
            return {"base": 1, "per_log_stream_bit": log(port + acc), "per_log_bank": log(banks)}
        case "packer" | "scatter":
            return {"base": 1, "per_log_lane": log(lanes), "per_log_stream_bit": log(port + word)}
        case "control":
            return {"base": 1, "per_log_port_bit": log(port)}
    raise AssertionError(unit.component)


def scratchpad_banks(width: int, port_bits: int) -> int:
    """Return the banks of each half: as limen_scratchpad.v."""
    return 1 << (-(-port_bits // width) - 1).bit_length()
