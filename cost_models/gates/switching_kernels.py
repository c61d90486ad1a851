"""Jitted zero-delay simulation: 64 sequences side by side, one bit of a word each. Arrays and integers only."""

from typing import NamedTuple

import numpy as np
from numba import int64, types, uint64, void

from workloads.host.jit import njit, njit_in_place

INTS, WORDS, INT_TABLE, WORD_TABLE = int64[::1], uint64[::1], int64[:, ::1], uint64[:, ::1]


class Circuit(NamedTuple):
    """A netlist.

    tables, gate_inputs, gate_nets [gates]: truth table, number of inputs, and net it drives; gate_operands [gates,
    most]: nets it reads. register_data, register_outputs [registers]: nets; register_inverts: all ones where the
    output is the complement of the data, else 0. input_nets, output_nets: of the ports.
    """

    tables: np.ndarray
    gate_inputs: np.ndarray
    gate_operands: np.ndarray
    gate_nets: np.ndarray
    register_data: np.ndarray
    register_inverts: np.ndarray
    register_outputs: np.ndarray
    input_nets: np.ndarray
    output_nets: np.ndarray


class Tally(NamedTuple):
    """What a simulation gives.

    output_words [steps, outputs]: settled values of output_nets. rises, falls [nets]: edges. register_states
    [registers, 4]: how often a register settled with (data, output) = index 2·data + output.
    """

    output_words: np.ndarray
    rises: np.ndarray
    falls: np.ndarray
    register_states: np.ndarray


CIRCUIT = types.NamedTuple([WORDS, INTS, INT_TABLE, INTS, INTS, WORDS, INTS, INTS, INTS], Circuit)
TALLY = types.NamedTuple([WORD_TABLE, INTS, INTS, INT_TABLE], Tally)


@njit("uint64(uint64)")
def count_ones(word):
    """Number of ones in a 64-bit word (the SWAR method)."""
    word = word - ((word >> uint64(1)) & uint64(0x5555555555555555))
    word = (word & uint64(0x3333333333333333)) + ((word >> uint64(2)) & uint64(0x3333333333333333))
    word = (word + (word >> uint64(4))) & uint64(0x0F0F0F0F0F0F0F0F)
    return (word * uint64(0x0101010101010101)) >> uint64(56)


@njit("uint64(uint64, int64, uint64[::1], int64[::1], uint64[::1])")
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


@njit_in_place(void(CIRCUIT, WORDS, WORDS))
def settle(circuit, words, scratch):
    """Evaluate all gates, each behind those that drive it."""
    for index in range(circuit.gate_nets.shape[0]):
        operands = circuit.gate_operands[index]
        word = evaluate(circuit.tables[index], circuit.gate_inputs[index], words, operands, scratch)
        words[circuit.gate_nets[index]] = word


@njit_in_place(void(CIRCUIT, WORDS, WORDS, WORDS))
def end_step(circuit, words, state, outputs):
    """Take the clock edge: registers get their next state, outputs their settled value."""
    for index in range(circuit.register_data.shape[0]):
        state[index] = words[circuit.register_data[index]] ^ circuit.register_inverts[index]
    for index in range(circuit.output_nets.shape[0]):
        outputs[index] = words[circuit.output_nets[index]]


@njit_in_place(void(CIRCUIT, WORDS, INT_TABLE))
def count_registers(circuit, words, register_states):
    """Count how registers have settled."""
    for index in range(circuit.register_data.shape[0]):
        data = words[circuit.register_data[index]]
        output = words[circuit.register_outputs[index]]
        register_states[index, 3] += count_ones(data & output)
        register_states[index, 2] += count_ones(data & ~output)
        register_states[index, 1] += count_ones(~data & output)
        register_states[index, 0] += count_ones(~data & ~output)


@njit(void(CIRCUIT, WORD_TABLE, int64, TALLY))
def simulate(circuit, input_words, warm_up, tally):
    """Step a netlist through input_words [steps, inputs], all 64 sequences from registers at 0.

    Edges are of settled values between consecutive steps. They and states count from step warm_up on.
    """
    nets = tally.rises.shape[0]
    words, before = np.zeros(nets, dtype=np.uint64), np.zeros(nets, dtype=np.uint64)
    scratch, state = np.zeros(64, dtype=np.uint64), np.zeros(circuit.register_data.shape[0], dtype=np.uint64)
    words[1] = ~uint64(0)
    for step in range(input_words.shape[0]):
        for index in range(state.shape[0]):
            words[circuit.register_outputs[index]] = state[index]
        for index in range(input_words.shape[1]):
            words[circuit.input_nets[index]] = input_words[step, index]
        settle(circuit, words, scratch)
        end_step(circuit, words, state, tally.output_words[step])
        if step >= warm_up:
            for net in range(nets):
                tally.rises[net] += count_ones(words[net] & ~before[net])
                tally.falls[net] += count_ones(before[net] & ~words[net])
            count_registers(circuit, words, tally.register_states)
        before[:] = words
