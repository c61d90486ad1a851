"""An ONNX file as plain data, read in a process of its own: `python -m …worker FILE OUT BATCH VALUES`.

Whatever a file holds, this process takes no more than MOST_MEMORY and MOST_SECONDS; it opens no file but the model and,
where values are asked for, files within the model's folder that it names. Writes graph.json and values.npz.
"""

from __future__ import annotations

import errno
import heapq
import json
import math
import os
import resource
import sys
import warnings
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from workloads.host.opening import open_file
from workloads.imports.onnx.constants import fold_constants
from workloads.imports.onnx.graph import Graph, Node, Sizes
from workloads.imports.onnx.limits import (
    LEAST_OPSET,
    MOST_BYTES,
    MOST_DIMENSIONS,
    MOST_MEMORY,
    MOST_NODES,
    MOST_SECONDS,
    MOST_VALUES,
    MOST_WRITTEN,
    REFUSED,
    SMALL,
)
from workloads.imports.onnx.operators import DOMAINS, ONNX_DOMAINS, SHAPED_LIKE

FORMATS = {"FLOAT": 1, "INT": 2, "STRING": 3, "TENSOR": 4, "GRAPH": 5, "FLOATS": 6, "INTS": 7, "STRINGS": 8}
"""Types of attributes by AttributeProto's numbers."""


class Refused(Exception):
    """What is wrong with a file, in a line."""


