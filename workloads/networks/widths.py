"""Families of one network at several widths: the same layers, trained with fewer or more channels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workloads.networks.accuracy import FILE
from workloads.networks.family import Family, is_family, load_family, shipped_families
from workloads.networks.pages import read_page


def families_of_widths(name: str) -> list[str]:
    """Return a family and those beside it that are the same network of other channels, by name or folder, it first.

    They are trained families whose folders are called NAME-…, and whose layers differ from its own in channels alone.
    Raises LimenError where there is no such family, or a page of one can't be read.
    """
    family, shipped = load_family(name), name in shipped_families()
    forms, names = _forms(family), [name]
    for folder in sorted(family.folder.parent.iterdir()):
        if not folder.name.startswith(f"{family.folder.name}-") or not (folder / FILE).is_file():
            continue
        if is_family(folder):
            others = _forms(Family(folder.name, folder))
            common = forms.keys() & others.keys()
            if common and all(forms[op] == others[op] for op in common):
                names.append(folder.name if shipped else str(Path(name).with_name(folder.name)))
    return names


def channels_of(name: str) -> list[int]:
    """Return the output channels of a family's layers, the scores left out."""
    family = load_family(name)
    page = read_page(family.folder / f"{family.ops()[0]}.yaml")
    return [layer.out_channels for layer in page.layers[:-1] if layer.out_channels is not None]


def _forms(family: Family) -> dict[str, dict[str, Any]]:
    """Return what a family's networks are but for their channels, by op."""
    forms = {}
    for op in family.ops():
        form = read_page(family.folder / f"{op}.yaml").model_dump(exclude={"name"})
        for layer in form["layers"][:-1]:
            layer["out_channels"] = None
        forms[op] = form
    return forms
