"""`Imported`: what a reader of another format makes of a file, and how it becomes a network page of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import LimenError
from workloads.formats.network_page import page_bytes
from workloads.host.files import npz_bytes, write_new
from workloads.host.specfile import validate
from workloads.networks.network import Network, NetworkFile, load_network
from workloads.ops.registry import operation


@dataclass(frozen=True)
class NumberFormats:
    """The op and the widths of a network whose file doesn't say them. Activations have a sign where the op asks."""

    op: str = "mac"
    x_bits: int = 8
    w_bits: int = 8

    @property
    def keys(self) -> dict[str, Any]:
        """The keys of a page that say so."""
        return {**vars(self), "x_signed": operation(self.op).one_range}


@dataclass(frozen=True)
class Imported:
    """A network as another format has it.

    content: of its page (`NetworkFile`), without `checkpoint`.
    arrays: its integers, `LAYER.weights` and so on, as in a checkpoint; none where the shapes are all there is.
    notices: lines for whoever imports it: what was ignored, and what was read otherwise than it stands there.
    """

    content: dict[str, Any]
    notices: tuple[str, ...] = ()
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)


def write_imported(imported: Imported, source: Path, page: Path) -> Network:
    """Write the page, and beside it the checkpoint where there are integers; return the network.

    source: the file that was read, for error lines and the page's first line.

    Raises:
        LimenError: the content is no network, or a file exists or can't be written; then nothing is.
    """
    content = dict(imported.content)
    try:
        validate(NetworkFile, content, source).build_layers()
    except LimenError as error:
        prefix = "" if str(error).startswith(f"{source}: ") else f"{source}: "
        raise LimenError(f"{prefix}{error}") from None
    if page.exists():
        raise LimenError(f"{page}: exists; name a new file")
    if imported.arrays:
        checkpoint = page.with_suffix(".npz")
        content["checkpoint"] = checkpoint.name
    text = page_bytes(content, f"Imported from {source.name}.", page)
    if imported.arrays:
        write_new(checkpoint, npz_bytes(imported.arrays))  # first: the page that names it must not be without it
    write_new(page, text)
    return load_network(page)
