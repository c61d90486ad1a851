"""PyTorch's layers against our own kernels and training: sums, gradients, norms, rounding, compilation."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from tests.support.tools import skip_without
from tests.workloads.tiny_recipes import write_recipe  # noqa: F401
from workloads.errors import LimenError
from workloads.exact import kernel_arrays as lanes
from workloads.exact import reference
from workloads.host.specfile import read_spec
from workloads.layers.layer import Layer, LayerParameters
from workloads.networks.network import NetworkFile
from workloads.ops.shift import round_to_powers
from workloads.training import forward_backward as training
from workloads.training.optimiser import cross_entropy

pytestmark = skip_without("torch", "torch")

try:
    import torch
except ModuleNotFoundError:
    pass
else:
    import limen.torch
    from tests.workloads.torch_twins import in_our_order, twin
    from workloads.pytorch import pair_sums, powers

    torch.set_num_threads(1)

OPS = ("threshold", "adder", "shift")
SHAPES = [
    {"kernel": (3, 2), "stride": (2, 1), "padding": (1, 0, 2, 1)},
    {"kernel": (3, 3), "stride": (1, 1), "padding": (1, 1, 1, 1), "groups": 2},
    {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0), "groups": 4},
    {"kernel": (1, 1), "stride": (2, 2), "padding": (0, 0, 0, 0)},
    {"kernel": (5, 4), "stride": (1, 1), "padding": (0, 0, 0, 0)},
    {"kernel": (1, 1), "stride": (1, 1), "padding": (0, 0, 0, 0), "channels": 1, "out_channels": 1},
]
"""With groups, without, and K = 1 both ways."""


def made(op, dtype="float64", channels=4, out_channels=8, groups=1, kernel=(1, 1), stride=(1, 1), padding=(0,) * 4):
    """The same layer for the machine and for PyTorch."""
    kind = {
        "threshold": limen.torch.ThresholdConv2d,
        "adder": limen.torch.AdderConv2d,
        "shift": limen.torch.ShiftConv2d,
    }
    module = kind[op](channels, out_channels, kernel, stride, padding, groups).to(getattr(torch, dtype))
    shape = {"height": 5, "width": 4, "channels": channels, "out_channels": out_channels, "groups": groups}
    window = {"kernel": kernel, "stride": stride, "padding": padding}
    layer = Layer(name="conv", op=op, x_bits=8, w_bits=5, y_bits=8, **shape, **window)
    return layer, module


def random_case(layer, module, grid=None, images=3, seed=0):
    """(x, weights, polarity, slope) as our kernels take them; on multiples of 1/grid every sum is exact."""
    random = np.random.default_rng(seed)

    def drawn(*shape):
        values = random.normal(size=shape)
        return values if grid is None else np.rint(grid * values) / grid

    weights = drawn(*layer.weights_shape)
    polarity = np.where(random.random(weights.shape) < 0.5, 1.0, -1.0) if layer.op == "threshold" else None
    with torch.no_grad():
        module.weight.copy_(filters(weights))
        if polarity is not None:
            module.polarity.copy_(filters(polarity))
    return drawn(*layer.input_shape, images), weights, polarity, drawn(*layer.output_shape, images)


def filters(weights):
    """[N, C, kh, kw] of our [N, kh, kw, C]."""
    return torch.from_numpy(np.ascontiguousarray(weights.transpose(0, 3, 1, 2)))


def images_of(x, module):
    """[B, C, H, W] of our [H, W, C, B]."""
    return torch.from_numpy(np.ascontiguousarray(x.transpose(3, 2, 0, 1))).to(module.weight.dtype)


def lanes_of(tensor):
    return tensor.detach().numpy().transpose(2, 3, 1, 0)


def used(layer, weights):
    return round_to_powers(weights, 5) if layer.op == "shift" else weights


def our_sums(layer, weights, polarity, x):
    return lanes.layer_sums(layer, used(layer, weights).astype(x.dtype), polarity, lanes.layer_rows(layer, x))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS)
def test_sums_equal_our_kernels(op, shape):
    """Bit for bit where every sum is exact, in either precision; else up to the order of additions."""
    for dtype in ("float32", "float64"):
        layer, module = made(op, dtype, **shape)
        x, weights, polarity, _ = random_case(layer, module, grid=16)
        expected = our_sums(layer, weights, polarity, x.astype(dtype))
        assert np.array_equal(lanes_of(module.sums(images_of(x, module))), expected)
        assert expected.any()
        x, weights, polarity, _ = random_case(layer, module)
        close = {"rtol": 1e-4, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
        expected = our_sums(layer, weights, polarity, x.astype(dtype))
        np.testing.assert_allclose(lanes_of(module.sums(images_of(x, module))), expected, **close)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS)
def test_sums_of_integers_are_those_of_the_machine(op, shape):
    layer, module = made(op, **shape)
    random = np.random.default_rng(1)
    codes = random.integers(-16, 16, layer.weights_shape)
    polarity = random.choice([-1, 1], layer.weights_shape) if op == "threshold" else None
    zero = np.zeros(layer.out_channels, dtype=np.int64)
    x = random.integers(-128, 128, (2, *layer.input_shape))
    expected = reference.accumulate(layer, LayerParameters(codes, polarity, zero, zero), x)
    x_shift, w_shift = layer.operation.alignment(layer.x_bits, layer.w_bits)
    values = layer.operation.values(codes, layer.w_bits) << w_shift
    with torch.no_grad():
        module.weight.copy_(filters(values))
        if polarity is not None:
            module.polarity.copy_(filters(polarity))
    sums = module.sums(images_of((x << x_shift).transpose(1, 2, 3, 0), module))
    if (
        op == "shift"
    ):  # a filter whose largest weight is small has finer powers than its codes: none of these is rounded
        assert np.array_equal(round_to_powers(values, 5), values)
    assert np.array_equal(sums.detach().numpy().transpose(0, 2, 3, 1), expected)


def gradients(module, x, slope):
    """(at inputs [H, W, C, B], at weights [N, kh, kw, C]) in PyTorch."""
    seen = images_of(x, module).requires_grad_()
    module.zero_grad()
    (module.sums(seen) * images_of(slope, module)).sum().backward()
    return lanes_of(seen.grad), module.weight.grad.numpy().transpose(0, 2, 3, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS)
def test_gradients_are_those_of_our_training(op, shape):
    """Bit for bit where every sum is exact, ties of x and w included; a group is a layer of its own to our kernels."""
    layer, module = made(op, **shape)
    x, weights, polarity, slope = random_case(layer, module, grid=4)
    at_inputs, at_weights = gradients(module, x, slope)
    fields = layer.model_dump() | {"groups": 1, "channels": layer.group_channels, "out_channels": layer.group_outputs}
    alone = Layer(**fields)
    for group in range(layer.groups):
        seen = slice(group * layer.group_channels, (group + 1) * layer.group_channels)
        made_of = slice(group * layer.group_outputs, (group + 1) * layer.group_outputs)
        rows = lanes.layer_rows(alone, np.ascontiguousarray(x[:, :, seen]))
        signs = None if polarity is None else polarity[made_of]
        ours = lanes.layer_gradients(alone, used(layer, weights[made_of]), signs, rows, slope[:, :, made_of])
        assert np.array_equal(at_inputs[:, :, seen], ours.inputs)
        assert np.array_equal(at_weights[made_of], ours.weights)
        assert ours.inputs.any() and ours.weights.any()


@pytest.mark.parametrize("shape", SHAPES[:3], ids=str)
def test_gradients_agree_with_differences(shape):
    """Where terms are smooth: op threshold everywhere, op adder at weights, op shift at inputs."""
    _, threshold = made("threshold", **shape)
    x = torch.randn(2, threshold.in_channels, 5, 4, dtype=torch.float64, requires_grad=True)
    rows, _ = threshold.patches(x)
    w, p = (torch.randn_like(threshold.weight).flatten(1)[: len(threshold.weight) // threshold.groups] for _ in "wp")
    assert torch.autograd.gradcheck(
        pair_sums.ThresholdSums.apply, (rows[0].detach().requires_grad_(), w.requires_grad_(), p.requires_grad_())
    )
    assert torch.autograd.gradcheck(lambda w: pair_sums.AdderSums.apply(rows[0].detach(), w), w)
    assert torch.autograd.gradcheck(threshold.sums, x)
    _, shift = made("shift", **shape)
    assert torch.autograd.gradcheck(shift.sums, x)


def test_polarities_can_be_learned():
    """The gradient at a polarity is our own's, for those who train what it is the sign of."""
    layer, module = made("threshold", **SHAPES[0])
    x, weights, polarity, slope = random_case(layer, module, grid=4)
    module.polarity.requires_grad_()
    gradients(module, x, slope)
    ours = lanes.layer_gradients(layer, weights, polarity, lanes.layer_rows(layer, x), slope, learned=True)
    assert np.array_equal(module.polarity.grad.numpy().transpose(0, 2, 3, 1), ours.polarity)


