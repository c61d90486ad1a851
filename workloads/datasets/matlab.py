"""Arrays of MATLAB's .mat files, by scipy, which only the sets that come as such need."""

from __future__ import annotations

import warnings
from importlib import import_module
from pathlib import Path

import numpy as np

from workloads.errors import LimenError


def read_mat(path: Path, key: str) -> np.ndarray:
    """Return the array `key` of a .mat file.

    Raises:
        LimenError: scipy isn't installed; the file is damaged, or has no array of numbers of that name.
    """
    try:
        scipy_io = import_module("scipy.io")
    except ImportError:
        raise LimenError(f"{path}: reading .mat files needs scipy: pip install 'limen[data]'") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names that stand twice, and the like
            content = scipy_io.loadmat(path)
    except Exception as error:  # struct, zlib, scipy and OS each raise their own kinds on damaged files
        raise LimenError(f"{path}: not a readable .mat file: {error}") from None
    names = sorted(name for name in content if not name.startswith("__"))
    if key not in names:
        raise LimenError(f"{path}: {key}: missing; the file has {', '.join(names) or 'no array'}")
    array = np.asarray(content[key])
    if array.dtype.kind not in "iuf":
        raise LimenError(f"{path}: {key}: holds {array.dtype}; expected numbers")
    return array
