"""What drives a unit while its energy is counted, and what it must answer."""
