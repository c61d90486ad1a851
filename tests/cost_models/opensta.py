"""OpenSTA as an oracle of static timing: a netlist as Verilog with what stands around it, and what `sta` reports of it.

Only tests use it. The program is `sta` (Debian: opensta); its Liberty reader, delay calculation and search are its own.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from cost_models.gates.netlist import Netlist
from cost_models.gates.static_timing import smallest_flip_flop
from cost_models.liberty.liberty_cells import Cell, Library

STA = shutil.which("sta")
TOP = "limen_bench"
CAPTURE = "limen_capture"
"""The flip-flop behind a pin of a black box: the launching one, without capacitance."""

Pins = Literal["one", "edges", "ranges"]

CHECKS = "report_checks -path_delay max -digits 9"
NET = re.compile(r"^net (\d+)\n \(clk \^\) r \S+:(\S+) f \S+:(\S+)\n\S+ \^ \S+:(\S+) v \S+:(\S+)$", re.M)
PERIOD = re.compile(r"([\d.]+)   data arrival time\n.*?(-?[\d.]+) +-?[\d.]+   library setup time", re.S)


@dataclass(frozen=True)
class Report:
    """What OpenSTA finds, named as in Timing: rising and falling edge of every net, NaN where it sees none."""

    period_ns: float
    arrival_ns: np.ndarray
    slew_ns: np.ndarray


def library_text(liberty: str, pins: Pins = "one") -> str:
    """Return a library for OpenSTA: without its default wire load, and with these capacitances of pins.

    Limen takes a pin's `capacitance`. OpenSTA prefers what some libraries have beside it: those of a rise and of a
    fall, and of these the upper ends of their ranges.
    """
    text = re.sub(r"\bdefault_wire_load\s*:.*", "", liberty)
    for kind in ("_range", "")[: ("ranges", "edges", "one").index(pins)]:
        text = re.sub(rf"\b(rise|fall)_capacitance{kind}\s*[:(].*", "", text)
    return text


def report(
    netlist: Netlist, library: Library, liberty: str, scratch: Path, starts: Collection[str] | None = None
) -> Report:
    """Return OpenSTA's timing of a netlist between flip-flops, neighbours and black boxes, as `analyse` sees it.

    starts: the period is that of paths from these input ports only.
    """
    launch = smallest_flip_flop(library)
    lines: list[str] = []
    drivers: dict[int, str] = {}

    def instance(kind: str, operands: dict[str, int | str], outputs: dict[str, int]) -> None:
        pins = {pin: net if isinstance(net, str) else _net(net) for pin, net in (operands | outputs).items()}
        drivers.update({net: f"c{len(lines)}/{pin}" for pin, net in outputs.items()})
        lines.append(f"  {kind} c{len(lines)} ({', '.join(f'.{pin}({net})' for pin, net in pins.items())});")

    def flip_flop(cell: Cell, data: int | str, output: int | None, kind: str) -> None:
        pins = cell.flip_flop
        assert pins is not None
        outputs = {} if output is None else {pins.output: output}
        instance(kind, {pins.clock: "clk", pins.data: data, **pins.inactive}, outputs)

    for net in {net for nets in netlist.inputs.values() for net in nets}:
        flip_flop(launch, "unused", net, launch.name)
    for register in netlist.registers:
        flip_flop(register.cell, register.data, register.output, register.cell.name)
    for net in [net for name, nets in netlist.outputs.items() if "." in name for net in nets]:
        flip_flop(launch, net, None, CAPTURE)
    for kind, operands, outputs in _cells(netlist):
        instance(kind, dict(operands), outputs)
    ports = {_net(net) for nets in netlist.outputs.values() for net in nets if net > 1}
    wires = {net for line in lines for net in re.findall(r"\((n\d+)\)", line)} - ports
    head = [f"module {TOP} ({', '.join(['clk', 'unused', *sorted(ports)])});", "  input clk, unused;"]
    head += [f"  {kind} {net};" for kind, nets in (("output", ports), ("wire", wires)) for net in sorted(nets)]
    commands = [f"set_load -pin_load {load!r} [get_ports {_net(net)}]" for net, load in neighbours_pf(netlist).items()]
    begin = " ".join(drivers[net].split("/")[0] for name in starts or () for net in netlist.inputs[name])
    commands += [f"{CHECKS} -from [get_cells {{{begin}}}]" if starts else CHECKS, "set sta_report_default_digits 9"]
    commands += [f'puts "net {net}"\nreport_arrival {pin}\nreport_slews {pin}' for net, pin in drivers.items()]
    text = _with_capture(library_text(liberty), launch)
    output = run_sta("\n".join([*head, *lines, "endmodule\n"]), text, library, commands, scratch)
    arrival, slew = (np.full((netlist.nets, 2), np.nan) for _ in range(2))
    for match in NET.finditer(output):
        net, *numbers = match.groups()
        arrival[int(net)], slew[int(net)] = np.array([float(number) for number in numbers]).reshape(2, 2)
    return Report(period_ns(output), arrival, slew)


def beside_period_ns(
    verilog: str, netlist: Netlist, library: Library, liberty: str, scratch: Path, pins: Pins = "one"
) -> float:
    """Return OpenSTA's shortest period of a unit, in Yosys' own Verilog, whose NAME_out drive a second one's NAME_in.

    Flip-flops drive its inputs, and those of its neighbour that nothing else drives.
    """
    launch = smallest_flip_flop(library)
    top, flip_flop = re.search(r"^module (\w+)\(", verilog, re.M), launch.flip_flop
    assert top and flip_flop
    constants = "".join(f", .{pin}(1'b{level})" for pin, level in flip_flop.inactive.items())
    lines, units = [], {"a": ["clk"], "b": ["clk"]}
    for unit, wires in units.items():
        for name, nets in netlist.inputs.items():
            twin = netlist.outputs.get(name.removesuffix("_in") + "_out", ()) if unit == "b" else ()
            if name != "clk":
                wires.append(f"a_{name.removesuffix('_in')}_out" if twin else f"{unit}_{name}")
                lines += [] if twin else [f"  wire [{len(nets) - 1}:0] {wires[-1]};"]
                lines += [
                    f"  {launch.name} {unit}_{name}_{bit} (.{flip_flop.clock}(clk), .{flip_flop.data}(unused), "
                    f".{flip_flop.output}({wires[-1]}[{bit}]){constants});"
                    for bit in range(len(twin), len(nets))
                ]
        for name, nets in netlist.outputs.items():
            wires.append(f"{unit}_{name}")
            width = max(len(nets), len(netlist.inputs.get(name.removesuffix("_out") + "_in", ())))
            lines.append(f"  wire [{width - 1}:0] {wires[-1]};")
        names = ["clk", *(name for name in netlist.inputs if name != "clk"), *netlist.outputs]
        pins_of = ", ".join(f".{name}({wire})" for name, wire in zip(names, wires, strict=True))
        lines.append(f"  {top[1]} {unit} ({pins_of});")
    bench = "\n".join([f"module {TOP} (clk, unused);", "  input clk, unused;", *lines, "endmodule\n"])
    commands = [f"{CHECKS} -to [get_pins a/*/{flip_flop.data}]"]
    return period_ns(run_sta(verilog + bench, library_text(liberty, pins), library, commands, scratch))


def period_ns(output: str) -> float:
    """Return arrival plus setup of the worst path in a report, 0 where no path ends in a flip-flop."""
    match = PERIOD.search(output)
    return float(match[1]) - float(match[2]) if match else 0.0


def run_sta(verilog: str, liberty: str, library: Library, commands: list[str], scratch: Path) -> str:
    """Return what OpenSTA prints on these commands, in ns and pF; the clock is ideal and has Limen's slew."""
    assert STA
    (scratch / "bench.v").write_text(verilog, encoding="utf-8")
    (scratch / "bench.lib").write_text(liberty, encoding="utf-8")
    setup = ["read_liberty bench.lib", "set_cmd_units -time ns -capacitance pF", "read_verilog bench.v"]
    setup += [f"link_design {TOP}", "create_clock -name clk -period 1 [get_ports clk]"]
    setup += [f"set_clock_transition {library.clock_slew_ns()!r} [get_clocks clk]"]
    (scratch / "bench.tcl").write_text("\n".join([*setup, *commands, ""]), encoding="utf-8")
    outcome = subprocess.run(
        [STA, "-no_init", "-no_splash", "-exit", "bench.tcl"], cwd=scratch, capture_output=True, text=True, check=True
    )
    errors = re.findall(r"^Error: (?!bench\.lib).*", outcome.stdout + outcome.stderr, re.M)
    assert not errors, errors  # of libraries, that one has no thresholds is one
    return outcome.stdout


