"""Networks, families of them at every width, and their accuracy."""
