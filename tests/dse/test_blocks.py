"""Points in blocks: the figures, and the refusals, of each of them alone, to the bit."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from cost_models.table.table import DATA, load_priced_table, table_text
from dse.evaluation.block_evaluator import BlockEvaluator
from dse.evaluation.evaluate import Evaluator, Refusal
from dse.space.figures import COST_FIGURES, FIGURES, TEXT_FIGURES, Figures, whole_figures
from dse.space.space import Coordinates
from dse.space.study_spec import StudySpec, load_study
from simulator.run import simulate
from tests.cost_models.fused_rows import FUSED, fused_rows, without_fused
from tests.cost_models.price_oracle import price_alone
from workloads.errors import LimenError

CUT = "schedule:\n  - {layer: first, rows: 2, outputs: 2, order: outputs}\n"

SHAPES = """version: 1
name: shapes
op: OP
x_bits: 5
w_bits: 4
x_signed: SIGNED
input: {height: 12, width: 12, channels: 6}
layers:
  - {name: first, kind: conv2d, out_channels: 24, kernel: [3, 3], padding: [1, 1, 1, 1]}
  - {name: pool, kind: maxpool, kernel: [2, 2], stride: [2, 2]}
  - {name: grouped, kind: conv2d, out_channels: 24, kernel: [3, 3], padding: [1, 1, 1, 1], groups: 24}
  - {name: added, kind: conv2d, out_channels: 24, kernel: [1, 1], residual: pool, residual_shift: 2}
  - {name: scores, kind: linear, out_channels: 7}
"""

WIDE = """version: 1
name: wide
op: mac
x_bits: 5
w_bits: 4
x_signed: false
input: {height: 4, width: 30000, channels: 4}
layers:
  - {name: first, kind: conv2d, out_channels: 4, kernel: [3, 3], padding: [1, 1, 1, 1]}
"""


def any_of(chance: Random, *values: Any) -> Any:
    return chance.choice(values)


def random_point(chance: Random, ops: tuple[str, ...] = ("threshold", "mac", "adder", "shift")) -> Coordinates:
    """A point of a wide space: buffers from too small on, and one feeder or another that is too wide."""
    op = chance.choice(ops)
    return Coordinates(
        op=op, x_bits=chance.randint(2, 8), w_bits=chance.randint(2, 5 if op == "shift" else 8),
        dataflow=any_of(chance, "os", "ws", "is"), rows=any_of(chance, 1, 2, 3, 4, 7, 8, 16, 32, 48, 64, 200),
        cols=any_of(chance, 1, 2, 3, 4, 6, 8, 16, 32, 64, 130),
        ifmap_kib=any_of(chance, 0.005, 0.25, 0.9, 2.0, 8.0, 64.0),
        filter_kib=any_of(chance, 0.05, 0.6, 2.0, 4.5, 16.0, 128.0),
        ofmap_kib=any_of(chance, 0.1, 1.0, 3.0, 16.0, 64.0),
        operand_depth=any_of(chance, 2, 18, 64, 150, 512, 3000), feeder_width=any_of(chance, 1, 2, 4, 8, 16),
        port_bits=any_of(chance, 32, 64, 128, 512), pe_stages=any_of(chance, *[1] * 15, 2),
        zero_gating=any_of(chance, *[False] * 15, True),
        memory=any_of(chance, *["dram"] * 12, "sram", "sram 0.5", "sram 9", "sram 64"),
        overlap=any_of(chance, *[False] * 25, True),
    )  # fmt: skip


def varied(chance: Random, point: Coordinates) -> Coordinates:
    """A point with other values of the axes that aren't sizes; some go with none of its others."""
    return point._replace(
        images_at_once=any_of(chance, *[1] * 20, 2, 3, 40),
        polarity=any_of(chance, *["network"] * 40, "synapse", "input", "generated"),
        x_signed=any_of(chance, *["network"] * 60, "true", "false"),
        acc_policy=any_of(chance, *["format"] * 20, *["weights"] * 6, *["24"] * 6, "7"),
        matmul=any_of(chance, *[False] * 50, True),
        stream=any_of(chance, *["uniform"] * 40, *["own"] * 20, "network", "gaussian_relu"),
    )


