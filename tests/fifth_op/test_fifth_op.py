"""A fifth op, a room and a Verilog file, is described, counted at every level, exact, synthesised and priced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from cost_models.derive.characterise import characterise
from cost_models.derive.table_rows import figure_rows
from cost_models.gates.multipliers import DEFAULT_MULTIPLIER
from cost_models.gates.synthesis import open_kit, tool_versions
from cost_models.price.price import price
from cost_models.table.table import load_table, table_text
from cost_models.units.catalogue import operator
from cost_models.units.unit import Pe
from simulator.cycle.cycle import run_cycle
from simulator.designs.design import Design
from simulator.program.program import compile_network
from simulator.rtl.export import write_folder
from simulator.rtl.exported import read_exported
from simulator.rtl.vectors import expected_tensors
from simulator.run import simulate
from simulator.timing.timing import count_program
from tests.fifth_op.minabs import MINABS
from tests.levels.cases import conv, make_network
from tests.levels.rtl_bench import Bench
from tests.support.paths import TINY
from tests.support.tools import needs_verilator, needs_yosys
from workloads.errors import LimenError
from workloads.exact import reference
from workloads.exact.kernel_arrays import layer_gradients, layer_rows, layer_sums
from workloads.insight.statistics import layer_statistics
from workloads.layers.bounds import weights_bound
from workloads.layers.layer import Layer
from workloads.networks.network import Network
from workloads.ops.registry import known_ops, registered

X_BITS, W_BITS = 5, 4


@pytest.fixture(autouse=True)
def fifth_op() -> Iterator[None]:
    with registered(MINABS):
        yield


def value(x: int, w: int) -> int:
    """The op's definition, in numbers aligned at their most significant bits."""
    w <<= X_BITS - W_BITS
    size = min(abs(x), abs(w))
    return size if (x < 0) == (w < 0) else -size


def design_of(dataflow: str) -> Design:
    return Design(rows=3, cols=4, dataflow=dataflow, op="minabs", x_bits=X_BITS, w_bits=W_BITS)  # type: ignore[arg-type]


def network_of(design: Design) -> Network:
    """Two convolutions with padding, tails in rows and columns, and scores."""
    layers = [conv(5, (3, 3), name="first", padding=[1, 1, 1, 1]), conv(3, (2, 2), name="scores", stride=[2, 2])]
    return make_network("fifth", design, {"height": 6, "width": 5, "channels": 2}, layers, 1)


def images(count: int = 2) -> np.ndarray:
    return np.random.default_rng(4).integers(-16, 16, (count, 6, 5, 2))


def test_the_room_agrees_with_the_definition() -> None:
    x, w = (end.reshape(-1) for end in np.meshgrid(np.arange(-16, 16), np.arange(-8, 8)))
    expected = [value(*pair) for pair in zip(x.tolist(), w.tolist(), strict=True)]
    assert MINABS.terms(x, w << 1, None).tolist() == expected
    result = np.empty_like(x)
    MINABS.pattern_kernel()(X_BITS, W_BITS, 1, x & 31, w & 15, result)
    assert result.tolist() == expected
    sums, none = np.zeros((1, 16, 32), np.int64), np.zeros(1, np.int64)
    w = np.arange(-8, 8)[:, None] << 1
    MINABS.tally_kernel()(x[None, :32].copy(), none, none, w, w, sums, w.copy(), np.zeros(2, np.int64))
    assert sums.reshape(-1).tolist() == expected
    assert MINABS.largest_term(X_BITS, W_BITS, True) == max(map(abs, expected))
    low, high = MINABS.term_ends(-9, 5, np.arange(-8, 8) << 1, None)
    assert low.tolist() == [min(value(x, w) for x in range(-9, 6)) for w in range(-8, 8)]
    assert high.tolist() == [max(value(x, w) for x in range(-9, 6)) for w in range(-8, 8)]


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_every_level_gives_the_same_bits_and_cycles(dataflow: str) -> None:
    network, x = network_of(design_of(dataflow)), images()
    program = compile_network(network, design_of(dataflow).fitted(network))
    outputs = reference.run(network.layers, network.trained(), x)
    first, parameters = network.layers[0], network.trained()[0]
    seen = reference.patches(first, x, absent=0).reshape(2, first.pixels, -1)
    sums = [[[value(*pair) for pair in zip(row, w, strict=True)] for w in parameters.weights.reshape(5, -1).tolist()]
            for row in seen[0].tolist()]  # fmt: skip
    accumulated = reference.accumulate(first, parameters, x)[0].reshape(-1, 5)
    assert np.array_equal(accumulated, np.sum(sums, axis=2) + parameters.bias)
    assert np.array_equal(network.predict(x), outputs[-1].reshape(2, -1))
    assert np.abs(reference.accumulate(first, parameters, x)).max() <= weights_bound(first, parameters)
    run = run_cycle(program, x[0])
    assert np.array_equal(run.image[program.first_beat :], expected_tensors(program, x[0]))
    assert list(run.counts) == count_program(program.schedules, program.design)


