"""Searches over networks: the same nets after a kill and with any number of processes, one line for bad pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest

import limen
from dse.architectures import training
from dse.architectures.page import ArchitecturePage, built_in_pages, load_page
from dse.architectures.proposals import FAILED, GIVEN_UP, Proposals, Tried, axes_of, floors, scores
from dse.architectures.search import ArchitectureSearch
from dse.architectures.tables import costs_at, read_front, read_nets
from dse.architectures.topology import Architecture, Stage, operations_of
from dse.report.progress import ProgressBar
from tests.support.command import run_command
from tests.support.manifests import unnamed
from workloads.errors import LimenError
from workloads.layers.graph import trace_tensors
from workloads.layers.layer import Layer
from workloads.training.loop import EpochRow, Schedule
from workloads.training.train_and_tune import Course, train_master

PAGE = """
version: 1
name: tiny
dataset: digits
ops:
  threshold: {learning_rate: [0.12]}
effort: {epochs: 2, batch: 64, images: 256}
space:
  stages: [1, 2]
  layers: [1, 2]
  channels: [4, 6]
  kernel: [1, 3]
  residual: [false, true]
  polarity: [synapse, input, generated]
most_operations: 30000
designs:
  space: {rows: [4], cols: [4, 8], bits: {x: [4, 6], w: [4]}, dataflow: [ws], acc_policy: [weights]}
  objectives: {energy_uj: min, accuracy: max}
hand_made: {by-hand: [{channels: 4, kernel: 3, stride: 2}]}
families: [digits]
trials: 4
round: 2
random: 2
stopping: {after: [1], among: 2}
"""
WRITTEN = ("trials.csv", "front.csv", "tables.md", "tables.tex", "front.png")


def write_page(folder: Path, *changes: tuple[str, str]) -> Path:
    text = PAGE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "tiny.yaml").write_text(text)
    return folder / "tiny.yaml"


def run_in(folder: Path, page: ArchitecturePage, jobs: int = 1) -> None:
    with ProgressBar(quiet=True) as bar:
        ArchitectureSearch(page, folder / "tiny.yaml", folder / "out").run(jobs, bar)


def test_killed_and_resumed_it_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After two nets it is killed after the first epoch of a third."""
    page = load_page(str(write_page(tmp_path)))
    begun: list[Course] = []

    def train(layers: Sequence[Layer], course: Course, checkpoint: Path) -> Any:
        def show(*_: object) -> None:
            if len(begun) == 3:
                raise KeyboardInterrupt

        begun.append(course)
        return train_master(layers, course, checkpoint, show)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(training, "train_master", train)
        run_in(tmp_path, page)
    assert [path.parent.name for path in tmp_path.rglob("*checkpoint*")] == ["threshold-0002"]
    for out in (tmp_path / "out", tmp_path / "whole"):
        outcome = run_command("net", "search", "tiny.yaml", "--out", out.name, cwd=tmp_path)
        assert outcome.returncode == 0, outcome.stderr
        assert "of all fronts' hypervolume" in outcome.stdout
        assert max(map(len, outcome.stdout.splitlines())) <= 120
    for name in WRITTEN:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
    assert not [*tmp_path.rglob("*checkpoint*")]
    assert unnamed(tmp_path / "whole") == []
    check_what_was_found(tmp_path / "whole")
    with pytest.raises(LimenError, match=r"study.db: page: differs from the stored search's in more than trials"):
        run_in(tmp_path, load_page(str(write_page(tmp_path, ("epochs: 2", "epochs: 3")))))