def study(**settings: Any) -> StudySpec:
    stored = load_study("digits").model_dump()
    stored["space"]["images_at_once"] = [1, 2, 3, 40]
    return StudySpec(**{**stored, **settings})


def alone(evaluator: Evaluator, point: Coordinates) -> tuple[Figures, str, int]:
    """Return the figures of a point, or why it has none, and the bytes it lacks."""
    try:
        return evaluator.figures(point), "", 0
    except Refusal as refusal:
        return {}, str(refusal), refusal.missing_bytes


def check(spec: StudySpec, points: list[Coordinates], workload: str = "digits", costs: str = "ihp130") -> list[int]:
    """Compare a block with its points one by one; return the places of those that have figures."""
    evaluator, block = Evaluator(spec, workload, costs), BlockEvaluator(spec, workload, costs).evaluate(points)
    for place, point in enumerate(points):
        figures, refusal, missing = alone(evaluator, point)
        assert (block.refusals[place], block.missing_bytes[place]) == (refusal, missing), point
        for name, column in block.figures.items():
            expected = figures.get(name, "" if name in TEXT_FIGURES else 0)
            assert column[place] == expected, (point, name)
    whole = whole_figures(spec)
    for name, column in block.figures.items():
        assert column.dtype == (object if name in TEXT_FIGURES else "int64" if name in whole else "float64")
    return [place for place, refusal in enumerate(block.refusals) if not refusal]


@pytest.mark.parametrize("seed", range(5))
def test_a_block_is_its_points(seed: int) -> None:
    """All ops, widths and dataflows, refused points of every kind among them."""
    chance = Random(seed)
    memory = {"dram": any_of(chance, "lpddr4", "ddr3"), "dram_gb_per_s": any_of(chance, 0.4, 6.4, 25.0)}
    points = [varied(chance, random_point(chance)) for _ in range(270)]
    valid = check(study(memory=memory), points)
    assert 30 < len(valid) < 200
    assert len({points[place][:4] for place in valid}) > 35


def test_threshold_designs_of_a_workload_of_generated_polarity_generate_it() -> None:
    """One by one, in a block, and in the price in plain Python: a generator instead of memory."""
    chance, spec, table = Random(4), study(), load_priced_table("ihp130")
    points = [random_point(chance, ("threshold",)) for _ in range(60)]
    valid = check(spec, points, "digits-generated")
    evaluator = Evaluator(spec, "digits-generated", "ihp130")
    for point in (points[place] for place in valid):
        design = evaluator.design(point)
        assert design.polarity == "generated"
        expected = price_alone(simulate(evaluator.network(*point[:3]), design), table)
        assert evaluator.figures(point)["energy_uj"] == expected["energy_uj"]
        assert "generator" in {part[0] for part in expected["parts"]}
    assert len(valid) > 10


def test_fused_pes_beside_others(tmp_path: Path) -> None:
    """Networks of two ops and of one, whose layers are alike; widths that the table lacks among them."""
    costs = tmp_path / "fused.csv"
    rows = [row for ops in FUSED.values() for row in fused_rows(ops, range(2, 9))]
    costs.write_text(table_text([*without_fused(), *rows]), encoding="utf-8")
    chance = Random(3)
    points = [random_point(chance, (*FUSED, "mac", "shift")) for _ in range(160)]
    points = [point._replace(w_bits=point.x_bits) if chance.random() < 0.8 else point for point in points]
    points = [point for point in points if point.op != "shift" or point.w_bits <= 5]
    valid = check(study(), points, costs=str(costs))
    assert all(sum(points[place].op == op for place in valid) > 4 for op in (*FUSED, "mac"))


