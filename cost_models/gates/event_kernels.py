"""Jitted simulation with event times: 64 sequences side by side, one bit of a word each. Arrays and integers only.

The model, lane by lane:

- Before step 0 input nets and registers are 0 and all gates have settled.
- A step begins at time 0. Every source net, an input or a register's output, heads for its new value; a register's is
  what its data net settled at in the step before, or the complement of that if it inverts. A step lasts until nothing
  is pending: no clock is too short.
- A net that heads for another value than it has gets one pending event, its delay from now: delays_ps[net, 0] if it
  will rise, [net, 1] if it will fall. A net that heads for the value it has loses its pending event. A net that has a
  pending event and still heads for the same value keeps it at its time. These are inertial delays as those of
  Verilog's gate primitives, with at most one pending event per net.
- Events of one time are applied together; then each gate with a changed input is evaluated once, and its net heads for
  the result. Delays of gates are 1 ps at least, so no evaluation adds to the time it is made in. So a pulse at a
  gate that is as long as its delay passes, and a shorter one doesn't.
- Each applied event is an edge. Pulses have no slope and are counted in full.

A lane with a pending event is one whose gate evaluates to another value than its net has. So evaluating a gate in
lanes in which no input changed does nothing, and one evaluation serves all lanes.
"""

from typing import NamedTuple

import numpy as np
from numba import boolean, int64, types, uint64, void

from cost_models.gates.switching_kernels import (
    CIRCUIT,
    INT_TABLE,
    INTS,
    TALLY,
    WORD_TABLE,
    WORDS,
    count_ones,
    count_registers,
    end_step,
    evaluate,
    settle,
)
from workloads.host.jit import njit, njit_in_place


class Queue(NamedTuple):
    """Values of nets, and what is pending.

    delays_ps [nets, 2]: of a rise and of a fall. words [nets]: values. pending [nets]: lanes with an event. times
    [nets, bits]: when these are, modulo the horizon, a bit of the times of all lanes a word; only those of pending
    lanes mean something. wheel [horizon, nets / 64]: a mark for each net that may have an event at a time, modulo the
    horizon, 2 to the bits, which no delay reaches; marked [horizon]: how many. scratch [64]: for `evaluate`.
    """

    delays_ps: np.ndarray
    words: np.ndarray
    pending: np.ndarray
    times: np.ndarray
    wheel: np.ndarray
    marked: np.ndarray
    scratch: np.ndarray


class Readers(NamedTuple):
    """Gates by the nets that they read, and those to evaluate at one time.

    readers[starts[net] : starts[net + 1]]: the gates that read a net. affected [gates]: gates with a changed input,
    each once; is_affected [gates]: whether one is among them.
    """

    starts: np.ndarray
    readers: np.ndarray
    affected: np.ndarray
    is_affected: np.ndarray


QUEUE = types.NamedTuple([INT_TABLE, WORDS, WORDS, WORD_TABLE, WORD_TABLE, INTS, WORDS], Queue)
READERS = types.NamedTuple([INTS, INTS, INTS, boolean[::1]], Readers)


@njit_in_place(int64(QUEUE, int64, uint64, int64))
def head_for(queue, net, word, now):
    """Let a net head for `word` and return how many marks of the wheel that adds."""
    wheel = queue.wheel
    leaving = word ^ queue.words[net]
    added = leaving & ~queue.pending[net]
    queue.pending[net] = leaving
    marks = 0
    for edge in range(2):
        mask = added & (word if edge == 0 else ~word)
        if mask:
            place = (now + queue.delays_ps[net, edge]) & (wheel.shape[0] - 1)
            for bit in range(queue.times.shape[1]):
                if (place >> bit) & 1:
                    queue.times[net, bit] |= mask
                else:
                    queue.times[net, bit] &= ~mask
            mark = uint64(1) << uint64(net & 63)
            if not wheel[place, net >> 6] & mark:
                wheel[place, net >> 6] |= mark
                queue.marked[place] += 1
                marks += 1
    return marks


@njit_in_place(uint64(QUEUE, int64, int64))
def due(queue, net, place):
    """Return the lanes of a net with an event at this time, modulo the horizon, which they have no longer."""
    lanes = queue.pending[net]
    for bit in range(queue.times.shape[1]):
        lanes &= queue.times[net, bit] if (place >> bit) & 1 else ~queue.times[net, bit]
    queue.pending[net] &= ~lanes
    return lanes


