"""Captions that are true of the pixels: signals measured on tiles, and the agents that put them into words."""
