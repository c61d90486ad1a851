"""A folder of many files is replaced as one, whenever its writer is killed."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import workloads.host.files
from workloads.errors import LimenError
from workloads.host.files import new_folder

FILES = ("marker", "a", "b")


def write(target: Path, content: str) -> None:
    with new_folder(target, "marker") as folder:
        for name in FILES:
            (folder / name).write_text(content)


def read(target: Path) -> list[str]:
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES)
    return [(target / name).read_text() for name in FILES]


def ends_killed(work: Callable[[], None], after: int) -> bool:
    """Run `work` in a process that is killed at its file event number `after`; return whether it came to that."""
    process = os.fork()
    if process == 0:
        left = after

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event == "open" or event.partition(".")[0] in ("os", "shutil", "ctypes"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            sys.addaudithook(count)
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(process, 0)[1])


def test_a_kill_at_any_event_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    target = tmp_path / "chip"
    write(target, "old")
    seen, after = set(), 1
    while ends_killed(lambda: write(target, "new"), after):
        contents = read(target)
        assert contents in (["old"] * 3, ["new"] * 3), f"event {after}: {contents}"
        seen.add(contents[0])
        write(target, "old")
        assert list(tmp_path.iterdir()) == [target], f"event {after}"
        after += 1
    assert seen == {"old", "new"} and after > 20


def test_without_exchange_two_renames_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workloads.host.files, "RENAME_EXCHANGE", 1 << 20)  # EINVAL
    for content in ("old", "new"):
        write(tmp_path / "chip", content)
        assert read(tmp_path / "chip") == [content] * 3
    assert list(tmp_path.iterdir()) == [tmp_path / "chip"]


def test_a_link_goes_on_naming_what_it_names(tmp_path: Path) -> None:
    write(tmp_path / "chip", "old")
    (tmp_path / "link").symlink_to("chip")
    write(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and read(tmp_path / "chip") == ["new"] * 3


def test_a_stranger_that_comes_meanwhile_stays(tmp_path: Path) -> None:
    target = tmp_path / "chip"
    with pytest.raises(LimenError, match="chip: exists and is not an earlier export"), new_folder(target, "marker"):
        target.mkdir()
        (target / "mine").write_text("precious")
    assert (target / "mine").read_text() == "precious"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "chip", "old")
    with pytest.raises(LimenError, match="chip: cannot be written: No space left"), new_folder(tmp_path / "chip", "a"):
        Path("/dev/full").write_text("x")
    assert read(tmp_path / "chip") == ["old"] * 3
