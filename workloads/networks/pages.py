"""Networks of pages, a user's own or the zoo's: those without weights have whatever op and widths are asked for."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

from workloads.errors import LimenError, shown
from workloads.host.specfile import read_spec, validate
from workloads.networks.network import Network, NetworkFile, network_of
from workloads.ops.names import MIXES
from workloads.ops.registry import known_ops, operation

ZOO = Path(__file__).parents[1] / "zoo"


@cache
def zoo_pages(folder: Path = ZOO) -> dict[str, Path]:
    """Return the pages of the networks that come with Limen without weights, by name."""
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def read_page(path: Path) -> NetworkFile:
    """Return a network file, read once as long as it stays as it is: a study asks for each of its members."""
    try:
        stamp = path.stat()
    except (OSError, ValueError):
        return read_spec(NetworkFile, path)  # which says why it can't be read
    return _read_unchanged(path, stamp.st_mtime_ns, stamp.st_size)


@lru_cache(maxsize=64)
def _read_unchanged(path: Path, _modified: int, _size: int) -> NetworkFile:
    return read_spec(NetworkFile, path)


def page_network(
    path: Path, op: str | None = None, x_bits: int | None = None, w_bits: int | None = None, signed: bool | None = None
) -> Network:
    """Return the network of a page; without weights at another op and other widths where they are given.

    signed: whether all activations of such a network are, where its op leaves the choice; None is as its page says.

    Raises:
        LimenError: no page, or an op or a width given that its network can't have.
    """
    form = read_page(path)
    chosen = {"op": op, "x_bits": x_bits, "w_bits": w_bits}
    given = {field: value for field, value in chosen.items() if value is not None}
    if not given and signed is None:
        return network_of(form, path)
    if form.checkpoint is not None:
        field, value = next(iter({**given, "x_signed": signed}.items()))
        raise LimenError(
            f"{path}: {field}: {shown(value)} is not allowed: a network file fixes its own where it has a checkpoint"
        )
    form = _with_format(form, path, op, x_bits, w_bits)
    if operation(form.op).one_range:
        form = _with_sign(form, True)
    elif signed is not None:
        form = _with_sign(form, signed)
    return network_of(form, path)


def _with_format(form: NetworkFile, path: Path, op: str | None, x_bits: int | None, w_bits: int | None) -> NetworkFile:
    """Return the shapes of a page at an op and widths, under a name that says them; None is the page's own.

    What a layer says of itself stays.
    """
    own = {"op": form.op, "x_bits": form.x_bits, "w_bits": form.w_bits}
    given = {"op": op, "x_bits": x_bits, "w_bits": w_bits}
    chosen = own | {field: value for field, value in given.items() if value is not None}
    mixed = {entry.op or form.op for entry in form.layers if entry.kind != "maxpool"}
    if op in MIXES and mixed == {*MIXES[op]}:
        chosen["op"] = form.op
    elif chosen["op"] not in known_ops():
        raise LimenError(
            f"{path}: op: {shown(op)} is not allowed: {', '.join(known_ops())}, or the mix that its layers name"
        )
    content = {**form.model_dump(exclude_unset=True), **chosen}
    content["name"] = f"{form.name}-{op or form.op}-x{chosen['x_bits']}-w{chosen['w_bits']}"
    for entry in content["layers"]:
        if "op" in entry:  # which may have narrower weights
            entry.setdefault("w_bits", operation(entry["op"]).fitted_bits(content["w_bits"]))
    return validate(NetworkFile, content, path)


def _with_sign(form: NetworkFile, signed: bool) -> NetworkFile:
    """Return the shapes with signed or unsigned activations throughout."""
    layers = [entry.model_copy(update={"x_signed": None}) for entry in form.layers]
    return form.model_copy(update={"x_signed": signed, "layers": layers})
