"""A layer as the machine sees it, and what running it counts."""