def test_figures_are_those_of_a_price_in_plain_python() -> None:
    """The oracle shares no formula of the breakdown or the clock with the arrays."""
    chance, spec, table = Random(77), study(), load_priced_table("ihp130")
    evaluator = Evaluator(spec, "digits", "ihp130")
    points = [random_point(chance) for _ in range(300)]
    block = BlockEvaluator(spec, "digits", "ihp130").evaluate(points)
    priced = 0
    for place, point in enumerate(points):
        if block.refusals[place]:
            continue
        run = simulate(evaluator.network(*point[:3]), evaluator.design(point))
        expected = price_alone(run, table)
        for name in COST_FIGURES:
            assert block.figures[name][place] == expected[name], (point, name)
        assert block.figures["cycles"][place] == run.cycles
        priced += 1
    assert priced > 50


@pytest.mark.parametrize("op", ["threshold", "mac"])
def test_a_network_file(op: str, tmp_path: Path) -> None:
    """Pooling, groups, a residual; no data, so no accuracies. A design's widths may be more than the network's."""
    path = tmp_path / "shapes.yaml"
    text = SHAPES.replace("OP", op).replace("SIGNED", "false" if op == "mac" else "true")
    path.write_text(text, encoding="utf-8")
    chance, spec = Random(5), study(objectives={"energy_uj": "min"}, constraints={})
    points = [random_point(chance, (op, op, op, op, "adder")) for _ in range(150)]
    wider = {"x_bits": 5, "ifmap_kib": 8.0, "operand_depth": 512, "port_bits": 128}
    points = [point._replace(**wider, w_bits=any_of(chance, 4, 4, 5)) for point in points]
    assert len(check(spec, points, str(path))) > 15
    figures = BlockEvaluator(spec, str(path), "ihp130").evaluate(points).figures
    assert {*FIGURES} - {*figures} == {"accuracy", "test_accuracy"}


def test_cuts_of_a_network_file(tmp_path: Path) -> None:
    """They are run as given, or refused, at every point; never faster than the best of all."""
    text = SHAPES.replace("OP", "threshold").replace("SIGNED", "true")
    paths = [tmp_path / "best.yaml", tmp_path / "cut.yaml"]
    for path, schedule in zip(paths, ("", CUT), strict=True):
        path.write_text(text + schedule, encoding="utf-8")
    chance, spec = Random(6), study(objectives={"energy_uj": "min"}, constraints={})
    roomy = {"x_bits": 5, "w_bits": 4, "rows": 4, "ifmap_kib": 8.0, "ofmap_kib": 64.0, "operand_depth": 512}
    points = [random_point(chance, ("threshold",))._replace(**roomy, port_bits=128) for _ in range(80)]
    valid = check(spec, points, str(paths[1]))
    assert len(valid) > 5
    best, cut = (BlockEvaluator(spec, str(path), "ihp130").evaluate(points) for path in paths)
    slower = cut.figures["cycles"][valid] - best.figures["cycles"][valid]
    assert (slower >= 0).all() and (slower > 0).any()
    assert any("layer first: schedule: " in refusal for refusal in cut.refusals)


def test_refusals_are_told_without_an_evaluation_of_the_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """A millisecond each otherwise, and a space may have a million of them."""
    chance, blocks = Random(8), BlockEvaluator(study(), "digits", "ihp130")
    points = [random_point(chance)._replace(memory="dram") for _ in range(600)]
    asked = []
    monkeypatch.setattr(Evaluator, "figures", lambda _self, point: asked.append(point))
    refusals = blocks.evaluate(points).refusals
    assert not asked
    buffers = [f"{name}_kib: " for name in ("ifmap", "filter", "ofmap")]
    for words in (*buffers, "operands a lane", "at least feeder_width", "is wider than port_bits", "half of it holds"):
        assert sum(words in line for line in refusals) > 2, words


