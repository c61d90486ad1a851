"""Units: what a table has rows of."""
