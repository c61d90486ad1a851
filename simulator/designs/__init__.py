"""Designs: what is built, and those that come with Limen."""