def main(path: str, folder: str, batch: str, with_values: str) -> int:
    """Write what the model holds into a folder; return the exit code."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    try:
        read(Path(path), Path(folder), int(batch), with_values == "values")
    except Refused as error:
        print(error, file=sys.stderr)
        return REFUSED
    except MemoryError:
        print(f"needs more than {MOST_MEMORY >> 20} MiB of memory", file=sys.stderr)
        return REFUSED
    except OSError as error:
        print(f"cannot be read: {error.strerror or error}", file=sys.stderr)
        return REFUSED
    except Exception as error:  # protobuf, onnx' C++ and numpy each raise their own kinds on damaged files
        print(f"not a readable ONNX file: {' '.join(str(error).split()) or type(error).__name__}", file=sys.stderr)
        return REFUSED
    return 0


def read(path: Path, folder: Path, batch: int, with_values: bool) -> None:
    """Write graph.json and values.npz. Raises Refused, and whatever onnx raises."""
    onnx = import_module("onnx")
    model = _parsed(onnx, path)
    if model.functions:
        model = import_module("onnx.inliner").inline_local_functions(model)
    graph = model.graph
    _check_counts(graph)
    opset = _opset(model)
    values: dict[str, np.ndarray] = {}
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for sparse in graph.sparse_initializer:
        raise Refused(f"initialiser {sparse.values.name!r}: sparse ones are not read")
    nodes = [_node(node, place, tensors) for place, node in enumerate(graph.node)]
    sizes = {name: _dimensions(name, tensor.dims) for name, tensor in tensors.items()}
    if with_values and sum(math.prod(dims) for dims in sizes.values()) > MOST_VALUES:
        raise Refused(f"constants of more than {MOST_VALUES} values are not allowed where values are read")
    _fix_inputs(graph, tensors, batch)
    order = _sorted(nodes, {*tensors, *(entry.name for entry in graph.input)})
    outputs = tuple(entry.name for entry in graph.output)
    used = _used(nodes, order, outputs)
    unused = sum(nodes[place].op != "Constant" for place in order) - sum(
        nodes[place].op != "Constant" for place in used
    )
    for name, tensor in tensors.items():
        here = tensor.data_location != onnx.TensorProto.EXTERNAL and not tensor.external_data
        if with_values or (here and math.prod(sizes[name]) <= SMALL):
            values[name] = _value(onnx, tensor, path.parent, sizes[name])
    inputs = tuple(entry.name for entry in graph.input if entry.name not in tensors)
    ordered = tuple(nodes[place] for place in used)
    types = {entry.name: _type(onnx, entry.type.tensor_type.elem_type) for entry in graph.input}
    plain = Graph(str(path), opset, ordered, inputs, outputs, sizes, frozenset(tensors), values, types, unused)
    _write(_sized(onnx, model, plain, [graph.node[place] for place in used]), folder)


def _sized(onnx: Any, model: Any, plain: Graph, ordered: list[Any]) -> Graph:
    """Return the graph with all sizes that can be found out, its constants folded: some sizes follow from others."""
    known = -1
    folded = plain
    while known < len(folded.sizes):
        known = len(folded.sizes)
        left = [node for node in ordered if len(node.output) > 1 or node.output[0] not in folded.values]
        sizes = {**folded.sizes, **_inferred(onnx, model, left, folded.values)}
        folded = fold_constants(replace(folded, sizes=sizes))
    return folded


def _write(graph: Graph, folder: Path) -> None:
    described = {
        "opset": graph.opset,
        "nodes": [vars(node) for node in graph.nodes],
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "sizes": graph.sizes,
        "constants": sorted(graph.constants),
        "stored": list(graph.values),
        "types": graph.types,
        "unused": graph.unused,
    }
    text = json.dumps(described)
    if len(text) + sum(array.nbytes for array in graph.values.values()) > MOST_WRITTEN:
        raise Refused(f"names, sizes and constants of more than {MOST_WRITTEN >> 20} MiB are not allowed")
    (folder / "graph.json").write_text(text)
    arrays: dict[str, Any] = {str(place): array for place, array in enumerate(graph.values.values())}
    np.savez(folder / "values.npz", **arrays)


def _type(onnx: Any, code: int) -> str:
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(code))
    except (KeyError, ValueError):
        return f"type {code}"


def _parsed(onnx: Any, path: Path) -> Any:
    with open_file(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            raise Refused(f"{size} bytes are not allowed: at most {MOST_BYTES}; weights may lie in files of their own")
        content = file.read()
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:
        if "alloc failed" in str(error):  # protobuf's word for it
            raise MemoryError from None
        raise Refused(f"not a readable ONNX file: {' '.join(str(error).split())}") from None
    if not model.HasField("graph") or not model.graph.node:
        raise Refused("not a readable ONNX file: it has no graph of nodes")
    return model


def _opset(model: Any) -> int:
    versions = [entry.version for entry in model.opset_import if entry.domain in ONNX_DOMAINS]
    if not versions or versions[0] < LEAST_OPSET:
        opset = versions[0] if versions else "none"
        raise Refused(f"opset: {opset} is not allowed: at least {LEAST_OPSET}")
    return int(versions[0])


def _check_counts(graph: Any) -> None:
    """Raise Refused where the graph has too many nodes, those of its branches and loops with them."""
    count, inside = 0, [graph]
    while inside:
        part = inside.pop()
        count += len(part.node)
        if count > MOST_NODES:
            raise Refused(f"nodes: {count} or more are not allowed: at most {MOST_NODES}")
        inside += [
            each
            for node in part.node
            for attribute in node.attribute
            for each in ([attribute.g] if attribute.type == FORMATS["GRAPH"] else attribute.graphs)
        ]


def _dimensions(name: str, dims: Any) -> Sizes:
    sizes = tuple(int(size) for size in dims)
    if len(sizes) > MOST_DIMENSIONS:
        raise Refused(f"tensor {name!r}: {len(sizes)} dimensions are not allowed: at most {MOST_DIMENSIONS}")
    for size in sizes:
        if size < 0:
            raise Refused(f"tensor {name!r}: dimension {size} is not allowed: at least 0")
    return sizes


def _node(node: Any, place: int, tensors: dict[str, Any]) -> Node:
    """Return a node as plain data; tensors in it, and what a Constant holds, become initialisers."""
    attributes: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.type == FORMATS["TENSOR"]:
            name = node.output[0] if node.op_type == "Constant" and node.output else f"{place}/{attribute.name}"
            tensors[name] = attribute.t
            attributes[attribute.name] = name
        elif attribute.type == FORMATS["GRAPH"]:
            attributes[attribute.name] = len(attribute.g.node)
        elif attribute.type in (FORMATS["STRING"], FORMATS["STRINGS"]):
            texts = [text.decode("utf-8", "replace") for text in attribute.strings]
            attributes[attribute.name] = texts or attribute.s.decode("utf-8", "replace")
        elif attribute.type in (FORMATS["FLOATS"], FORMATS["INTS"]):
            attributes[attribute.name] = list(attribute.floats) or list(attribute.ints)
        elif attribute.type in (FORMATS["FLOAT"], FORMATS["INT"]):
            attributes[attribute.name] = attribute.f if attribute.type == FORMATS["FLOAT"] else attribute.i
    if not node.output or not any(node.output):
        raise Refused(f"node {node.name!r} ({node.op_type}): writes nothing")
    inputs = (*node.input, *_captured(node))
    if node.domain not in DOMAINS:
        return Node(node.name, f"{node.domain}.{node.op_type}", "", inputs, tuple(node.output), attributes)
    domain = "" if node.domain in ONNX_DOMAINS else node.domain
    return Node(node.name, node.op_type, domain, inputs, tuple(node.output), attributes)


def _captured(node: Any) -> list[str]:
    """Return the tensors that branches and loops of a node read from around it."""
    written, read = set(), set()
    inside = [attribute.g for attribute in node.attribute if attribute.type == FORMATS["GRAPH"]]
    while inside:
        part = inside.pop()
        written |= {entry.name for entry in (*part.input, *part.initializer)}
        for each in part.node:
            written |= set(each.output)
            read |= set(each.input)
            inside += [attribute.g for attribute in each.attribute if attribute.type == FORMATS["GRAPH"]]
        read |= {entry.name for entry in part.output}
    return sorted(read - written - {""})


def _fix_inputs(graph: Any, tensors: dict[str, Any], batch: int) -> None:
    """Give the batch, an input's first dimension, its size where it is free. Raises Refused for another free one."""
    for entry in graph.input:
        if entry.name in tensors:
            continue
        shape = entry.type.tensor_type.shape
        if not entry.type.HasField("tensor_type") or not entry.type.tensor_type.HasField("shape"):
            raise Refused(f"input {entry.name!r}: has no sizes")
        for place, size in enumerate(shape.dim):
            free = not size.HasField("dim_value") or (place == 0 and size.dim_value <= 0)
            if free and place == 0:
                size.dim_value = batch
            elif free or size.dim_value <= 0:
                said = size.dim_param or (size.dim_value if size.HasField("dim_value") else "?")
                raise Refused(f"input {entry.name!r}: dimension {place}: {said!r} is not allowed: at least 1")


