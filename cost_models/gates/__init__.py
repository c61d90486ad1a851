"""Netlists: synthesis, static timing, switching."""
