"""From points to figures: one or many at once, refusals, own figures, how near to the bounds."""
