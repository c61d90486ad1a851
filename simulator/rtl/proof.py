"""`Proof`: what a folder's Verilog gave, kept there with all that it was proved from, so that nothing is proved twice.

Folders may come from somebody else, and with them a proof that nobody ever made. So only one that this user's own
`verify` wrote is believed: the cache has the SHA-256 of each.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from workloads.errors import LimenError
from workloads.host.caches import cache_folder
from workloads.host.files import write_whole
from workloads.host.opening import lines_of

PROOF = "proof.json"
OWN_PROOFS = "proofs.txt"
"""In the cache: the SHA-256 of every proof.json that was written, a line each."""

MOST_BYTES = 1 << 20
UNPROVED = "README.md"
"""What a folder of `export` holds beside the files that are proved."""


@dataclass(frozen=True)
class Proof:
    """What the Verilog gave: output bits compared, cycles run, and how many words of memory or counts differ.

    images: of whole passes.
    sha256: of every file of the folder that was proved and of Limen's own testbench and rules that did it, by path.
    tools: versions of those that built it. kept: whether it was made earlier, from the very same.
    """

    images: int
    layers: int
    words: int
    bits: int
    cycles: int
    mismatches: int
    sha256: dict[str, str] = field(repr=False)
    tools: dict[str, str] = field(repr=False)
    kept: bool = field(default=False, repr=False, compare=False)

    def content(self) -> dict[str, Any]:
        """Return what proof.json holds."""
        return {name: value for name, value in asdict(self).items() if name != "kept"}


def kept_proof(folder: Path, images: int, sha256: dict[str, str], tools: dict[str, str]) -> Proof | None:
    """Return the proof in a folder if this user made it, without mismatches, of these images, files and tools."""
    content = _read(folder / PROOF)
    proof = _parsed(content)
    if proof is None or proof.mismatches or (proof.images, proof.sha256, proof.tools) != (images, sha256, tools):
        return None
    with suppress(LimenError):  # no cache: nothing was kept there
        if hashlib.sha256(content).hexdigest() in lines_of(cache_folder() / OWN_PROOFS):
            return replace(proof, kept=True)
    return None


def keep_proof(folder: Path, proof: Proof) -> None:
    """Write a proof into its folder. Raises LimenError where that can't be; then it is made again another time."""
    content = (json.dumps(proof.content(), indent=2) + "\n").encode()
    own, digest = cache_folder() / OWN_PROOFS, hashlib.sha256(content).hexdigest()
    if digest not in lines_of(own):
        try:
            with own.open("a", encoding="ascii") as file:
                file.write(f"\n{digest}")  # what a kill cut short stays a line of its own
        except OSError as error:
            raise LimenError(f"{own}: cannot be written: {error.strerror}") from None
    write_report(folder / PROOF, content)


def write_report(path: Path, content: bytes) -> None:
    """Write a file, but never through a link: folders may come from somebody else. Raises LimenError."""
    if path.is_symlink():
        raise LimenError(f"{path}: cannot be written: it is a link")
    write_whole(path, content)


def carry_proof(old: Path, new: Path) -> None:
    """Copy the proof of an earlier export into the one that takes its place, where it is of these very files."""
    content = _read(old / PROOF)
    proof = _parsed(content)
    if proof is None:
        return
    names = [str(path.relative_to(new)) for path in new.rglob("*") if path.is_file()]
    if sorted(proof.sha256) != sorted(name for name in names if name != UNPROVED):
        return
    if all(hashlib.sha256((new / name).read_bytes()).hexdigest() == proof.sha256[name] for name in proof.sha256):
        (new / PROOF).write_bytes(content)


def _read(path: Path) -> bytes:
    """Return what a regular file of at most MOST_BYTES holds, nothing of any other, nor of a link."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return b""
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
            return b""
        with os.fdopen(os.dup(handle), "rb") as file:
            return file.read(MOST_BYTES)
    finally:
        os.close(handle)


def _parsed(content: bytes) -> Proof | None:
    """Return a proof as proof.json holds it; None of anything else."""
    try:
        proof = Proof(**json.loads(content))
        texts = [text for pairs in (proof.sha256, proof.tools) for pair in pairs.items() for text in pair]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return proof if all(isinstance(text, str) for text in texts) else None
