"""Hard-wired neurons on libraries and FPGAs."""