@pytest.mark.parametrize("dataflow", ["os", "ws", "is"])
def test_the_verilog_gives_them_too(dataflow: str) -> None:
    needs_verilator()
    network, x = network_of(design_of(dataflow)), images()
    program = compile_network(network, design_of(dataflow).fitted(network))
    run = Bench(program.design).run(program, x[1])
    assert run.passed and np.array_equal(run.image(program), run_cycle(program, x[1]).image)


def test_an_export_holds_its_verilog(tmp_path: Path) -> None:
    network = network_of(design_of("os"))
    program = compile_network(network, design_of("os").fitted(network))
    write_folder(program, images(), tmp_path / "chip")
    exported = read_exported(tmp_path / "chip")
    assert "limen_op_minabs.v" in exported.verilog and exported.network.layers[0].op == "minabs"
    assert "limen_op_minabs #" in exported.verilog[f"limen_op_{MINABS.form}.v"]


def test_what_data_does_is_counted() -> None:
    network, x = network_of(design_of("os")), images()
    rows = layer_statistics(network, x)
    first, parameters = network.layers[0], network.trained()[0]
    sums = reference.accumulate(first, parameters, x)
    assert (rows[0].sum_lowest, rows[0].sum_highest) == (sums.min(), sums.max())


def test_gradients_are_slopes() -> None:
    layer = Layer(name="layer", op="minabs", x_bits=8, w_bits=8, height=3, width=3, channels=2, out_channels=3,
                  kernel=(2, 2))  # fmt: skip
    random = np.random.default_rng(0)
    x, w = random.normal(size=(3, 3, 2, 5)), random.normal(size=layer.weights_shape)
    slope = random.normal(size=(*layer.output_shape, 5))
    gradients = layer_gradients(layer, w, None, layer_rows(layer, x), slope)
    assert gradients.inputs is not None and gradients.polarity is None
    for array, gradient, place in ((x, gradients.inputs, (1, 1, 0, 2)), (w, gradients.weights, (2, 1, 0, 1))):
        losses = []
        for step in (1e-6, -1e-6):
            array[place] += step
            losses.append((layer_sums(layer, w, None, layer_rows(layer, x)) * slope).sum())
            array[place] -= step
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, abs=1e-6)


def test_it_is_synthesised_and_priced(tmp_path: Path) -> None:
    """Each netlist is compared with the room's integers on the way; rows of other units are those of ihp130."""
    needs_yosys()
    kit, versions = open_kit((TINY,), tmp_path), tool_versions()
    design = Design(rows=3, cols=4, dataflow="ws", op="minabs", x_bits=3, w_bits=2)
    run = simulate(network_of(design), design)
    pe = Pe("minabs", 3, 2, run.design.psum_bits, "ws")
    rows = list(load_table("ihp130").rows)
    for unit in (pe, operator("minabs", 3)):
        rows += figure_rows(characterise(unit, kit, DEFAULT_MULTIPLIER), versions, kit.cells.name)
    path = tmp_path / "with_minabs.csv"
    path.write_text(table_text(rows))
    array = next(part for part in price(run, path).parts if part.component == "pe")
    assert array.energy_uj > 0 and array.area_mm2 > 0


def test_where_it_is_not_known_it_is_refused() -> None:
    with pytest.raises(LimenError, match="extra_ops: PEs of op minabs have no other"):
        Design(rows=3, cols=4, dataflow="os", op="mac", extra_ops=("minabs",), x_bits=4, w_bits=4)
    with registered(type("Sixth", (type(MINABS),), {"name": "sixth"})()):
        assert known_ops()[-2:] == ("minabs", "sixth")
    with pytest.raises(LimenError, match=r"op: 'sixth' is not allowed: input should be .* or 'minabs'"):
        Design(rows=3, cols=4, dataflow="os", op="sixth", x_bits=4, w_bits=4)
