"""PRICE: tables of physical costs. Until they land, results count cycles and bits only."""
