"""A textbook event queue for gates: one sequence at a time, plain Python, importing nothing of ours.

A net has inertial delays of a rise and of a fall and at most one pending event. A net told to go where it is drops
its event; told to go elsewhere it gets one, unless it has one already. All events of one time are applied before
the gates that read those nets are evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

Gate = tuple[int, tuple[int, ...], int]
"""Truth table (input i is bit i of the row), nets of the inputs, net of the output."""

Register = tuple[int, int, int]
"""Net of the data, net of the output, 1 where the output is the complement of the data."""


@dataclass
class Result:
    """Edges by net, and the settled values of all nets at the end of each step."""

    rises: list[int]
    falls: list[int]
    settled: list[list[int]]


class EventQueue:
    """Nets 0 and 1 are the constants. gates: in an order in which operands come before their use."""

    def __init__(self, nets: int, gates: list[Gate], registers: list[Register], delays: list[tuple[int, int]]) -> None:
        self.gates, self.registers, self.delays = gates, registers, delays
        self.values = [0, 1] + [0] * (nets - 2)
        self.readers: list[list[int]] = [[] for _ in range(nets)]
        for index, (_, inputs, output) in enumerate(gates):
            for net in inputs:
                self.readers[net].append(index)
            self.values[output] = self.evaluate(index)
        self.queue: list[tuple[int, int, int]] = []
        self.pending: dict[int, int] = {}
        self.tickets = 0

    def evaluate(self, index: int) -> int:
        table, inputs, _ = self.gates[index]
        row = sum(self.values[net] << place for place, net in enumerate(inputs))
        return table >> row & 1

    def go_to(self, net: int, value: int, now: int) -> None:
        if value == self.values[net]:
            self.pending.pop(net, None)  # its entry in the queue finds its ticket gone
        elif net not in self.pending:
            rise, fall = self.delays[net]
            self.tickets += 1
            self.pending[net] = self.tickets
            heappush(self.queue, (now + (rise if value else fall), self.tickets, net))

    def run(self, steps: list[dict[int, int]], warm_up: int) -> Result:
        """Step through input values by net; edges count from step `warm_up` on."""
        result = Result([0] * len(self.values), [0] * len(self.values), [])
        states = [0] * len(self.registers)
        for step, inputs in enumerate(steps):
            for (_, output, _), state in zip(self.registers, states, strict=True):
                self.go_to(output, state, 0)
            for net, value in inputs.items():
                self.go_to(net, value, 0)
            while self.queue:
                now = self.queue[0][0]
                touched: set[int] = set()
                while self.queue and self.queue[0][0] == now:
                    _, ticket, net = heappop(self.queue)
                    if self.pending.get(net) != ticket:
                        continue
                    del self.pending[net]
                    self.values[net] ^= 1
                    if step >= warm_up:
                        (result.rises if self.values[net] else result.falls)[net] += 1
                    touched.update(self.readers[net])
                for index in touched:
                    self.go_to(self.gates[index][2], self.evaluate(index), now)
            states = [self.values[data] ^ inverts for data, _, inverts in self.registers]
            result.settled.append(list(self.values))
        return result
