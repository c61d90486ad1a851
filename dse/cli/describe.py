"""`limen describe`: anything that has a name or a file, in a few lines."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dse.cli.options import echo_wrapped
from workloads.errors import LimenError, printable
from workloads.host.width import WIDTH, columns

if TYPE_CHECKING:
    from simulator.designs.design import Design
    from workloads.networks.network import Network

ZOO = "zoo"
"""What the networks that come without weights are called together."""


@click.command()
@click.argument("subject", metavar="[WHAT]", required=False)
def describe(subject: str | None) -> None:
    """Describe WHAT: a family, network, design, study or cost table by name, a .yaml or .csv file, or a folder.

    `zoo` is a table of all networks without weights. Without WHAT, list all that comes with Limen.
    """
    texts = [_everything()] if subject is None else _named(subject)
    echo_wrapped("\n\n".join(texts))


def _everything() -> str:
    from cost_models.table.table import built_in_tables
    from dse.space.study_spec import built_in_studies
    from simulator.designs.built_in import built_in_designs
    from workloads.networks.family import shipped_families
    from workloads.networks.pages import zoo_pages

    lines = [
        f"families      {', '.join(shipped_families())}",
        f"zoo           {', '.join(zoo_pages())}",
        f"designs       {', '.join(built_in_designs())}",
        f"studies       {', '.join(built_in_studies())}",
        f"cost tables   {', '.join(built_in_tables())}",
        "limen describe NAME says more; a .yaml or .csv file, or the folder of a family or study will do, too",
    ]
    return "\n".join(lines)


def _named(subject: str) -> list[str]:
    """Return a text for everything of this name: digits is a family and a study. Raises LimenError for none."""
    from cost_models.table.table import built_in_tables
    from dse.cli.costs import describe_table
    from dse.space.study_spec import built_in_studies, load_study
    from simulator.designs.built_in import built_in_designs, load_design
    from workloads.host.names import TABLE, check_imported, is_file_name, nearest
    from workloads.networks.family import is_family, shipped_families
    from workloads.networks.pages import zoo_pages

    if subject == ZOO:
        return [_describe_zoo()]
    if subject in zoo_pages():
        return [_describe_page(zoo_pages()[subject])]
    if is_file_name(subject):
        return [_describe_file(subject)]
    if is_file_name(subject, TABLE):
        return [_describe_csv(Path(subject))]
    texts = []
    if subject in shipped_families():
        texts.append(_describe_family(subject))
    if subject in built_in_designs():
        texts.append(_describe_design(subject, load_design(subject)))
    if subject in built_in_studies():
        texts.append(_describe_spec(f"study {subject}", load_study(subject).model_dump()))
    if subject in built_in_tables():
        texts.append(describe_table(subject))
    if not texts and is_family(Path(subject)):
        texts.append(_describe_family(subject))
    elif not texts and Path(subject).is_dir():
        from dse.cli.study import describe_study

        texts.append(describe_study(Path(subject)))
    if not texts:
        check_imported("describe", subject)
        names = [*shipped_families(), ZOO, *zoo_pages(), *built_in_designs(), *built_in_studies(), *built_in_tables()]
        raise LimenError(
            f"describe: {subject!r} is not allowed: a name that limen describe lists, a .yaml or .csv file, or the "
            f"folder of a family or a study{nearest(subject, names)}"
        )
    return texts


def _describe_csv(path: Path) -> str:
    """Return what a table holds, or a topology, by its header. Raises LimenError for a file that is neither."""
    from cost_models.table.table import COLUMNS
    from dse.cli.costs import describe_table
    from workloads.host.text_tables import read_csv
    from workloads.imports.imported import NumberFormats
    from workloads.imports.read_file import read_file

    header, _ = read_csv(path, "a cost table or a SCALE-Sim topology")
    if not header or {*header} & {"component", "quantity"}:
        return describe_table(str(path))
    try:
        layers = read_file(path, NumberFormats()).content["layers"]
    except LimenError as error:
        table = f"a cost table (its columns are {', '.join(COLUMNS[:3])} and so on)"
        reason = str(error).removeprefix(f"{path}: ")
        raise LimenError(f"{path}: neither {table} nor a SCALE-Sim topology ({reason})") from None
    count = f"{len(layers)} layer{'s' * (len(layers) > 1)}"
    return f"SCALE-Sim topology {path}: {count}; as a network: limen net import {shlex.quote(str(path))}"


def _describe_file(path: str) -> str:
    from dse.space.study_spec import load_study
    from simulator.designs.built_in import load_design
    from workloads.host.specfile import read_yaml

    content = read_yaml(path)
    if "space" in content:
        return _describe_spec(f"study {path}", load_study(path).model_dump())
    if "layers" in content:
        return _describe_page(Path(path))
    if "rows" in content:
        return _describe_design(path, load_design(path))
    raise LimenError(f"{path}: holds none of space (a study), layers (a network), rows (a design)")


def _describe_design(name: str, design: Design) -> str:
    fused = f": fused PEs, ops {', '.join(design.ops)}" if design.extra_ops else ""
    return _describe_spec(f"design {name}{fused}", design.model_dump())


def _describe_spec(title: str, content: dict[str, Any]) -> str:
    """Return one line a field, lists and mappings as JSON, which is YAML too; a long mapping has a line a key."""
    lines = []
    for name, value in content.items():
        line = f"  {name}: {value if isinstance(value, str) else json.dumps(value)}"
        if isinstance(value, dict) and len(line) > WIDTH:
            lines += [f"  {name}:", *(f"    {key}: {json.dumps(of_key)}" for key, of_key in value.items())]
        else:
            lines.append(line)
    return "\n".join([title, *map(printable, lines)])


def _describe_family(name: str) -> str:
    from workloads.networks.family import FAMILY_BITS, load_family, member_w_bits

    family = load_family(name)
    lines = [f"family {name}: x_bits and w_bits {FAMILY_BITS[0]} to {FAMILY_BITS[-1]}, ops {', '.join(family.ops())}"]
    lines += [_describe_network(family.network(op, FAMILY_BITS[-1], member_w_bits(op)[-1])) for op in family.ops()]
    return "\n".join(lines)


def _describe_page(path: Path) -> str:
    """Return what a network's page says: its layers, and below them where it comes from."""
    from workloads.networks.pages import page_network, read_page

    text, published = _describe_network(page_network(path)), read_page(path).published
    if published is None:
        return text
    counts = f"MACs {published.macs or 'not published'}, parameters {published.parameters or 'not published'}"
    return f"{text}\n  source: {printable(published.source)}: {counts}"


