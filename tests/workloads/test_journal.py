"""Long work in pieces: what a journal keeps, and what makes a piece's key another one."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.host import journal
from workloads.host.journal import Journal, Results, code_digest, key_of


def numbers(path: Path) -> Journal[int]:
    return Journal(path, str, int)


def lengths(pieces: Mapping[str, str]) -> Results[int]:
    for key, text in pieces.items():
        yield key, len(text)


class TestJournal:
    def test_finished_pieces_are_not_done_again(self, tmp_path: Path) -> None:
        kept, seen = numbers(tmp_path / "new" / "a.partial"), []
        assert kept.read() == {}
        kept.add("a", 10)  # not what the work would give, to tell the two apart
        kept.add("other", 3)
        results = kept.finish({"a": "x", "b": "yy"}, lengths, lambda done, total: seen.append((done, total)))
        assert results == {"a": 10, "b": 2} and seen == [(1, 2), (2, 2)]
        assert kept.read() == {"a": 10, "b": 2, "other": 3}
        kept.remove()
        kept.remove()
        assert not kept.path.exists()

    def test_a_piece_is_kept_before_the_next_begins(self, tmp_path: Path) -> None:
        kept = numbers(tmp_path / "a.partial")

        def stopped(pieces: Mapping[str, str]) -> Results[int]:
            yield "a", 1
            assert kept.read() == {"a": 1}
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            kept.finish({"a": "x", "b": "yy"}, stopped)
        assert kept.finish({"a": "x", "b": "yy"}, lengths) == {"a": 1, "b": 2}

    @pytest.mark.parametrize("cut", range(1, 20))
    def test_a_line_cut_short_costs_its_piece_alone(self, tmp_path: Path, cut: int) -> None:
        kept = numbers(tmp_path / "a.partial")
        kept.add("a", 1)
        kept.add("b", 2)
        kept.path.write_bytes(kept.path.read_bytes()[:-cut])
        assert kept.read() == {"a": 1}
        kept.add("c", 3)
        assert kept.read() == {"a": 1, "c": 3}

    def test_what_is_no_result_is_left_out(self, tmp_path: Path) -> None:
        kept = numbers(tmp_path / "a.partial")
        kept.path.write_text('{"key": "a", "result": "x"}\n{"key": []}\n[]\n{"key": "b", "result": "7"}\n\xff')
        assert kept.read() == {"b": 7}

    def test_a_file_that_cannot_be_written_is_a_line(self, tmp_path: Path) -> None:
        (tmp_path / "a.partial").mkdir()
        with pytest.raises(LimenError, match="cannot be written: Is a directory"):
            numbers(tmp_path / "a.partial").add("a", 1)


def test_a_key_is_told_from_its_inputs_alone() -> None:
    assert key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1})
    assert len({key_of(inputs) for inputs in ({"a": 1}, {"a": "1"}, {"b": 1}, ["a", 1], [["a"], 1], [])}) == 6


class TestCode:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        for package in journal.PACKAGES:
            (tmp_path / package / "room").mkdir(parents=True)
            (tmp_path / package / "room" / "code.py").write_text('"""Text."""\nA = 1\n"""What it is."""\n')
        monkeypatch.setattr(journal, "FOLDER", tmp_path)
        return tmp_path

    @pytest.mark.parametrize("package", journal.PACKAGES)
    def test_every_file_counts(self, folder: Path, package: str) -> None:
        path, digests = folder / package / "room" / "code.py", [code_digest()]
        path.write_text(path.read_text().replace("A = 1", "A = 2"))
        digests.append(code_digest())
        path.rename(path.with_name("named.py"))
        digests.append(code_digest())
        path.write_text("")
        digests.append(code_digest())
        assert len(set(digests)) == 4

    def test_of_one_package_is_its_own(self, folder: Path) -> None:
        """Prices may change while a network is trained."""
        before = code_digest(("workloads",))
        (folder / "cost_models" / "room" / "code.py").write_text("A = 2")
        assert code_digest(("workloads",)) == before
        (folder / "workloads" / "room" / "code.py").write_text("A = 2")
        assert code_digest(("workloads",)) != before

    def test_comments_docstrings_and_layout_do_not(self, folder: Path) -> None:
        before = code_digest()
        (folder / "simulator" / "room" / "code.py").write_text('"""Another."""\n\nA = (\n    1  # one\n)\n')
        assert code_digest() == before
        (folder / "simulator" / "room" / "data.csv").write_text("1")
        assert code_digest() == before

    def test_it_is_that_of_all_packages_that_compute(self) -> None:
        settings = configparser.ConfigParser()
        settings.read(ROOT / "setup.cfg")
        assert {*settings["importlinter"]["root_packages"].split()} - {"dse"} == {*journal.PACKAGES}
        assert ROOT == journal.FOLDER
