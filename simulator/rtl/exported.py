"""What an exported folder holds, read once and checked. Verilog, parameters and vectors are taken, and nothing else.

Files are opened from the folder's own handle, so that all of them are of one folder even while another takes its
place, and links are not followed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import ConfigDict, Field

from simulator.designs.design import FittedDesign
from simulator.rtl.export import CHIP_FILE, FILE_LIST, MARKER, VECTORS, chip_verilog, rtl_parameters
from simulator.rtl.vectors import check_vectors
from simulator.rtl.verilog_text import plain_verilog
from workloads.errors import LimenError, shown
from workloads.host.specfile import Spec, validate
from workloads.layers.layer import Layer
from workloads.networks.network import Network
from workloads.ops.integers import RAW_BITS

MOST_BYTES = {MARKER: 1 << 26, FILE_LIST: 1 << 16, VECTORS: 1 << 31}
MOST_VERILOG_BYTES = 1 << 22
MOST_FILES = 256
LISTED = re.compile(r"rtl/(limen_\w+\.v)", re.ASCII)
EXPECTED = "expected a file of limen export"


class LayerFacts(Spec):
    """A layer in params.json; its form (`Layer`) is among the extra keys."""

    model_config = ConfigDict(extra="allow")
    layer: str
    bits: int
    parts: Any
    order: Any
    cycles: int


class Facts(Spec):
    """params.json."""

    limen: str
    network: str
    images: Annotated[int, Field(ge=1)]
    design: dict[str, Any]
    verilog: dict[str, int]
    layers: Annotated[list[LayerFacts], Field(min_length=1)]


@dataclass(frozen=True)
class ExportedFolder:
    """Checked contents of an exported folder.

    network: shapes only. verilog: text without comments, by file name, in the order listed. vectors: the vector file.
    bits: output bits of an image. sha256: of every file taken, by its path in the folder.
    """

    design: FittedDesign
    network: Network
    images: int
    verilog: dict[str, str]
    vectors: bytes
    bits: int
    sha256: dict[str, str]


def read_exported(folder: Path, with_vectors: bool = True) -> ExportedFolder:
    """Read a folder that `limen export` wrote; without vectors where only the hardware matters.

    The chip's file must be the one that the parameters give, the parameters those of the design, and the vectors'
    sizes those of the layers; other Verilog may be anything that `plain_verilog` lets pass.

    Raises:
        LimenError: something is missing, not allowed or doesn't fit; it names file, field, value and what is allowed.
    """
    with ExitStack() as closing:
        source = FolderSource(folder, closing)
        facts = validate(Facts, read_json(source, MARKER), folder / MARKER)
        design, network, cycles = _read_parameters(facts, folder / MARKER)
        verilog = read_verilog(source)
        vectors = source.read(VECTORS, MOST_BYTES[VECTORS]) if with_vectors else b""
    expected = plain_verilog(chip_verilog(facts.verilog, "").encode(), CHIP_FILE)
    if verilog.get(CHIP_FILE, "").split() != expected.split():
        raise LimenError(f"{folder}/rtl/{CHIP_FILE}: differs from what {MARKER} gives; export it again")
    if with_vectors:
        check_vectors(vectors, folder / VECTORS, network, design, facts.images, cycles)
    return ExportedFolder(
        design, network, facts.images, verilog, vectors, sum(layer.bits for layer in facts.layers), source.sha256
    )


class FolderSource:
    """A folder opened once; what is read from it is hashed."""

    def __init__(self, folder: Path, closing: ExitStack) -> None:
        self.folder, self.closing = folder, closing
        self.sha256: dict[str, str] = {}
        self._handles = {"": self._open(folder, str(folder), None, os.O_DIRECTORY)}

    def _open(self, path: Path, name: str, parent: int | None, flags: int) -> int:
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags, dir_fd=parent)
        except OSError as error:
            link = parent is not None and os.path.islink(path)
            reason = "a link; only files of the folder itself are allowed" if link else error.strerror
            raise LimenError(f"{path}: cannot be read: {reason}; {EXPECTED}") from None
        except ValueError:  # a null character in the name
            raise LimenError(f"{shown(str(path))}: not a path; {EXPECTED}") from None
        self.closing.callback(os.close, handle)
        return handle

    def read(self, name: str, most_bytes: int) -> bytes:
        """Return the content of a file, named by its path in the folder, of at most so many bytes."""
        path = self.folder / name
        parent, _, file_name = name.rpartition("/")
        if parent not in self._handles:
            flags = os.O_DIRECTORY | os.O_NOFOLLOW
            self._handles[parent] = self._open(self.folder / parent, parent, self._handles[""], flags)
        handle = self._open(path, file_name, self._handles[parent], os.O_NOFOLLOW)
        state = os.fstat(handle)
        if not stat.S_ISREG(state.st_mode):
            raise LimenError(f"{path}: not a file; {EXPECTED}")
        if state.st_size > most_bytes:
            raise LimenError(f"{path}: {state.st_size} bytes are not allowed: at most {most_bytes}")
        with os.fdopen(os.dup(handle), "rb") as file:
            content = file.read(most_bytes)
        self.sha256[name] = hashlib.sha256(content).hexdigest()
        return content


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; readers disagree on which of two equal keys counts."""
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("duplicate key")
    return content