def _sorted(nodes: list[Node], known: set[str]) -> list[int]:
    """Return the places of the nodes in an order in which each reads what was written. Raises Refused for a cycle."""
    writers: dict[str, int] = {}
    for place, node in enumerate(nodes):
        for name in filter(None, node.outputs):
            constant = node.op == "Constant"
            if name in writers or (name in known and not constant):
                raise Refused(f"tensor {name!r}: written twice")
            writers[name] = place
    order: list[int] = []
    waits = [sorted({writers[name] for name in node.inputs if name in writers}) for node in nodes]
    readers: dict[int, list[int]] = {}
    for place, needed in enumerate(waits):
        for other in needed:
            readers.setdefault(other, []).append(place)
        for name in nodes[place].inputs:
            if name and name not in writers and name not in known:
                raise Refused(f"{nodes[place]}: reads {name!r}, which is nowhere")
    left = [len(needed) for needed in waits]
    ready = [place for place, count in enumerate(left) if not count]
    while ready:
        place = heapq.heappop(ready)
        order.append(place)
        for reader in readers.get(place, ()):
            left[reader] -= 1
            if not left[reader]:
                heapq.heappush(ready, reader)
    if len(order) < len(nodes):
        stuck = nodes[next(place for place, count in enumerate(left) if count)]
        raise Refused(f"{stuck}: in or behind a cycle of the graph")
    return order


def _used(nodes: list[Node], order: list[int], outputs: tuple[str, ...]) -> list[int]:
    """Return of the places in order those whose results lead to an output; all where no node writes one."""
    needed = {*outputs} & {name for node in nodes for name in node.outputs}
    if not needed:
        return order
    used = []
    for place in reversed(order):
        if needed & {*nodes[place].outputs}:
            needed |= {*nodes[place].inputs} - {""}
            used.append(place)
    return used[::-1]


