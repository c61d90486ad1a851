"""Fronts, knees and hypervolumes: which points are worth having."""
