"""Units that are compared: netlists of ops alone and of neurons, full-adder cells, recipes, rows of shipped tables."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from cost_models.derive.characterise import best_multiplier, characterise, characterise_group, measure
from cost_models.derive.check import check_unit
from cost_models.derive.table_rows import figure_rows
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER, MULTIPLIERS, multipliers
from cost_models.gates.netlist import Netlist
from cost_models.gates.switching import LANES, run_stimulus
from cost_models.gates.synthesis import Kit, open_kit, synthesise, tool_versions
from cost_models.liberty.full_adders import FULL_ADDERS, full_adder
from cost_models.sources.unit_sources import unit_source
from cost_models.stimuli.op_values import op_values
from cost_models.table.table import SMALLEST, load_table
from cost_models.units.catalogue import WIDTHS, compared_groups, groups, pe_units
from cost_models.units.neurons import SYNAPSES, Window, sum_bits
from cost_models.units.unit import Control, Edge, FusedPe, Nand2, Neuron, Operator, OpUnit, Pe, Tag, Unit
from tests.cost_models.netlists import reference_ops
from tests.support.paths import TINY
from tests.support.tools import needs_yosys
from workloads.errors import LimenError
from workloads.ops.names import OPS
from workloads.ops.op_field import Op

ARC = """timing () { related_pin : "A B C";
        cell_rise (delay) { index_1 ("0.0, 1.0"); index_2 ("0.0, 100"); values ("0.1, 0.3", "0.2, 0.4"); }
        cell_fall (delay) { index_1 ("0.0, 1.0"); index_2 ("0.0, 100"); values ("0.1, 0.2", "0.3, 0.4"); }
        rise_transition (delay) { index_1 ("0.0, 1.0"); index_2 ("0.0, 100"); values ("0.0, 0.2", "0.0, 0.2"); }
        fall_transition (delay) { index_1 ("0.0, 1.0"); index_2 ("0.0, 100"); values ("0.0, 0.4", "0.0, 0.4"); } }"""


INVERTING = f"""
  cell (tiny_fan) {{ area : 6; cell_leakage_power : 3;
    {"".join(f"pin ({n}) {{ direction : input; capacitance : 2.0; }}" for n in "ABC")}
    pin (CN) {{ direction : output; function : "!((A*B) | (A*C) | (B*C))"; {ARC} }}
    pin (S) {{ direction : output; function : "A^B^C"; {ARC} }}
  }}
"""
"""A full adder whose carry is inverted, as some libraries have it."""


@pytest.fixture(scope="module")
def adder_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """tiny.lib with a full adder."""
    needs_yosys()
    return with_full_adder(tmp_path_factory.mktemp("adders"), INVERTING)


@pytest.fixture(scope="module")
def dear_kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """tiny.lib with a full adder so large that only large trees gain by it."""
    needs_yosys()
    return with_full_adder(tmp_path_factory.mktemp("dear"), INVERTING.replace("area : 6;", "area : 32;"))


def with_full_adder(folder: Path, cell: str) -> Kit:
    text = TINY.read_text(encoding="utf-8").rstrip()
    (folder / "with.lib").write_text(text[: text.rindex("}")] + cell + "}\n", encoding="utf-8")
    return open_kit(folder / "with.lib", folder)


def neuron(window: Window, op: Op, x_bits: int, w_bits: int) -> Neuron:
    return Neuron(op, x_bits, w_bits, window, sum_bits(window, op, x_bits, w_bits))


def every_pair(unit: OpUnit) -> tuple[np.ndarray, np.ndarray]:
    """Return every (x, {p, w}) at least once: int64 [steps * LANES] each."""
    pairs = np.array(list(product(range(1 << unit.x_bits), range(1 << unit.synapse_bits))))
    count = -(-len(pairs) // LANES) * LANES
    return np.resize(pairs[:, 0], count), np.resize(pairs[:, 1], count)


def summed(unit: Neuron, netlist: Netlist, place: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (sums, what they must be) of a neuron: every pair at one synapse, random operands at the others."""
    random = np.random.default_rng(place)
    inputs, total = {}, np.zeros(0, dtype=np.int64)
    for synapse in range(unit.synapses):
        x, w = every_pair(unit)
        if synapse != place:
            x, w = random.permutation(x), random.permutation(w)
        inputs[f"x@{synapse}"], inputs[f"synapse@{synapse}"] = x.reshape(-1, LANES), w.reshape(-1, LANES)
        total = reference_ops(unit, x, w) + (total if synapse else 0)
    bits = {"x": unit.x_bits, "synapse": unit.synapse_bits}
    packed = {  # 62 bits at most: narrow neurons only
        port: sum(inputs[f"{port}@{n}"] << (n * width) for n in range(unit.synapses)) for port, width in bits.items()
    }
    packed = {port: np.concatenate([values, values[:1]]) for port, values in packed.items()}
    sums = run_stimulus(netlist, packed, warm_up=0).outputs["sum"][1:]
    return sums.reshape(-1), total & ((1 << unit.sum_bits) - 1)