def neighbours_pf(netlist: Netlist) -> dict[int, float]:
    """Return what a neighbour's NAME_in pins add to the nets of NAME_out ports, in pF, from the cells themselves."""
    pins: dict[int, float] = {}
    for register in netlist.registers:
        assert register.cell.flip_flop is not None
        pins[register.data] = pins.get(register.data, 0) + register.cell.capacitance_pf[register.cell.flip_flop.data]
    names = {gate.cell.name: gate.cell for gate in netlist.gates}
    for kind, operands, _ in _cells(netlist):
        for pin, net in operands.items():
            pins[net] = pins.get(net, 0) + names[kind].capacitance_pf[pin]
    loads: dict[int, float] = {}
    for name, nets in netlist.outputs.items():
        for net, neighbour in zip(nets, netlist.inputs.get(name.removesuffix("_out") + "_in", ()), strict=False):
            loads[net] = loads.get(net, 0) + pins.get(neighbour, 0)
    return loads


def _cells(netlist: Netlist) -> list[tuple[str, dict[str, int], dict[str, int]]]:
    """Return combinational cells: name, nets of inputs, nets of outputs. Gates may be one cell."""
    cells: dict[tuple[str, tuple[int, ...]], list[tuple[str, dict[str, int], dict[str, int]]]] = {}
    for gate in netlist.gates:
        alike = cells.setdefault((gate.cell.name, gate.inputs), [])
        if not alike or all(gate.output in outputs for _, _, outputs in alike):
            alike.append((gate.cell.name, dict(zip(gate.cell.inputs, gate.inputs, strict=True)), {}))
        next(outputs for _, _, outputs in alike if gate.output not in outputs)[gate.output] = gate.net
    return [cell for alike in cells.values() for cell in alike]


def _net(number: int) -> str:
    return f"1'b{number}" if number < 2 else f"n{number}"


def _with_capture(liberty: str, launch: Cell) -> str:
    """Return a library with CAPTURE, a copy of `launch` whose pins have no capacitance, as its last cell."""
    start = re.search(rf'\bcell\s*\(\s*"?{launch.name}"?\s*\)\s*{{', liberty)
    assert start
    depth, end = 1, start.end()
    while depth:
        depth += {"{": 1, "}": -1}.get(liberty[end], 0)
        end += 1
    body = re.sub(r"\bcapacitance\s*:[^;]*", "capacitance : 0.0", liberty[start.end() : end])
    return f"{liberty[: liberty.rindex('}')]}cell ({CAPTURE}) {{{body}\n}}\n"
