"""Long commands killed at every file event."""