def check_what_was_found(out: Path) -> None:
    nets, fronts = read_nets(out / "trials.csv"), read_front(out / "front.csv")
    assert [row.source for row in nets] == ["hand-made", *["search"] * 4]
    assert {row.source for row in fronts} == {"search", "hand-made", "digits"}
    assert sum(row.on_front for row in nets) == sum(row.source != "digits" for row in fronts)
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{out}/study.db")
    trials = optuna.load_study(study_name=study.study_name, storage=f"sqlite:///{out}/study.db").trials
    assert [trial.user_attrs["net"] for trial in trials] == [row.network for row in nets]
    for row in (row for row in fronts if row.source == "search"):
        member = limen.load_family(out / "nets" / row.net).network("threshold", row.x_bits, row.w_bits)
        assert member.accuracy("validation") == row.figures["accuracy"] and member.accuracy() == row.test_accuracy
    best = max((row for row in fronts if row.source == "search"), key=lambda row: row.figures["accuracy"])
    page = out / "found" / f"{best.net}.yaml"
    assert limen.network(page).accuracy() == best.test_accuracy
    with pytest.raises(LimenError, match=r"threshold 5 x 4: is not allowed: made were 4 x 4, 6 x 4$"):
        limen.load_family(out / "nets" / best.net).network("threshold", 5, 4)
    design = limen.Design(rows=4, cols=4, dataflow="ws", op="threshold", x_bits=8, w_bits=8)
    assert limen.simulate(str(page), design).cycles > 0


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("kernel: [1, 3]", "kernel: [1, 2]", r"space.kernel.1: 2 is not allowed: odd, so that a layer keeps the size"),
        ("channels: [4, 6]", "channels: []", r"space.channels: \[\] is not allowed: a list of at least 1 item"),
        ("channels: [4, 6]", "channels: [4, 4]", r"space.channels: 4 stands 2 times; once is allowed$"),
        ("residual: [false, true]", "residual: [maybe]", r"space.residual.0: 'maybe' is not allowed"),
        ("stages: [1, 2]", "stages: [9]", r"space.stages.0: 9 is not allowed"),
        ("polarity: [synapse,", "polarity: [sign,", r"space.polarity.0: 'sign' is not allowed"),
        ("rows: [4]", "op: [mac], rows: [4]", r"designs: space: op: not allowed here: ops are the page's"),
        ("x: [4, 6]", "x: [4, 9]", r"designs: space: bits: x: 9 is not allowed: 2 to 8$"),
        (", accuracy: max", "", r"designs: objectives: accuracy is missing: nets are sought for it$"),
        (
            "designs:",
            "designs:\n  trials: 5",
            r"designs: trials: not allowed here: costs, memory, space, objectives and",
        ),
        ("after: [1]", "after: [2]", r"stopping: after: 2 is not allowed: less than epochs, 2$"),
        ("random: 2", "random: 5", r"random: 5 is not allowed: at most trials, 4$"),
        ("families: [digits]", "families: [digit]", r"families: 'digit' is not allowed: digits, "),
        ("dataset: digits", "dataset: letters", r"dataset: 'letters' is not allowed: "),
        ("threshold: {", "multiply: {", r"ops.multiply: 'multiply' is not allowed: "),
    ],
)
def test_bad_pages_are_a_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(LimenError, match=message) as refused:
        load_page(str(write_page(tmp_path, (old, new))))
    assert str(refused.value).startswith(f"{tmp_path}/tiny.yaml: ") and "\n" not in str(refused.value)


def test_spaces_without_a_net_are_a_line(tmp_path: Path) -> None:
    page = load_page(str(write_page(tmp_path, ("most_operations: 30000", "most_operations: 30"), ("hand_made:", "#"))))
    with pytest.raises(
        LimenError, match=r"^most_operations: 30 is not allowed: 2,000 nets of op threshold, drawn from"
    ):
        run_in(tmp_path, page)


def tried(accuracy: float, operations: int, designs: list[tuple[float, float]]) -> Tried:
    rows = [{"energy_uj": energy, "accuracy": share} for energy, share in designs]
    net = Architecture(stages=(Stage(channels=operations),), learning_rate=0.1)
    return Tried({}, net, operations, {1: accuracy}, rows)


