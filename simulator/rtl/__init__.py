"""Level rtl: the Verilog, exported folders and their proofs."""
