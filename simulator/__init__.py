"""COUNT: designs, the timing and cycle models, the Verilog, its export and its co-simulation."""
