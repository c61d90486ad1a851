"""`Imported`: what a reader of another format makes of a file, and how it becomes a network page of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from workloads.errors import LimenError
from workloads.formats.network_page import page_bytes
from workloads.host.files import npz_bytes, write_new
from workloads.host.scratch import scratch_folder
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
        LimenError: content and integers are no network, or a file exists or can't be written; then nothing is.
    """
    content, checkpoint = dict(imported.content), page.with_suffix(".npz")
    try:
        validate(NetworkFile, content, source).build_layers()
    except LimenError as error:
        prefix = "" if str(error).startswith(f"{source}: ") else f"{source}: "
        raise LimenError(f"{prefix}{error}") from None
    if os.path.lexists(page):
        raise LimenError(f"{page}: exists; name a new file")
    files = {}
    if imported.arrays:
        content["checkpoint"] = checkpoint.name
        files[checkpoint] = npz_bytes(imported.arrays)  # first: the page that names it must not be without it
    files[page] = page_bytes(content, f"Imported from {source.name}.", page)
    with scratch_folder(beside=page) as scratch:
        for path, text in files.items():
            write_new(scratch / path.name, text)
        try:
            network = load_network(scratch / page.name)
        except LimenError as error:
            raise LimenError(str(error).replace(str(scratch), str(source))) from None
    written: list[Path] = []
    try:
        for path, text in files.items():
            write_new(path, text)
            written.append(path)
    except LimenError:
        for path in written:
            path.unlink()
        raise
    return network
