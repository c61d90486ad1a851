"""What Python callers and the command line are given: names as well as objects, and one line for anything else."""

from __future__ import annotations

import rlcompleter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner

import limen
from dse.cli.commands import commands
from workloads.errors import LimenError

LAYER: Any = {"name": "only", "op": "mac", "x_bits": 8, "w_bits": 8, "channels": 3, "out_channels": 2}


def test_public_names_are_listed() -> None:
    assert dir(limen) == sorted([
        "Design", "Family", "Layer", "LayerParameters", "LimenError", "Network", "Proof", "Run", "Study", "export",
        "kernel_table", "load_design", "load_family", "main", "network", "plot_roofline", "price", "simulate",
        "system_definitions", "system_table", "verify",
    ])  # fmt: skip
    assert all(getattr(limen, name) for name in dir(limen))


def test_a_tab_completes_them() -> None:
    """As Python's own prompt does it; of what loads when first used, too."""
    completer, found = rlcompleter.Completer({"limen": limen}), list[str]()
    while (word := completer.complete("limen.", len(found))) is not None:
        found.append(word.rstrip("()"))
    assert sorted(found) == [f"limen.{name}" for name in dir(limen)]


def test_reprs_are_short() -> None:
    network = limen.network("digits", op="mac", x_bits=4, w_bits=5)
    run = limen.simulate(network, limen.load_design("mac-16x16"))
    assert repr(network) == f"Network(digits-mac-x4-w5: {len(network.layers)} layers, trained)"
    assert repr(run).startswith("Run(digits-mac-x4-w5 on 16 x 16 ") and len(repr(run)) < 100
    assert repr(limen.load_family("digits")).startswith("Family(digits: ops threshold, mac, ")
    assert network.parameters is not None
    assert repr(network.parameters[0]).startswith("LayerParameters(weights [") and len(repr(network.parameters)) < 500


def test_names_stand_for_what_they_name(tmp_path: Path) -> None:
    """A family gives its member of the design's op and widths, as on the command line."""
    design = limen.load_design("threshold-16x16")
    network = limen.network("digits", op="threshold", x_bits=design.x_bits, w_bits=design.w_bits)
    expected = limen.simulate(network, design)
    file = tmp_path / "chip.yaml"
    fields = design.model_dump(exclude_none=True, exclude={"extra_ops", "schedule"})  # empty, as by default
    file.write_text("".join(f"{name}: {value}\n" for name, value in fields.items()))
    for first in (network, "digits"):
        for second in (design, "threshold-16x16", file, str(file)):
            assert limen.simulate(first, second).counts == expected.counts
    assert limen.price(expected, Path("ihp130")) == limen.price(expected)


