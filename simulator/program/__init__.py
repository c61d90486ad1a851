"""A network compiled: descriptors, filters and tensors as a memory image."""
