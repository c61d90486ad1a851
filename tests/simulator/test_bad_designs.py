"""What can't be built or can't fit is refused before anything runs, in one line that says what would do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import limen
from cost_models.table.table import DATA
from simulator.designs.design import Design
from workloads.errors import LimenError
from workloads.networks.family import family_op
from workloads.networks.network import Network, NetworkFile

SOUND = {"rows": 4, "cols": 4, "dataflow": "os", "op": "threshold", "x_bits": 8, "w_bits": 8}
CONV = {"name": "conv", "kind": "conv2d", "out_channels": 8, "kernel": [3, 3]}
SCORES = {"name": "scores", "kind": "linear", "out_channels": 4}


def network(*layers: dict[str, Any], channels: int = 4, **formats: Any) -> Network:
    content = {"version": 1, "name": "bad", "op": "threshold", "x_bits": 8, "w_bits": 8, **formats}
    form = {"height": 9, "width": 20, "channels": channels}
    return Network("bad", NetworkFile.model_validate({**content, "input": form, "layers": list(layers)}).build_layers())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"port_bits": 512, "ifmap_kib": 0.1}, ("ifmap_kib: 0.1 is not allowed", "409 bits", "port_bits 512")),
        ({"port_bits": 256, "filter_kib": 0.05}, ("filter_kib: 0.05 is not allowed", "port_bits 256")),
        ({"port_bits": 256, "ofmap_kib": 0.05}, ("ofmap_kib: 0.05 is not allowed", "port_bits 256")),
        ({"port_bits": 32, "feeder_width": 8}, ("feeder_width: 8 is not allowed", "8 x 8 bits", "port_bits 32")),
        ({"feeder_width": 3}, ("feeder_width: 3 is not allowed", "1, 2, 4, 8, 16 or 32")),
        ({"port_bits": 48}, ("port_bits: 48 is not allowed",)),
        ({"pe_stages": True}, ("pe_stages: True is not allowed: input should be a whole number",)),
        ({"feeder_width": 1.0}, ("feeder_width: 1.0 is not allowed: input should be a whole number",)),
        ({"operand_depth": 2}, ("operand_depth: 2 is not allowed", "feeder_width")),
        ({"ifmap_kib": 0}, ("ifmap_kib: 0",)),
        ({"port_interval": 0}, ("port_interval: 0 is not allowed",)),
        ({"op": "mac", "polarity": "input"}, ("polarity: 'input' is not allowed", "op mac")),
        ({"op": "adder", "polarity": "neuron"}, ("polarity: 'neuron' is not allowed", "op adder")),
        ({"op": "mac", "polarity": "generated"}, ("polarity: 'generated' is not allowed", "op mac has none")),
        ({"op": "adder", "x_signed": False}, ("x_signed: False is not allowed", "op adder takes signed")),
        ({"op": "shift"}, ("w_bits: 8 is not allowed", "op shift takes 2 to 5")),
        ({"op": "gate"}, ("op: 'gate' is not allowed", "'threshold', 'mac', 'adder' or 'shift'")),
        ({"extra_ops": ["gate"]}, ("extra_ops.0: 'gate' is not allowed", "'threshold', 'mac', 'adder' or 'shift'")),
        ({"extra_ops": "mac"}, ("extra_ops: 'mac' is not allowed: a list",)),
        ({"extra_ops": 7}, ("extra_ops: 7 is not allowed: a list",)),
        (
            {"extra_ops": ["mac", "threshold"]},
            ("extra_ops: ['mac', 'threshold'] is", "not 'threshold' again"),
        ),
        ({"extra_ops": ["mac", "mac"]}, ("extra_ops: ['mac', 'mac'] is not allowed", "each op once")),
        ({"op": "mac", "extra_ops": ["shift"], "polarity": "input"}, ("polarity: 'input'", "op mac or shift has none")),
        ({"op": "mac", "extra_ops": ["adder"], "x_signed": False}, ("x_signed: False", "op adder takes signed")),
        ({"pe_stages": 3}, ("pe_stages: 3 is not allowed", "1 or 2")),
        (
            {"op": "mac", "zero_gating": True},
            ("zero_gating: true is not allowed with pe_stages 1: it takes pe_stages: 2",),
        ),
        (
            {"zero_gating": True, "pe_stages": 2},
            ("zero_gating: true is not allowed: op threshold has none; op mac alone has, or false",),
        ),
        (
            {"op": "mac", "extra_ops": ["shift"], "zero_gating": True, "pe_stages": 2, "w_bits": 5},
            ("zero_gating: true is not allowed: op mac with shift has none",),
        ),
    ],
)
def test_designs(change: dict[str, Any], words: tuple[str, ...]) -> None:
    """A port wider than a buffer, a word wider than the port, and values out of range."""
    with pytest.raises(LimenError) as refusal:
        Design(**{**SOUND, **change})
    for word in words:
        assert word in str(refusal.value), str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        # Three rows of 20 words of 4 bytes are 240 bytes; half of 0.25 KiB holds 128.
        ({"ifmap_kib": 0.25}, ("layer conv: ifmap_kib: 0.25", "lacks 112 bytes in each half", "at least 0.469 KiB")),
        # 36 positions of K, rows of 4 thresholds and polarity bits: 162 bytes.
        ({"filter_kib": 0.25}, ("layer conv: filter_kib: 0.25", "lacks 36 bytes in each half")),
        # One row of 18 pixels, four columns of accumulators.
        ({"ofmap_kib": 0.25}, ("layer conv: ofmap_kib: 0.25", "lacks", "bytes in each half")),
        ({"operand_depth": 32}, ("layer conv: operand_depth: 32 is not allowed", "needs 36")),
    ],
)
def test_buffers_too_small_for_any_tile(change: dict[str, Any], words: tuple[str, ...]) -> None:
    """The line names the buffer and the bytes; what it says would do, does."""
    with pytest.raises(LimenError) as refusal:
        limen.simulate(network(CONV, SCORES), Design(**{**SOUND, **change}))
    message = str(refusal.value)
    for word in words:
        assert word in message, message
    assert message.startswith("network bad: ") and "\n" not in message


@pytest.mark.parametrize("field", ["ifmap_kib", "filter_kib", "ofmap_kib"])
def test_the_least_that_fits_is_the_least(field: str) -> None:
    """The size the refusal asks for is enough for that layer, and a hundredth less is refused again."""
    two_layers = network(CONV, {**CONV, "name": "raw", "out_channels": 3})
    with pytest.raises(LimenError) as refusal:
        limen.simulate(two_layers, Design(**{**SOUND, field: 0.06}))
    least = float(str(refusal.value).split("at least ")[1].split(" KiB")[0])
    assert str(refusal.value).startswith("network bad: layer conv: ")
    with pytest.raises(LimenError, match="layer conv"):
        limen.simulate(two_layers, Design(**{**SOUND, field: least * 0.99 - 0.001}))
    try:
        limen.simulate(two_layers, Design(**{**SOUND, field: least + 0.001}))
    except LimenError as later:
        assert "layer raw" in str(later)


def test_what_all_layers_need_is_told_at_once() -> None:
    """The sizes told are the least that hold every layer: of the largest, which isn't the one refused."""
    layers = network(CONV, {**CONV, "name": "wide", "kernel": [5, 5], "padding": [2, 2, 2, 2], "out_channels": 3})
    small = {**SOUND, "ifmap_kib": 0.06, "filter_kib": 0.06}
    with pytest.raises(LimenError) as refusal:
        limen.simulate(layers, Design(**small))
    first, told = str(refusal.value).split("; all layers need ")
    assert first.startswith("network bad: layer conv: ifmap_kib: 0.06 is not allowed")
    sizes = {field: float(size) for field, size in (part.split(": ") for part in told.split(", "))}
    assert [*sizes] == ["ifmap_kib", "filter_kib"]
    assert limen.simulate(layers, Design(**{**small, **sizes})).cycles > 0
    for field, size in sizes.items():
        with pytest.raises(LimenError, match=f"layer wide: {field}"):
            limen.simulate(layers, Design(**{**small, **sizes, field: size - 0.002}))


