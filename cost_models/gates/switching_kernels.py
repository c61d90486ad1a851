"""Jitted zero-delay simulation: 64 sequences side by side, one bit of a word each. Arrays and integers only."""

import numpy as np
from numba import uint64

from workloads.host.jit import njit


@njit("uint64(uint64)")
def count_ones(word):
    """Number of ones in a 64-bit word (the SWAR method)."""
    word = word - ((word >> uint64(1)) & uint64(0x5555555555555555))
    word = (word & uint64(0x3333333333333333)) + ((word >> uint64(2)) & uint64(0x3333333333333333))
    word = (word + (word >> uint64(4))) & uint64(0x0F0F0F0F0F0F0F0F)
    return (word * uint64(0x0101010101010101)) >> uint64(56)


@njit("uint64(uint64, int64, uint64[:], int64[:], uint64[:])")
def evaluate(table, inputs, words, operands, scratch):
    """One gate on 64 vectors at once: the truth table folded by its inputs, the last one first."""
    for row in range(1 << inputs):
        scratch[row] = uint64(0) - ((table >> uint64(row)) & uint64(1))
    for index in range(inputs - 1, -1, -1):
        word = words[operands[index]]
        half = 1 << index
        for row in range(half):
            scratch[row] = (~word & scratch[row]) | (word & scratch[row + half])
    return scratch[0]


@njit(
    "void(uint64[:], int64[:], int64[:, :], int64[:], int64[:], uint64[:], int64[:], int64[:], uint64[:, :], int64[:],"
    "int64, uint64[:, :], int64[:], int64[:], int64[:, :])",
)
def simulate(
    tables,
    gate_inputs,
    gate_operands,
    gate_nets,
    register_data,
    register_inverts,
    register_outputs,
    input_nets,
    input_words,
    output_nets,
    warm_up,
    output_words,
    rises,
    falls,
    register_states,
):
    """Step a netlist through input_words [steps, inputs], all 64 sequences from registers at 0.

    register_inverts [registers]: all ones where the output is the complement of the data, else 0.
    output_words [steps, outputs]: settled values of output_nets. rises, falls [nets]: edges of settled values
    between consecutive steps, from step warm_up on. register_states [registers, 4]: how often a register
    settled with (data, output) = index 2·data + output, over the same steps.
    """
    words = np.zeros(rises.shape[0], dtype=np.uint64)
    before = np.zeros(rises.shape[0], dtype=np.uint64)
    scratch = np.zeros(64, dtype=np.uint64)
    state = np.zeros(register_data.shape[0], dtype=np.uint64)
    words[1] = ~uint64(0)
    for step in range(input_words.shape[0]):
        for index in range(register_outputs.shape[0]):
            words[register_outputs[index]] = state[index]
        for index in range(input_nets.shape[0]):
            words[input_nets[index]] = input_words[step, index]
        for index in range(gate_nets.shape[0]):
            words[gate_nets[index]] = evaluate(tables[index], gate_inputs[index], words, gate_operands[index], scratch)
        for index in range(register_data.shape[0]):
            state[index] = words[register_data[index]] ^ register_inverts[index]
        for index in range(output_nets.shape[0]):
            output_words[step, index] = words[output_nets[index]]
        if step >= warm_up:
            for net in range(words.shape[0]):
                rises[net] += count_ones(words[net] & ~before[net])
                falls[net] += count_ones(before[net] & ~words[net])
            for index in range(register_data.shape[0]):
                data = words[register_data[index]]
                output = words[register_outputs[index]]
                both = count_ones(data & output)
                register_states[index, 3] += both
                register_states[index, 2] += count_ones(data & ~output)
                register_states[index, 1] += count_ones(~data & output)
                register_states[index, 0] += count_ones(~data & ~output)
        before[:] = words
