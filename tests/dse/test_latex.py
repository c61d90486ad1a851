"""Tables in LaTeX: whole, labelled, escaped, and no wider than one column or two of a paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest

from dse.architectures.page import built_in_pages, load_page
from dse.architectures.report import grids_of, joined
from dse.architectures.tables import read_front, read_nets
from dse.report import device_table, fpga_table, hardwired_table, polarity_report, sampler_table, unit_latex
from dse.report.latex_table import Column, Group, PaperTable, latex
from dse.report.latex_width import COLUMN_PT, PAGE_PT, WIDTH_OF, width_pt
from dse.report.unit_table import Choice, unit_table
from dse.study.front_table import front_latex, front_markdown
from dse.system.stored import cells_of, stored_definitions, stored_scenarios
from dse.system.whole import whole_latex
from tests.support.command import refused, run_command
from tests.support.latex import cell_width, check_tables, compiled, compiler, font, glyph_width
from tests.support.paths import ROOT
from workloads.errors import LimenError
from workloads.ops.names import COMPARED
from workloads.studies.polarity import read_rows

LOOKS = (100, 200, 500, 1000, 2000, 5000, 10_000)


def kernels(columns: int) -> str:
    table = unit_table(["asap7", "xc7-fabric"], COMPARED, Choice())
    return unit_latex.table_latex(table, columns)


def fpgas(columns: int) -> str:
    return fpga_table.table_latex(fpga_table.fpga_table(COMPARED), columns)


def samplers(columns: int) -> str:
    rows = [
        sampler_table.ShareRow(name, seed, look, 0.5 + look / 20_001 + seed / 100, 12.5)
        for name in ("surrogate", "nsga2", "random")
        for seed in range(3)
        for look in LOOKS
    ]
    return sampler_table.table_latex(rows, columns)


def fronts(columns: int) -> str:
    return front_latex(front(), FIGURES, "digits", columns)


FIGURES = ("energy_uj", "latency_us", "area_mm2", "accuracy", "test_accuracy", "clock_ns", "dram_share", "my_own")


def front() -> pandas.DataFrame:
    rows = [
        {"trial": trial, "design": f"threshold-x4-w{trial % 7 + 2}-os-4x{trial}", "energy_uj": 29370.5,
         "latency_us": 66.97, "area_mm2": 2.469, "accuracy": 0.97, "test_accuracy": 0.98, "clock_ns": 6.1,
         "dram_share": 0.2, "my_own": 1e-9}
        for trial in range(150)
    ]  # fmt: skip
    return pandas.DataFrame(rows)


def polarity(columns: int) -> str:
    return polarity_report.table_latex(
        polarity_report.summarise(read_rows(ROOT / "docs" / "polarity" / "mnist-runs.csv"))
    )


def devices(columns: int) -> str:
    stored = (ROOT / "docs" / "tables" / "devices.csv").read_text(encoding="utf-8")
    return device_table.table_latex(device_table.table_of_csv(stored, "runs/small"), columns)


def hardwired(columns: int) -> str:
    return hardwired_table.table_latex(hardwired_table.hardwired_table(every_form=True), columns)


def system(columns: int) -> str:
    """Every table of whole machines that is stored; naive machines, which several share, under the first of those."""
    shown: set[tuple[str, str]] = set()
    parts = []
    for scenario in stored_scenarios():
        of = scenario.network, scenario.costs
        naive = [row for row in stored_definitions() if (row.network, row.costs) == of and of not in shown]
        shown.add(of)
        parts.append(whole_latex(cells_of(scenario), naive, "edp_uj_us", columns))
    assert r"\label{tab:definitions-fabric-digits-ihp130" in "".join(parts)
    return "\n".join(parts)


def searches(columns: int) -> str:
    """The stored searches over networks."""
    folder = ROOT / "docs" / "architectures"
    names = [name for name in built_in_pages() if (folder / f"{name}-trials.csv").exists()]
    of = {name: (read_nets(folder / f"{name}-trials.csv"), read_front(folder / f"{name}-front.csv")) for name in names}
    return "\n".join(joined(grids_of(*of[name], load_page(name)), "latex", name, columns) for name in names)


TABLES: dict[str, Callable[[int], str]] = {
    "kernels": kernels, "fpgas": fpgas, "samplers": samplers, "fronts": fronts, "polarity": polarity,
    "devices": devices, "hardwired": hardwired, "system": system, "searches": searches,
}  # fmt: skip


@pytest.fixture(scope="module")
def texts() -> dict[tuple[str, int], str]:
    return {(name, columns): make(columns) for name, make in TABLES.items() for columns in (1, 2)}


@pytest.mark.parametrize("columns", [1, 2])
def test_tables_are_sound_and_fit(texts: dict[tuple[str, int], str], columns: int) -> None:
    for name in TABLES:
        text, width = texts[name, columns], 2 if name == "polarity" else columns
        assert text.startswith(r"% \usepackage{booktabs}")
        assert check_tables(text, COLUMN_PT[width]) == text.count(r"\begin{table" + "*" * (width == 2) + "}") > 0
        labels = re.findall(r"\\label{(.*)}", text)
        assert len(set(labels)) == len(labels), "a label twice in one paper"


@pytest.mark.skipif(compiler() is None, reason="no LaTeX on PATH")
@pytest.mark.parametrize("columns", [1, 2])
def test_tables_compile(texts: dict[tuple[str, int], str], columns: int, tmp_path: Path) -> None:
    """Into a paper as wide and high as acmart's sigconf; labels of other tables are in it, too."""
    said = compiled([texts[name, columns] for name in TABLES], tmp_path)
    assert "Overfull" not in said and "too large" not in said and "multiply defined" not in said


