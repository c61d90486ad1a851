"""One set of cases, run against every level."""
