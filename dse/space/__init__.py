"""A study on one page of YAML: its axes, figures, workloads, and the points of its space."""
