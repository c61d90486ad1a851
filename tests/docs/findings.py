"""docs/findings.md: ten sentences of what a threshold neuron saves, their numbers those of the generated tables.

`python -m tests.docs.findings` writes the page. A sentence whose numbers no longer say what it says is an error.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "findings.md"
TABLES = ROOT / "docs" / "tables"
WIDTH = 140
BAR = re.compile(r"(?<!\\)\|")


class Cell(NamedTuple):
    """A number of a generated table.

    row: the cells that one row alone begins with. column: its head, or its place. place: of several in the cell.
    pattern: what of that is the number.
    """

    table: str
    row: tuple[str, ...]
    column: str | int
    place: int = 0
    pattern: str = "(.*)"

    def text(self) -> str:
        """Return it as the table has it. Raises ValueError where the table has not one such row and column."""
        found = [
            cells[self.column if isinstance(self.column, int) else head.index(self.column)]
            for head, rows in tables(self.table)
            if isinstance(self.column, int) or self.column in head
            for cells in rows
            if tuple(cells[: len(self.row)]) == self.row
        ]
        if len(found) != 1:
            raise ValueError(f"{self}: {len(found)} cells")
        (number,) = re.findall(self.pattern, found[0].split(", ")[self.place].removesuffix(" %"))[:1]
        return str(number)


def tables(name: str) -> list[tuple[list[str], list[list[str]]]]:
    """Return (head, rows) of each table of a page."""
    found: list[list[list[str]]] = [[]]
    for line in (TABLES / f"{name}.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in BAR.split(line)[1:-1]])
        elif found[-1]:
            found.append([])
    return [(rows[0], rows[2:]) for rows in found if rows]


class Finding(NamedTuple):
    """A sentence with {names} of cells, what must hold of them for it, a table, a command and a picture.

    holds: of the cells' numbers, by their names. command: or several, "; " between them.
    """

    title: str
    sentence: str
    cells: Mapping[str, Cell]
    holds: Callable[[Mapping[str, float]], bool]
    command: str
    picture: str
    alt: str

    def text(self, number: int) -> str:
        """Return it as a part of the page. Raises ValueError where the numbers say something else."""
        texts = {name: cell.text() for name, cell in self.cells.items()}
        if not self.holds({name: float(text.replace("−", "-").replace(",", "")) for name, text in texts.items()}):
            raise ValueError(f"{self.title}: doesn't hold of {texts}")
        pages = dict.fromkeys(cell.table for cell in self.cells.values())
        links = ", ".join(f"[{page}](tables/{page}.md)" for page in pages)
        commands = self.command.replace("; ", "\n    ")
        return (
            f"## {number}. {self.title}\n{filled(f'{self.sentence.format(**texts)} ({links}.)')}\n\n"
            f"    {commands}\n\n![{self.alt}]({self.picture})\n"
        )


def filled(text: str) -> str:
    """Return text in lines of a page's width."""
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def equal_accuracy(page: str, bound: str, place: int) -> Cell:
    """MAC over threshold in energy (place 0), latency (1) or area (2), with all free that the built-in study frees."""
    return Cell(page, ("also two stages and zero gating: the built-in study",), bound, place)


def library(kernel: str, bits: int, column: int) -> Cell:
    """MAC over threshold: on IHP SG13G2 area (column 2) and energy (3), on sky130hd (4, 5), on ASAP7 (6, 7)."""
    return Cell("kernels-libraries", (kernel, str(bits)), column)


def device(task: str, budgets: str, best: str, op: str, column: str) -> Cell:
    return Cell("devices", (task, budgets, best, op), column)


POINTS, PERCENT = "([+−][0-9.]+) ±", "−([0-9.]+) %"
"""A mean before its deviation; a fall in brackets."""

MNIST_OS = ("mnist-generated-threshold", "8", "os")

KERNELS, DIGITS = "limen study tables kernel --op threshold", "limen study run digits --out runs/digits"

SAME_ARRAY = ("equal array, 16 × 16 PEs", "threshold")
PUBLISHED = {"power": "power MAC/op (paper 2.52)", "speed": "speed MAC/op (paper 1.75)"}
NAIVE = ("all of these together", "same array")
NAIVE_HEADS = {"power": "power (paper 2.52)", "speed": "speed (paper 1.75)", "energy": "energy"}

