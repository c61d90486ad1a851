"""Tables of docs/tables that say what the shipped cost tables say, each as Markdown."""

from __future__ import annotations

from statistics import median

from cost_models.derive.straight_lines import LINEAR
from cost_models.price.machine import Machines
from cost_models.price.machine_events import pe_events
from cost_models.price.price import events_of, price
from cost_models.table.table import Row, Value, load_table
from dse.report.unit_table import Choice, UnitRow, table_markdown, unit_table
from simulator.designs.design import MAX_ACC_BITS, Design
from simulator.designs.design_block import DesignBlock
from simulator.run import simulate
from tests.cost_models.line_check import pe_of
from workloads.host.text_tables import markdown_table
from workloads.networks.family import find_network

WIDEST = str(MAX_ACC_BITS)

LIBRARIES = ("ihp130", "sky130hd", "asap7")
FPGAS = ("xc7-fabric", "ecp5-fabric")
FPGA_TABLES = ("xc7-fabric", "xc7-dsp", "ecp5-fabric", "ecp5-dsp")


def markdown(head: str, rows: list[list[str]]) -> str:
    return markdown_table(head.split(" | "), rows)


def accumulators() -> str:
    """Each table's lines: how many PEs and netlists they stand on, and the distances of its quantities from them."""
    table_rows = []
    for name in LIBRARIES:
        rows = load_table(name).rows
        lines = [row for row in rows if row["component"] == "pe_line"]
        pes = [row for row in rows if (row["component"], row["stages"]) == ("pe", "1") and row["acc_bits"] != WIDEST]
        netlists = {(*pe_of(row), row["acc_bits"]) for row in pes}
        lined = len({pe_of(row) for row in lines})
        for quantity in LINEAR:
            chosen = [row for row in lines if row["quantity"].endswith(f":{quantity}")]
            worst = max(chosen, key=lambda row: float(row["value"]))
            values = [median(float(row["value"]) for row in chosen), float(worst["value"])]
            of = f"{worst['op']}, {worst['x_bits']} × {worst['w_bits']} bits, {worst['dataflow']}"
            table_rows.append(
                [name, str(lined), f"{len(netlists):,}", f"`{quantity}`", *(f"{100 * value:.2f} %" for value in values)]
            )
            table_rows[-1][-1] += f" ({of})" if values[1] >= 0.00005 else ""
    return markdown("table | PEs | netlists | quantity | median | largest", table_rows)


def widest(name: str, component: str, op: str, dataflow: str, stages: str, stream: str) -> dict[str, Value]:
    """Return the quantities of a PE of 8 bits at the widest sum of many inputs; the shift PE's weights have 5."""
    w_bits = "5" if op == "shift" else "8"
    widths = load_table(name).variants[stream, stages][component, op, "8", w_bits, dataflow]
    return widths[max(width for width in widths if width < MAX_ACC_BITS)]


def multiplier(name: str, dataflow: str) -> str:
    def is_it(row: Row) -> bool:
        return row["component"] == "pe" and row["stages"] == "1" and pe_of(row) == ("mac", "8", "8", dataflow)

    return next(row["multiplier"] for row in load_table(name).rows if is_it(row)).replace("_", " ")


def glitches() -> str:
    """What zero delay hides of an operation's energy, at 8 bits."""
    table_rows = []
    for name in LIBRARIES:
        for dataflow in ("os", "ws"):
            cells = []
            for op in ("threshold", "adder", "shift", "mac"):
                values = widest(name, "pe", op, dataflow, "1", "uniform")
                more = values["energy_per_op_pj"].value / values["energy_per_op_settled_pj"].value - 1
                cells.append(f"{100 * more:.0f} %")
            table_rows.append([name, dataflow, *cells[:-1], f"{cells[-1]} ({multiplier(name, dataflow)})"])
    return markdown("library | dataflow | threshold | adder | shift | MAC (its multiplier)", table_rows)


STREAMS = {
    "uniform": "uniform",
    "gaussian_relu": "Gaussian-ReLU",
    "gaussian_relu_sorted": "Gaussian-ReLU, polarity order",
    "network": "the digits network's own",
    "network_sorted": "the network's own, polarity order",
}


def operands() -> str:
    """Energy of an operation by its operands, 8 bits, ihp130."""
    table_rows = []
    for dataflow in ("os", "ws"):
        for stream, words in STREAMS.items():
            if dataflow == "ws" and stream == "network_sorted":  # a column's psums come in the array's own order
                continue
            by_op = {op: widest("ihp130", "pe", op, dataflow, "1", stream) for op in ("threshold", "mac")}

            def ratio(*quantities: str, by_op: dict[str, dict[str, Value]] = by_op) -> str:
                mac, threshold = (sum(by_op[op][name].value for name in quantities) for op in ("mac", "threshold"))
                return f"{mac / threshold:.2f}"

            name = "energy_per_op_pj"
            ratios = (ratio(name), ratio(name, "energy_per_op_wires_pj"), ratio("energy_per_op_settled_pj"))
            table_rows.append([dataflow, words, *(f"{values[name].value:.2f}" for values in by_op.values()), *ratios])
    return markdown(
        "dataflow | operands | threshold, pJ | MAC, pJ | MAC/threshold | with wires | without glitches", table_rows
    )


