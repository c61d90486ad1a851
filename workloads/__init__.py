"""DESCRIBE: networks, trained families, real data, training and the bit-true reference.

The lowest of Limen's four packages: it imports none of the others.
"""
