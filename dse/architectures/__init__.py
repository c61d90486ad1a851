"""Searches over networks: each trained net gets every width and every design, exactly."""
