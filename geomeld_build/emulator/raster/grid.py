"""Output grids, pixel lattices, and how they lie to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomeld_build.emulator.errors import EvalError
from geomeld_build.emulator.raster.coords import is_geographic
from geomeld_build.emulator.raster.taps import SNAP
from geomeld_build.emulator.values import Projection, Transform

__all__ = ["Grid", "aligned_offset", "columns_around", "compose", "invert", "window_grid"]


@dataclass(frozen=True, slots=True)
class Grid:
    """A pixel grid: projection and size. ``transform`` maps pixel corners to CRS coordinates."""

    crs: str
    transform: Transform
    width: int
    height: int

    @property
    def projection(self) -> Projection:
        """The grid's lattice."""
        return Projection(self.crs, self.transform)

    def centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """CRS coordinates of pixel centres: ``(1, w)`` and ``(h, 1)`` without shear, else both ``(h, w)``."""
        a, b, c, d, e, f = self.transform
        columns = np.arange(self.width, dtype=np.float64)[None, :] + 0.5
        rows = np.arange(self.height, dtype=np.float64)[:, None] + 0.5
        if b == 0 and d == 0:
            return a * columns + c, e * rows + f
        return a * columns + b * rows + c, d * columns + e * rows + f

    def window(self, row0: int, row1: int, col0: int, col1: int) -> Grid:
        """The part of the grid between these rows and columns."""
        return window_grid(self.projection, row0, row1, col0, col1)


def window_grid(lattice: Projection, row0: int, row1: int, col0: int, col1: int) -> Grid:
    """Rows ``row0..row1`` and columns ``col0..col1`` of a lattice as a grid."""
    a, b, c, d, e, f = lattice.transform
    moved = (a, b, c + a * col0 + b * row0, d, e, f + d * col0 + e * row0)
    return Grid(lattice.crs, moved, col1 - col0, row1 - row0)


def compose(first: Transform, second: Transform) -> Transform:
    """The transform that applies ``second``, then ``first``."""
    a, b, c, d, e, f = first
    g, h, i, j, k, m = second
    return (a * g + b * j, a * h + b * k, a * i + b * m + c, d * g + e * j, d * h + e * k, d * i + e * m + f)


def invert(transform: Transform) -> Transform:
    """The inverse of an affine transform.

    Raises:
        EvalError: it is degenerate.
    """
    a, b, c, d, e, f = transform
    determinant = a * e - b * d
    if determinant == 0 or not np.isfinite(determinant):
        raise EvalError(f"Projection transform {list(transform)} is degenerate: its pixels have no area.")
    ia, ib, id_, ie = e / determinant, -b / determinant, -d / determinant, a / determinant
    return (ia, ib, -(ia * c + ib * f), id_, ie, -(id_ * c + ie * f))


def aligned_offset(lattice: Projection, grid: Grid) -> tuple[int, int] | None:
    """Row and column of the grid's first pixel when the grid is a window of the lattice, else None."""
    if lattice.crs != grid.crs:
        return None
    if lattice.transform == grid.transform:
        return 0, 0
    a, b, c, d, e, f = compose(invert(lattice.transform), grid.transform)
    span = max(grid.width, grid.height)
    if abs(a - 1) * span > SNAP or abs(e - 1) * span > SNAP or (abs(b) + abs(d)) * span > SNAP:
        return None
    column, row = round(c), round(f)
    if abs(c - column) > SNAP or abs(f - row) > SNAP:
        return None
    return row, column


def columns_around(lattice: Projection) -> int | None:
    """How many columns of a lon/lat lattice go around the world; None for others, or where the number is not whole."""
    a, b, _, d, _, _ = lattice.transform
    if b or d or a <= 0 or not is_geographic(lattice.crs):
        return None
    turn = round(360.0 / a)
    return turn if abs(turn * a - 360.0) < 1e-6 else None


def pixel_coordinates(lattice: Projection, x: NDArray[Any], y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pixel coordinates ``(u, v)`` = (column, row), corner convention, of CRS coordinates."""
    a, b, c, d, e, f = invert(lattice.transform)
    if b == 0 and d == 0:
        return a * x + c, e * y + f
    return a * x + b * y + c, d * x + e * y + f