def _inferred(onnx: Any, model: Any, ordered: list[Any], values: Mapping[str, np.ndarray]) -> dict[str, Sizes]:
    """Return the sizes that onnx finds out of the results of nodes; values: of the constants that are read."""
    light = _without_weights(onnx, model, ordered, values)
    inferred = onnx.shape_inference.infer_shapes(light, data_prop=True).graph
    sizes = {}
    for entry in (*inferred.value_info, *inferred.output, *inferred.input):
        if entry.type.HasField("tensor_type") and entry.type.tensor_type.HasField("shape"):
            dims = entry.type.tensor_type.shape.dim
            if all(size.HasField("dim_value") for size in dims):
                sizes[entry.name] = _dimensions(entry.name, [size.dim_value for size in dims])
    return sizes


def _without_weights(onnx: Any, model: Any, ordered: list[Any], values: Mapping[str, np.ndarray]) -> Any:
    """Return a model for the inference: large initialisers are inputs, operators that onnx doesn't know others."""
    light = onnx.ModelProto(ir_version=max(model.ir_version, 4))
    light.opset_import.extend(model.opset_import)
    known = {entry.domain for entry in model.opset_import}
    for domain in sorted({node.domain for node in ordered} - known - {*ONNX_DOMAINS}):  # the inference asks for each
        light.opset_import.add(domain=domain, version=1)
    graph = light.graph
    graph.name = model.graph.name or "graph"
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    read = {name for node in ordered for name in node.input}
    for name in sorted(read & {*stored, *values}):
        if name in values and values[name].size <= SMALL and values[name].dtype.kind in "iufb":
            graph.initializer.append(onnx.numpy_helper.from_array(values[name], name))
        elif name in stored:
            dims = [int(size) for size in stored[name].dims]
            graph.input.append(onnx.helper.make_tensor_value_info(name, stored[name].data_type, dims))
    graph.input.extend(entry for entry in model.graph.input if entry.name not in stored)
    for entry in model.graph.output:
        graph.output.add(name=entry.name)
    for node in ordered:
        named = node.domain in DOMAINS and node.domain not in ONNX_DOMAINS
        like = SHAPED_LIKE.get(node.op_type) if named else None
        if like is None:
            graph.node.append(node)
        else:
            inputs = [node.input[place] for place in like.inputs if place < len(node.input)]
            alike = graph.node.add(op_type=like.op, input=inputs, output=node.output[:1], name=node.name)
            alike.attribute.extend(node.attribute)
    return light


def _value(onnx: Any, tensor: Any, folder: Path, sizes: Sizes) -> np.ndarray:
    """Return what an initialiser holds, from the model or a file beside it. Raises Refused for a file elsewhere."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        tensor = _with_external(onnx, tensor, folder)
    array = onnx.numpy_helper.to_array(tensor)
    if array.shape != sizes:
        raise Refused(f"tensor {tensor.name!r}: holds {list(array.shape)} values, not {list(sizes)}")
    if array.dtype.kind not in "biuf":
        array = array.astype(np.float32) if array.dtype.kind == "V" or "float" in str(array.dtype) else np.zeros(sizes)
    return np.asarray(array)


def _bytes(place: Path, offset: int, length: int) -> bytes:
    """Return bytes of a file, to its end where length is below 0. Raises OSError, also where it has fewer."""
    with open_file(place) as file:
        size = os.fstat(file.fileno()).st_size
        length = size - offset if length < 0 else length
        if offset < 0 or length < 0 or offset + length > size or length > MOST_BYTES:
            raise OSError(errno.EINVAL, f"it has {size} bytes, not {offset} to {offset + length}")
        file.seek(offset)
        return file.read(length)


def _with_external(onnx: Any, tensor: Any, folder: Path) -> Any:
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = said.get("location", "")
    home = Path(os.path.realpath(folder))
    place = Path(os.path.realpath(home / location))
    if not location or Path(location).is_absolute() or not place.is_relative_to(home) or place == home:
        raise Refused(
            f"tensor {tensor.name!r}: external data {location!r} is not allowed: a file in the model's folder"
        )
    try:
        offset, length = int(said.get("offset", 0)), int(said.get("length", -1))
    except ValueError:
        raise Refused(f"tensor {tensor.name!r}: external data: offset and length must be whole numbers") from None
    try:
        raw = _bytes(place, offset, length)
    except OSError as error:
        reason = error.strerror or error
        raise Refused(f"tensor {tensor.name!r}: external data {location!r} cannot be read: {reason}") from None
    whole = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    whole.raw_data = raw
    return whole


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