NETWORK: Any = limen.network("digits", op="mac", x_bits=8, w_bits=8)
MAC = "mac-16x16"
RUN = limen.simulate(NETWORK, MAC)
ONE = limen.Layer(**LAYER)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: limen.simulate(NETWORK, "no-such"), "design: 'no-such' is not allowed: mac-16x16, "),
        (lambda: limen.simulate(NETWORK, 5), "design: 5 is not allowed: a Design, a built-in design's name or a .yam"),
        (lambda: limen.simulate(NETWORK, None), "design: None is not allowed: a Design, a built-in"),
        (lambda: limen.simulate("digits", NETWORK), "design: Network(digits-mac-x8-w8: "),
        (lambda: limen.simulate(5, MAC), "network: 5 is not allowed: a Network, a family's name or folder, a n"),
        (lambda: limen.simulate("letters", MAC), "workload: 'letters' is not allowed: a family (digits, "),
        (lambda: limen.simulate(NETWORK, MAC, "gate"), "level: 'gate' is not allowed: one of timing, cycle, rtl"),
        (lambda: limen.simulate(NETWORK, MAC, ["rtl"]), "level: ['rtl'] is not allowed: one of timing, "),
        (lambda: limen.simulate(NETWORK, MAC, images=0), "images: 0 is not allowed: at least 1"),
        (lambda: limen.simulate(NETWORK, MAC, images=1.5), "images: 1.5 is not allowed: a whole number, at least"),
        (lambda: limen.simulate(NETWORK, MAC, images=True), "images: True is not allowed: a whole number, at le"),
        (lambda: limen.simulate(NETWORK, MAC, seed=-1), "seed: -1 is not allowed: at least 0"),
        (lambda: limen.simulate(NETWORK, MAC, "cycle", 450), "images: 450 is not allowed: 1 to 449, the test"),
        (lambda: limen.export(NETWORK, MAC, None), "folder: None is not allowed: the folder to write"),
        (lambda: limen.export(NETWORK, 5, "x"), "design: 5 is not allowed: a Design, a built-in design's name"),
        (lambda: limen.export(NETWORK, MAC, "x", images="9"), "images: '9' is not allowed: a whole number, at"),
        (lambda: limen.export(NETWORK, MAC, "n" * 300), "n" * 300 + ": cannot be written: File name too long"),
        (lambda: limen.price(NETWORK), "run: Network(digits-mac-x8-w8: "),
        (lambda: limen.price(RUN, costs=3), "costs: 3 is not allowed: a built-in table"),
        (lambda: limen.price(RUN, dram=3), "dram: 3 is not allowed: a name in the cost"),
        (lambda: limen.price(RUN, stream=[]), "stream: [] is not allowed: a name in t"),
        (lambda: limen.network(3), "workload: 3 is not allowed: a family's name or folder, a netw"),
        (lambda: limen.network("digits"), "family digits: op: missing; a family needs op, x_bits and w_bits"),
        (lambda: limen.network("digits", op=[], x_bits=8, w_bits=8), "family digits: op: [] is not allowed: one of t"),
        (lambda: limen.network("digits", "mac", 8.0, 8), "family digits: x_bits: 8.0 is not allowed: 2 to 8"),
        (lambda: limen.network("digits", "mac", 8, "8"), "family digits: w_bits: '8' is not allowed: 2 to 8"),
        (lambda: limen.load_design(None), "design: None is not allowed: a Design, a built-in design's name or a .yam"),
        (lambda: limen.Study(5, "x"), "study: 5 is not allowed: a built-in study's name or a study file (.yaml)"),
        (lambda: limen.Study("digits", None), "out: None is not allowed: the study's folder"),
        (lambda: limen.Study.open(None), "out: None is not allowed: the study's folder"),
        (lambda: limen.verify(5), "folder: 5 is not allowed: a folder of limen export"),
        (lambda: limen.load_family(4), "workload: 4 is not allowed: a family ("),
        (lambda: limen.Network("n", 5), "Network: layers: 5 is not allowed: a tuple of Layer"),
        (lambda: limen.Network("n", ("a",)), "Network: layers: 'a' is not allowed: a tuple of Layer"),
        (lambda: limen.Network(3, ()), "Network: name: 3 is not allowed: a text"),
        (lambda: limen.Network("n", (ONE,), ()), "network n: parameters: 0 are not allowed: one a layer"),
        (lambda: limen.Network("n", (ONE,), (3,)), "Network: parameters: 3 is not allowed: a tuple of"),
        (lambda: limen.Network("n", (ONE,), (limen.LayerParameters(1, None, [2], "x"),)),
         "network n: only.weights: absent; expected int64 [2, 1, 1, 3]"),
        (lambda: limen.Network("n", (ONE,), dataset="faces"), "network n: dataset: 'faces' is not al"),
        (lambda: NETWORK.predict("x"), "network digits-mac-x8-w8: input: 'x' is not allowed: an array of activations"),
        (lambda: NETWORK.predict(np.zeros(3)), "network digits-mac-x8-w8: input: images of shape [] are not allowed"),
        (lambda: NETWORK.accuracy("all"), "digits: split: 'all' is not allowed: one of test, train, validation"),
    ],
)  # fmt: skip
def test_arguments_of_other_kinds(call: Any, line: str) -> None:
    with pytest.raises(LimenError) as refusal:
        call()
    assert str(refusal.value).startswith(line) and "\n" not in str(refusal.value), refusal.value