def read_json(source: FolderSource, name: str) -> dict[str, Any]:
    """Return the JSON object in a file of a folder."""
    path = source.folder / name
    try:
        content = json.loads(source.read(name, MOST_BYTES[MARKER]).decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        problem = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else f"not JSON: {error}"
        raise LimenError(f"{path}: {problem}; {EXPECTED}") from None
    if not isinstance(content, dict):
        raise LimenError(f"{path}: {shown(content)} is not allowed: a JSON object; {EXPECTED}")
    return content


def _read_parameters(facts: Facts, path: Path) -> tuple[FittedDesign, Network, list[int]]:
    """Return design, network and the cycles of each layer; what params.json derives from them must be so."""
    design = validate(FittedDesign, _tuples(facts.design), f"{path}: design")
    if facts.verilog != rtl_parameters(design):
        raise LimenError(f"{path}: verilog: differs from its design's parameters; export it again")
    layers = [_read_layer(entry, path) for entry in facts.layers]
    try:
        network = Network(facts.network, tuple(layers))
    except LimenError as error:
        raise LimenError(f"{path}: {error}") from None
    return design, network, [entry.cycles for entry in facts.layers]


def _read_layer(entry: LayerFacts, path: Path) -> Layer:
    form = {name: value for name, value in _tuples(entry.model_extra or {}).items() if name != "name"}
    layer = validate(Layer, form | {"name": entry.layer}, f"{path}: layer {shown(entry.layer)}")
    bits = layer.pixels * layer.out_channels * (layer.y_bits or RAW_BITS)
    if entry.bits != bits:
        raise LimenError(f"{path}: layer {layer.name}: bits: {shown(entry.bits)} is not allowed: {bits}, as its shape")
    return layer


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    """Return JSON's fields as specs take them."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def read_verilog(source: FolderSource) -> dict[str, str]:
    """Return the Verilog files that filelist.f lists, without comments, by name and in that order."""
    files = {name: source.read(f"rtl/{name}", MOST_VERILOG_BYTES) for name in _read_list(source)}
    return {name: plain_verilog(content, f"{source.folder}/rtl/{name}") for name, content in files.items()}


def _read_list(source: FolderSource) -> list[str]:
    """Return the names of the Verilog files that filelist.f lists."""
    path = source.folder / FILE_LIST
    try:
        lines = source.read(FILE_LIST, MOST_BYTES[FILE_LIST]).decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise LimenError(f"{path}: not ASCII text; {EXPECTED}") from None
    names = []
    for number, line in enumerate(lines, 1):
        listed = LISTED.fullmatch(line)
        if listed is None or listed[1] in names:
            allowed = "rtl/limen_NAME.v, a file a line and each once"
            raise LimenError(f"{path}: line {number}: {shown(line)} is not allowed: {allowed}")
        names.append(listed[1])
    if not 0 < len(names) <= MOST_FILES:
        raise LimenError(f"{path}: {len(names)} files are not allowed: 1 to {MOST_FILES}")
    return names