def test_pairs_are_taken_in_parts(monkeypatch):
    """However many pixels are taken together, sums and gradients are the same."""
    for op in OPS[:2]:
        layer, module = made(op, **SHAPES[0])
        x, _, _, slope = random_case(layer, module, grid=4)
        whole = (lanes_of(module.sums(images_of(x, module))), *gradients(module, x, slope))
        monkeypatch.setattr(pair_sums, "PAIRS", 7 * module.weight.numel())
        parts = (lanes_of(module.sums(images_of(x, module))), *gradients(module, x, slope))
        monkeypatch.undo()
        assert all(map(np.array_equal, whole, parts))


def test_weights_round_to_the_same_powers():
    random = np.random.default_rng(2)
    weights = random.normal(size=(6, 3, 3, 4)) * np.exp2(random.integers(-20, 20, (6, 1, 1, 1)))
    weights[0, 0, 0] = [0.0, -0.0, 1e-30, -1e-30]
    weights[1] = 0
    weights[3] = 0  # of a largest weight of 1, the smallest power is 2^-14, and half of it the least that isn't 0
    weights[3, 0, 0] = 1, 0.9 * 2.0**-14, -(2.0**-15), 0.99 * 2.0**-15
    weights[2, 0, 0, :3] = np.float32(np.sqrt(0.5)), np.nextafter(np.float32(np.sqrt(0.5)), np.float32(1)), 1
    for dtype in (np.float32, np.float64):
        rounded = powers.RoundedToPowers.apply(torch.from_numpy(weights.astype(dtype))).numpy()
        assert np.array_equal(rounded, round_to_powers(weights.astype(dtype), 5).astype(dtype))
    exponents = torch.arange(-126, 128)
    assert np.array_equal(powers.power_of_two(exponents, torch.float64).numpy(), np.ldexp(1.0, exponents.numpy()))