FINDINGS = (
    Finding(
        "Alone, the op saves what was promised",
        "At 8 bits a multiplier takes {area} times the area and {energy} times the energy of a threshold op, a "
        "subtraction that stops at 0, and at 16 bits {area16} and {energy16} times.",
        {
            "area": library("op alone", 8, 2),
            "energy": library("op alone", 8, 3),
            "area16": library("op alone", 16, 2),
            "energy16": library("op alone", 16, 3),
        },
        lambda of: 4 < of["area"] < of["area16"] and 4 < of["energy"] < of["energy16"],
        f"{KERNELS} --plot kernels.png",
        "findings/kernels.png",
        "Area and energy of ops alone, neurons and PEs over operand width, on IHP SG13G2",
    ),
    Finding(
        "In a PE it saves half, and at 4 bits a fifth, on any library",
        "Registers and accumulator are the same for both, so at 8 bits and uniform operands an output-stationary "
        "MAC PE takes {ihp} times the area and {ihp_pj} times the energy of a threshold PE on IHP SG13G2, {sky} "
        "and {sky_pj} times on sky130hd, {asap} and {asap_pj} times on ASAP7; at 4 bits, on the first, {ihp4} and "
        "{ihp4_pj} times.",
        {
            "ihp": library("os PE", 8, 2),
            "ihp_pj": library("os PE", 8, 3),
            "sky": library("os PE", 8, 4),
            "sky_pj": library("os PE", 8, 5),
            "asap": library("os PE", 8, 6),
            "asap_pj": library("os PE", 8, 7),
            "ihp4": library("os PE", 4, 2),
            "ihp4_pj": library("os PE", 4, 3),
        },
        lambda of: (
            all(1.7 < of[f"{name}{what}"] < 2.1 for name in ("ihp", "sky", "asap") for what in ("", "_pj"))
            and of["ihp4"] < 1.3
        ),
        f"{KERNELS} --costs asap7 --plot kernels-asap7.png",
        "findings/kernels-asap7.png",
        "The picture of the first finding, on ASAP7: PEs are its last two rows",
    ),
    Finding(
        "A network's own operands take more than a third of that saving",
        "A multiplier rests on small and zero activations and a threshold doesn't, for max(0 − w, 0) is not 0 "
        "where w is negative: {uniform} times the energy of an output-stationary PE at uniform operands are {own} "
        "times at those of the digits network.",
        {
            "uniform": Cell("operands", ("os", "uniform"), "MAC/threshold"),
            "own": Cell("operands", ("os", "the digits network's own"), "MAC/threshold"),
        },
        lambda of: 1 / 3 < 1 - (1 - 1 / of["own"]) / (1 - 1 / of["uniform"]) < 1 / 2,
        f"{KERNELS} --stream network --plot operands.png",
        "findings/operands.png",
        "Area and energy of PEs over operand width at the digits network's operands",
    ),
    Finding(
        "A second pipeline stage takes the saving of time",
        "An output-stationary MAC PE of one stage needs a clock of {mac} ns where a threshold PE needs "
        "{threshold}, one of two stages {mac2} where a threshold PE needs {threshold2}, and a MAC network may take "
        "that stage.",
        {
            "mac": Cell("two-stages", ("os", "MAC, 1 stage"), "clock, ns"),
            "threshold": Cell("two-stages", ("os", "threshold, 1 stage"), "clock, ns"),
            "mac2": Cell("two-stages", ("os", "MAC, 2 stages"), "clock, ns"),
            "threshold2": Cell("two-stages", ("os", "threshold, 2 stages"), "clock, ns"),
        },
        lambda of: of["mac"] / of["threshold"] > 1.25 and of["mac2"] / of["threshold2"] < 1.1,
        f"{DIGITS}; limen study plot runs/digits --out clocks.png -x clock_ns -y area_mm2",
        "findings/clocks.png",
        "Clock and area of all designs of digits, by op",
    ),
    Finding(
        "On FPGAs it saves LUTs where there is no DSP block to take",
        "Both in fabric, an output-stationary PE of 8 bits takes {pe} times the LUTs as a MAC on Xilinx's 7 series "
        "and {pe5} times on ECP5, and a whole system of 8 × 8 of them {system} and {system5} times; with DSP "
        "blocks a MAC takes none for its product.",
        {
            "pe": Cell("fpga-ratios", ("xc7 fabric", "8"), "os PE"),
            "pe5": Cell("fpga-ratios", ("ecp5 fabric", "8"), "os PE"),
            "system": Cell("fpga-ratios", ("xc7 fabric", "8"), "8 x 8 system, small"),
            "system5": Cell("fpga-ratios", ("ecp5 fabric", "8"), "8 x 8 system, small"),
        },
        lambda of: of["pe"] > 2 > of["system"] > 1.3 and of["pe5"] > 2 > of["system5"] > 1.3,
        f"{KERNELS} --costs xc7-fabric --plot kernels-fpga.png",
        "findings/kernels-fpga.png",
        "LUTs of ops alone, neurons and PEs over operand width on Xilinx's 7 series, without DSP blocks",
    ),
    Finding(
        "It costs accuracy",
        "Trained alike, the threshold network is right on {digits} % of digits at 8 bits where the MAC network is "
        "on {digits_mac} %, of MNIST on {mnist} and {mnist_mac} %, of Fashion-MNIST on {fashion} and {fashion_mac} "
        "%; of spoken digits both on {spoken} %.",
        {
            "digits": Cell("accuracy", ("digits", "threshold"), "8 × 8"),
            "digits_mac": Cell("accuracy", ("digits", "mac"), "8 × 8"),
            "mnist": Cell("accuracy", ("mnist", "threshold"), "8 × 8"),
            "mnist_mac": Cell("accuracy", ("mnist", "mac"), "8 × 8"),
            "fashion": Cell("accuracy", ("fashion-mnist", "threshold"), "8 × 8"),
            "fashion_mac": Cell("accuracy", ("fashion-mnist", "mac"), "8 × 8"),
            "spoken": Cell("accuracy", ("spoken-digits", "threshold"), "8 × 8"),
            "spoken_mac": Cell("accuracy", ("spoken-digits", "mac"), "8 × 8"),
        },
        lambda of: (
            all(of[name] < of[f"{name}_mac"] for name in ("digits", "mnist", "fashion"))
            and of["spoken"] == of["spoken_mac"]
        ),
        "limen net train fashion-mnist --out fashion-mnist --data FOLDER",
        "../workloads/families/fashion-mnist/threshold-curve.png",
        "Loss and accuracy over the epochs of the threshold network on Fashion-MNIST, where it lacks most",
    ),
    Finding(
        "On a small machine with DRAM a MAC network is ahead at equal accuracy",
        "For 98 % on digits the best MAC device takes {energy} times the energy, {latency} times the time and "
        "{area} times the area of the best threshold device, on MNIST {energy_m}, {latency_m} and {area_m} times: "
        "the MAC network needs fewer bits of w, and memories and DRAM cost more than the arrays.",
        {
            "energy": equal_accuracy("whole-machine", "98 %", 0),
            "latency": equal_accuracy("whole-machine", "98 %", 1),
            "area": equal_accuracy("whole-machine", "98 %", 2),
            "energy_m": equal_accuracy("whole-machine-mnist", "98 %", 0),
            "latency_m": equal_accuracy("whole-machine-mnist", "98 %", 1),
            "area_m": equal_accuracy("whole-machine-mnist", "98 %", 2),
        },
        lambda of: max(of.values()) < 1,
        DIGITS,
        "front.png",
        "Energy and accuracy of all designs of digits, by op",
    ),
    Finding(
        "The same machine with the other op is another question",
        "At 8 bits a design takes {energy} times the energy, {latency} times the time and {area} times the area as "
        "a MAC design on digits, in the median, and {energy_m}, {latency_m} and {area_m} times on MNIST, whatever "
        "their accuracies; the published ratios of a system, 2.52 of power and 1.75 of speed, are {power} and {speed} "
        "between the best two of 16 × 16 PEs on digits, and {power_n} and {speed_n} where the MAC machine has operands "
        "of 16 bits, a multiplier an output for batch-norm, activation as a pass of its own and accumulators for any "
        "weights, at {energy_n} times the energy an image.",
        {
            **{
                name: Cell("whole-machine", (name,), "median of the 108 at 8 bits")
                for name in ("energy", "latency", "area")
            },
            **{
                f"{name}_m": Cell("whole-machine-mnist", (name,), "median of the 48 at 8 bits")
                for name in ("energy", "latency", "area")
            },
            **{name: Cell("system", SAME_ARRAY, head) for name, head in PUBLISHED.items()},
            **{f"{name}_n": Cell("system", NAIVE, head) for name, head in NAIVE_HEADS.items()},
        },
        lambda of: (
            min(of[name] for name in ("energy", "latency", "area", "energy_m", "latency_m", "area_m")) > 1
            and max(of["power"], of["power_n"]) < 2.52 < of["energy_n"]
            and of["speed"] < 1.75 < of["speed_n"]
        ),
        f"limen study tables system; {DIGITS}; limen study plot runs/digits --out areas.png -x area_mm2 -y latency_us",
        "findings/areas.png",
        "Area and latency of all designs of digits, by op",
    ),
    Finding(
        "Its sign costs a bit a synapse, unless it is generated",
        "A MAC has no such bit to store; a digits network of four layers changes by {neuron} points of accuracy "
        "where all synapses of a neuron share it, by {input} where those of an input do, and by {generated} where "
        "it comes from a seeded generator, which saves, of MNIST's network at 8 bits on 16 × 16 output-stationary "
        "PEs, {filters} % of the filters that move and {energy} % of the energy.",
        {
            "neuron": Cell("polarity-differences", ("digits", "4"), "random: neuron − synapse", pattern=POINTS),
            "input": Cell("polarity-differences", ("digits", "4"), "random: input − synapse", pattern=POINTS),
            "generated": Cell("polarity-differences", ("digits", "4"), "synapse, generated", pattern=POINTS),
            "filters": Cell("generated-polarity", MNIST_OS, "filters, KiB", pattern=PERCENT),
            "energy": Cell("generated-polarity", MNIST_OS, "energy, µJ", pattern=PERCENT),
        },
        lambda of: of["neuron"] < -10 < of["input"] < 0 and abs(of["generated"]) < 1 < of["energy"] < of["filters"],
        "limen net polarity digits --out polarity",
        "polarity/digits.png",
        "Accuracy by granularity, initialisation and depth of polarity, digits",
    ),
    Finding(
        "In a device of 64 KiB all on one chip a MAC network of fewer channels is ahead",
        "With the network's width free, signs stored or generated, and at accuracies that both reach, the best MAC "
        "device under 64 KiB takes {digits} times the energy and {digits_t} times the time of the best threshold "
        "device on digits, {mnist} and {mnist_t} times on MNIST; on Fashion-MNIST, of one "
        "width and stored signs, the most accurate threshold device is right on {fashion} % of the validation images, "
        "and the most accurate MAC device on {fashion_mac} %.",
        {
            "digits": device("digits", "32, 64", "least energy", "threshold", "energy×"),
            "digits_t": device("digits", "32, 64", "least energy", "threshold", "latency×"),
            "mnist": device("mnist", "64", "least energy", "threshold", "energy×"),
            "mnist_t": device("mnist", "64", "least energy", "threshold", "latency×"),
            "fashion": device("fashion-mnist", "64", "most accurate", "threshold", "accuracy, %"),
            "fashion_mac": device("fashion-mnist", "64", "most accurate", "mac", "accuracy, %"),
        },
        lambda of: (
            of["digits"] < 0.6 < of["mnist"] < 0.8
            and max(of["digits_t"], of["mnist_t"]) < 1
            and of["fashion"] < of["fashion_mac"]
        ),
        "limen study run small --out runs/small; limen study tables devices runs/small --plot devices.png",
        "tables/devices.png",
        "Accuracy over energy of the best devices of each task",
    ),
)


def page() -> str:
    """Return docs/findings.md. Raises ValueError where a sentence doesn't hold any more."""
    parts = [finding.text(number) for number, finding in enumerate(FINDINGS, start=1)]
    return "\n".join([f"# What a threshold neuron really saves\n\n{filled(WORDS)}\n", *parts])


WORDS = (
    "Ten sentences, each with a command and a picture; numbers are MAC over threshold unless a sentence says "
    "otherwise, and those of [generated tables](tables/README.md). `python -m tests.docs.findings` writes this "
    "page from these, and `pytest tests/docs/test_findings.py` fails where a sentence no longer holds. Costs are "
    "our own Verilog's on IHP SG13G2, but where another library is named; [what isn't "
    "claimed](claims.md#what-is-and-isnt-claimed)."
)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
