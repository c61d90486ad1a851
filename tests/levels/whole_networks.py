"""Trained networks whole, in Verilog, with every feature of the machine: `make whole`. Builds about 30 testbenches.

Every feature, op and dataflow on a 16 x 16 array: a design is exported with test images and proved, every word of every
layer and every count. The first mismatch ends the run with code 1. MNIST's images are in the folder LIMEN_DATA names.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
from pathlib import Path
from typing import Any

import limen

FEATURES: dict[str, dict[str, Any]] = {
    "overlap": {"overlap": True},
    "two stages": {"pe_stages": 2},
    "four images at once": {"images_at_once": 4, "feeder_width": 8},
    "on-chip memory": {"memory": {"kind": "sram", "kib": 4096}},
    "overlap, two stages, four images": {"overlap": True, "pe_stages": 2, "images_at_once": 4, "feeder_width": 8},
}


def design_of(op: str, dataflow: str, feature: str) -> limen.Design:
    """Return a 16 x 16 design; a MAC of two stages is zero-gated."""
    changes = FEATURES[feature] | {"dataflow": dataflow}
    if op == "mac" and "pe_stages" in changes:
        changes["zero_gating"] = True
    design = limen.load_design(f"{op}-16x16")
    return limen.Design.model_validate({**design.model_dump(exclude_none=True), **changes})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.levels.whole_networks", description=__doc__)
    parser.add_argument("--family", default="mnist")
    parser.add_argument("--images", type=int, default=4)
    arguments = parser.parse_args()
    for feature, op, dataflow in itertools.product(FEATURES, ("threshold", "mac"), ("os", "ws", "is")):
        network = limen.network(arguments.family, op, 8, 8)
        with tempfile.TemporaryDirectory() as folder:
            design = design_of(op, dataflow, feature)
            proof = limen.export(network, design, Path(folder) / "chip", images=arguments.images).verify()
        name = f"{arguments.family} {op} {dataflow}, {feature}"
        print(f"{name}: {proof.images} images, {proof.cycles} cycles, mismatches {proof.mismatches}", flush=True)
        if proof.mismatches:
            sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except limen.LimenError as error:
        sys.exit(f"limen: {error}")
