"""Studies of training: polarity, diffusion."""