@pytest.mark.parametrize("op", ["threshold", "adder", "shift", "shift-adder"])
def test_a_network_trains_as_ours(op, recipe_path):
    """Outputs, gradients at every parameter, running statistics, settled means: through norms, ReLU and flattening."""
    random = np.random.default_rng(3)
    x, labels = random.normal(size=(12, 8, 8, 1)), random.integers(0, 10, 12)
    ours = training.initialise(read_spec(NetworkFile, recipe_path.parent / f"{op}.yaml").build_layers(), x, random)
    for part in ours:
        for name in ("weights", "polarity", "bias", "gain", "mean", "variance"):
            array = getattr(part, name)
            setattr(part, name, None if array is None else array.astype(np.float64))
    model = twin(ours).double()
    outputs, tape = training.forward(ours, lanes.batch_innermost(x))
    scores = model(torch.from_numpy(x.transpose(0, 3, 1, 2)))
    np.testing.assert_allclose(scores.detach().numpy().T, outputs, rtol=1e-9, atol=1e-9)
    _, slope = cross_entropy(outputs, labels, 0.1)
    expected = training.backward(ours, tape, slope)
    torch.nn.functional.cross_entropy(scores, torch.from_numpy(labels), label_smoothing=0.1).backward()
    training.settle_means(ours, x)
    limen.torch.settle_means(model, torch.from_numpy(x.transpose(0, 3, 1, 2)))
    assert model.training
    layers = [module for module in model if hasattr(module, "weight")]
    for module, part, gained in zip(layers, ours, expected, strict=True):
        pairs = [(in_our_order(module.weight.grad, part.layer), gained[0]), (module.bias.grad.numpy(), gained[1])]
        if part.gain is not None:
            pairs += [(module.gain.grad.numpy(), gained[2]), (module.running_variance.numpy(), part.variance)]
        for got, wanted in pairs:
            np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-10)
        np.testing.assert_allclose(module.running_mean.numpy(), part.mean, rtol=1e-5, atol=1e-5)  # ours in float32


