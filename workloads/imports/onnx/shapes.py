"""An ONNX model's shapes as the content of a network file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workloads.errors import LONGEST_VALUE, LimenError
from workloads.host.specfile import validate
from workloads.imports.imported import Imported, NumberFormats
from workloads.imports.names import network_name
from workloads.imports.onnx.entries import Entry, Unmapped
from workloads.imports.onnx.graph import Graph
from workloads.imports.onnx.mapping import Mapper
from workloads.imports.onnx.operators import QUANTISES
from workloads.imports.onnx.units import Units
from workloads.imports.onnx.users import count_users
from workloads.imports.onnx.views import Tensor
from workloads.layers.graph import INPUT
from workloads.layers.layer import Layer
from workloads.networks.network import NetworkFile

SHARE_DIGITS = 9
"""Of a share of the arithmetic."""


def is_quantised(graph: Graph) -> bool:
    """Return whether a graph says integers of its activations."""
    return any(node.op in QUANTISES for node in graph.nodes)


def read_shapes(graph: Graph, formats: NumberFormats) -> Imported:
    """Return the layers of a graph, and a row for every operator that isn't one.

    Raises LimenError where none is, or one can't be a layer.
    """
    mapper = map_graph(graph)
    entries = mapper.entries
    if entries and entries[-1].kind == "maxpool":  # raw sums end a network
        last = entries.pop()
        mapper.count(last.node.op, last.writes.shape[0] * last.writes.shape[1] * last.writes.shape[2])
    if not entries:
        raise LimenError(f"{graph.path}: holds no operator that is a layer: {', '.join(mapper.unmapped) or 'none'}")
    content = page_content(graph, entries, formats)
    layers = page_network(graph, content)
    unmapped = unmapped_content(mapper, layers)
    notices = [f"{row['op']} × {row['count']}: not on the machine, {100 * row['share']:.2g} % of operations"
               for row in unmapped.get("unmapped_ops", [])]  # fmt: skip
    if mapper.batch > 1:
        mixed = "; where attention mixes images and tokens all are: export one image" if mapper.products else ""
        notices.append(f"first dimension of the inputs, {mapper.batch}: as many images, one is counted{mixed}")
    if graph.unused:
        notices.append(f"operators that lead to no output ignored: {graph.unused}")
    if mapper.products:
        notices.append(f"{mapper.products} products of two tensors are counted as layers with weights")
    return Imported({**content, **unmapped}, tuple(notices))


def unmapped_content(mapper: Mapper, layers: Sequence[Layer]) -> dict[str, Any]:
    """Return the key `unmapped_ops` with its rows, where there are some."""
    rows = unmapped_rows(mapper.unmapped, sum(layer.pairs for layer in layers))
    return {"unmapped_ops": rows} if rows else {}


def page_content(graph: Graph, entries: Sequence[Entry], formats: NumberFormats) -> dict[str, Any]:
    """Return the content of a network page with these layers."""
    return {
        "version": 1,
        "name": network_name(Path(graph.path).stem),
        "op": formats.op,
        "x_bits": formats.x_bits,
        "w_bits": formats.w_bits,
        "input": _size(entries[0].reads),
        "layers": page_layers(entries),
    }


def page_network(graph: Graph, content: dict[str, Any]) -> tuple[Layer, ...]:
    """Return the layers of a page. Raises LimenError where one can't be a layer, with the model's name."""
    try:
        return validate(NetworkFile, content, graph.path).build_layers()
    except LimenError as error:
        prefix = "" if str(error).startswith(f"{graph.path}: ") else f"{graph.path}: "
        raise LimenError(f"{prefix}{error}") from None


def map_graph(graph: Graph) -> Mapper:
    """Return what becomes of each node of a graph."""
    first = [graph.sizes[name] for name in graph.inputs if graph.sizes.get(name)]
    mapper = Mapper(graph, first[0][0] if first else 1, dict(graph.sizes), dict(count_users(graph)), Units(graph))
    mapper.run()
    return mapper


def page_layers(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the layers as a network page has them: a tensor that no layer writes is an input of its reader's own.

    What no later layer reads is the host's; the layer after such a one has an input of its own.
    """
    owns = _own_inputs(entries)
    named: dict[int, str] = {id(entries[0].reads): INPUT}
    layers = []
    previous = INPUT
    for entry, owned in zip(entries, owns, strict=True):
        layer: dict[str, Any] = {"name": entry.name, "kind": entry.kind}
        if owned:
            layer["own_input"] = _size(entry.reads)
        elif named[id(entry.reads)] != previous:
            layer["input"] = named[id(entry.reads)]
        name = named.setdefault(id(entry.writes), entry.name)
        layer |= {"tensor": name} if name != entry.name else {}
        layer |= {"offset": entry.offset} if entry.offset else {}
        for key, tensor in (("residual", entry.residual), ("synapses", entry.synapses)):
            layer |= {key: named[id(tensor)]} if tensor is not None else {}
        layers.append(layer | _shortened(entry.keys))
        previous = name
    return layers


def _own_inputs(entries: Sequence[Entry]) -> list[bool]:
    written = {id(entry.writes) for entry in entries}
    owns = [id(entry.reads) not in written and entry.reads is not entries[0].reads for entry in entries]
    read = {id(tensor) for entry in entries for tensor in (entry.residual, entry.synapses) if tensor is not None}
    for place in range(len(entries) - 1, 0, -1):
        before = id(entries[place - 1].writes)
        owns[place] = owns[place] or (before not in read and before != id(entries[place].reads))
        if not owns[place]:
            read.add(id(entries[place].reads))
    return owns


def _shortened(keys: dict[str, Any]) -> dict[str, Any]:
    """Return a layer's keys without those that say what is so anyway."""
    plain = {"groups": 1, "stride": [1, 1], "kernel": [1, 1], "padding": [0, 0, 0, 0]}
    line = {"stride": [1], "kernel": [1], "padding": [0, 0]}
    return {key: value for key, value in keys.items() if value not in (plain.get(key), line.get(key))}


def _size(tensor: Tensor) -> dict[str, int]:
    height, width, channels = tensor.shape
    return {"height": height, "width": width, "channels": channels}


def unmapped_rows(unmapped: dict[str, Unmapped], pairs: int) -> list[dict[str, Any]]:
    """Return the rows of `unmapped_ops`, the largest share first; pairs: of the layers."""
    whole = max(1, pairs + sum(row.operations for row in unmapped.values()))
    counted: dict[str, Unmapped] = {}
    for op, row in unmapped.items():
        alike = counted.setdefault(_plain(op), Unmapped())
        alike.count += row.count
        alike.operations += row.operations
    rows = [
        {"op": op, "count": row.count, "share": round(row.operations / whole, SHARE_DIGITS)}
        for op, row in counted.items()
    ]
    return sorted(rows, key=lambda row: (-row["share"], row["op"]))


def _plain(op: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.]", "_", op)[:LONGEST_VALUE]
    return plain if plain[:1].isalpha() else f"op_{plain}"