def test_widths_are_the_font_s() -> None:
    """Every sign of the model against Computer Modern's own metrics; none is narrower than it is."""
    others = {"†": "dagger", "‡": "daggerdbl", "±": "plusminus", "×": "multiply", "·": "periodcentered", "µ": "mu",
              "−": "minus", "–": "endash", " ": "space", "≈": "approxequal", "∞": "infinity", "→": "arrowright",
              "Σ": "Sigma", "Δ": "Delta", "—": "emdash"}  # fmt: skip
    beyond = set("²³≤≥…_<>|{}~^\\≠√’“”")
    assert {sign for sign in WIDTH_OF if sign not in beyond} >= set("AZaz09.,%()")
    for sign, width in WIDTH_OF.items():
        if sign not in beyond:
            exact = font()[others[sign]] if sign in others else glyph_width(sign)
            assert exact - 0.5 <= width <= exact + 30, sign
    assert width_pt("threshold") == pytest.approx(cell_width("threshold"), abs=0.05)


def made(columns: list[Column], rows: list[list[str]], title: str = "", notes: tuple[str, ...] = ()) -> PaperTable:
    return PaperTable("A_table 1", "Some & all", columns, [Group(rows, title)], notes)


def test_a_table_by_hand() -> None:
    columns = [Column("op", right=False, key=True), Column("area all", "µm²"), Column("n")]
    table = made(columns, [["mac", "1", "2"], ["mac", "10 %", "3†"]], "8 bits", ("† a note.",))
    assert latex([table], 1).splitlines()[1:] == [
        r"\begin{table}",
        r"  \caption{Some \& all}",
        r"  \label{tab:a-table-1}",
        r"  \centering",
        r"  \fontsize{8}{9.5}\selectfont",
        r"  \setlength{\tabcolsep}{3pt}",
        r"  \begin{tabular}{@{}lrr@{}}",
        r"    \toprule",
        r"     & area &  \\",
        r"    op & all & n \\",
        r"     & $\mu$m\textsuperscript{2} &  \\",
        r"    \midrule",
        r"    \multicolumn{3}{@{}l}{8 bits} \\",
        r"    mac & 1 & 2 \\",
        r"     & 10 \% & 3$\dagger$ \\",
        r"    \bottomrule",
        r"  \end{tabular}",
        r"  \par\smallskip",
        r"  \begin{minipage}{\linewidth}",
        r"    \fontsize{7}{8.5}\selectfont\raggedright",
        r"    $\dagger$ a note.\par",
        r"  \end{minipage}",
        r"\end{table}",
    ]


