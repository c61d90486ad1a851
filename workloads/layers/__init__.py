"""Layers and how they hang together."""
