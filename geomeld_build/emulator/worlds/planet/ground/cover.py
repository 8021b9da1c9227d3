"""The eleven classes of what grows and stands on the ground; how much of each is worked out in ``cover_kernel``."""

from __future__ import annotations

__all__ = [
    "BARE",
    "BUILT",
    "CLASSES",
    "CROP",
    "GRASS",
    "MANGROVE",
    "MOSS",
    "SHRUB",
    "SNOW",
    "TREE",
    "WATER",
    "WETLAND",
]

CLASSES = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 100)
"""Codes of ESA WorldCover in the order of the cover fractions."""
TREE, SHRUB, GRASS, CROP, BUILT, BARE, SNOW, WATER, WETLAND, MANGROVE, MOSS = range(11)