@njit_in_place(int64(QUEUE, READERS, int64, uint64, int64))
def affect(queue, readers, net, lanes, count):
    """Change a net in these lanes and note its readers behind `count` others; return how many there are then."""
    queue.words[net] ^= lanes
    for reader in range(readers.starts[net], readers.starts[net + 1]):
        gate = readers.readers[reader]
        if not readers.is_affected[gate]:
            readers.is_affected[gate] = True
            readers.affected[count] = gate
            count += 1
    return count


@njit_in_place(int64(QUEUE, READERS, int64, TALLY, int64))
def apply_events(queue, readers, now, tally, counts):
    """Apply all events of a time, and count their edges if that counts; return how many gates are affected."""
    place, count = now & (queue.wheel.shape[0] - 1), int64(0)
    for block in range(queue.wheel.shape[1]):
        left = queue.wheel[place, block]
        queue.wheel[place, block] = uint64(0)
        while left:
            net = 64 * block + int64(count_ones((left & (~left + uint64(1))) - uint64(1)))
            left &= left - uint64(1)
            lanes = due(queue, net, place)
            if lanes:  # or all were cancelled
                count = affect(queue, readers, net, lanes, count)
                if counts:
                    tally.rises[net] += count_ones(lanes & queue.words[net])
                    tally.falls[net] += count_ones(lanes & ~queue.words[net])
    return count


@njit_in_place(int64(CIRCUIT, QUEUE, READERS, int64, int64))
def evaluate_affected(circuit, queue, readers, now, count):
    """Let the nets of so many affected gates head for what these give; return how many marks that adds."""
    marks = int64(0)
    for index in range(count):
        gate = readers.affected[index]
        readers.is_affected[gate] = False
        operands, inputs = circuit.gate_operands[gate], circuit.gate_inputs[gate]
        word = evaluate(circuit.tables[gate], inputs, queue.words, operands, queue.scratch)
        marks += head_for(queue, circuit.gate_nets[gate], word, now)
    return marks


@njit_in_place(void(CIRCUIT, QUEUE, READERS, int64, TALLY, int64))
def run_step(circuit, queue, readers, marks, tally, counts):
    """Go on from time to time until nothing is pending; marks: of the wheel at time 0."""
    now = int64(0)
    while marks > 0:
        place = now & (queue.wheel.shape[0] - 1)
        if queue.marked[place] > 0:
            marks -= queue.marked[place]
            queue.marked[place] = 0
            count = apply_events(queue, readers, now, tally, counts)
            marks += evaluate_affected(circuit, queue, readers, now, count)
        now += 1


@njit_in_place(int64(CIRCUIT, QUEUE, WORDS, WORDS))
def begin_step(circuit, queue, state, inputs):
    """Let registers' outputs and inputs head for their new values; return how many marks of the wheel that adds."""
    marks = int64(0)
    for index in range(state.shape[0]):
        marks += head_for(queue, circuit.register_outputs[index], state[index], 0)
    for index in range(inputs.shape[0]):
        marks += head_for(queue, circuit.input_nets[index], inputs[index], 0)
    return marks


def make_queue(delays_ps: np.ndarray) -> Queue:
    """Return nets at 0, but for the constant 1, and nothing pending."""
    nets = len(delays_ps)
    bits = int(delays_ps.max()).bit_length()
    words = np.zeros(nets, dtype=np.uint64)
    words[1] = ~np.uint64(0)
    return Queue(
        delays_ps=delays_ps,
        words=words,
        pending=np.zeros(nets, dtype=np.uint64),
        times=np.zeros((nets, bits), dtype=np.uint64),
        wheel=np.zeros((1 << bits, (nets + 63) // 64), dtype=np.uint64),
        marked=np.zeros(1 << bits, dtype=np.int64),
        scratch=np.zeros(64, dtype=np.uint64),
    )


@njit(void(CIRCUIT, QUEUE, READERS, WORD_TABLE, int64, TALLY))
def simulate_events(circuit, queue, readers, input_words, warm_up, tally):
    """Step a netlist through input_words [steps, inputs], all 64 sequences from registers at 0.

    Edges of all events from step warm_up on are counted, glitches among them, and states as in `simulate`.
    """
    state = np.zeros(circuit.register_data.shape[0], dtype=np.uint64)
    settle(circuit, queue.words, queue.scratch)
    for step in range(input_words.shape[0]):
        marks = begin_step(circuit, queue, state, input_words[step])
        run_step(circuit, queue, readers, marks, tally, step >= warm_up)
        end_step(circuit, queue.words, state, tally.output_words[step])
        if step >= warm_up:
            count_registers(circuit, queue.words, tally.register_states)