class TestNetlists:
    @pytest.mark.parametrize(("x_bits", "w_bits"), [(3, 3), (4, 2), (2, 4)])
    @pytest.mark.parametrize("op", OPS)
    def test_op_alone_is_the_op_on_every_pair(self, kit: Kit, op: Op, x_bits: int, w_bits: int) -> None:
        unit = Operator(op, x_bits, w_bits)
        x, synapse = every_pair(unit)
        for multiplier in multipliers(unit, kit.cells):
            netlist = synthesise(kit, unit_source(unit), multiplier)
            assert not netlist.registers
            stimulus = {"x": x.reshape(-1, LANES), "synapse": synapse.reshape(-1, LANES)}
            outputs = run_stimulus(netlist, stimulus, warm_up=0).outputs
            values = (outputs["addend"] + outputs["carry"]).reshape(-1) & ((1 << unit.op_bits) - 1)
            wanted = reference_ops(unit, x, synapse)
            assert np.array_equal(values, wanted & ((1 << unit.op_bits) - 1))
            assert np.array_equal(wanted, op_values(unit, x, synapse))

    @pytest.mark.parametrize(("x_bits", "w_bits"), [(3, 3), (4, 2), (2, 4)])
    @pytest.mark.parametrize("op", [op for op in OPS if op != "mac"])
    def test_result_in_one_number_is_the_op_on_every_pair(self, kit: Kit, op: Op, x_bits: int, w_bits: int) -> None:
        unit = Operator(op, x_bits, w_bits, one_number=True)
        x, synapse = every_pair(unit)
        stimulus = {"x": x.reshape(-1, LANES), "synapse": synapse.reshape(-1, LANES)}
        outputs = run_stimulus(synthesise(kit, unit_source(unit)), stimulus, warm_up=0).outputs
        assert outputs.keys() == {"result"}
        wanted = reference_ops(unit, x, synapse) & ((1 << unit.op_bits) - 1)
        assert np.array_equal(outputs["result"].reshape(-1), wanted)

    @pytest.mark.parametrize("op", OPS)
    def test_neuron_sums_every_pair_at_every_synapse(self, kit: Kit, op: Op) -> None:
        unit = neuron("neuron_3x3", op, 3, 3)
        netlist = synthesise(kit, unit_source(unit))
        for place in range(9):
            sums, wanted = summed(unit, netlist, place)
            assert np.array_equal(sums, wanted)

    @pytest.mark.parametrize("multiplier", MULTIPLIERS)
    def test_neuron_of_every_multiplier(self, kit: Kit, multiplier: str) -> None:
        unit = neuron("neuron_3x3", "mac", 3, 3)
        sums, wanted = summed(unit, synthesise(kit, unit_source(unit), multiplier), 4)
        assert np.array_equal(sums, wanted)

    @pytest.mark.parametrize(("window", "op"), [*(("neuron_5x5", op) for op in OPS), ("neuron_1x1x64", "threshold")])
    def test_larger_neurons_compute_their_definition(self, kit: Kit, window: Window, op: Op) -> None:
        """Characterising compares every vector of the energy's streams."""
        values = characterise(neuron(window, op, 2, 2), kit, "partial_products").values
        small = characterise(neuron("neuron_3x3", op, 2, 2), kit, "partial_products").values
        for quantity in ("area_um2", "leakage_nw", "energy_per_op_pj"):
            assert values[quantity] > 2 * small[quantity]

    def test_wrong_netlists_are_caught(self, kit: Kit) -> None:
        for unit in (Operator("adder", 3, 3), neuron("neuron_3x3", "adder", 3, 3)):
            netlist = synthesise(kit, unit_source(unit))
            with pytest.raises(LimenError, match="vectors differ"):
                measure(netlist, replace(unit, op="shift"), kit)

    def test_gate_equivalent_is_one_cell(self, kit: Kit) -> None:
        assert characterise(Nand2(), kit, "partial_products").values["area_um2"] == 2


class TestFullAdders:
    def test_libraries(self, kit: Kit, adder_kit: Kit) -> None:
        assert full_adder(kit.cells) is None
        assert full_adder(adder_kit.cells) is adder_kit.cells.cells["tiny_fan"]
        mac, tree, threshold = (
            Operator("mac", 4, 4),
            neuron("neuron_3x3", "threshold", 4, 4),
            Pe("threshold", 4, 4, 9, "os"),
        )
        assert [FULL_ADDERS in multipliers(unit, kit.cells) for unit in (mac, tree, threshold)] == [False] * 3
        assert [FULL_ADDERS in multipliers(unit, adder_kit.cells) for unit in (mac, tree, threshold)] == [
            True,
            True,
            False,
        ]

    @pytest.mark.parametrize("op", ["mac", "threshold"])
    def test_cells_are_used_and_compute(self, adder_kit: Kit, op: Op) -> None:
        unit = neuron("neuron_3x3", op, 3, 3)
        netlist = synthesise(adder_kit, unit_source(unit), FULL_ADDERS)
        assert sum(cell.name == "tiny_fan" for cell in netlist.cells) > 20
        sums, wanted = summed(unit, netlist, 0)
        assert np.array_equal(sums, wanted)


