"""`Workload`: what a study runs, at any op and widths that it has; how several of them are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, cast

from workloads.host.names import TABLE, YAML, is_file_name
from workloads.networks.accuracy import member_accuracy
from workloads.networks.family import find_network, is_page, load_family
from workloads.networks.network import Network
from workloads.networks.pages import page_network, zoo_pages
from workloads.ops.op_field import Op

SEPARATOR = "\n"
"""Between the workloads of a study, where they are stored as one text."""


class Format(NamedTuple):
    """What decides a network of a family, and whether a design can run a network."""

    op: str
    x_bits: int
    w_bits: int


class Workload:
    """A family, a network of the zoo or a network file. Its networks and their accuracies are kept in memory.

    name: a family's name or folder, a name of the zoo, or the path of a network file.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._is_page = is_page(name)
        self._networks: dict[tuple[Format, bool | None], Network] = {}
        self._accuracies: dict[Format, dict[str, float]] = {}

    @property
    def title(self) -> str:
        """What it is called in a study's tables."""
        return called(self.name)

    @cached_property
    def is_fixed(self) -> bool:
        """Whether it is one network, whatever the design's op and widths: a page with a checkpoint."""
        return self._is_page and find_network(self.name).parameters is not None

    @property
    def is_shapes(self) -> bool:
        """Whether it is a page whose op and widths are the design's."""
        return self._is_page and not self.is_fixed

    def network(self, form: Format, signed: bool | None = None) -> Network:
        """Return the family's member, the shapes at these widths, or the one network of a page with a checkpoint.

        signed: whether activations of shapes are; None is as their page says. Raises LimenError where there is no
        network.
        """
        at = (Format("", 0, 0) if self.is_fixed else form, signed)
        if at not in self._networks:
            if signed is not None and self._is_page and not self.is_fixed:
                page = zoo_pages().get(self.name, Path(self.name))
                self._networks[at] = page_network(page, *form, signed=signed)
            else:
                chosen = (None, None, None) if self.is_fixed else (cast(Op, form.op), form.x_bits, form.w_bits)
                self._networks[at] = find_network(self.name, *chosen)
        return self._networks[at]

    def example(self) -> Network | None:
        """Return a page's network as it is; None of a family. Raises LimenError where there is no such workload."""
        if self._is_page:
            return find_network(self.name)
        load_family(self.name)
        return None

    def accuracies(self, form: Format) -> dict[str, float]:
        """Return validation accuracy as `accuracy` and the test split's as `test_accuracy`; {} without data."""
        network = self.network(form)
        if network.dataset is None or network.parameters is None:
            return {}
        if form not in self._accuracies:
            if self.is_fixed:
                shares = network.accuracy("validation"), network.accuracy("test")
            else:  # stored beside the family, so that a study needs no data set
                row = member_accuracy(load_family(self.name), cast(Op, form.op), form.x_bits, form.w_bits)
                shares = row.validation_accuracy, row.test_accuracy
            self._accuracies[form] = dict(zip(("accuracy", "test_accuracy"), shares, strict=True))
        return self._accuracies[form]


def called(name: str) -> str:
    """Return what a workload or a cost table is called: a file without its end, a folder or a name as it is."""
    return Path(name).stem if is_file_name(name, (*YAML, *TABLE)) else Path(name).name


def titles(names: Sequence[str]) -> list[str]:
    """Return what each workload of a study is called in its tables: the family, or the file without its end.

    Raises ValueError where two are called alike, or one has several lines.
    """
    found = [called(name) for name in names]
    for name, title in zip(names, found, strict=True):
        if SEPARATOR in name:
            raise ValueError(f"{name!r} is not allowed: a name or a path of one line")
        if found.count(title) > 1:
            raise ValueError(f"{title!r} is not allowed twice: columns of its figures are called so")
    return found


def title_of(workloads: str) -> str:
    """Return what all workloads of a study are called together."""
    return " + ".join(map(called, workloads.split(SEPARATOR)))
