"""Families of one network at several widths are found beside it; those of another network are not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from workloads.errors import LimenError
from workloads.networks.family import SHIPPED
from workloads.networks.widths import channels_of, families_of_widths


def family(folder: Path, ops: tuple[str, ...], pattern: str = "", text: str = "") -> None:
    """Copy digits' pages there, with a pattern replaced; checkpoints are empty: only pages are read."""
    folder.mkdir()
    for op in ops:
        page = (SHIPPED / "digits" / f"{op}.yaml").read_text()
        (folder / f"{op}.yaml").write_text(re.sub(pattern, text, page) if pattern else page)
        (folder / f"{op}.npz").touch()
    (folder / "accuracy.csv").touch()


def test_widths_are_the_same_layers_with_other_channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ("mac", "threshold")
    family(tmp_path / "net", both)
    family(tmp_path / "net-wide", both, "out_channels: 32", "out_channels: 48")
    family(tmp_path / "net-one-op", ("mac",), "out_channels: 16", "out_channels: 4")
    family(tmp_path / "net-kernel", both, re.escape("kernel: [3, 3]"), "kernel: [1, 1]")
    family(tmp_path / "net-classes", both, "out_channels: 10", "out_channels: 12")
    family(tmp_path / "net-shift", ("shift",))
    family(tmp_path / "network", both)
    family(tmp_path / "net-untrained", both)
    (tmp_path / "net-untrained" / "accuracy.csv").unlink()
    (tmp_path / "net-notes").mkdir()
    expected = ["net", "net-one-op", "net-wide"]
    assert families_of_widths(str(tmp_path / "net")) == [str(tmp_path / name) for name in expected]
    monkeypatch.chdir(tmp_path)
    assert families_of_widths("net") == expected
    assert families_of_widths("net-wide") == ["net-wide"]
    assert channels_of("net-wide") == [16, 48, 48]
    with pytest.raises(LimenError, match="workload: 'nets' is not allowed"):
        families_of_widths("nets")
    (tmp_path / "net-wide" / "mac.yaml").write_text("version: 2\n")
    with pytest.raises(LimenError, match=r"net-wide/mac\.yaml: version"):
        families_of_widths("net")


def test_shipped_widths() -> None:
    """Generated polarity is another network."""
    assert families_of_widths("digits") == ["digits", "digits-double", "digits-half"]
    assert [channels_of(name) for name in families_of_widths("digits")] == [[16, 32, 32], [32, 64, 64], [8, 16, 16]]
    generated = ["digits-generated", "digits-generated-double", "digits-generated-half"]
    assert families_of_widths("digits-generated") == generated
    assert [channels_of(name) for name in generated] == [[16, 32, 32], [32, 64, 64], [8, 16, 16]]
    for name, channels in (("mnist", [16, 32, 32]), ("mnist-generated", [16, 32, 32])):
        assert families_of_widths(name) == [name, f"{name}-half"] and channels_of(f"{name}-half") == channels
