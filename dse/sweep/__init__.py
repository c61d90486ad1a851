"""Sweeps: a range of numbered rows in blocks, on all cores, a file a block."""
