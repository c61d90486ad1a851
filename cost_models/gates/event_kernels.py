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

import numpy as np
from numba import uint64

from cost_models.gates.switching_kernels import count_ones, evaluate
from workloads.host.jit import njit


@njit(
    "int64(int64, uint64, int64, int64[:, :], uint64[:], uint64[:], int64[:], uint64[:, :, :], uint64[:, :],int64[:])",
)
def head_for(net, word, now, delays_ps, words, pending, live, events, wheel, marked):
    """Let a net head for `word` and return how many marks of the wheel that adds.

    pending [nets]: lanes with an event. live [nets]: events of a net; times, masks [nets, 64]: when, and for which
    lanes, no lane in two of them. wheel [horizon, nets / 64]: a mark for each net that may have an event at a
    time, modulo the horizon, which no delay reaches; marked [horizon]: how many.
    """
    leaving = word ^ words[net]
    cancelled = pending[net] & ~leaving
    added = leaving & ~pending[net]
    pending[net] = leaving
    if cancelled:
        kept = 0
        for index in range(live[net]):
            mask = events[net, index, 1] & ~cancelled
            if mask:
                events[net, kept, 1] = mask
                events[net, kept, 0] = events[net, index, 0]
                kept += 1
        live[net] = kept
    marks = 0
    for edge in range(2):
        mask = added & (word if edge == 0 else ~word)
        if mask:
            time = now + delays_ps[net, edge]
            events[net, live[net], 0] = time
            events[net, live[net], 1] = mask
            live[net] += 1
            place = time & (wheel.shape[0] - 1)
            mark = uint64(1) << uint64(net & 63)
            if not wheel[place, net >> 6] & mark:
                wheel[place, net >> 6] |= mark
                marked[place] += 1
                marks += 1
    return marks


@njit("uint64(int64, int64, uint64[:], int64[:], uint64[:, :, :])")
def due(net, now, pending, live, events):
    """Take the events of a net at a time out of its list and return their lanes."""
    found = uint64(0)
    kept = 0
    for index in range(live[net]):
        if events[net, index, 0] == uint64(now):
            found |= events[net, index, 1]
        else:
            events[net, kept, 0] = events[net, index, 0]
            events[net, kept, 1] = events[net, index, 1]
            kept += 1
    live[net] = kept
    pending[net] &= ~found
    return found


@njit(
    "void(int64[:, :], int64[:], int64[:], uint64[:], int64[:], int64[:, :], int64[:], int64[:], uint64[:], int64[:],"
    "int64[:], uint64[:, :], int64[:], int64, uint64[:, :], int64[:], int64[:], int64[:, :])",
)
def simulate_events(
    delays_ps,
    reader_starts,
    readers,
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

    delays_ps [nets, 2]: see above. readers[reader_starts[net] : reader_starts[net + 1]]: the gates that read a net.
    rises, falls [nets]: edges of all events from step warm_up on, glitches among them. The rest is as in `simulate`.
    """
    nets = rises.shape[0]
    words = np.zeros(nets, dtype=np.uint64)
    scratch = np.zeros(64, dtype=np.uint64)
    state = np.zeros(register_data.shape[0], dtype=np.uint64)
    pending = np.zeros(nets, dtype=np.uint64)
    live = np.zeros(nets, dtype=np.int64)
    events = np.zeros((nets, 64, 2), dtype=np.uint64)
    horizon = 1
    while horizon <= delays_ps.max():
        horizon *= 2
    wheel = np.zeros((horizon, (nets + 63) // 64), dtype=np.uint64)
    marked = np.zeros(wheel.shape[0], dtype=np.int64)
    affected = np.zeros(gate_nets.shape[0], dtype=np.int64)
    is_affected = np.zeros(gate_nets.shape[0], dtype=np.bool_)
    words[1] = ~uint64(0)
    for index in range(gate_nets.shape[0]):
        words[gate_nets[index]] = evaluate(tables[index], gate_inputs[index], words, gate_operands[index], scratch)
    for step in range(input_words.shape[0]):
        marks = 0
        for index in range(register_outputs.shape[0]):
            net = register_outputs[index]
            marks += head_for(net, state[index], 0, delays_ps, words, pending, live, events, wheel, marked)
        for index in range(input_nets.shape[0]):
            net, word = input_nets[index], input_words[step, index]
            marks += head_for(net, word, 0, delays_ps, words, pending, live, events, wheel, marked)
        now = 0
        while marks > 0:
            place = now & (wheel.shape[0] - 1)
            if marked[place] > 0:
                marks -= marked[place]
                marked[place] = 0
                count = 0
                for block in range(wheel.shape[1]):
                    left = wheel[place, block]
                    wheel[place, block] = uint64(0)
                    while left:
                        net = 64 * block + int(count_ones((left & (~left + uint64(1))) - uint64(1)))
                        left &= left - uint64(1)
                        lanes = due(net, now, pending, live, events)
                        if lanes:  # or all were cancelled
                            words[net] ^= lanes
                            if step >= warm_up:
                                rises[net] += count_ones(lanes & words[net])
                                falls[net] += count_ones(lanes & ~words[net])
                            for reader in range(reader_starts[net], reader_starts[net + 1]):
                                if not is_affected[readers[reader]]:
                                    is_affected[readers[reader]] = True
                                    affected[count] = readers[reader]
                                    count += 1
                for index in range(count):
                    gate = affected[index]
                    is_affected[gate] = False
                    net = gate_nets[gate]
                    word = evaluate(tables[gate], gate_inputs[gate], words, gate_operands[gate], scratch)
                    marks += head_for(net, word, now, delays_ps, words, pending, live, events, wheel, marked)
            now += 1
        for index in range(register_data.shape[0]):
            state[index] = words[register_data[index]] ^ register_inverts[index]
        for index in range(output_nets.shape[0]):
            output_words[step, index] = words[output_nets[index]]
        if step >= warm_up:
            for index in range(register_data.shape[0]):
                data = words[register_data[index]]
                output = words[register_outputs[index]]
                register_states[index, 3] += count_ones(data & output)
                register_states[index, 2] += count_ones(data & ~output)
                register_states[index, 1] += count_ones(~data & output)
                register_states[index, 0] += count_ones(~data & ~output)
