"""CHOOSE: the command line, and the only place that will know Optuna."""
