"""`Refusal`: why a point has no figures."""

from __future__ import annotations

from workloads.errors import LimenError


class Refusal(LimenError):
    """A point without figures: its fields don't go together, a layer doesn't fit its buffers, or it has no price."""
