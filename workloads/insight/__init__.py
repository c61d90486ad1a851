"""What real data does in a network: statistics, signs of failure, what is superfluous."""
