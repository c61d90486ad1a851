"""Hard-wired neurons: a layer whose weights or thresholds never change, as logic of one window a cycle."""