def test_networks_the_design_lacks_something_for() -> None:
    grouped = {**CONV, "name": "one", "tensor": "both", "out_channels": 6}
    second = {**grouped, "name": "two", "input": "input", "offset": 6}
    for layers, change, words in (
        (
            (grouped, second, SCORES),
            {},
            "layer two: offset: 6 is not allowed: a multiple of",
        ),
        ((CONV, SCORES), {"polarity": "neuron"}, "layer conv: polarity: 'synapse' is not allowed"),
        (
            (CONV, SCORES),
            {"polarity": "generated"},
            "layer conv: polarity: 'synapse' is not allowed: the design generates it: train the network with polarity "
            "'generated', or take polarity: 'synapse', stored",
        ),
        (
            ({**CONV, "polarity": "generated"}, SCORES),
            {"polarity": "generated"},
            "layer scores: polarity: 'synapse' is not allowed: the design generates it",
        ),
        ((CONV, SCORES), {"op": "adder"}, "layer conv: op: 'threshold' is not allowed: the design has 'adder'"),
        (
            ({**CONV, "op": "mac"}, {**SCORES, "op": "adder"}),
            {"op": "shift", "extra_ops": ["mac"], "x_signed": True},
            "layer scores: op: 'adder' is not allowed: the design has 'mac', 'shift'",
        ),
        (
            ({**CONV, "op": "mac"}, SCORES),  # signed activations, which this design doesn't take either
            {"op": "mac", "x_signed": False},
            "layer scores: op: 'threshold' is not allowed: the design has 'mac'",
        ),
        (
            ({**CONV, "op": "mac", "w_bits": 4}, {**SCORES, "w_bits": 4}),
            {"extra_ops": ["mac"]},
            "layer scores: x_bits: 8 with w_bits: 4 is not allowed: the design's alignment is wired for",
        ),
        (
            ({**CONV, "op": "adder"}, {**SCORES, "op": "adder"}),
            {"op": "adder", "x_bits": 9},
            "layer conv: x_bits: 8 with w_bits: 8 is not allowed: the design's alignment is wired for",
        ),
        (
            ({**CONV, "op": "shift", "w_bits": 5}, {**SCORES, "op": "shift", "w_bits": 4}),
            {"op": "shift", "w_bits": 4, "x_signed": True},
            "layer conv: w_bits: 5 is not allowed: the design has at most 4",
        ),
    ):
        with pytest.raises(LimenError) as refusal:
            limen.simulate(network(*layers), Design(**{**SOUND, **change}))
        assert words in str(refusal.value) and "\n" not in str(refusal.value)


