"""`limen net`: train networks, measure their accuracy, look into them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dse.cli.options import AT_LEAST_ZERO, DEFAULT_WORKLOAD, Disagreement, echo, json_option, several
from dse.cli.places import PLACE
from dse.report.progress import ProgressBar
from workloads.errors import LimenError
from workloads.host.progress import Progress
from workloads.ops.names import MIXES, OPS

if TYPE_CHECKING:
    from workloads.networks.family import Family, FamilyOp
    from workloads.networks.network import Network

FAMILY_OPS = [*OPS, *MIXES]
FAMILY_FILES = (".csv", ".npz", ".png", ".yaml")
"""How the names of what a training writes end."""

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the data sets' files; LIMEN_DATA by default.",
)


class Member(NamedTuple):
    """A place in a family."""

    family: Family
    op: FamilyOp
    x_bits: int
    w_bits: int


@click.group()
def net() -> None:
    """Train networks, measure their accuracy, look into them."""


@net.command()
@click.argument("workload", default=DEFAULT_WORKLOAD)
@click.option("--op", type=click.Choice(FAMILY_OPS), help="Of a family; all its ops by default.")
@click.option("--x-bits", type=int, help="Of a family; 8 by default.")
@click.option("--w-bits", type=int, help="Of a family; 8, or the widest its op has, by default.")
@click.option("--split", default="test", show_default=True, type=click.Choice(["train", "validation", "test"]))
@click.option("--check", is_flag=True, help="Measure a sample of a family's stored accuracies again and compare.")
@click.option("--sample", default=10, show_default=True, type=click.IntRange(min=1), help="Members that --check takes.")
@click.option("--seed", default=0, show_default=True, type=AT_LEAST_ZERO, help="Of the sample that --check takes.")
@data_option
@json_option
def accuracy(
    workload: str,
    op: str | None,
    x_bits: int | None,
    w_bits: int | None,
    split: str,
    check: bool,
    sample: int,
    seed: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Measure accuracy by exact integers, on the shipped digits or on a data set of your own folder.

    Where the data set isn't available, a family's stored accuracies are printed, and said to be stored.
    """
    if check:
        _check(workload, sample, seed, data)
        return
    networks = _networks(workload, op, x_bits, w_bits)
    with ProgressBar() as progress:
        rows = [_measured_or_stored(network, split, data, member, progress.show) for network, member in networks]
    if as_json:
        echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        counted = f"{row['right']} of {row['images']} right, " if row["source"] == "measured" else ""
        stored = "" if row["source"] == "measured" else " (stored; the data set is not available)"
        echo(f"{row['network']} {split}: {counted}{100 * row['accuracy']:.2f} %{stored}")


def _networks(
    workload: str, op: str | None, x_bits: int | None, w_bits: int | None
) -> list[tuple[Network, Member | None]]:
    """Return the networks meant, each with its place where it is a family's."""
    from workloads.networks.family import find_network, is_page, load_family, member_w_bits

    if is_page(workload):
        return [(find_network(workload, op, x_bits, w_bits), None)]
    family = load_family(workload)
    ops: list[Any] = [op] if op else family.ops()
    members = [
        Member(
            family,
            member_op,
            8 if x_bits is None else x_bits,
            member_w_bits(member_op)[-1] if w_bits is None else w_bits,
        )
        for member_op in ops
    ]
    return [(family.network(*member[1:]), member) for member in members]


def _measured_or_stored(
    network: Network, split: str, data: Path | None, member: Member | None, progress: Progress
) -> dict[str, Any]:
    from workloads.datasets import available
    from workloads.networks.accuracy import network_hash, read_accuracies

    row: dict[str, Any] = {"network": network.name, "split": split}
    if member is not None and split != "train" and network.dataset and not available(network.dataset, data):
        stored = read_accuracies(member.family).get(member[1:])
        if stored is not None and stored.network_sha256 == network_hash(network):
            share = stored.test_accuracy if split == "test" else stored.validation_accuracy
            return row | {"source": "stored", "accuracy": share}
    x, labels = network.inputs(split, data)
    done = 0

    def show(images: int) -> None:
        nonlocal done
        done += images
        progress(network.name, done, len(labels))

    right = int((network.predict(x, show).argmax(axis=1) == labels).sum())
    return row | {"source": "measured", "images": len(labels), "right": right, "accuracy": right / len(labels)}


def _check(workload: str, sample: int, seed: int, data: Path | None) -> None:
    from workloads.networks.accuracy import check_accuracies
    from workloads.networks.family import load_family

    with ProgressBar() as progress:
        rows = check_accuracies(load_family(workload), sample, seed, data, progress.show)
    wrong = [row for row in rows if not row.equal]
    for row in wrong:
        echo(f"stored {row.stored}\nfresh  {row.fresh}")
    echo(f"{workload}: {len(rows)} stored accuracies measured again, mismatches {len(wrong)}")
    if wrong:
        raise Disagreement(f"{workload}: accuracy.csv: {len(wrong)} rows are not those of these weights and this data")


@net.command()
@click.argument("recipe", default="digits")
@click.option("--out", "-o", required=True, type=PLACE, help="The folder to write.")
@several("--op", "ops", type=click.Choice(FAMILY_OPS), help="All ops of the recipe by default.")
@click.option("--seed", type=click.IntRange(min=0), help="The recipe's own by default.")
@click.option("--seeds", type=click.IntRange(min=1), help="Study seeds 0 to N-1 at 8 bits instead: seeds.csv.")
@data_option
def train(recipe: str, out: Path, ops: tuple[str, ...], seed: int | None, seeds: int | None, data: Path | None) -> None:
    """Train a family from RECIPE, a .yaml file or a shipped family's name: float masters, then integers.

    Stopped at any moment, the same command goes on where it was.
    """
    from workloads.datasets import content_hash
    from workloads.host.manifest import Origin, file_hash
    from workloads.host.specfile import read_spec
    from workloads.networks.family import find_recipe, member_w_bits
    from workloads.studies import seeds as seed_study
    from workloads.training import make_family as training
    from workloads.training.recipe import Recipe

    if seed is not None and seeds is not None:
        raise LimenError(f"--seed: {seed} is not allowed: --seeds names its own")
    path = find_recipe(recipe)
    chosen: Any = list(ops) or None
    dataset = read_spec(Recipe, path).dataset
    origin = Origin({"recipe": file_hash(path), f"data {dataset}": content_hash(dataset, data)}, seed)
    with ProgressBar() as progress:
        if seeds is not None:
            rows = seed_study.run_study(path, seeds, out, chosen, data, progress.show)
            origin.write_beside(out / seed_study.FILE)
        else:
            family = training.train_family(path, out, chosen, seed, data, progress.show)
            origin.write_into(out, [file for file in sorted(out.iterdir()) if file.suffix in FAMILY_FILES])
    if seeds is not None:
        for summary in seed_study.summarise(rows):
            echo(
                f"{summary.op}: test accuracy at 8 bits, {summary.seeds} seeds: mean {100 * summary.test_mean:.2f} %, "
                f"deviation {100 * summary.test_deviation:.2f} points; best on validation: seed {summary.best_seed}"
            )
        return
    for member_op in family.ops():
        member = family.network(member_op, 8, member_w_bits(member_op)[-1])
        echo(f"{out}: {member.name}: test accuracy {100 * member.accuracy('test', data):.2f} %")
