"""Layers for PyTorch, and the family that a network trained with them becomes: `limen.torch`.

Nothing else of Limen knows PyTorch, which only extra `torch` brings.
"""
