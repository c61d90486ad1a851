"""The Verilog of every unit."""
