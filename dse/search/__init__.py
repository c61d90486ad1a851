"""Searches by Optuna's samplers: suggestions, trials, and how they are stored."""
