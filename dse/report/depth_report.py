"""The depth study's tables and picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.report.palette import COLOURS, MARKERS
from dse.report.seed_cells import UNKNOWN, cells_csv, mean_and_deviation, spread, write_files
from workloads.host.text_tables import markdown_table
from workloads.studies.depth import DEPTHS, FORMS, RATES, DepthRow

LINES = {"residual": "-", "plain": "--"}


class Cell(NamedTuple):
    """Runs that differ in their seed alone. In percent; deviations are the sample's, None of one run.

    operations, synapses: of an image and of the network. diverged: how many of the runs did; each counts as a guess.
    """

    dataset: str
    depth: int
    form: str
    op: str
    norm: str
    operations: int
    synapses: int
    seeds: int
    diverged: int
    validation_mean: float
    validation_deviation: float | None
    test_mean: float
    test_deviation: float | None


def summarise(rows: Sequence[DepthRow]) -> list[Cell]:
    """Return the cells of these runs, in the runs' order."""
    cells: dict[tuple[str, int, str, str, str, int, int], list[DepthRow]] = {}
    for row in rows:
        key = row.dataset, row.depth, row.form, row.op, row.norm, row.operations, row.synapses
        cells.setdefault(key, []).append(row)
    return [
        Cell(
            *key,
            len(runs),
            sum(row.diverged for row in runs),
            *mean_and_deviation([100 * row.validation_accuracy for row in runs]),
            *mean_and_deviation([100 * row.test_accuracy for row in runs]),
        )
        for key, runs in cells.items()
    ]


def write_report(rows: Sequence[DepthRow], out: Path) -> list[Path]:
    """Write depth.csv, .md, .tex and .png of these runs into `out` and return their paths.

    Raises LimenError where they can't be written.
    """
    cells = summarise(rows)
    contents = {
        "depth.csv": cells_csv(Cell, cells).encode(),
        "depth.md": table_markdown(cells).encode(),
        "depth.tex": table_latex(cells).encode(),
        "depth.png": picture(cells),
    }
    return write_files(contents, out)


def table_markdown(cells: Sequence[Cell]) -> str:
    """Return test accuracy by op, norm and form against depth, then validation accuracy."""
    depths = _depths(cells)
    head = ["op", "norm", "form", *(str(depth) for depth in depths)]
    parts = []
    for split in ("test", "validation"):
        lines = [[op, norm, form, *texts] for op, norm, form, texts in _grid(cells, split)]
        parts.append(f"{_caption(cells, split)}\n\n{markdown_table(head, lines)}")
    return "\n".join(parts)


def table_latex(cells: Sequence[Cell]) -> str:
    """Return the table of test accuracy in LaTeX, at the width of a page."""
    groups: dict[str, list[list[str]]] = {}
    for op, norm, form, texts in _grid(cells, "test"):
        groups.setdefault(op, []).append([op, norm, form, *texts])
    heads = [Column(name, right=False, key=True) for name in ("op", "norm", "form")]
    heads += [Column(f"{depth} layers", "%") for depth in _depths(cells)]
    dataset = cells[0].dataset if cells else "no runs"
    caption = f"Depth, {dataset}: test accuracy by op, norm and form"
    rows = [Group(lines) for lines in groups.values()]
    return latex([PaperTable(f"depth {dataset}", caption, heads, rows, [_caption(cells, "test")])], 2)


def _depths(cells: Sequence[Cell]) -> list[int]:
    return sorted({cell.depth for cell in cells})


def _grid(cells: Sequence[Cell], split: str) -> list[tuple[str, str, str, list[str]]]:
    """Return (op, norm, form, a text for each depth) of what there is; the shallowest depth has no residuals."""
    by_key = {(cell.op, cell.norm, cell.form, cell.depth): cell for cell in cells}
    lines = []
    for op, rates in RATES.items():
        for norm in rates:
            for form in FORMS:
                here = [by_key.get((op, norm, form, depth)) for depth in _depths(cells)]
                if any(here):
                    lines.append((op, norm, form, [_text(cell, split) for cell in here]))
    return lines


def _text(cell: Cell | None, split: str) -> str:
    if cell is None:
        return UNKNOWN
    average = cell.test_mean if split == "test" else cell.validation_mean
    deviation = cell.test_deviation if split == "test" else cell.validation_deviation
    diverged = f" ({cell.diverged} diverged)" if cell.diverged else ""
    return f"{spread(average, deviation)}{diverged}"


def _caption(cells: Sequence[Cell], split: str) -> str:
    if not cells:
        return "No runs."
    counts = sorted({cell.seeds for cell in cells})
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    operations = sorted({round(cell.operations / 1e6, 2) for cell in cells})
    millions = str(operations[0]) if len(operations) == 1 else f"{operations[0]} to {operations[-1]}"
    return (
        f"{cells[0].dataset}: {split} accuracy in %, mean ± sample standard deviation of {seeds} seeds, of the float "
        "master (before any rounding to integers), by op, norm and form against depth; "
        f"{millions} million operations an image at every depth."
    )


def picture(cells: Sequence[Cell]) -> bytes:
    """Return a PNG: test accuracy against depth with deviations, a panel an op, a colour a norm, dashed if plain."""
    from workloads.host.pictures import Figure, picture_bytes

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    panels = figure.subplots(1, len(RATES), sharey=True)
    for axes, (op, rates) in zip(panels, RATES.items(), strict=True):
        for norm, colour, marker in zip(rates, COLOURS, MARKERS, strict=False):
            for form, line in LINES.items():
                shown = [cell for cell in cells if (cell.op, cell.norm, cell.form) == (op, norm, form)]
                axes.errorbar(
                    [cell.depth for cell in shown],
                    [cell.test_mean for cell in shown],
                    yerr=[cell.test_deviation or 0 for cell in shown],
                    fmt=marker, linestyle=line, color=colour, capsize=3, markersize=4, label=f"{norm}, {form}",
                )  # fmt: skip
        axes.set_xticks(DEPTHS)
        axes.set_xlabel("layers")
        axes.set_title(op)
        axes.grid(axis="y", alpha=0.3)
        axes.legend(fontsize="small", title="norm, form")
    panels[0].set_ylabel("test accuracy (%)")
    seeds = round(mean(cell.seeds for cell in cells))
    figure.suptitle(f"{cells[0].dataset}, float master, equal operations: mean and sample deviation of {seeds} seeds")
    return picture_bytes(figure)
