"""`Memory`: what lies behind the memory port."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from workloads.host.specfile import Spec

MOST_KIB = 65536
Kib = Annotated[float, Field(gt=0, le=MOST_KIB)]


class Memory(Spec):
    """The main memory of a design. kind: "dram" beside the chip, as large as need be, or "sram" on it, of `kib`."""

    kind: Literal["dram", "sram"] = "dram"
    kib: Kib | None = None

    @model_validator(mode="after")
    def _sized(self) -> Memory:
        if self.kind == "sram" and self.kib is None:
            raise ValueError(f"kib: nothing is not allowed for kind sram: a number above 0, at most {MOST_KIB}")
        if self.kind == "dram" and self.kib is not None:
            raise ValueError(f"kib: {self.kib:g} is not allowed for kind dram: only kind sram has a size")
        return self
