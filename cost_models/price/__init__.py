"""Counts and a table give a price."""
