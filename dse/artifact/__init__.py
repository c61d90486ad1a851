"""Folders that a reviewer runs: scripts, what they must give, and what they need."""