def test_nets_are_given_up_by_smaller_ones(tmp_path: Path) -> None:
    """Below the median of nets of earlier rounds with no more operations; not where too few are known."""
    page = load_page(str(write_page(tmp_path)))
    known = [tried(0.5, 10, []), tried(0.7, 20, []), tried(0.9, 30, []), tried(1.0, 99, [])]
    assert floors(page, 30, known) == ((1, 0.7),)
    assert floors(page, 10, known) == ()
    schedule = Schedule("net", 3, 0.1, 0.0, 1.0, floors=((1, 0.7),))
    assert [schedule.ends_at(EpochRow(1, 0, 0, share)) for share in (0.69, 0.7)] == [True, False]
    assert [schedule.ends_at(EpochRow(epoch, 0, 0, 0.1)) for epoch in (2, 3)] == [False, True]


def test_scores_say_how_far_a_net_is_ahead(tmp_path: Path) -> None:
    """Of a front of 1 to 10 µJ and 0.8 to 1: a factor of 10 is its span, so is 0.2."""
    designs = load_page(str(write_page(tmp_path))).designs
    nets = [
        tried(0.8, 1, [(1.0, 0.8)]),
        tried(1, 2, [(10.0, 1.0)]),
        tried(0.7, 3, [(10**1.1, 0.95)]),
        tried(0.6, 4, []),
    ]
    found = scores([*nets, Tried({}, nets[0].architecture, 1, {}, [])], designs)
    assert found == pytest.approx([1, 0.25, -0.1, GIVEN_UP + 0.6, FAILED])
    assert scores(nets[:1], designs) == [0.0]


def test_proposals_are_distinct_and_small_enough(tmp_path: Path) -> None:
    """By the sampler, too; and what is proposed depends on the nets before alone."""
    page = load_page(str(write_page(tmp_path)))
    proposals = Proposals(page, "threshold")
    first = proposals.of_round(0, 4, [])
    known = [
        Tried(one, proposals.architecture(one), 1, {1: 0.5}, [{"energy_uj": 1.0 + place, "accuracy": 0.9}])
        for place, one in enumerate(first)
    ]
    second = proposals.of_round(4, 4, known)
    assert second == Proposals(page, "threshold").of_round(4, 4, known) != proposals.of_round(4, 4, known[::-1])
    nets = [proposals.architecture(one) for one in (*first, *second)]
    assert len({net.words() + net.polarity for net in nets}) == 8
    for net in nets:
        layers = net.layers("threshold", "digits")
        trace_tensors(layers)
        assert operations_of(layers) <= page.most_operations
    assert [*axes_of(page, "threshold")][:3] == ["stages", "channels1", "kernel1"]


@pytest.mark.parametrize("name", built_in_pages())
def test_built_in_pages(name: str) -> None:
    """They are read; nets made by hand are the shipped families', or smaller."""
    page = load_page(name)
    net = next(iter(page.made_by_hand("mac").values()))
    shipped = limen.load_family(name).network("mac", 8, 8).layers
    ours = net.layers("mac", page.dataset)
    assert len(ours) == len(shipped) and operations_of(ours) <= operations_of(shipped)


def test_costs_at_accuracies() -> None:
    """The least of each cost, whichever design has it; no line where none gets there."""
    rows = [
        search_row("search", 0.96, energy_uj=2.0, latency_us=9.0),
        search_row("search", 0.97, energy_uj=3.0, latency_us=8.0),
        search_row("digits", 0.95, energy_uj=1.0, latency_us=7.0),
    ]
    head, lines = costs_at(rows, ["energy_uj", "latency_us"])
    assert head[3] == "energy per image (µJ)"
    assert [line[:1] + line[2:5] for line in lines if line[0] in ("95 %", "97 %")] == [
        ["95 %", "search", "2", "8"],
        ["95 %", "digits", "1", "7"],
        ["97 %", "search", "3", "8"],
    ]


def search_row(source: str, accuracy: float, **figures: float):
    from dse.architectures.results import FrontRow

    return FrontRow("threshold", source, "net", 4, 4, "design", 0.5, {**figures, "accuracy": accuracy})
