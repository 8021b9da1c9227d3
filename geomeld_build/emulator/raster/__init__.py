"""Pixels: grids, coordinates, resampling, lazy bands and operations over them."""
