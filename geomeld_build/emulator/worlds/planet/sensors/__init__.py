"""Sensors of the simulated planet: they turn ground truth into assets and add their own errors."""