def test_what_no_buffer_cures(tmp_path: Path) -> None:
    """Rows too long for any buffer, and memories too slow for a design's fields."""
    chance = Random(4)
    machine = {"x_bits": 5, "w_bits": 4, "ifmap_kib": 64.0, "operand_depth": 512, "port_bits": 128}
    machine |= {"pe_stages": 1, "zero_gating": False, "overlap": False}
    points = [random_point(chance, ("mac",))._replace(**machine) for _ in range(30)]
    path = tmp_path / "wide.yaml"
    path.write_text(WIDE, encoding="utf-8")
    settings: dict[str, Any] = {"objectives": {"energy_uj": "min"}, "constraints": {}}
    check(study(**settings), points, str(path))
    lines = BlockEvaluator(study(**settings), str(path), "ihp130").evaluate(points).refusals
    assert all("words of the ifmap scratchpad: 90000 is not allowed" in line for line in lines)
    assert not BlockEvaluator(study(**settings), str(path), "ihp130").evaluate(points).missing_bytes.any()
    for memory in ({"dram_gb_per_s": 0.001}, {"latency_ns": 20_000.0}):
        check(study(memory=memory), [random_point(chance) for _ in range(60)])


def test_a_block_of_one_and_of_none() -> None:
    chance, spec = Random(3), study()
    blocks = BlockEvaluator(spec, "digits", "ihp130")
    for _ in range(20):
        check(spec, [random_point(chance)])
    assert blocks.evaluate([]).refusals == []


def test_a_table_that_lacks_a_quantity_refuses_the_points_that_need_it(tmp_path: Path) -> None:
    lines = (DATA / "ihp130.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    old = tmp_path / "old.csv"
    old.write_text("".join(line for line in lines if "_top_cycle_" not in line), encoding="utf-8")
    chance = Random(9)
    points = [random_point(chance) for _ in range(60)]
    valid = check(study(), points, costs=str(old))
    assert valid and all(points[place].dataflow != "os" for place in valid)


def test_a_table_or_a_workload_that_cannot_be_read_is_no_refusal(tmp_path: Path) -> None:
    points = [random_point(Random(0))]
    for workload, costs in (("digits", "gold"), (str(tmp_path / "none.yaml"), "ihp130")):
        with pytest.raises(LimenError) as error:
            BlockEvaluator(study(), workload, costs).evaluate(points)
        assert not isinstance(error.value, Refusal)


BUFFER_ROWS = {"ifmap_kib": 16, "filter_kib": 32, "ofmap_kib": 8 * 17}
"""Bits of a row of each buffer of `MACHINE` on digits."""

MACHINE = Coordinates("mac", 4, 4, "os", 8, 8, 8.0, 16.0, 16.0, 512, 4, 64)


@pytest.mark.parametrize("field", [*BUFFER_ROWS, "operand_depth", "memory"])
def test_the_bytes_that_a_design_lacks_are_those_that_it_needs_more(field: str) -> None:
    """With so many more it runs, with a row less it doesn't; of several memories they are the sum."""
    evaluator = Evaluator(study(), "digits", "ihp130")

    def lacking(point: Coordinates) -> int:
        return alone(evaluator, point)[2]

    if field == "memory":
        missing = lacking(MACHINE._replace(memory="sram 4"))
        rest = missing - 1
        enough, fewer = (f"sram {4 + more / 1024:.9f}" for more in (missing, rest))
        assert lacking(MACHINE._replace(memory=fewer)) == 1
    elif field == "operand_depth":
        missing = lacking(MACHINE._replace(operand_depth=12))
        words = missing * 8 // (2 * MACHINE.rows * MACHINE.x_bits)
        enough, fewer = 12 + words, 12 + words - 4
        assert lacking(MACHINE._replace(operand_depth=fewer)) == missing * 4 // words
    else:
        small = MACHINE._replace(**{field: 0.02})
        missing, row = lacking(small), 2 * BUFFER_ROWS[field] // 8
        enough, fewer = 0.02 + missing / 1024, 0.02 + (missing - row) / 1024
        assert lacking(small._replace(**{field: fewer})) == row
        assert lacking(small._replace(operand_depth=12)) == missing + lacking(MACHINE._replace(operand_depth=12))
    assert missing > 0
    assert alone(evaluator, MACHINE._replace(**{field: enough}))[1:] == ("", 0)
    assert alone(evaluator, MACHINE._replace(**{field: fewer}))[1] != ""
