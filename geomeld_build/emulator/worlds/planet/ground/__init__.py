"""The ground truth of the simulated planet: what is where, whoever looks at it."""
