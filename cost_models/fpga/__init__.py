"""Tables of FPGAs."""
