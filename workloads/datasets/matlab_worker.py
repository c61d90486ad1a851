"""Arrays of a .mat file as .npy files, read in a process of its own: `python -m …matlab_worker FILE OUT KEY…`.

scipy's reader crashes on some damaged files, which must not be the end of who reads them.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np

from workloads.datasets.matlab import REFUSED
from workloads.host.opening import open_file


def main(path: str, folder: str, *keys: str) -> int:
    """Write KEY.npy into a folder for each key; return the exit code."""
    scipy_io = import_module("scipy.io")
    try:
        warnings.simplefilter("ignore")  # of names that stand twice, and the like
        with open_file(path) as file:
            content = scipy_io.loadmat(file)
    except Exception as error:  # struct, zlib, scipy and OS each raise their own kinds on damaged files
        return _refuse(f"not a readable .mat file: {getattr(error, 'strerror', None) or error}")
    names = sorted(name for name in content if not name.startswith("__"))
    for key in keys:
        if key not in names:
            return _refuse(f"{key}: missing; the file has {', '.join(names) or 'no array'}")
        array = np.asarray(content[key])
        if array.dtype.kind not in "iuf":
            return _refuse(f"{key}: holds {array.dtype}; expected numbers")
        try:
            np.save(Path(folder) / f"{key}.npy", array)
        except OSError as error:
            return _refuse(f"{key}: cannot be unpacked: {error.strerror or error}")
    return 0


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return REFUSED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