def _describe_zoo() -> str:
    """Return a line a network of the zoo, with counts of an image; its own description tells the rest."""
    from workloads.layers.graph import given_tensors
    from workloads.networks.pages import page_network, read_page, zoo_pages
    from workloads.networks.published import macs, parameters

    rows = [("network", "reads", "layers", "MACs", "parameters", "published", "not on the machine")]
    for name, path in zoo_pages().items():
        network, published = page_network(path), read_page(path).published
        assert published is not None, f"{path}: a network of the zoo has a source"
        count = parameters(network.layers) + published.elsewhere
        told = f"{published.macs or '–'}, {published.parameters or '–'}"
        first, *others = given_tensors(network.input_shape, network.layers).values()
        size = " × ".join(map(str, first)) + f" + {len(others)} more" * bool(others)
        count_beside = len(network.unmapped_ops)
        beside = f"{count_beside} operator{'s' * (count_beside > 1)}" if count_beside else "–"
        rows.append((name, size, f"{len(network.layers)}", f"{macs(network.layers)}", f"{count}", told, beside))
    words = (
        "All are untrained: shapes, at any op and widths. limen describe NETWORK tells layers, source, and what of it"
    )
    return f"{columns(rows)}\n\n{words} is not on the machine."


def _describe_network(network: Network) -> str:
    synapses = sum(layer.fan_in * layer.out_channels for layer in network.layers)
    pairs = sum(layer.pairs for layer in network.layers)
    state = "untrained, shapes only" if network.parameters is None else "trained"
    lines = [
        f"network {network.name}: {state}, dataset {network.dataset or 'none'}, "
        f"{synapses} synapses, {pairs} operations an image"
    ]
    ops = list(dict.fromkeys(layer.op for layer in network.layers if layer.has_parameters))
    if len(ops) > 1:
        lines.append(f"  ops {', '.join(ops)}: for designs with fused PEs (op and extra_ops)")
    for layer in network.layers:
        lines.append(
            f"  {layer.name}: {layer.kind} {layer.op} {list(layer.input_shape)} -> {list(layer.output_shape)}, "
            f"x {layer.x_bits} bits, w {layer.w_bits} bits, fan-in {layer.fan_in}"
        )
    lines += [f"  schedule: {json.dumps(cut.model_dump())}" for cut in network.schedule]
    lines += [f"  not on the machine: {row}" for row in network.unmapped_ops]
    return "\n".join(lines)
