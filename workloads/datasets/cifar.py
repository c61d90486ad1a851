"""CIFAR-10 in its binary version: the unpacked files, or straight from the archive as downloaded.

A file is a row of records: a byte of label, then 1024 bytes of each of red, green and blue, line by line; every file of
the distribution has as many records (10,000). The Python version is pickled, and a pickle runs whatever code it holds:
it is refused. Source: https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from workloads.datasets.splits import (
    MOST_BYTES,
    Samples,
    Splits,
    check_counts,
    check_labels,
    image_splits,
    missing_files,
    read_bytes,
)
from workloads.errors import LimenError
from workloads.host.opening import open_file

TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
TEST = "test_batch.bin"
FILES = (*TRAINING, TEST)
ARCHIVE = "cifar-10-binary.tar.gz"
PICKLED = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "data_batch_1")

RECORD_BYTES = 1 + 3 * 32 * 32
CLASSES = 10


def missing(folder: Path) -> list[str]:
    """Return those of `FILES` that the folder hasn't; none where the archive is there."""
    return [] if (folder / ARCHIVE).exists() else missing_files(folder, FILES)


def refusal(folder: Path) -> str | None:
    """Return why what the folder holds is refused, or None."""
    for name in PICKLED:
        if (folder / name).exists():
            return f"{folder / name}: the Python version is pickled and so refused; get the binary version, {ARCHIVE}"
    return None


def read(folder: Path) -> Splits:
    """Return the splits, uint8 [images, 32, 32, 3]: red, green, blue. Raises LimenError naming the damaged file."""
    if missing_files(folder, FILES):
        contents = _unpack(folder / ARCHIVE)
        folder /= ARCHIVE
    else:
        contents = {name: read_bytes(folder / name) for name in FILES}
    batches = {name: _parse(folder / name, contents[name]) for name in FILES}
    first = folder / FILES[0]
    for name, (_, labels) in batches.items():  # a file cut between two records is seen only beside the others
        check_counts(folder / name, len(labels), len(batches[FILES[0]][1]), first)
    training = [batches[name] for name in TRAINING]
    pixels, classes = (np.concatenate(arrays) for arrays in zip(*training, strict=True))
    return image_splits((pixels, classes), batches[TEST])


def _unpack(archive: Path) -> dict[str, bytes]:
    contents: dict[str, bytes] = {}
    try:
        # A stream: the files are read as they come, and nothing is ever written to disk.
        with open_file(archive) as whole, tarfile.open(fileobj=whole, mode="r|gz") as packed:
            for member in packed:
                name = PurePosixPath(member.name).name
                file = packed.extractfile(member) if name in FILES and member.isfile() else None
                if file is not None:
                    if member.size > MOST_BYTES:
                        raise LimenError(
                            f"{archive}: {name}: {member.size} bytes are not allowed: at most {MOST_BYTES}"
                        )
                    contents[name] = file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise LimenError(f"{archive}: not a whole .tar.gz file: {error}; fetch it again") from None
    for name in FILES:
        if name not in contents:
            raise LimenError(f"{archive}: {name}: missing; expected {', '.join(FILES)}")
    return contents


def _parse(path: Path, content: bytes) -> Samples:
    if len(content) % RECORD_BYTES:
        raise LimenError(f"{path}: {len(content)} bytes; expected a multiple of {RECORD_BYTES}: label and 3 × 32 × 32")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, RECORD_BYTES)
    labels = records[:, 0].astype(np.int64)
    check_labels(path, labels, 0, CLASSES)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels
