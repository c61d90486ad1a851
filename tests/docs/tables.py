"""The generated tables, docs/tables: `python -m tests.docs.tables`, or `make tables`, writes all of them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from statistics import mean, stdev
from typing import NamedTuple

from cost_models.hardwired.table import TABLE as HARDWIRED
from cost_models.table.table import built_in_tables, table_path
from dse.cli.ending import end_with
from dse.evaluation.inputs import workload_hashes
from dse.report.fpga_system_table import caption as fpga_system_caption
from dse.report.fpga_system_table import table_markdown as fpga_system_markdown
from dse.report.fpga_systems import built_systems, parts, system_rows
from dse.report.fpga_table import UNKNOWN, fpga_table
from dse.report.fpga_table import table_markdown as fpga_markdown
from dse.report.hardwired_table import hardwired_table, structure_markdown
from dse.report.hardwired_table import table_markdown as hardwired_markdown
from dse.report.polarity_report import summarise
from dse.report.polarity_report import table_markdown as polarity_markdown
from dse.report.progress import ProgressBar
from dse.system.stored import DEFINITIONS as DEFINITIONS_OF_MACS
from dse.system.stored import PATH as EVALUATIONS
from tests.docs import (
    cost_tables,
    devices,
    findings,
    generated_signs,
    machine_features,
    several_ops,
    system_pages,
    training_tables,
    whole_machine,
)
from tests.support.paths import ROOT
from workloads.host.manifest import MANIFEST, Origin, file_hash
from workloads.host.text_tables import markdown_table
from workloads.studies.polarity import read_rows

FOLDER = ROOT / "docs" / "tables"
POLARITY = ROOT / "docs" / "polarity"
FAMILIES = (
    "digits",
    "digits-half",
    "digits-double",
    "digits-generated",
    "digits-generated-half",
    "digits-generated-double",
    "mnist",
    "mnist-half",
    "mnist-generated",
    "mnist-generated-half",
    "fashion-mnist",
    "fashion-mnist-deep",
    "spoken-digits",
)
WIDTHS = ((8, 8), (6, 6), (5, 5), (4, 4), (3, 3), (2, 2), (8, 4), (8, 3), (8, 2))
"""(x_bits, w_bits) that the table of accuracies has."""


class Page(NamedTuple):
    """A page of one table. words: what it shows, and the command that prints the same where there is one."""

    title: str
    words: str
    table: Callable[[], str]

    def text(self) -> str:
        return f"# {self.title}\n\n{self.words}\n\n{self.table().strip()}\n"


def accuracies() -> str:
    """Test accuracy of every family and op, in percent."""
    lines = []
    for family in FAMILIES:
        stored: dict[str, dict[tuple[int, int], float]] = {}
        with (ROOT / "workloads" / "families" / family / "accuracy.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                members = stored.setdefault(row["op"], {})
                members[int(row["x_bits"]), int(row["w_bits"])] = float(row["test_accuracy"])
        for op, members in stored.items():
            widest = max(w_bits for _, w_bits in members)
            cells = [members[x_bits, min(w_bits, widest)] for x_bits, w_bits in WIDTHS]
            lines.append([family, op, *(f"{100 * value:.2f}" for value in cells)])
    return markdown_table(["family", "op", *(f"{x_bits} × {w_bits}" for x_bits, w_bits in WIDTHS)], lines)


def fpgas() -> str:
    return fpga_markdown(fpga_table(("threshold", "adder", "shift")))


def fpga_ratios() -> str:
    """Ratios of LUTs, MAC over threshold, both in fabric."""
    ratios = {
        (row.table, row.x_bits, row.definition): row.lut_ratio for row in fpga_table(("threshold",)) if row.op != "mac"
    }
    built = list(dict.fromkeys(definition for *_, definition in ratios))
    lines = []
    for table in ("xc7-fabric", "ecp5-fabric"):
        for bits in (4, 8, 16):
            values = [ratios.get((table, bits, definition)) for definition in built]
            cells = [UNKNOWN if value is None else f"{value:.2f}" for value in values]
            lines.append([table.replace("-", " "), str(bits), *cells])
    return markdown_table(["", "bits", *built], lines)


def fpga_systems() -> str:
    return fpga_system_markdown(system_rows(built_systems("digits"), parts()), fpga_system_caption("digits", 1))


def polarity(dataset: str) -> Callable[[], str]:
    return lambda: polarity_markdown(summarise(read_rows(POLARITY / f"{dataset}-runs.csv")))


DIFFERENCES = {
    "synapse, balanced": (("synapse", "balanced"), ("synapse", "random")),
    "synapse, skewed": (("synapse", "skewed"), ("synapse", "random")),
    "synapse, learned": (("synapse", "learned"), ("synapse", "random")),
    "synapse, generated": (("synapse", "generated"), ("synapse", "random")),
    "input, learned": (("input", "learned"), ("input", "random")),
    "neuron, learned": (("neuron", "learned"), ("neuron", "random")),
    "random: input − synapse": (("input", "random"), ("synapse", "random")),
    "random: neuron − synapse": (("neuron", "random"), ("synapse", "random")),
}
"""Pairs of (granularity, initialisation) whose difference is shown."""


def polarity_differences() -> str:
    """Differences of test accuracy between runs of one seed."""
    lines = []
    for dataset in ("digits", "mnist"):
        rows = read_rows(POLARITY / f"{dataset}-runs.csv")
        test = {(row.depth, row.granularity, row.initialisation, row.seed): row.test_accuracy for row in rows}
        seeds = sorted({row.seed for row in rows})
        for depth in sorted({row.depth for row in rows}):
            cells = []
            for one, other in DIFFERENCES.values():
                points = [100 * (test[depth, *one, seed] - test[depth, *other, seed]) for seed in seeds]
                cells.append(f"{mean(points):+.1f} ± {stdev(points):.1f}".replace("-", "−"))
            lines.append([dataset, str(depth), *cells])
    return markdown_table(["data set", "depth", *DIFFERENCES], lines)


PAGES = {
    "accuracy": Page(
        "Accuracy of the trained families",
        "Percent of the test set, in exact integers, by x_bits × w_bits; weights of op shift have 5 bits where the "
        "column says more. One seed each; a test image is 0.22 % of digits, 0.33 % of spoken digits, 0.01 % of MNIST "
        "and Fashion-MNIST. `limen net accuracy FAMILY --op OP --x-bits X --w-bits W` measures one again.",
        accuracies,
    ),
    "kernels": Page(
        "Threshold against MAC, under each meaning of a kernel",
        "`limen study tables kernel --format md --op threshold --bits 4 --bits 8 --bits 16`.",
        cost_tables.kernels,
    ),
    "kernels-reach": Page(
        "Which kernels reach the published ratios",
        "The last lines of `limen study tables kernel --format md --op threshold`, with `--costs` for each of ihp130, "
        "sky130hd, asap7, xc7-fabric and ecp5-fabric, all widths.",
        cost_tables.reach,
    ),
    "kernels-libraries": Page(
        "MAC over threshold on three libraries",
        "Area and energy of uniform operands; of `limen study tables kernel` with `--costs ihp130`, `--costs sky130hd` "
        "and `--costs asap7`.",
        cost_tables.libraries,
    ),
    "kernels-fpga": Page(
        "Threshold against MAC on FPGAs, under each meaning of a kernel",
        "`limen study tables kernel --format md --op threshold --bits 8 --costs xc7-fabric --costs xc7-dsp --costs "
        "ecp5-fabric --costs ecp5-dsp`; area is LUTs.",
        cost_tables.fpgas,
    ),
    "fpga-ratios": Page(
        "MAC over threshold on FPGAs, in LUTs",
        "Of `limen study tables fpga`, both ops in fabric, without DSP blocks.",
        fpga_ratios,
    ),
    "fpga": Page("Ops, PEs, neurons and systems on FPGAs", "`limen study tables fpga --format md`.", fpgas),
    "fpga-system": Page(
        "Whole systems on FPGAs at equal LUTs", "`limen study tables fpga-system --format md`.", fpga_systems
    ),
    "hardwired": Page(
        "Hard-wired neurons: threshold against constant multipliers",
        "`limen study tables hardwired --format md`; [what a block is](../hardwired.md#the-machine).",
        lambda: hardwired_markdown(hardwired_table()),
    ),
    "hardwired-forms": Page(
        "Hard-wired neurons: every form of digits' first layer",
        "`limen study tables hardwired --layer conv1 --forms --format md`; ratios are against the MAC's best form.",
        lambda: hardwired_markdown(hardwired_table(["conv1"], every_form=True)),
    ),
    "hardwired-layers": Page(
        "Hard-wired neurons: what is left of each layer",
        "Counted, on no target: windows of an image, synapses, thresholds that no input exceeds and that every input "
        "exceeds, features, additions of two, and [bits of adders](../hardwired.md#what-it-says), about as many full "
        "adders.",
        structure_markdown,
    ),
    "pe-lines": Page(
        "PEs between accumulator widths",
        "Distance of a PE's figures from straight lines between the widths that have a netlist: rows `pe_line` of each "
        "table.",
        cost_tables.accumulators,
    ),
    "glitches": Page(
        "What zero delay hides of an operation's energy",
        "Energy with glitches over that of settled values, less one; PEs of 8 bits, uniform operands.",
        cost_tables.glitches,
    ),
    "operands": Page(
        "Energy of an operation by its operands",
        "PEs of 8 bits on IHP SG13G2. The kinds of operands: [costs.md](../costs.md#method), *Operands*.",
        cost_tables.operands,
    ),
    "beyond-a-fold": Page(
        "Energy of a cycle of a PE beyond a fold",
        "pJ at 8 bits on IHP SG13G2, uniform operands, the widest sum; beside it an idle cycle and an operation.",
        cost_tables.beyond_folds,
    ),
    "beyond-a-fold-share": Page(
        "What PEs beyond folds take of all PEs' energy",
        "More than idle ones would, in % of the PEs' energy: the digits network at 8 bits (op shift: 8 × 5) on 16 × 16 "
        "PEs, ihp130.",
        cost_tables.share_beyond_folds,
    ),
    "two-stages": Page(
        "PEs of one and two stages, and the zero-gated MAC",
        "8 bits, IHP SG13G2, energy of an operation by its operands.",
        cost_tables.two_stages,
    ),
    "several-ops": Page(
        "Networks of two ops: fused PEs, or a sub-array per op",
        "8 bits on ihp130, uniform operands: 16 × 16 fused PEs, beside two designs of one op each, 16 × 8 PEs, side by "
        "side, an estimate ([how](../costs.md#several-ops)). Of energies side by side, the first is with the idle "
        "sub-array stopped, that in brackets with its clock running.",
        several_ops.table,
    ),
    "whole-machine": Page(
        "Threshold against MAC, the whole machine",
        "All points of the built-in study's space, as `limen study run digits` finds them: one image of the digits "
        "network, weights fetched anew for each. Its bounds, of which area tells here, hold in the last two tables "
        "alone: the others have all priced designs. The first table has narrower spaces beside it: what is fixed in "
        "favour of one op decides who is ahead.",
        whole_machine.whole_machine,
    ),
    "whole-machine-mnist": Page(
        "Threshold against MAC, the whole machine: MNIST",
        "All points of the built-in study `mnist`, as [digits' page](whole-machine.md) has those of `digits`. "
        "Accuracies are of 10,000 validation images; energies under the network's own operands are estimated.",
        whole_machine.whole_machine_mnist,
    ),
    "devices": Page(
        "The best devices under 256 KiB, all on one chip",
        "`limen study run small --out runs/small`, then `limen study tables devices runs/small --kib 16 --kib 32 "
        "--kib 64 --kib 128 --kib 256 --format md`. All digits: [devices.csv](devices.csv).\n\n"
        "![Accuracy over energy of the best devices of each task, a colour an op, a shape a budget](devices.png)",
        devices.table,
    ),
    "machine-features": Page(
        "What each feature of the machine does",
        "One image of [MNIST's network and of ResNet-18](../machine.md#measured) on ihp130, uniform operands, by the "
        "best of all cuts. *overlap*: folds overlap; every column to the right of it has that and one thing more. All "
        "numbers: [machine-features.csv](machine-features.csv).",
        machine_features.tables,
    ),
    "system": Page(
        "The system table: digits",
        "`limen study tables system --format md` ([how](../system.md)).",
        partial(system_pages.main_page, "digits"),
    ),
    "system-mnist": Page(
        "The system table: MNIST",
        "`limen study tables system --network mnist --format md`.",
        partial(system_pages.main_page, "mnist"),
    ),
    "system-scenarios": Page(
        "The system table: all scenarios",
        "MAC over threshold in power, speed, energy and area of the best designs under each rule, above 1 where the "
        "threshold machine is better; limits as `limen study tables system` has them in each scenario.",
        system_pages.scenarios_page,
    ),
    "system-others": Page(
        "The system table: other networks",
        "`limen study tables system --network NAME --format md` of families of two ops and of networks of the zoo.",
        system_pages.others_page,
    ),
    "generated-polarity": Page(
        "What generated polarity saves",
        "One image of each network on 16 × 16 PEs with default buffers and `acc_policy: weights`, ihp130: a bit a "
        "synapse stored → signs generated. Filters are what moves over the port of weights, polarity, bias and shift.",
        generated_signs.generated_signs,
    ),
    "polarity-digits": Page(
        "Polarity: digits",
        "Of the runs in [digits-runs.csv](../polarity/digits-runs.csv), as `limen net polarity` writes it.",
        polarity("digits"),
    ),
    "polarity-mnist": Page(
        "Polarity: MNIST",
        "Of the runs in [mnist-runs.csv](../polarity/mnist-runs.csv), as `limen net polarity` writes it.",
        polarity("mnist"),
    ),
    "polarity-differences": Page(
        "Polarity: differences within a seed",
        "Points of test accuracy, mean ± sample standard deviation of five differences: initialisations against random "
        "signs of the same granularity, then granularities of random signs.",
        polarity_differences,
    ),
    "tries": Page(
        "Tries of deep networks",
        "Accuracies in %, of validation images; test images were read by none. Networks are a stem and stages of "
        "blocks of two 3 × 3 layers, a layer of stride 2 before each stage but the first, and scores; a stage is "
        "written blocks × channels. A layer that adds a residual starts at a deviation of *spread*, 1/2 where none is "
        "said, 1 in those of commit c909ceb263. Of [tries.csv](../training/tries.csv); "
        "[findings](../training.md#deep-networks).",
        training_tables.tries,
    ),
    "depth-digits": Page(
        "Depth: digits",
        "Of the runs in [digits-runs.csv](../depth/digits-runs.csv), as `limen net depth` writes it.",
        lambda: training_tables.depths("digits"),
    ),
    "speakers": Page(
        "Speakers that training never heard",
        "Of the runs in [runs.csv](../speakers/runs.csv), as `limen net speakers` writes it.",
        training_tables.unknown_speakers,
    ),
}
"""Pages by the name of their file."""


FILES = {"machine-features.csv": machine_features.content}
"""Files beside the pages, and what is in them."""

PICTURES = {"devices.png": devices.picture}
"""Pictures beside the pages: `tests/docs/test_artifact.py` compares their pixels."""

SWEPT = {"devices.csv": devices.swept}
"""Files that pages and others are made of, and the sweeps that make them: `pytest` compares samples of these."""


def index() -> str:
    """Return docs/tables/README.md."""
    words = "`make tables` writes them from the stored rows and runs; `pytest tests/docs` compares them."
    return "\n".join(
        ["# Generated tables", "", words, "", *(f"- [{page.title}]({name}.md)" for name, page in PAGES.items()), ""]
    )


def write_all() -> None:
    """Write all pages and files, and the manifest of what they come from."""
    stored = {f"costs {name}": file_hash(table_path(name)) for name in built_in_tables()}
    stored |= {"costs hardwired": file_hash(HARDWIRED)}
    stored |= {name: digest for family in FAMILIES for name, digest in workload_hashes(family).items()}
    stored |= {f"polarity {path.name}": file_hash(path) for path in sorted(POLARITY.glob("*-runs.csv"))}
    tried = (training_tables.TRIES, *training_tables.DEPTH.glob("*-runs.csv"), training_tables.SPEAKERS / "runs.csv")
    stored |= {f"{path.parent.name} {path.name}": file_hash(path) for path in sorted(tried)}
    stored |= {f"system {path.name}": file_hash(path) for path in (EVALUATIONS, DEFINITIONS_OF_MACS)}
    origin = Origin(stored)
    for name, content in SWEPT.items():
        (FOLDER / name).write_bytes(content())
    with ProgressBar() as bar:
        for done, (name, page) in enumerate(PAGES.items()):
            bar.show("pages", done, len(PAGES))
            (FOLDER / f"{name}.md").write_text(page.text(), encoding="utf-8")
    for name, content in (FILES | PICTURES).items():
        (FOLDER / name).write_bytes(content())
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")
    findings.PAGE.write_text(findings.page(), encoding="utf-8")
    origin.write_into(FOLDER, sorted(path for path in FOLDER.iterdir() if path.name != MANIFEST))


if __name__ == "__main__":
    end_with(write_all)
