"""`Refusal`: why a point has no figures."""

from __future__ import annotations

from workloads.errors import LimenError


class Refusal(LimenError):
    """A point without figures: its fields don't go together, a layer doesn't fit its buffers, or it has no price.

    missing_bytes: how many bytes of memory it lacks; 0 where no number of bytes says what does.
    """

    def __init__(self, message: str, missing_bytes: int = 0) -> None:
        super().__init__(message)
        self.missing_bytes = missing_bytes
