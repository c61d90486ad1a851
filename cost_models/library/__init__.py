"""Liberty files, read."""