def test_ops_the_cost_table_lacks(tmp_path: Path) -> None:
    lines = (DATA / "ihp130.csv").read_text().splitlines()
    table = tmp_path / "table.csv"
    table.write_text("\n".join(line for line in lines if not line.startswith(("pe,adder", "pe,shift"))))
    adders = network(CONV, SCORES, op="adder")
    run = limen.simulate(adders, Design(**{**SOUND, "op": "adder"}))
    with pytest.raises(LimenError, match=r"op: adder of component 'pe' is missing: the table has mac, threshold$"):
        limen.price(run, costs=str(table))


@pytest.mark.parametrize("op", ["mac", "shift"])
def test_signs_the_cost_table_lacks(op: str) -> None:
    signed = network(CONV, SCORES, op=op, w_bits=4)
    run = limen.simulate(signed, Design(**{**SOUND, "op": op, "w_bits": 4, "x_signed": True}))
    with pytest.raises(LimenError, match=r"'pe_signed' is missing: the table has"):
        limen.price(run, costs="ihp130")


def test_ops_that_no_pe_of_the_cost_table_has_together() -> None:
    mixed = network({**CONV, "op": "mac"}, SCORES)
    run = limen.simulate(mixed, Design(**{**SOUND, "extra_ops": ["adder", "mac"]}))
    refusal = (
        r"op: threshold\+mac\+adder of component 'pe_fused' is missing: the table has adder\+shift, threshold\+mac"
    )
    with pytest.raises(LimenError, match=refusal):
        limen.price(run, costs="ihp130")


def test_ops_that_families_do_not_mix() -> None:
    assert [family_op(ops) for ops in (("threshold", "mac"), ("adder", "shift"), ("adder",))] == [
        *("mac-threshold", "shift-adder", "adder"),
    ]
    with pytest.raises(LimenError, match="ops: threshold, adder are not allowed: families mix mac"):
        family_op(("threshold", "adder"))


def test_groups_that_do_not_divide() -> None:
    with pytest.raises(LimenError, match="groups: 3 is not allowed: must divide channels 4 and out_channels 8"):
        network({**CONV, "groups": 3}, SCORES)


def test_ifmaps_too_wide_for_the_addresses() -> None:
    content = {"version": 1, "name": "bad", "op": "threshold", "x_bits": 8, "w_bits": 8, "layers": [CONV]}
    form = NetworkFile.model_validate({**content, "input": {"height": 3, "width": 40000, "channels": 1}})
    with pytest.raises(LimenError, match="layer conv: width: 40000 is not allowed: at most 32767"):
        limen.simulate(Network("bad", form.build_layers()), Design(**SOUND))


def test_numbers_of_arrays_are_numbers() -> None:
    """Sizes out of an array or a data frame make the same design as plain ones; a truth value is none."""
    numbers = {"rows": np.int64(4), "cols": np.uint8(4), "ifmap_kib": np.float32(8), "filter_kib": np.int16(16)}
    assert Design(**{**SOUND, **numbers}) == Design(**SOUND)
    with pytest.raises(LimenError, match="rows: True is not allowed"):
        Design(**{**SOUND, "rows": True})
    with pytest.raises(LimenError, match=r"rows: .*4\.0.* is not allowed"):
        Design(**{**SOUND, "rows": np.float64(4)})