def test_wide_and_long_tables_are_split() -> None:
    """Into parts of about one width, each with its keys, and in rows where a page ends; notes stand once."""
    columns = [Column("key", key=True), *(Column(f"figure {number}") for number in range(9))]
    table = made(columns, [[f"row {number}", *["123.456"] * 9] for number in range(70)], "all", ("A note.",))
    text = latex([table], 1)
    assert check_tables(text, COLUMN_PT[1]) == 4
    assert text.count(r"\begin{tabular}{@{}rrrrrr@{}}") == 2 and text.count(r"\begin{tabular}{@{}rrrrr@{}}") == 2
    assert text.count("A note.") == 1 and text.count(r"Notes: Table~\ref{tab:a-table-1-1}.") == 3
    assert text.count("row 69 ") == 2 and "part 4 of 4" in text and text.count("{all}") == 4
    rows = max(part.count(r" \\") for part in text.split(r"\begin{table}"))
    assert rows * 9.5 < PAGE_PT and check_tables(latex([table], 2), COLUMN_PT[2]) == 2


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("x" * 60, 1, "'tab:a-table-1': its keys and widest column take 28? pt of 241 pt; --columns 2 has 506 pt"),
        ("x" * 120, 2, "of 506 pt; --format csv or md has no such limit"),
        ("x", 3, "columns: 3 is not allowed: 1 or 2"),
    ],
)
def test_what_cannot_fit_is_refused(text: str, columns: int, words: str) -> None:
    with pytest.raises(LimenError) as caught:
        latex([made([Column("key", key=True), Column("value")], [["a", text]])], columns)
    assert "\n" not in str(caught.value) and words.split("?")[-1] in str(caught.value)


def test_the_check_sees_what_is_wrong() -> None:
    sound = latex([made([Column("key"), Column("value")], [["a", "1"], ["b_c", "x" * 54]])], 2)
    assert check_tables(sound, COLUMN_PT[2]) == 1
    for wrong in (
        sound.replace("x" * 54, "x" * 130), sound.replace("a & 1", "a & 1 & 2"), sound.replace(r"b\_c", "b_c"),
        sound.replace(r"\end{tabular}", ""), sound.replace(r"\label{tab:a-table-1}", ""), sound.replace(r"1 \\", "1"),
        sound.replace(r"\caption{", r"\caption{{"),
    ):  # fmt: skip
        assert wrong != sound
        with pytest.raises(AssertionError):
            check_tables(wrong, COLUMN_PT[2])
    with pytest.raises(AssertionError):
        check_tables(sound, COLUMN_PT[1])


def test_commands(tmp_path: Path, small: Path) -> None:
    """`study front` in each format; a width without LaTeX is refused."""
    narrow = run_command("study", "front", "out", "--format", "latex", "--columns", "1", cwd=small)
    assert narrow.returncode == 0 and check_tables(narrow.stdout, COLUMN_PT[1]) >= 1
    assert r"\label{tab:front-digits-1}" in narrow.stdout or r"\label{tab:front-digits}" in narrow.stdout
    everything = run_command("study", "front", "out", "--format", "csv", cwd=small)
    stored = pandas.read_csv(small / "out" / "front.csv")
    assert [*pandas.read_csv(io.StringIO(everything.stdout))["trial"]] == [*stored["trial"]]
    assert everything.stdout.rstrip("\n") == (small / "out" / "front.csv").read_text().rstrip("\n")
    markdown = run_command("study", "front", "out", "--format", "md", cwd=small)
    assert markdown.stdout.count("\n") == len(stored) + 2
    assert markdown.stdout.startswith("| trial | design | energy per image, µJ |")
    assert (
        front_markdown(front(), FIGURES)
        .splitlines()[2]
        .endswith("| 29370 | 66.97 | 2.469 | 97.00 | 98.00 | 6.1 | 0.2 | 1e-09 |")
    )
    words = "--columns: 1 is not allowed with --format text: only latex has a width"
    for command in (("front", "out"), ("tables", "kernel"), ("tables", "fpga"), ("compare", "--out", "o")):
        refused(run_command("study", *command, "--columns", "1", cwd=small), words)
    refused(run_command("net", "search", "--out", "o", "--columns", "1", cwd=small), words)
    words = "--json: is not allowed with --format md"
    refused(run_command("study", "front", "out", "--json", "--format", "md", cwd=small), words)
