"""What a network computes, bit for bit: a plain reference and fast inference."""
