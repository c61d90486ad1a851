"""`UnmappedOp`: an operator of a network that the machine doesn't have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from workloads.host.specfile import Spec


class UnmappedOp(Spec):
    """What a network needs beside its layers, and no design computes: it runs elsewhere, and nothing of it is counted.

    op: its name. count: how often it stands in the network. share: of all operations of an image, which are the pairs
    of operands that the array takes and, of each operator that isn't on the machine, the products that it takes (of an
    LSTM, say), or else the values that it writes.
    """

    op: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_.]*$")]
    count: Annotated[int, Field(ge=1, le=1_000_000)]
    share: Annotated[float, Field(ge=0, le=1)]

    def __str__(self) -> str:
        return f"{self.op} × {self.count} ({100 * self.share:.2g} %)"
