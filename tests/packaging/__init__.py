"""The wheel and the notebooks."""
