"""`Counts`: what one layer costs on the machine, in cycles, accesses and bytes. Physical units come later."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.encoding import Phase

PHASES = tuple(phase.name.lower() for phase in Phase if phase != Phase.IDLE)
"""The parts of a layer's cycles, in the order of their codes."""


@dataclass(frozen=True)
class Counts:
    """One layer, from its descriptor's fetch to its last store; every part is exact at every level.

    preload, stream, drain, pipeline, pool: cycles in which the array or the pooling unit works. stall_*: cycles in
    which it waits, for operands from the im2col unit (feeder), for loads (ifmap with residuals, filter), for the
    store of a tile (ofmap), or for descriptors and hand-over between tiles (control).
    folds: passes of the array; tiles: steps of the schedule. streaming: cycles in which operands of folds stream.
    busy: PE-cycles on real operand pairs, padding included.
    used_rows, used_cols: rows and columns of the array that a fold uses, summed over the cycles its operands stream.
    beats_*: moved over the memory port. *_reads, *_writes: rows or words of each memory, see docs/machine.md.
    port_bytes: bytes a beat.
    """

    preload: int
    stream: int
    drain: int
    pipeline: int
    pool: int
    stall_feeder: int
    stall_ifmap: int
    stall_filter: int
    stall_ofmap: int
    stall_control: int
    folds: int
    tiles: int
    streaming: int
    busy: int
    used_rows: int
    used_cols: int
    beats_store: int
    beats_descriptor: int
    beats_filter: int
    beats_ifmap: int
    beats_residual: int
    ifmap_reads: int
    ifmap_writes: int
    weight_reads: int
    weight_writes: int
    polarity_reads: int
    polarity_writes: int
    channel_reads: int
    channel_writes: int
    operand_reads: int
    operand_writes: int
    ofmap_reads: int
    ofmap_writes: int
    pack_reads: int
    scatter_writes: int
    port_bytes: int

    @property
    def cycles(self) -> int:
        return sum(getattr(self, phase) for phase in PHASES)

    @property
    def beats(self) -> int:
        return self.beats_store + self.beats_descriptor + self.beats_filter + self.beats_ifmap + self.beats_residual

    @property
    def dram_bytes(self) -> int:
        return self.beats * self.port_bytes

    def idle(self, pes: int) -> int:
        """PE-cycles not spent on a real operand pair."""
        return pes * self.cycles - self.busy

    def utilisation(self, pes: int) -> float:
        """Busy PE-cycles over PEs × cycles."""
        return self.busy / (pes * self.cycles)
