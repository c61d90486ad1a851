"""The shipped data and its splits."""

import hashlib

import numpy as np
import pytest

from workloads.datasets import digits
from workloads.errors import LimenError


def test_splits_have_their_sizes_and_ranges():
    for split, images in {"train": 1123, "validation": 225, "test": 449}.items():
        pixels, labels = digits.load_split(split)
        assert pixels.shape == (images, 8, 8, 1) and pixels.dtype == np.int64
        assert labels.shape == (images,) and labels.dtype == np.int64
        assert pixels.min() == 0 and pixels.max() == 16
        assert set(labels) == set(range(10))


def test_splits_are_disjoint_and_complete():
    rows = np.concatenate([digits.split_rows(split) for split in ("train", "validation", "test")])
    assert sorted(rows) == list(range(1797))


def test_splits_never_change():
    content = b"".join(array.astype(np.uint8).tobytes() for array in digits.load_split("test"))
    assert hashlib.sha256(content).hexdigest() == "cc24089262dad5c712f5af97c2ff54650f6a520b42df9ac97b1926991ae3ab79"


def test_a_caller_may_write_into_what_it_gets():
    pixels, _ = digits.load_split("test")
    pixels[:] = 0
    assert digits.load_split("test")[0].max() == 16


def test_unknown_split_is_refused():
    with pytest.raises(LimenError, match=r"^digits: split: 'all' is not allowed: one of test, train, validation$"):
        digits.load_split("all")


def test_damaged_data_is_refused(tmp_path, monkeypatch):
    damaged = tmp_path / "digits.npz"
    damaged.write_bytes(digits.DATA.read_bytes()[:1000])
    monkeypatch.setattr(digits, "DATA", damaged)
    digits._read.cache_clear()
    try:
        with pytest.raises(LimenError, match=r"digits.npz: dataset: not a readable .npz file"):
            digits.load_split("train")
    finally:
        digits._read.cache_clear()
