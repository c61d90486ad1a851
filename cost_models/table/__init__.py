"""Cost tables: tidy rows, looked up."""
