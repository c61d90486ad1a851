"""A fuzzer of every kind of file that Limen reads: `python -m tests.fuzz --count N --seed S [--case N]`.

A case is a valid example, one file of it changed in structure or bytes, and what reads it. Nothing but success or one
line of a LimenError is right: see `judge`.
"""
