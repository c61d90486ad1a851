"""limen_operands: two blocks of one bank a lane, and the neutral operand where there is none."""

from __future__ import annotations

from numba import int64, void

from simulator.cycle.bits import CUBE, ROW
from simulator.cycle.im2col import IM2COL_RECORD
from simulator.cycle.wires import PARAMETERS_RECORD, WIRES_RECORD
from simulator.encoding import Dataflow
from workloads.host.jit import njit_in_place


@njit_in_place(void(CUBE, ROW, PARAMETERS_RECORD, WIRES_RECORD))
def read_operands(operands, x_out, parameters, wires):
    """Hand out an operand a lane from `operands` [2, lanes, depth]."""
    x_out[:] = parameters.neutral_x
    if wires.x_read:
        word = wires.x_addr * parameters.feeder + wires.x_element
        address = wires.x_addr if parameters.dataflow == Dataflow.WS else word
        if address < operands.shape[2]:
            for lane in range(min(operands.shape[1], wires.x_lanes_left)):
                x_out[lane] = operands[wires.x_half, lane, address]


@njit_in_place(int64(CUBE, ROW, IM2COL_RECORD, PARAMETERS_RECORD))
def write_operands(operands, ifmap_word, im2col, parameters):
    """Write the word the im2col unit has read, or padding of value 0; return what was written."""
    half, address, lane = im2col.write_half_reg, im2col.write_addr_reg, im2col.write_lane_reg
    inside = im2col.write_inside_reg
    feeder, lanes, depth = ifmap_word.shape[0], operands.shape[1], operands.shape[2]
    if parameters.dataflow != Dataflow.WS:
        for e in range(feeder):
            if lane < lanes and address * feeder + e < depth:
                operands[half, lane, address * feeder + e] = ifmap_word[e] if inside else 0
        return int64(1)
    written = int64(0)
    for place in range(im2col.write_count_reg):
        if 0 <= lane + place < lanes and address < depth:
            operands[half, lane + place, address] = ifmap_word[im2col.write_from_reg + place] if inside else 0
            written += 1
    return written
