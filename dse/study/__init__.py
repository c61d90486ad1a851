"""Studies: spaces, trials, records, fronts."""