def beyond_folds() -> str:
    """Energy of a cycle of a PE beyond a fold's columns or rows, beside idle ones and operations; 8 bits, ihp130."""
    table_rows = []
    for dataflow in ("os", "ws", "is"):
        for op in ("threshold", "adder", "shift", "mac"):
            values = widest("ihp130", "pe", op, dataflow, "1", "uniform")
            below = "top" if dataflow == "os" else "psum"
            names = ("idle_cycle", "left_cycle", f"{below}_cycle", "op")
            table_rows.append([dataflow, op, *(f"{values[f'energy_per_{name}_pj'].value:.2f}" for name in names)])
    return markdown("dataflow | op | idle | beyond the columns | beyond the rows | operation", table_rows)


def share_beyond_folds() -> str:
    """What cycles beyond folds take more than idle ones, of all that PEs take: digits on 16 x 16, ihp130."""
    table_rows = []
    for dataflow in ("os", "ws", "is"):
        cells = []
        for op in ("threshold", "adder", "shift", "mac"):
            w_bits = 5 if op == "shift" else 8
            network = find_network("digits", op, 8, w_bits)
            fields = {"op": op, "x_bits": 8, "w_bits": w_bits, "x_signed": network.layers[0].x_signed}
            run = simulate(network, Design(rows=16, cols=16, dataflow=dataflow, **fields))
            designs = DesignBlock.of(run.design)
            pe = Machines(load_table("ihp130"), designs).pe
            idle = pe["energy_per_idle_cycle_pj"].value[0]
            more = sum(
                int(cycles[0]) * (pe[f"energy_per_{name}_pj"].value[0] - idle)
                for name, cycles in pe_events(designs, events_of(run)).items()
                if name in ("left_cycle", "top_cycle", "psum_cycle")
            )
            whole = next(part.energy_uj for part in price(run).parts if part.component == "pe")
            cells.append(f"{100 * more * 1e-6 / whole:.1f} %")
        table_rows.append([dataflow, *cells])
    return markdown("dataflow | threshold | adder | shift | MAC", table_rows)


def two_stages() -> str:
    """PEs of one and of two stages and the zero-gated MAC, 8 bits, ihp130."""
    table_rows = []
    for dataflow in ("os", "ws"):
        for words, component, op, stages in (
            ("threshold, 1 stage", "pe", "threshold", "1"),
            ("threshold, 2 stages", "pe", "threshold", "2"),
            ("MAC, 1 stage", "pe", "mac", "1"),
            ("MAC, 2 stages", "pe", "mac", "2"),
            ("MAC, 2 stages, zero-gated", "pe_zero_gated", "mac", "2"),
        ):
            by_stream = [
                widest("ihp130", component, op, dataflow, stages, stream)
                for stream in ("uniform", "gaussian_relu", "network")
            ]
            figures = [f"{by_stream[0]['area_um2'].value:.0f}", f"{by_stream[0]['min_clock_ns'].value:.2f}"]
            table_rows.append(
                [dataflow, words, *figures, *(f"{values['energy_per_op_pj'].value:.2f}" for values in by_stream)]
            )
    return markdown("dataflow | PE | area, µm² | clock, ns | uniform, pJ | Gaussian-ReLU, pJ | network, pJ", table_rows)


def reach() -> str:
    """Where the paper's ranges are met, at all widths."""
    text = table_markdown(unit_table([*LIBRARIES, *FPGAS], ["threshold"], Choice()))
    return "\n".join(f"- {line}" for line in text.splitlines() if line.startswith("Published"))


def libraries() -> str:
    """MAC over threshold on three libraries."""
    table = unit_table(LIBRARIES, ["threshold"], Choice(bits=(4, 8, 16)))
    rows: dict[tuple[str, int], list[str]] = {}
    for row in table.rows:
        if row.op == "threshold" and "stages" not in row.definition:
            rows.setdefault((row.definition, row.x_bits), []).extend(ratios_of(row))
    head = "kernel | bits | IHP area | energy | sky130hd area | energy | ASAP7 area | energy"
    return markdown(head, [[definition, str(bits), *cells] for (definition, bits), cells in rows.items()])


def ratios_of(row: UnitRow) -> list[str]:
    assert row.area_ratio and row.energy_ratio
    return [f"{row.area_ratio:.2f}", f"{row.energy_ratio:.2f}"]


def kernels() -> str:
    return table_markdown(unit_table(["ihp130"], ["threshold"], Choice(bits=(4, 8, 16)))).strip()


def fpgas() -> str:
    return table_markdown(unit_table(FPGA_TABLES, ["threshold"], Choice(bits=(8,)))).strip()
