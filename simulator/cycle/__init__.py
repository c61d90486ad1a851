"""Level cycle: every register of the Verilog, clock edge by clock edge."""
