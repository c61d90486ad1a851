"""Operands of PEs: Gaussian, captured from the cycle model, in polarity order; PEs of two stages and zero gating."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

import cost_models.stimuli.captured
from cost_models.derive.characterise import measure, measure_operands
from cost_models.gates.switching import LANES
from cost_models.gates.synthesis import Kit, synthesise
from cost_models.sources.source import VERILOG, Source
from cost_models.sources.unit_sources import unit_source
from cost_models.stimuli.captured import captured_folds, captured_windows
from cost_models.stimuli.op_values import in_polarity_order, op_values, sign_bit
from cost_models.stimuli.pe_streams import operand_streams
from cost_models.stimuli.stimulus import STEPS, WARM_UP
from cost_models.units.catalogue import DATAFLOWS, fused_units, pe_units, signed_units
from cost_models.units.unit import Pe
from workloads.errors import LimenError
from workloads.networks.family import find_network
from workloads.ops.integers import as_signed
from workloads.ops.names import FUSED_OPS, OPS
from workloads.ops.op_field import Op


class TestCaptured:
    @pytest.mark.parametrize(("op", "dataflow"), [*product(OPS, ("os", "ws"))])
    def test_what_pes_add_to_is_what_their_neighbours_made(self, op: Op, dataflow: str) -> None:
        """Registers of the cycle model, chained by the op's definition in integers: not one is off."""
        unit = Pe(op, 4, 4, 24, dataflow)
        folds = captured_folds(op, 4, 4, dataflow)
        assert len(folds) > 50
        for fold in folds:
            ops = op_values(unit, fold.x, fold.synapse)
            if dataflow == "os":
                assert not fold.before[0].any()
                assert np.array_equal(fold.before[1:], fold.before[:-1] + ops[:-1])
            else:
                assert not fold.before[:, 0].any() and (fold.synapse == fold.synapse[:1]).all()
                assert np.array_equal(fold.before[:, 1:], fold.before[:, :-1] + ops[:, :-1])

    @pytest.mark.parametrize(
        ("op", "bits", "dataflow", "digest"),
        [
            ("threshold", 5, "os", "92a0ce3b0803d45f"),
            ("threshold", 7, "os", "a398359b78d070da"),
            ("mac", 2, "ws", "937781c1f45d88d7"),
            ("mac", 8, "os", "544fe121a9037ed6"),
            ("adder", 8, "ws", "10f024fadeb741ef"),
        ],
    )
    def test_the_shipped_rows_operands_are_captured_again(self, op: Op, bits: int, dataflow: str, digest: str) -> None:
        """Whatever cuts the schedule prefers today: rows of the tables are of these operands."""
        hashed = hashlib.sha256()
        for fold in captured_folds(op, bits, bits, dataflow):
            for part in (fold.x, fold.synapse, fold.before):
                hashed.update(f"{part.shape}".encode() + part.astype("<i8").tobytes())
        assert hashed.hexdigest()[:16] == digest

    def test_operands_are_the_network_s(self) -> None:
        """The synapses of os folds, counted over columns, are the weights and polarities of the layers that fill."""
        network = find_network("digits", "threshold", 5, 5)
        folds = captured_folds("threshold", 5, 5, "os")
        captured = np.sort(np.concatenate([fold.synapse[:, 0, :].ravel() for fold in folds]))
        wanted = []
        for layer, parameters in zip(network.layers, network.trained(), strict=True):
            if layer.fan_in % 4 == 0 and layer.pixels % 4 == 0 and layer.out_channels % 8 == 0:
                assert parameters.polarity is not None
                synapses = (parameters.weights & 31) | np.where(parameters.polarity < 0, 32, 0)
                wanted += [synapses.ravel()] * (layer.pixels // 4)
        once = np.sort(np.concatenate(wanted))
        images = len(captured) // len(once)
        assert images == 9 and np.array_equal(captured, np.repeat(once, images))

    def test_windows_are_reproducible_and_continue(self) -> None:
        unit = Pe("mac", 3, 3, 20, "os")
        one, other = (captured_windows(unit, np.random.default_rng(5), 36, 8, False) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert one[0].shape == (36, 8) and one[2].shape == (8,)


class TestOrder:
    @pytest.mark.parametrize("op", ["threshold", "mac", "shift"])
    def test_adding_comes_first_and_nothing_is_lost(self, op: Op) -> None:
        unit = Pe(op, 4, 4, 12, "os")
        random = np.random.default_rng(2)
        x, synapse = random.integers(0, 16, (30, 5)), random.integers(0, 1 << unit.synapse_bits, (30, 5))
        bit = sign_bit(unit)
        assert bit is not None
        own_x, own_synapse = in_polarity_order(unit, x, synapse)
        assert (np.diff(own_synapse >> bit, axis=0) >= 0).all()
        before, after = (
            sorted(zip(*(operand[:, 2] for operand in both), strict=True))
            for both in ((x, synapse), (own_x, own_synapse))
        )
        assert before == after

    def test_adder_has_none(self) -> None:
        assert sign_bit(Pe("adder", 4, 4, 12, "os")) is None
        kinds = {stream.operands for stream in operand_streams(Pe("adder", 4, 4, 12, "os"), 0)}
        assert kinds == {"gaussian_relu", "network"}


class TestGaussian:
    @pytest.mark.parametrize("op", OPS)
    def test_distributions(self, op: Op) -> None:
        """Half of the activations are 0; weights are even around 0 and a third of their range wide."""
        unit = pe_units(op, 8, 5 if op == "shift" else 8, "os")[-1]
        stream = operand_streams(unit, 0)[0]
        x, synapse = stream.inputs["x_in"], stream.inputs["synapse_in"]
        assert 0.45 < (x == 0).mean() < 0.55 and x.min() == 0
        assert x.max() == (127 if op in ("threshold", "adder") else 255)
        if op == "shift":
            return
        w = as_signed(synapse & 255, 8)
        assert abs(w.mean()) < 3 and 0.9 < w.std() / (127 / 3) < 1.1

    def test_shift_weights_are_the_nearest_powers(self) -> None:
        unit = Pe("shift", 8, 5, 30, "os")
        codes = operand_streams(unit, 0)[0].inputs["synapse_in"] & 15
        counts = np.bincount(codes.ravel(), minlength=16) / codes.size
        # |N(0, 1/3)| is nearest to 1, in logarithm, above 2^-1/2: the exponent 14 of 15 codes.
        assert counts[14] == pytest.approx(0.034, abs=0.02) and counts[13] > counts[14] and counts[15] < 0.01


def with_op_changed(source: Source, old: str, new: str) -> Source:
    """Return a source with one place of limen_op changed: its file becomes text."""
    text = source.text or (VERILOG / OP_FILE).read_text(encoding="utf-8")
    assert text.count(old) == 1
    return replace(source, files=tuple(name for name in source.files if name != OP_FILE), text=text.replace(old, new))


OP_FILE = "limen_op.v"
UNITS = [pe_units(op, 3, 3, dataflow)[-1] for op in OPS for dataflow in ("os", "ws")]
STAGED = [
    replace(pe_units(op, 3, 3, dataflow)[-1], stages=2, zero_gating=zero_gating)
    for op, dataflow in product(OPS, DATAFLOWS)
    for zero_gating in ((False, True) if op == "mac" else (False,))
]


class TestNetlists:
    @pytest.mark.parametrize("unit", UNITS + [unit for unit in STAGED if unit.dataflow != "is"], ids=str)
    def test_every_stream_is_computed(self, kit: Kit, unit: Pe) -> None:
        """Every output of every vector is compared on the way; a quantity per kind of operands comes out."""
        netlist = synthesise(kit, unit_source(unit))
        values = measure(netlist, unit, kit) | measure_operands(netlist, unit, kit)
        kinds = {name.partition("@")[2] for name in values}
        expected = {"", "gaussian_relu", "network"}
        if unit.op != "adder":
            expected |= {"gaussian_relu_sorted"} | ({"network_sorted"} if unit.dataflow == "os" else set())
        assert kinds == expected and all(value > 0 for value in values.values())

    @pytest.mark.parametrize("unit", [unit for unit in STAGED if unit.dataflow == "is"], ids=str)
    def test_two_stages_under_is(self, kit: Kit, unit: Pe) -> None:
        """Of uniform operands alone, and every output of every vector is right."""
        assert measure(synthesise(kit, unit_source(unit)), unit, kit)["energy_per_op_pj"] > 0

    def test_a_pe_that_adds_a_stage_too_early_is_found(self, kit: Kit) -> None:
        unit = next(unit for unit in STAGED if (unit.op, unit.dataflow) == ("threshold", "os"))
        netlist = synthesise(kit, unit_source(replace(unit, stages=1)))
        with pytest.raises(LimenError, match=r"acc_out: .* vectors differ from the definition"):
            measure_operands(netlist, unit, kit)

    def test_a_gate_that_stays_shut_is_found(self, kit: Kit) -> None:
        unit = next(unit for unit in STAGED if unit.zero_gating and unit.dataflow == "os")
        wrong = with_op_changed(unit_source(unit), "live_reg <= live_next", "live_reg <= live_next & x[0]")
        with pytest.raises(LimenError, match="vectors differ from the definition"):
            measure(synthesise(kit, wrong), unit, kit)

    def test_gating_saves(self, kit: Kit) -> None:
        """The same PE costs more where its multiplier's operands follow zeros."""
        unit = next(unit for unit in STAGED if unit.zero_gating and unit.dataflow == "os")
        held, moving = (
            measure_operands(synthesise(kit, source), unit, kit)["energy_per_op_pj@gaussian_relu"]
            for source in (
                unit_source(unit),
                with_op_changed(
                    with_op_changed(unit_source(unit), "if (live_next) x_reg", "x_reg"),
                    "if (live_next) synapse_reg",
                    "synapse_reg",
                ),
            )
        )
        assert held < moving


@pytest.mark.parametrize(("ops", "dataflow"), [*product(FUSED_OPS, DATAFLOWS)])
class TestFused:
    def test_every_op_is_computed(self, kit: Kit, ops: str, dataflow: str) -> None:
        """Every output of every vector is right, a shift weight narrower than the synapse; each op has its energies."""
        unit = fused_units(ops, 6 if ops == "adder+shift" else 3, dataflow)[1]
        values = measure(synthesise(kit, unit_source(unit)), unit, kit)
        below = "top" if dataflow == "os" else "psum"
        events = {f"{op}_{event}" for op in unit.members() for event in ("op", "left_cycle", f"{below}_cycle")}
        events |= {"idle_cycle", "shift_cycle"}
        events |= {"threshold_polarity_cycle"} & {f"{op}_polarity_cycle" for op in unit.members() if dataflow != "ws"}
        assert {f"energy_per_{event}_pj" for event in events} == {
            name for name in values if name.startswith("energy") and "settled" not in name
        }

    def test_a_choice_that_is_stuck_is_found(self, kit: Kit, ops: str, dataflow: str) -> None:
        """The first op, whatever is chosen."""
        unit = fused_units(ops, 3, dataflow)[1]
        choice = "op_select == NUMBER[1:0] ?"
        wrong = with_op_changed(unit_source(unit), choice, "op_select == NUMBER[1:0] || 1'b1 ?")
        with pytest.raises(LimenError, match="vectors differ from the definition"):
            measure(synthesise(kit, wrong), unit, kit)


@pytest.mark.parametrize("unit", [group[1] for group in signed_units((3,))], ids=str)
def test_signed_activations(kit: Kit, unit: Pe) -> None:
    """Every output is right; the PE for unsigned ones computes something else."""
    assert measure(synthesise(kit, unit_source(unit)), unit, kit)["energy_per_left_cycle_pj"] > 0
    with pytest.raises(LimenError, match="vectors differ from the definition"):
        measure(synthesise(kit, unit_source(replace(unit, signed=False))), unit, kit)


def test_streams_don_t_depend_on_what_ran_before() -> None:
    unit = Pe("threshold", 3, 3, 12, "os")
    first = operand_streams(unit, 3)
    cost_models.stimuli.captured.captured_folds.cache_clear()
    again = operand_streams(unit, 3)
    for one, other in zip(first, again, strict=True):
        assert one.operands == other.operands
        assert all(np.array_equal(one.inputs[name], other.inputs[name]) for name in one.inputs)
    assert first[0].inputs["x_in"].shape == (WARM_UP + STEPS, LANES)
