"""The column `stream` of a table: the kinds of operands under which energies are counted."""

UNIFORM, GAUSSIAN, NETWORK, SORTED = "uniform", "gaussian_relu", "network", "_sorted"
"""Kinds of operands, and how the names of those in polarity order end; see `pe_streams`."""

OWN, ESTIMATED = "own", "estimated"
"""A network's own operands as well as a table knows them, and where they aren't that network's: no rows are called so,
see `cost_models.price.operand_energies`."""

FAMILY = "digits"
"""The family whose trained networks the operands NETWORK are of."""
