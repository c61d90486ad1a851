"""The polarity study's tables and picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.report.palette import COLOURS, MARKERS
from dse.report.seed_cells import UNKNOWN, cells_csv, mean_and_deviation, spread, write_files
from workloads.host.text_tables import markdown_table
from workloads.studies.polarity import GRANULARITIES, INITIALISATIONS, PolarityRow

GRANULARITY_COLOURS = (COLOURS[1], COLOURS[0], COLOURS[2])


class Cell(NamedTuple):
    """Runs that differ in their seed alone. In percent; deviations are the sample's, None of one run."""

    dataset: str
    depth: int
    granularity: str
    initialisation: str
    seeds: int
    validation_mean: float
    validation_deviation: float | None
    test_mean: float
    test_deviation: float | None
    positive_mean: float
    flipped_mean: float


def summarise(rows: Sequence[PolarityRow]) -> list[Cell]:
    """Return the cells of these runs, in the runs' order."""
    cells: dict[tuple[str, int, str, str], list[PolarityRow]] = {}
    for row in rows:
        cells.setdefault((row.dataset, row.depth, row.granularity, row.initialisation), []).append(row)
    return [
        Cell(
            *key,
            len(runs),
            *mean_and_deviation([100 * row.validation_accuracy for row in runs]),
            *mean_and_deviation([100 * row.test_accuracy for row in runs]),
            mean(100 * row.positive for row in runs),
            mean(100 * row.flipped for row in runs),
        )
        for key, runs in cells.items()
    ]


def write_report(rows: Sequence[PolarityRow], out: Path) -> list[Path]:
    """Write polarity.csv, .md, .tex and .png of these runs into `out` and return their paths.

    Raises LimenError where they can't be written.
    """
    cells = summarise(rows)
    contents = {
        "polarity.csv": cells_csv(Cell, cells).encode(),
        "polarity.md": table_markdown(cells).encode(),
        "polarity.tex": table_latex(cells).encode(),
        "polarity.png": picture(cells),
    }
    return write_files(contents, out)


def table_markdown(cells: Sequence[Cell]) -> str:
    """Return test accuracy by depth and granularity against initialisation, then validation accuracy, then the rest."""
    head = ["depth", "granularity", *INITIALISATIONS]
    parts = []
    for split in ("test", "validation"):
        lines = [[str(depth), granularity, *accuracies] for depth, granularity, accuracies in _grid(cells, split)]
        parts.append(f"{_caption(cells, split)}\n\n{markdown_table(head, lines)}")
    learned = [cell for cell in cells if cell.initialisation == "learned"]
    if learned:
        lines = [
            [str(cell.depth), cell.granularity, f"{cell.positive_mean:.1f}", f"{cell.flipped_mean:.1f}"]
            for cell in learned
        ]
        parts.append(
            "Learned polarity after training: share of synapses that are positive, and whose sign training changed, "
            f"in %.\n\n{markdown_table(['depth', 'granularity', 'positive', 'changed'], lines)}"
        )
    return "\n".join(parts)


def table_latex(cells: Sequence[Cell]) -> str:
    """Return the table of test accuracy in LaTeX, at the width of a page: in a column it would be two."""
    groups: dict[int, list[list[str]]] = {}
    for depth, granularity, accuracies in _grid(cells, "test"):
        groups.setdefault(depth, []).append([str(depth), granularity, *accuracies])
    heads = [Column("depth", key=True), Column("granularity", right=False, key=True)]
    heads += [Column(name, "%") for name in INITIALISATIONS]
    dataset = cells[0].dataset if cells else "no runs"
    caption = f"Polarity, {dataset}: test accuracy by granularity and initialisation"
    rows = [Group(lines) for lines in groups.values()]
    return latex([PaperTable(f"polarity {dataset}", caption, heads, rows, [_caption(cells, "test")])], 2)


def _grid(cells: Sequence[Cell], split: str) -> list[tuple[int, str, list[str]]]:
    """Return (depth, granularity, a text for each initialisation), `–` where there is no such cell."""
    by_key = {(cell.depth, cell.granularity, cell.initialisation): cell for cell in cells}
    return [
        (
            depth,
            granularity,
            [_text(by_key.get((depth, granularity, initialisation)), split) for initialisation in INITIALISATIONS],
        )
        for depth in sorted({cell.depth for cell in cells})
        for granularity in GRANULARITIES
    ]


def _text(cell: Cell | None, split: str) -> str:
    if cell is None:
        return UNKNOWN
    average = cell.test_mean if split == "test" else cell.validation_mean
    deviation = cell.test_deviation if split == "test" else cell.validation_deviation
    return spread(average, deviation)


def _caption(cells: Sequence[Cell], split: str) -> str:
    if not cells:
        return "No runs."
    counts = sorted({cell.seeds for cell in cells})
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return (
        f"{cells[0].dataset}: {split} accuracy in %, mean ± sample standard deviation of {seeds} seeds, of the float "
        "master (before any rounding to integers), by depth and granularity of polarity against its initialisation."
    )


def picture(cells: Sequence[Cell]) -> bytes:
    """Return a PNG: test accuracy by initialisation and granularity with deviations, a panel a depth."""
    from workloads.host.pictures import Figure, picture_bytes

    depths = sorted({cell.depth for cell in cells})
    figure = Figure(figsize=(3 + 3.2 * len(depths), 4.2), layout="constrained")
    panels = figure.subplots(1, len(depths), sharey=True, squeeze=False)[0]
    for axes, depth in zip(panels, depths, strict=True):
        for index, granularity in enumerate(GRANULARITIES):
            shown = [cell for cell in cells if (cell.depth, cell.granularity) == (depth, granularity)]
            axes.errorbar(
                [INITIALISATIONS.index(cell.initialisation) + 0.22 * (index - 1) for cell in shown],
                [cell.test_mean for cell in shown],
                yerr=[cell.test_deviation or 0 for cell in shown],
                fmt=MARKERS[index], color=GRANULARITY_COLOURS[index], capsize=3, label=granularity,
            )  # fmt: skip
        axes.set_xticks(range(len(INITIALISATIONS)), INITIALISATIONS)
        axes.set_xlim(-0.5, len(INITIALISATIONS) - 0.5)
        axes.set_xlabel("initialisation of polarity")
        axes.set_title(f"depth {depth}")
        axes.grid(axis="y", alpha=0.3)
    panels[0].set_ylabel("test accuracy (%)")
    figure.legend(*panels[0].get_legend_handles_labels(), title="granularity", loc="outside right upper")
    counts = sorted({cell.seeds for cell in cells})
    seeds = "–".join(str(count) for count in dict.fromkeys((counts[0], counts[-1])))
    figure.suptitle(f"{cells[0].dataset}, float master: mean and sample standard deviation of {seeds} seeds")
    return picture_bytes(figure)
