"""What a file is written over: files and what links name, with their modes; never a device, a pipe or a folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from workloads.errors import LimenError
from workloads.host.files import write_whole


def test_modes_are_kept(tmp_path: Path) -> None:
    write_whole(tmp_path / "new", b"1")
    assert (tmp_path / "new").read_bytes() == b"1"
    (tmp_path / "new").chmod(0o600)
    write_whole(tmp_path / "new", b"2")
    assert (tmp_path / "new").read_bytes() == b"2" and stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    for name in ("there", "dangling"):
        (tmp_path / name).symlink_to(tmp_path / "far" / name)
    (tmp_path / "far" / "there").write_bytes(b"old")
    for name in ("there", "dangling"):
        write_whole(tmp_path / name, b"new")
        assert (tmp_path / name).is_symlink() and (tmp_path / "far" / name).read_bytes() == b"new"
    assert {path.name for path in (tmp_path / "far").iterdir()} == {"there", "dangling"}


def test_nothing_but_files_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("pipe", "folder", "loop"):
        before = (tmp_path / name).lstat()
        with pytest.raises(LimenError, match=f"{name}: cannot be written: "):
            write_whole(tmp_path / name, b"new")
        assert (tmp_path / name).lstat() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "loop", "pipe"]
    with pytest.raises(LimenError, match="/dev/null: cannot be written: it is no regular file"):
        write_whole(Path("/dev/null"), b"")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
