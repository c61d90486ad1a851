"""Training in numpy and Numba: float masters, their integers at every width, studies of seeds and polarity."""