@pytest.mark.parametrize(
    "arguments",
    [
        "simulate --images 0", "simulate --images -3", "simulate --seed -1", "simulate --images 1.5",
        "export --out x --images 0", "export --out x --seed -1", "verify x --images 0",
        "waves --layer a --out x.vcd --seed -1", "study export x --out y --images 0",
        "costs build --liberty x --out y.csv --jobs 0", "costs check --liberty x --sample 0",
        "costs check --liberty x --seed -1", "costs fpga --out-dir x --jobs 0", "costs fpga --check --sample 0",
        "costs fpga --check --seed -1", "costs multipliers --liberty x --bits 1", "net accuracy --check --sample 0",
        "net accuracy --check --seed -1", "net stats --images 0", "net train --out x --seed -1",
        "net train --out x --seeds 0", "net polarity digits --out x --seeds 0", "net diffusion --out x --epochs 0",
        "net diffusion --out x --samples 0", "net diffusion --out x --seed -1",
    ],
)  # fmt: skip
def test_numbers_out_of_range(arguments: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every count and seed, said by the option's own name before any work; nothing is written."""
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(commands, arguments.split())
    words = arguments.split()
    option = next(word for word, value in pairwise(words) if value in ("0", "-1", "-3", "1.5", "1"))
    assert outcome.exit_code == 2 and f"Invalid value for '{option}'" in outcome.output, outcome.output
    assert not any(tmp_path.iterdir())


def options_of(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Option]]:
    """Every option of a command and of those below it, with the command's words."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from options_of(below, (*words, name))
    yield from ((words, param) for param in command.params if isinstance(param, click.Option))


def test_no_option_takes_a_value_twice() -> None:
    """Of all that may be given again: neither a column printed twice nor a library that another of its name hides."""
    several = [(words, option) for words, option in options_of(commands) if option.multiple]
    assert len(several) > 20
    for words, option in several:
        context = click.Context(commands)
        assert option.callback is not None, words
        with pytest.raises(LimenError, match=f"^{option.opts[0]}: 'a' is not allowed twice$"):
            option.callback(context, option, ("a", "b", "a"))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("study tables hardwired --layer conv1 --layer conv1", "--layer: 'conv1' is not allowed twice"),
        ("costs hardwired --fpga xc7 --bits 8 --bits 8 --out x.csv", "--bits: '8' is not allowed twice"),
        ("costs hardwired --liberty a=b --liberty a=c --out x.csv", "--liberty: 'a' is not allowed twice: rows of"),
        (
            "costs hardwired --fpga xc7 --op mac --form da4 --layer conv1 --out x.csv",
            "--layer, --bits, --op, --form: conv1, mac, da4 are not allowed together: conv1 at 4",
        ),
        ("costs hardwired --fpga xc7 --out x.txt", "--out: 'x.txt' is not allowed: a name that ends in .csv"),
        ("costs build --liberty x --out x.txt", "--out: 'x.txt' is not allowed: a name that ends in .csv"),
        ("net export --out x", "--out: 'x' is not allowed: a name that ends in .csv"),
        ("simulate --csv x.csv.gz", "--csv: 'x.csv.gz' is not allowed: a name that ends in .csv"),
    ],
)
def test_refused_before_any_work(arguments: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(commands, arguments.split())
    assert isinstance(outcome.exception, LimenError) and str(outcome.exception).startswith(line)
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["accuracy", "stats"])
@pytest.mark.parametrize("option", ["x-bits", "w-bits"])
def test_no_bits_are_not_the_default(command: str, option: str) -> None:
    outcome = CliRunner().invoke(commands, ["net", command, "digits", f"--{option}", "0"])
    assert isinstance(outcome.exception, LimenError)
    assert f"{option.replace('-', '_')}: 0 is not allowed: 2 to " in str(outcome.exception)
