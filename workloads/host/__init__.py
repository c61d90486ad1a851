"""The computer Limen runs on: files and pages of YAML, scratch folders, caches, child processes, compiled kernels."""
