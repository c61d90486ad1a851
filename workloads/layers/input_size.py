"""`InputEntry`: the size of a network's input, or of a tensor that a layer has to itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from workloads.host.specfile import Spec

Size = Annotated[int, Field(ge=1, le=65535)]


class InputEntry(Spec):
    """The size of an input: height and width, or the length of a 1-D network, and channels."""

    height: Size = 1
    width: Size = 1
    length: Size | None = None
    channels: Size

    @model_validator(mode="after")
    def _fits(self) -> InputEntry:
        if self.length is not None and self.model_fields_set & {"height", "width"}:
            raise ValueError(f"length: {self.length} is not allowed: give either length, or height and width")
        return self

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.height, self.width, self.channels) if self.length is None else (self.length, 1, self.channels)
