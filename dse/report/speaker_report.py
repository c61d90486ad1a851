"""The tables of the study of unknown speakers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.report.seed_cells import UNKNOWN, mean_and_deviation, spread, write_files
from workloads.host.text_tables import markdown_table
from workloads.studies.speakers import NOBODY, SpeakerRow

LAST = {"all in turn": "mean of the speakers left out", NOBODY: "nobody: the customary split"}


def write_report(rows: Sequence[SpeakerRow], out: Path) -> list[Path]:
    """Write speakers.md and .tex of these runs into `out` and return their paths. Raises LimenError where it can't."""
    contents = {"speakers.md": table_markdown(rows), "speakers.tex": table_latex(rows)}
    return write_files({name: content.encode() for name, content in contents.items()}, out)


def table_markdown(rows: Sequence[SpeakerRow]) -> str:
    """Return test accuracy by speaker left out against op, then the mean of all speakers beside the customary split."""
    return f"{_caption(rows)}\n\n{markdown_table(_head(rows), _lines(rows))}"


def table_latex(rows: Sequence[SpeakerRow]) -> str:
    """Return the same in LaTeX, at the width of a page."""
    heads = [Column("left out", right=False, key=True), Column("tested on", "recordings")]
    heads += [Column(op, "%") for op in _ops(rows)]
    lines = _lines(rows)
    caption = "Spoken digits: test accuracy by the speaker that training never heard"
    groups = [Group(lines[:-2]), Group(lines[-2:])]
    return latex([PaperTable("speakers", caption, heads, groups, [_caption(rows)])], 2)


def _ops(rows: Sequence[SpeakerRow]) -> list[str]:
    return list(dict.fromkeys(row.op for row in rows))


def _head(rows: Sequence[SpeakerRow]) -> list[str]:
    return ["left out", "tested on", *_ops(rows)]


def _lines(rows: Sequence[SpeakerRow]) -> list[list[str]]:
    speakers = [name for name in dict.fromkeys(row.held_out for row in rows) if name != NOBODY]
    groups = [(name, [row for row in rows if row.held_out == name]) for name in speakers]
    groups.append((LAST["all in turn"], [row for row in rows if row.held_out != NOBODY]))
    groups.append((LAST[NOBODY], [row for row in rows if row.held_out == NOBODY]))
    return [_line(name, group, _ops(rows)) for name, group in groups]


def _line(name: str, rows: Sequence[SpeakerRow], ops: Sequence[str]) -> list[str]:
    counts = {row.held_out: row.test_recordings for row in rows}
    return [name, str(sum(counts.values())), *(_text([row for row in rows if row.op == op]) for op in ops)]


def _text(rows: Sequence[SpeakerRow]) -> str:
    """Return mean ± deviation over seeds, of the mean over what each seed has left out."""
    if not rows:
        return UNKNOWN
    seeds = sorted({row.seed for row in rows})
    by_seed = [mean(100 * row.test_accuracy for row in rows if row.seed == seed) for seed in seeds]
    return spread(*mean_and_deviation(by_seed))


def _caption(rows: Sequence[SpeakerRow]) -> str:
    seeds = len({row.seed for row in rows})
    return (
        f"Spoken digits: test accuracy in %, mean ± sample standard deviation of {seeds} seeds, of exact integers at 8 "
        "bits, by the speaker that training never heard."
    )
