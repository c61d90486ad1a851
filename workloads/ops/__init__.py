"""What the ops are: integer formats, ranges, bounds, encodings, rounding."""
