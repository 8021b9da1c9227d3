"""One grid of 0.1 degrees for every layer: where a whole box is known, no point of it needs a test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BOX_DEG",
    "COLUMNS",
    "EARTH_RADIUS_M",
    "PAD_DEG",
    "PER_DEGREE",
    "ROWS",
    "CoarseCells",
    "boxes_around",
    "boxes_of",
    "corners_of",
]

PER_DEGREE = 10
BOX_DEG = 1.0 / PER_DEGREE
COLUMNS, ROWS = 360 * PER_DEGREE, 180 * PER_DEGREE
PAD_DEG = 1e-9
"""What is taken to touch a box reaches this far beyond it, far more than the rounding of any coordinate."""
EARTH_RADIUS_M = 6_371_007.2
"""Radius of the sphere of equal area (authalic)."""


@dataclass(frozen=True, slots=True, eq=False)
class CoarseCells:
    """Boxes of one regular lon/lat grid that cover an area, in row-major order from the south-west."""

    west: NDArray[np.float64]
    """Western edge of each box, degrees, -180 + a multiple of ``size_deg``."""
    south: NDArray[np.float64]
    """Southern edge of each box, degrees, -90 + a multiple of ``size_deg``."""
    size_deg: float
    """Width and height of every box in degrees; 360 and 180 are multiples of it."""
    inside_fully: NDArray[np.bool_]
    """True where every point of the box lies in the area, so that no point of it needs a test."""

    def __len__(self) -> int:
        return len(self.west)


def boxes_of(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
    """The box of each point: row * ``COLUMNS`` + column, rows from the south. Points beyond the edge get the last."""
    column = np.clip(np.floor((lon + 180.0) * PER_DEGREE), 0, COLUMNS - 1).astype(np.int32)
    row = np.clip(np.floor((lat + 90.0) * PER_DEGREE), 0, ROWS - 1).astype(np.int32)
    return row * np.int32(COLUMNS) + column


def corners_of(box: NDArray[np.integer]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Western and southern edges of boxes, degrees."""
    row, column = np.divmod(box, COLUMNS)
    return column / PER_DEGREE - 180.0, row / PER_DEGREE - 90.0


def boxes_around(touched: NDArray[np.bool_], inside: NDArray[np.bool_]) -> CoarseCells:
    """The touched boxes and one more around them.

    Args:
        touched: of every box of the grid, ``(ROWS * COLUMNS,)``.
        inside: likewise, whether it is wholly inside.
    """
    wide = touched.reshape(ROWS, COLUMNS)
    wide = wide | np.roll(wide, 1, axis=1) | np.roll(wide, -1, axis=1)
    grown = wide.copy()
    grown[1:] |= wide[:-1]
    grown[:-1] |= wide[1:]
    box = np.flatnonzero(grown.ravel())
    west, south = corners_of(box)
    return CoarseCells(west, south, BOX_DEG, inside[box])
