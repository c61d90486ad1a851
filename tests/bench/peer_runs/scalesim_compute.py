"""SCALE-Sim's compute cycles of each row of a topology, by its own Python: prints them and the CPU seconds, as JSON.

Its operand and demand matrices are made, one demand a cycle; its model of the memory, whose loops take minutes for
smaller networks, is not run: it has nothing to add where memory is ideal. Rows of like sizes are counted once;
their seconds are added as often as they stand there.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import redirect_stdout

from scalesim.compute.operand_matrix import operand_matrix
from scalesim.compute.systolic_compute_is import systolic_compute_is
from scalesim.compute.systolic_compute_os import systolic_compute_os
from scalesim.compute.systolic_compute_ws import systolic_compute_ws
from scalesim.layout_utils import layouts
from scalesim.scale_config import scale_config
from scalesim.topology_utils import topologies

ARRAYS = {"os": systolic_compute_os, "ws": systolic_compute_ws, "is": systolic_compute_is}


def compute_cycles(config: scale_config, topology: topologies, layer: int) -> int:
    matrices = operand_matrix()
    matrices.set_params(layer_id=layer, config_obj=config, topoutil_obj=topology, layoututil_obj=layouts())
    array = ARRAYS[config.get_dataflow()]()
    array.set_params(
        config_obj=config,
        ifmap_op_mat=matrices.get_ifmap_matrix()[1],
        filter_op_mat=matrices.get_filter_matrix()[1],
        ofmap_op_mat=matrices.get_ofmap_matrix()[1],
    )
    array.create_demand_matrices()
    return int(array.ofmap_demand_matrix.shape[0]) - 1


def main(configuration: str, topology_file: str) -> None:
    rows = []
    with redirect_stdout(sys.stderr):
        config, topology = scale_config(), topologies()
        config.read_conf_file(configuration)
        topology.load_arrays(topology_file)
        counted: dict[tuple[int, ...], tuple[int, float]] = {}
        for layer in range(topology.get_num_layers()):
            sizes = tuple(topology.topo_arrays[layer][1:])
            if sizes not in counted:
                start = time.process_time()
                counted[sizes] = compute_cycles(config, topology, layer), time.process_time() - start
            rows.append((topology.topo_arrays[layer][0], *counted[sizes]))
    names, cycles, seconds = zip(*rows, strict=True)
    print(json.dumps({"names": names, "cycles": cycles, "seconds": sum(seconds)}))


main(*sys.argv[1:])
