"""Runs the notebooks against `runs/digits` and stores their outputs: `make notebooks`."""

from __future__ import annotations

import nbclient
import nbformat

from tests.support.paths import ROOT

FOLDER = ROOT / "notebooks"


def run_all() -> None:
    for path in sorted(FOLDER.glob("*.ipynb")):
        book = nbformat.read(path, as_version=4)
        metadata = dict(book.metadata)
        nbclient.NotebookClient(
            book, kernel_name="python3", record_timing=False, resources={"metadata": {"path": FOLDER}}
        ).execute()
        book.metadata = nbformat.from_dict(metadata)  # without the versions of this machine
        nbformat.write(book, path)


if __name__ == "__main__":
    run_all()
