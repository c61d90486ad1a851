"""Level timing: closed forms of a tile, and a program's cycles from them. No data."""
