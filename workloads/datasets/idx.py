"""MNIST and Fashion-MNIST in their IDX files, gzipped as distributed or unpacked.

An IDX file is a magic number 00 00 TYPE RANK, RANK sizes of 32 bits, and the values; all big-endian. TYPE 8 is unsigned
bytes. Source: http://yann.lecun.com/exdb/mnist/, https://github.com/zalandoresearch/fashion-mnist.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from workloads.datasets.splits import Samples, Splits, check_counts, check_labels, image_splits, read_bytes, unpacked
from workloads.errors import LimenError

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
SIDE = 28
CLASSES = 10


def missing(folder: Path) -> list[str]:
    """Return those of `FILES` that the folder has neither gzipped nor unpacked."""
    return [name for name in FILES if not _stored(folder, name).exists()]


def read(folder: Path) -> Splits:
    """Return the splits, uint8 [images, 28, 28, 1]. Raises LimenError naming the damaged file."""
    return image_splits(_read_pair(folder, *FILES[:2]), _read_pair(folder, *FILES[2:]))


def read_idx(path: Path, rank: int) -> np.ndarray:
    """Return the uint8 array of an IDX file with `rank` axes, read-only.

    Raises:
        LimenError: unreadable, truncated, of another type or rank, or of another size than its header says.
    """
    content = read_bytes(path)
    if path.suffix == ".gz":
        content = unpacked(path, content)
    magic = bytes((0, 0, 8, rank))
    if content[:4] != magic:
        raise LimenError(f"{path}: magic number {content[:4].hex(' ')}; expected {magic.hex(' ')}: IDX, {rank} axes")
    start = 4 + 4 * rank
    sizes = np.frombuffer(content[4:start].ljust(4 * rank, b"\0"), dtype=">u4").astype(np.int64)
    values = np.frombuffer(content[start:], dtype=np.uint8)
    if values.size != math.prod(map(int, sizes)):  # Python's integers: a product of sizes may be 2^96
        shape = " × ".join(map(str, sizes))
        raise LimenError(f"{path}: {values.size} values; its header announces {shape}")
    return values.reshape(sizes)


def _stored(folder: Path, name: str) -> Path:
    packed = folder / name
    return packed if packed.exists() else packed.with_suffix("")


def _read_pair(folder: Path, images: str, labels: str) -> Samples:
    images_path, labels_path = _stored(folder, images), _stored(folder, labels)
    pixels = read_idx(images_path, 3)
    if pixels.shape[1:] != (SIDE, SIDE):
        sides = " × ".join(map(str, pixels.shape[1:]))
        raise LimenError(f"{images_path}: images of {sides} pixels; expected {SIDE} × {SIDE}")
    classes = read_idx(labels_path, 1).astype(np.int64)
    check_counts(labels_path, len(classes), len(pixels), images_path)
    check_labels(labels_path, classes, 0, CLASSES)
    return pixels[..., None], classes
