"""PRICE: tables of physical costs, how they are derived from our own Verilog, and `price`."""
