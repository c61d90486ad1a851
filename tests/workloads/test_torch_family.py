"""What PyTorch's networks become: the integers of our own quantiser, a network that is proved, refusals; no PyTorch."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tests.support.paths import ROOT
from tests.support.tools import skip_without
from tests.workloads.tiny_recipes import write_recipe  # noqa: F401
from workloads.errors import LimenError, pip_command
from workloads.exact import reference
from workloads.host.specfile import read_spec
from workloads.networks.family import Family
from workloads.networks.network import NetworkFile
from workloads.training import forward_backward as training
from workloads.training.classifier import load_data
from workloads.training.float_master import real_inputs
from workloads.training.make_family import calibrated, checkpoint_arrays, quantise_family

try:
    import torch
    from torch import nn
except ModuleNotFoundError:
    pass
else:
    import limen.torch
    from limen.torch import ShiftConv2d, ThresholdConv2d, ThresholdLinear
    from tests.workloads.torch_twins import twin
    from workloads.pytorch.chain import read_chain

    torch.set_num_threads(1)

needs_torch = skip_without("torch", "torch")
"""All but the last tests, which are of life without it."""


def few(data, images=96):
    """Data of so many training images: a quantiser that chooses on them is quick."""
    return replace(data, pixels=data.pixels[:images], labels=data.labels[:images])


@needs_torch
@pytest.mark.parametrize("op", ["threshold", "adder", "shift", "shift-adder"])
def test_integers_are_those_of_our_own_quantiser(op, recipe_path, tmp_path):
    """Every array of the checkpoint, at every width, layer by layer."""
    data = few(load_data("digits"))
    path = recipe_path.parent / f"{op}.yaml"
    layers = read_spec(NetworkFile, path).build_layers()
    signed = layers[0].x_signed
    ours = training.initialise(layers, real_inputs(data.pixels, data.levels, signed), np.random.default_rng(1))
    for part in ours:  # as training would have moved them
        part.bias[:] = np.random.default_rng(2).normal(size=part.bias.shape)
        if part.gain is not None:
            part.gain[:] = np.random.default_rng(3).uniform(0.5, 2, part.gain.shape)
    family = limen.torch.to_family(twin(ours), data, tmp_path / "mine", signed)
    master = training.fold(ours)
    expected = checkpoint_arrays({0: master}, quantise_family(op, {0: calibrated(master, data)}))
    stored = dict(np.load(family.folder / f"{op}.npz"))
    names = {"layer_0": "conv", f"layer_{len(twin(ours)) - 1}": "scores"}
    renamed = {
        ".".join([names.get(layer, layer), *part]): array
        for layer, *part, array in ((*name.split("."), array) for name, array in stored.items())
    }
    assert renamed.keys() == expected.keys()
    assert all(
        np.array_equal(renamed[name], array) and renamed[name].dtype == array.dtype for name, array in expected.items()
    )
    assert family.ops() == [op] and sorted(path.name for path in family.folder.iterdir()) == sorted(
        [f"{op}.yaml", f"{op}.npz", "accuracy.csv"]
    )
    form = family.form(op, 8, 8 if op in ("threshold", "adder", "shift-adder") else 5)
    assert [(layer.kind, layer.op, layer.x_signed) for layer in form.build_layers()] == [
        (layer.kind, layer.op, layer.x_signed) for layer in layers
    ]


@needs_torch
def test_any_chain_becomes_a_network(tmp_path):
    """Groups, four paddings, nested modules, two linear layers: a member decides as the model does."""
    torch.manual_seed(0)
    data = few(load_data("digits"))
    features = nn.Sequential(
        ThresholdConv2d(1, 4, (3, 2), stride=(2, 1), padding=(1, 0, 2, 1)),
        ThresholdConv2d(4, 6, 3, padding=1, groups=2),
        nn.Dropout2d(0.5),
    )
    model = nn.Sequential(
        features, nn.Flatten(), ThresholdLinear(6 * 4 * 10, 12), nn.Identity(), ThresholdLinear(12, 10)
    )
    x = limen.torch.network_inputs(data.pixels, data.levels)
    limen.torch.initialise(model, x)
    with torch.no_grad():
        decided = model.eval()(x).argmax(1).numpy()
    model.double()  # read in single precision
    family = limen.torch.to_family(model, replace(data, labels=decided), tmp_path / "chain")
    network = family.network("threshold", 8, 8)
    assert [layer.name for layer in network.layers] == ["layer_0_0", "layer_0_1", "layer_2", "layer_4"]
    assert [layer.groups for layer in network.layers] == [1, 2, 1, 1]
    integers = network.as_input(network.input_map.apply(data.pixels, 8, True))
    scores = reference.run(network.layers, network.trained(), integers)[-1].reshape(len(x), 10)
    assert np.mean(scores.argmax(1) == decided) > 0.9 and len(set(decided)) > 3
    assert Family("chain", tmp_path / "chain").network("threshold", 2, 8).parameters is not None


def tiny(*last):
    return nn.Sequential(ThresholdConv2d(1, 4, 3, stride=2), nn.Flatten(), *(last or (ThresholdLinear(36, 10),)))


@needs_torch
def test_a_module_used_again_is_read_again():
    relu = nn.ReLU()
    model = nn.Sequential(ShiftConv2d(1, 4, 3), relu, ShiftConv2d(4, 4, 3), relu, ShiftConv2d(4, 4, 3, norm="mean"))
    assert [link.rectified for link in read_chain(model)] == [True, True, False]


REFUSED = {
    "a module": (lambda: tiny(nn.GELU()), "model.2: GELU is not allowed: limen.torch's layers, ReLU, Flatten, Dropout"),
    "no layer": (lambda: nn.Sequential(nn.Flatten()), "model: Sequential without a layer is not allowed"),
    "a subclass": (lambda: nn.ModuleList([tiny()]), "model: ModuleList is not allowed"),
    "ReLU first": (lambda: nn.Sequential(nn.ReLU(), tiny()), "model.0: ReLU is not allowed"),
    "ReLU last": (lambda: tiny(ThresholdLinear(36, 10), nn.ReLU()), "layer layer_2: a ReLU after the last layer is"),
    "a norm": (lambda: tiny(ThresholdLinear(36, 10, norm="power")), "layer layer_2: norm: 'power' is not allowed last"),
    "ReLU before a threshold": (
        lambda: tiny(nn.ReLU(), ThresholdLinear(36, 10)),
        "mine: layer layer_3: x_signed: False is not allowed: op threshold takes signed",
    ),
    "channels": (
        lambda: nn.Sequential(ThresholdConv2d(2, 4, 3)),
        "mine: layer layer_0: in_channels: 2 is not allowed: it reads 1",
    ),
    "classes": (
        lambda: tiny(ThresholdLinear(36, 9)),
        r"mine: layer layer_2: output \[1, 1, 9\] is not allowed: a score for each class",
    ),
    "pixels": (
        lambda: nn.Sequential(ThresholdConv2d(1, 10, 3)),
        r"mine: layer layer_0: output \[6, 6, 10\] is not allowed",
    ),
    "a flattening too many": (
        lambda: nn.Sequential(nn.Flatten(), ThresholdConv2d(1, 4, 3), nn.Flatten(), ThresholdLinear(144, 10)),
        "mine: the model doesn't run on images of calibration: ",
    ),
    "a mix": (
        lambda: nn.Sequential(ShiftConv2d(1, 4, 3, 2), nn.Flatten(), ThresholdLinear(36, 10)),
        "ops: shift, threshold are not allowed: families mix",
    ),
}


@needs_torch
@pytest.mark.parametrize("what", REFUSED)
def test_what_no_family_can_be_made_of_is_refused(what, tmp_path):
    build, message = REFUSED[what]
    with pytest.raises(LimenError, match=f"^{message}") as caught:
        limen.torch.to_family(build(), few(load_data("digits")), tmp_path / "mine")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


@needs_torch
def test_broken_models_and_data_are_refused(tmp_path):
    data, model = few(load_data("digits")), tiny()
    for made_of, message in (
        (("a text", data), "model: 'a text' is not allowed: a network of PyTorch"),
        ((model, "digits"), "calibration: 'digits' is not allowed: a limen.torch.Data"),
        ((model, replace(data, levels=17)), "mine: calibration: levels: 17 is not allowed: a power of two"),
    ):
        with pytest.raises(LimenError, match=f"^{message}$"):
            limen.torch.to_family(*made_of, tmp_path / "mine")
    with pytest.raises(LimenError, match=r"^2 mine: name: '2 mine' is not allowed"):
        limen.torch.to_family(model, data, tmp_path / "2 mine")
    hook = model.register_forward_hook(lambda module, inputs, output: output.flip(1))
    with pytest.raises(
        LimenError, match=r"^mine: the model's outputs differ by .* from those of its layers in their order$"
    ):
        limen.torch.to_family(model, data, tmp_path / "mine")
    hook.remove()
    with torch.no_grad():
        model[0].bias[1] = float("nan")
    with pytest.raises(LimenError, match=r"^layer layer_0: bias: a value that is no finite number is not allowed$"):
        limen.torch.to_family(model, data, tmp_path / "mine")
    assert not list(tmp_path.iterdir())


def outcome_of(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_without_torch_one_line_says_what_to_install():
    outcome = outcome_of("import sys; sys.modules['torch'] = None\nimport limen\nimport limen.torch")
    last = outcome.stderr.strip().splitlines()[-1]
    assert last == f"workloads.errors.LimenError: limen.torch needs PyTorch, not installed: {pip_command('torch')}"


def test_limen_alone_loads_no_torch():
    code = (
        "import sys, limen; assert 'torch' not in dir(limen); print([name for name in sys.modules if 'torch' in name])"
    )
    assert outcome_of(code).stdout == "[]\n"


@needs_torch
def test_the_submodule_is_found_in_every_way():
    code = "import limen; print(limen.torch.ThresholdConv2d(1, 2, 3)); from limen import torch; print(torch.__name__)\n"
    assert outcome_of(code + "from limen.torch import *; print(to_family.__name__)").stdout == (
        "ThresholdConv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(0, 0, 0, 0), groups=1, norm=mean)\n"
        "limen.torch\nto_family\n"
    )


@needs_torch
def test_the_example_ends_in_a_proof(tmp_path, monkeypatch, capsys, quick_builds):
    """A shorter training than the page shows, calibrated on fewer images: its integers are proved in Verilog."""
    spec = importlib.util.spec_from_file_location("example", ROOT / "docs" / "torch" / "digits.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setattr(
        example, "to_family", lambda model, data, folder: limen.torch.to_family(model, few(data), folder)
    )
    example.main(tmp_path, epochs=4, images=2)
    lines = capsys.readouterr().out.splitlines()
    assert float(re.fullmatch(r"test accuracy of its integers of 8 bits: (.*)%", lines[1])[1]) > 80
    assert re.fullmatch(r"Proof\(images=2, layers=4, words=\d+, bits=\d+, cycles=\d+, mismatches=0\)", lines[2])