def test_initialising_fits_layers_to_data():
    """Inputs of any mean and scale give outputs of deviation near 1; polarities stay."""
    torch.manual_seed(0)
    x = 40 + 8 * torch.randn(64, 4, 6, 6)
    last = limen.torch.AdderLinear(36, 8, norm="mean")
    model = torch.nn.Sequential(
        limen.torch.ThresholdConv2d(4, 8, 3, padding=1, groups=2),
        limen.torch.ThresholdConv2d(8, 4, 3, stride=2, padding=1),
        limen.torch.ShiftConv2d(4, 4, 1),
        torch.nn.Flatten(),
        last,
    )
    polarity = model[0].polarity.clone()
    limen.torch.initialise(model, x)
    assert torch.equal(polarity, model[0].polarity)
    assert 20 < model[0].weight.mean() < 60 and torch.frexp(model[0].factor)[0] == 0.5
    again = copy.deepcopy(model)
    for module in again:
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    again.load_state_dict(model.state_dict())
    assert torch.equal(again.eval()(x), model.eval()(x))  # a state has polarities and factors, too
    seen = x
    for module in model[:3]:
        seen = module(seen)
        assert 0.4 < seen.std((0, 2, 3)).mean() < 2.5 and abs(seen.mean()) < 0.01
    assert 4 < last(seen.flatten(1)).std(0).mean() < 16  # scores of op adder start with a deviation of 8
    with pytest.raises(LimenError, match=r"^model: Linear has none of limen.torch's layers$"):
        limen.torch.initialise(torch.nn.Linear(2, 2), x)


def test_gains_may_begin_at_zero():
    """As those of the last norm of a residual block often do: results and gradients stay numbers, and it moves."""
    module = limen.torch.AdderConv2d(2, 3, 2)
    with torch.no_grad():
        module.gain[1] = 0
    module(torch.randn(4, 2, 5, 5)).square().sum().backward()
    assert all(bool(parameter.grad.isfinite().all()) for parameter in module.parameters())
    assert bool(module.gain.grad[1] != 0)


def test_compiled_layers_give_the_same():
    """One graph, forward and backward; what a compiler of loops makes of it is a bench: tests/bench/torch_layers.py."""
    for op in OPS:
        _, module = made(op, **SHAPES[1])
        x = torch.randn(3, 4, 5, 4, dtype=torch.float64, requires_grad=True)
        slope = torch.randn(3, 8, 5, 4, dtype=torch.float64)
        found = []
        for compiled in (False, True):
            each = copy.deepcopy(module)  # running statistics move on
            y = (torch.compile(each, backend="aot_eager", fullgraph=True) if compiled else each)(x)
            found.append([y, *torch.autograd.grad((y * slope).sum(), [x, *each.parameters()]), each.running_variance])
        for plain, fast in zip(*found, strict=True):
            torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12)


REFUSED = {
    "groups": (
        lambda: limen.torch.ThresholdConv2d(4, 6, 3, groups=4),
        "ThresholdConv2d: out_channels: 6 is not allowed: a multiple of groups 4",
    ),
    "three sizes": (
        lambda: limen.torch.ThresholdConv2d(4, 4, (3, 3, 3)),
        r"ThresholdConv2d: kernel_size: \(3, 3, 3\) is not allowed: 1 or 2 integers of at least 1",
    ),
    "a negative size": (
        lambda: limen.torch.AdderConv2d(4, 4, 3, padding=-1),
        "AdderConv2d: padding: -1 is not allowed: 1 or 2 or 4 integers of at least 0",
    ),
    "a norm": (
        lambda: limen.torch.ShiftLinear(4, 4, norm="batch"),
        "ShiftLinear: norm: 'batch' is not allowed: mean or power",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_layers_that_cannot_be_are_refused(what):
    build, message = REFUSED[what]
    with pytest.raises(LimenError, match=f"^{message}$"):
        build()