class TestRecipes:
    def test_each_neuron_has_its_own_best(self, dear_kit: Kit) -> None:
        """Area x energy x clock of every recipe, one by one: a tree of 25 has another best one than a tree of 9."""
        best = {}
        for group in compared_groups(range(2, 3)):
            unit = group[0]
            if isinstance(unit, Neuron) and unit.op == "threshold" and unit.window in ("neuron_3x3", "neuron_5x5"):
                (point,) = characterise_group(group, dear_kit)
                merits = {name: area_energy_clock(point.unit, dear_kit, name) for name in (FULL_ADDERS, *MULTIPLIERS)}
                assert merits[point.multiplier] == min(merits.values())
                best[point.unit.component] = point.multiplier
        assert best == {"neuron_3x3": DEFAULT_MULTIPLIER, "neuron_5x5": FULL_ADDERS}

    def test_widths_of_a_pe_share_the_best_of_them_all(self, adder_kit: Kit) -> None:
        group = pe_units("mac", 3, 3, "os")
        merits = {
            name: np.prod([area_energy_clock(unit, adder_kit, name) for unit in group])
            for name in (*MULTIPLIERS, FULL_ADDERS)
        }
        assert merits[best_multiplier(group, adder_kit)] == min(merits.values()) < max(merits.values())

    def test_the_smallest_mac_is_that_of_least_area(self, kit: Kit) -> None:
        """Its rows are those of a component of its own, and `limen costs check` finds the same recipe."""
        unit = Operator("mac", 6, 6)
        areas = {name: synthesise(kit, unit_source(unit), name).area_um2 for name in MULTIPLIERS}
        assert min(areas, key=lambda name: areas[name]) != best_multiplier((unit,), kit)
        (point,) = characterise_group((replace(unit, smallest=True),), kit)
        assert areas[point.multiplier] == point.values["area_um2"] == min(areas.values())
        rows = figure_rows(point, tool_versions(), kit.cells.name)
        assert {row["component"] for row in rows} == {"op_smallest"}
        assert check_unit(point.unit, rows, kit) == []

    def test_check_finds_a_recipe_that_is_not_the_best(self, dear_kit: Kit) -> None:
        unit = neuron("neuron_5x5", "threshold", 2, 2)
        best, other = (
            figure_rows(characterise(unit, dear_kit, name), tool_versions(), dear_kit.cells.name)
            for name in (FULL_ADDERS, DEFAULT_MULTIPLIER)
        )
        assert check_unit(unit, best, dear_kit) == []
        assert {"hash", "area_um2"} <= {wrong.quantity for wrong in check_unit(unit, other, dear_kit)}


def area_energy_clock(unit: Unit, kit: Kit, multiplier: str) -> float:
    values = characterise(unit, kit, multiplier).values
    return values["area_um2"] * values["energy_per_op_pj"] * values["min_clock_ns"]


class TestGroups:
    def test_they_come_one_after_another(self) -> None:
        """Behind what tables had before them, and before what came later: a table keeps the order of its rows."""
        compared, whole = compared_groups(WIDTHS), groups()
        first = whole.index(compared[0])
        assert whole[first : first + len(compared)] == compared
        assert {type(group[0]) for group in whole[:first]} >= {Edge, Tag, Control}
        assert {type(group[0]) for group in whole[first + len(compared) :]} == {Pe, Edge, FusedPe}
        assert len(set(compared)) == len(compared)

    def test_sums_fit(self) -> None:
        for unit in (unit for group in compared_groups(WIDTHS) for unit in group if isinstance(unit, Neuron)):
            lowest, highest = 0, (1 << unit.x_bits) - 1
            extremes = np.array([lowest, highest, highest >> 1, (highest >> 1) + 1])
            weights = np.array([0, (1 << unit.w_bits) - 1, (1 << (unit.w_bits - 1)) - 1, 1 << (unit.w_bits - 1)])
            both = np.array(
                list(product(extremes, [*weights, *(weights + (1 << unit.w_bits) * (unit.op == "threshold"))]))
            )
            largest = np.abs(op_values(unit, both[:, 0], both[:, 1])).max() * unit.synapses
            assert largest <= 1 << (unit.sum_bits - 1)

    @pytest.mark.parametrize("name", ["ihp130", "sky130hd", "asap7"])
    def test_shipped_tables_have_them_all_in_order(self, name: str) -> None:
        fields = ("component", "op", "x_bits", "w_bits", "acc_bits")
        stored = dict.fromkeys(
            tuple(row[field] for field in fields)
            for row in load_table(name).rows
            if row["component"].removesuffix(SMALLEST) in ("nand2", "op", "op_result", *SYNAPSES)
        )
        compared = [unit for group in compared_groups(WIDTHS) for unit in group if not isinstance(unit, Pe)]
        names = [unit.component + SMALLEST * unit.smallest for unit in compared]
        assert list(stored) == [
            (name, *(unit.columns().texts()[field] for field in fields[1:]))
            for name, unit in zip(names, compared, strict=True)
        ]
