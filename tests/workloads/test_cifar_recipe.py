"""CIFAR-10's recipe, on random images of its shape: it is whole, trains, and goes on where it was stopped."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.workloads.dataset_files import written
from workloads.host.specfile import read_spec
from workloads.networks.family import find_recipe
from workloads.training.classifier import Data, load_data
from workloads.training.make_family import op_layers
from workloads.training.recipe import Recipe
from workloads.training.train_and_tune import Course, train_master


@pytest.fixture(name="data")
def random_images(tmp_path: Path) -> Data:
    written(tmp_path, "cifar-10")
    return load_data("cifar-10", tmp_path, 16)


def small(tmp_path: Path, **changes: object) -> tuple[Recipe, Path]:
    """Return the recipe in small batches, and a copy of its page with an eighth of all channels but the scores."""
    shipped = find_recipe("cifar-10")
    for op in ("threshold", "mac"):
        page = (shipped.parent / f"{op}.yaml").read_text()
        narrow = re.sub(r"out_channels: (64|128|256|512)", lambda found: f"out_channels: {int(found[1]) // 8}", page)
        (tmp_path / f"{op}.yaml").write_text(narrow)
    return read_spec(Recipe, shipped).model_copy(update={"batch": 8, **changes}), tmp_path / "recipe.yaml"


@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_it_is_resnet_18_and_fits_the_images(op: str, data: Data) -> None:
    path = find_recipe("cifar-10")
    recipe = read_spec(Recipe, path).model_copy(update={"batch": 8})
    layers = op_layers(recipe, op, path, data)  # type: ignore[arg-type]
    assert sum(layer.pairs for layer in layers) == 555_499_520
    assert sum(layer.residual is not None for layer in layers) == 8
    assert sum(int(np.prod(layer.weights_shape)) for layer in layers) == 11_241_152


class Stopped(Exception):
    pass


@pytest.mark.parametrize("op", ["threshold"])
def test_stopped_and_resumed_it_ends_with_the_same_bits(op: str, data: Data, tmp_path: Path) -> None:
    recipe, path = small(tmp_path, epochs=3)
    layers = op_layers(recipe, op, path, data)  # type: ignore[arg-type]
    course = Course(recipe, op, 0, data)  # type: ignore[arg-type]
    unbroken, curve = train_master(layers, course)

    def stop(what: str, done: int, total: int) -> None:
        if done == 2:
            raise Stopped

    with pytest.raises(Stopped):
        train_master(layers, course, tmp_path / "checkpoint.npz", stop)
    again, resumed = train_master(layers, course, tmp_path / "checkpoint.npz")
    assert resumed == curve
    for one, other in zip(again, unbroken, strict=True):
        np.testing.assert_array_equal(one.weights, other.weights)
        np.testing.assert_array_equal(one.bias, other.bias)
