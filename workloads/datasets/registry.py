"""The data sets by name: what is known of each without any file, and where in a folder its files may lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from workloads.datasets import cifar, digits, idx, spoken_digits, svhn, uci_har, unimib_shar
from workloads.datasets.splits import Splits
from workloads.errors import LimenError

VARIABLE = "LIMEN_DATA"
"""Environment variable that names the folder of the data sets where the caller names none."""

NAMED_FILES = 6
"""File names an error line gives at most."""


@dataclass(frozen=True)
class Dataset:
    """What is known of a data set without any file.

    shape: [H, W, C] of a sample; a sensor series is [length, 1, channels].
    levels: pixels are 0…levels − 1, but digits' 0…16 has levels 16; levels // 2 is the zero of signed signals.
    files: names of the distributed files, relative to their folder; none where the set ships with the project.
    """

    name: str
    shape: tuple[int, int, int]
    classes: int
    levels: int
    files: tuple[str, ...]


@dataclass(frozen=True)
class Loader:
    """How a set's files are found and read.

    folders: where they may lie below the folder a user names, in the order they are tried, that folder itself last.
    missing: the files that a folder hasn't.
    read: the splits of a folder that misses none.
    refusal: why what a folder holds instead is refused, or None.
    """

    folders: tuple[str, ...]
    missing: Callable[[Path], list[str]]
    read: Callable[[Path], Splits]
    refusal: Callable[[Path], str | None] = lambda folder: None


_ALL = (
    Dataset("digits", (8, 8, 1), 10, digits.PIXEL_LEVELS, ()),
    Dataset("mnist", (28, 28, 1), 10, 256, idx.FILES),
    Dataset("fashion-mnist", (28, 28, 1), 10, 256, idx.FILES),
    Dataset("cifar-10", (32, 32, 3), 10, 256, cifar.FILES),
    Dataset("svhn", (32, 32, 3), 10, 256, svhn.FILES),
    Dataset("uci-har", (128, 1, 9), 6, 256, uci_har.FILES),
    Dataset("unimib-shar", (151, 1, 3), 17, 256, unimib_shar.FILES),
    Dataset("spoken-digits", (32, 1, 32), 10, 256, spoken_digits.FILES),
)

DATASETS: dict[str, Dataset] = {entry.name: entry for entry in _ALL}

LOADERS: dict[str, Loader] = {
    "mnist": Loader(("mnist", "MNIST/raw"), idx.missing, idx.read),
    "fashion-mnist": Loader(("fashion-mnist", "FashionMNIST/raw"), idx.missing, idx.read),
    "cifar-10": Loader(
        ("cifar-10", "cifar-10-batches-bin", "cifar-10/cifar-10-batches-bin"),
        cifar.missing,
        cifar.read,
        cifar.refusal,
    ),
    "svhn": Loader(("svhn",), svhn.missing, svhn.read),
    "uci-har": Loader(("uci-har", "UCI HAR Dataset", "uci-har/UCI HAR Dataset"), uci_har.missing, uci_har.read),
    "unimib-shar": Loader(
        ("unimib-shar", "UniMiB-SHAR/data", "unimib-shar/UniMiB-SHAR/data", "unimib-shar/data", "data"),
        unimib_shar.missing,
        unimib_shar.read,
    ),
    "spoken-digits": Loader(
        (
            "spoken-digits",
            "spoken-digits/recordings",
            "free-spoken-digits/recordings",
            "free-spoken-digit-dataset/recordings",
            "recordings",
        ),
        spoken_digits.missing,
        spoken_digits.read,
    ),
}
"""Every set that doesn't ship with the project."""


def dataset(name: str) -> Dataset:
    """Return the data set of that name. Raises LimenError naming those there are."""
    if name not in DATASETS:
        raise LimenError(f"dataset: {name!r} is not allowed: one of {', '.join(DATASETS)}")
    return DATASETS[name]


def locate(name: str, folder: Path | str | None) -> Path:
    """Return the resolved folder that holds all files of a set that doesn't ship with the project.

    folder: what the user named; None means the environment variable LIMEN_DATA.

    Raises:
        LimenError: no folder is named, a part of the files or none of them is there, or only a form that is refused.
    """
    files = DATASETS[name].files
    and_others = f" and {len(files) - NAMED_FILES} more" if len(files) > NAMED_FILES else ""
    expected = f"expected {', '.join(files[:NAMED_FILES])}{and_others}"
    remedy = f"name their folder with --data DIR or {VARIABLE}"
    named = folder or os.environ.get(VARIABLE)
    if not named:
        raise LimenError(f"{name}: no folder of data is named; {expected}; {remedy}")
    loader = LOADERS[name]
    places = _places(name, Path(named))
    absent = {place: loader.missing(place) for place in places}
    for place in places:
        if not absent[place]:
            return place.resolve()
    for place in places:
        reason = loader.refusal(place)
        if reason is not None:
            raise LimenError(f"{name}: {reason}")
        if len(absent[place]) < len(files):
            raise LimenError(f"{name}: {place}: {absent[place][0]}: missing; {expected}")
    looked = ", ".join(str(place) for place in places)
    raise LimenError(f"{name}: not found; {expected}; looked in {looked}; {remedy}")


def _places(name: str, named: Path) -> list[Path]:
    """Return the folders to look in, in order."""
    places = [named / below for below in LOADERS[name].folders]
    # MNIST and Fashion-MNIST share their file names: another set's own folder is never taken for this one's.
    others = {other.replace("-", "") for other in LOADERS if other != name}
    return places if named.resolve().name.lower().replace("-", "") in others else [*places, named]
