"""Real models that come with pip packages: onnx' own backend tests, ZigZag's inputs, QONNX' examples."""

from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.workloads.onnx_models import in_process, onnx  # noqa: F401
from workloads.errors import LimenError
from workloads.host.specfile import validate
from workloads.imports.imported import NumberFormats
from workloads.imports.read_file import read_file
from workloads.networks.network import NetworkFile

pytestmark = pytest.mark.usefixtures("in_process")

PRODUCTS = {
    "onnx/backend/test/data/light/light_bvlc_alexnet.onnx": (654_560_384, 60_954_656),
    "onnx/backend/test/data/light/light_resnet50.onnx": (4_089_184_256, 25_502_912),
    "onnx/backend/test/data/light/light_vgg19.onnx": (19_632_062_464, 143_652_544),
    "onnx/backend/test/data/light/light_squeezenet.onnx": (349_151_936, 1_231_552),
    "onnx/backend/test/data/light/light_densenet121.onnx": (2_834_161_664, 7_894_208),
    "zigzag/inputs/workload/alexnet.onnx": (654_560_384, 60_954_656),
    "zigzag/inputs/workload/resnet18.onnx": (1_814_073_344, 11_678_912),
    "zigzag/inputs/workload/mobilenetv2.onnx": (300_774_272, 3_469_760),
}
"""Multiply-accumulates and weights of the layers that have weights, as published: ResNets 1.81 and 4.09, VGG-19 19.63,
DenseNet-121 2.83, MobileNetV2 0.30 and AlexNet of two groups 0.65 thousand million."""

OTHERS = {
    "onnx/backend/test/data/light/light_inception_v1.onnx": {"LRN", "Softmax"},
    "onnx/backend/test/data/light/light_inception_v2.onnx": {"Softmax"},
    "onnx/backend/test/data/light/light_shufflenet.onnx": {"Reshape", "Softmax"},
    "onnx/backend/test/data/light/light_zfnet512.onnx": {"LRN", "Softmax"},
    "qonnx/data/onnx/mnist-conv/model.onnx": set(),
    "qonnx/data/onnx/residual_block_clean.onnx": {"MaxPool"},
    "qonnx/data/onnx/matmul_update/sdp.onnx": {"Reshape", "Softmax"},
    "qonnx/data/onnx/floatquant_exec/qonnx_act_weight_fp8.onnx": {"onnx.brevitas.FloatQuant"},
    "qonnx/data/onnx/eltwise_chanlast_testcase.onnx": {"Mul"},
    "qonnx/data/onnx/bsd300x3-espcn/subpixel/quant_model.onnx": {"DepthToSpace"},
    "qonnx/data/onnx/bsd300x3-espcn/nn_resize/quant_model.onnx": {"Resize"},
    "qonnx/data/onnx/bsd300x3-espcn/nn_resize/float_model.onnx": {"Resize"},
}
"""Operators of other models that aren't on the machine."""


def file_of(name: str) -> Path:
    """Return a package's file; without it the test is skipped."""
    package = name.split("/", 1)[0]
    spec = find_spec(package)
    path = Path("missing") if spec is None or spec.origin is None else Path(spec.origin).parents[1] / name
    if not path.is_file():
        pytest.skip(f"{name} is not installed: pip install {'zigzag-dse' if package == 'zigzag' else package}")
    return path


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_those_published(name: str) -> None:
    read = read_file(file_of(name), NumberFormats())
    layers = validate(NetworkFile, read.content, name).build_layers()
    weighted = [layer for layer in layers if layer.has_weights and not (layer.kernel == (1, 1) and layer.groups > 1)]
    weights = sum(layer.fan_in * layer.out_channels for layer in weighted)
    assert (sum(layer.pairs for layer in weighted), weights) == PRODUCTS[name]
    assert not any("own_input" in entry for entry in read.content["layers"])


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_left(name: str) -> None:
    read = read_file(file_of(name), NumberFormats())
    validate(NetworkFile, read.content, name).build_layers()
    assert {row["op"] for row in read.content.get("unmapped_ops", [])} == OTHERS[name]


def test_all_of_onnx_backend_tests(tmp_path: Path) -> None:
    """Of each a network, or one line: operators of all kinds, sequences, branches, texts.

    Those that PyTorch made are of opset 6, of which these operators are as those of 7.
    """
    root = file_of("onnx/backend/test/data/light/light_resnet50.onnx").parents[1]
    paths = [path for path in sorted(root.rglob("*.onnx")) if path.parent.name != "light"]
    assert len(paths) > 100
    counted = Counter[str]()
    for path in paths:
        model = onnx.load(path)
        for entry in model.opset_import:
            entry.version = max(entry.version, 7)
        copy = tmp_path / "model.onnx"
        copy.write_bytes(model.SerializeToString())
        try:
            content = read_file(copy, NumberFormats()).content
            validate(NetworkFile, content, copy).build_layers()
            counted["networks"] += 1
        except LimenError as error:
            assert str(error).startswith(str(copy)), error
            counted[str(error).removeprefix(f"{copy}: ").partition(":")[0]] += 1
    print(counted)
    assert counted["networks"] > 20 and set(counted) == {
        "networks",
        "holds no operator that is a layer",
        "node '3' (Conv)",  # dilated
    }
