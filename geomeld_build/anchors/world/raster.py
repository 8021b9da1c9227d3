"""Which class of a raster each of millions of points lies in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomeld_build.anchors.world.coarse import COLUMNS, EARTH_RADIUS_M, PAD_DEG, PER_DEGREE, ROWS

__all__ = ["RasterLocator"]


@dataclass(frozen=True, slots=True, eq=False)
class RasterLocator:
    """Rows given by pixels: north up, lon/lat degrees. A pixel holds its western and northern edge."""

    pixels: NDArray[np.int32]
    """``(y, x)``: the row of each pixel, or -1."""
    rows: int
    """How many rows there are."""
    west: float
    north: float
    dx: float
    dy: float

    @property
    def areas_m2(self) -> NDArray[np.float64]:
        """On the sphere, of each row."""
        height, width = self.pixels.shape
        edges = np.sin(np.radians(self.north - self.dy * np.arange(height + 1)))
        pixel = EARTH_RADIUS_M**2 * np.radians(self.dx) * (edges[:-1] - edges[1:])
        weights = np.repeat(pixel, width)
        found: NDArray[np.float64] = np.bincount(self.pixels.ravel() + 1, weights, self.rows + 1)[1:].astype(np.float64)
        return found

    def locate(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
        """The row of each point; -1 in none and outside the raster."""
        height, width = self.pixels.shape
        x, y = np.floor((lon - self.west) / self.dx), np.floor((self.north - lat) / self.dy)
        # The edges of the world belong to its last pixels.
        x = np.where((x == width) & (lon >= 180.0 - PAD_DEG), width - 1, x)
        y = np.where((y == height) & (lat <= PAD_DEG - 90.0), height - 1, y)
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        found = np.full(len(lon), -1, np.int32)
        found[inside] = self.pixels[y[inside].astype(np.int64), x[inside].astype(np.int64)]
        return found

    def boxes(self, member: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of every box of the coarse grid: whether a pixel of a member row touches it, and whether those fill it."""
        mine = np.append(member, False)[self.pixels]
        # Only where there are members: the tables of the whole Earth take most of a second.
        ys, xs = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
        touched, filled = np.zeros((2, ROWS, COLUMNS), np.bool_)
        if not len(ys):
            return touched.ravel(), filled.ravel()
        west = np.arange(COLUMNS) / PER_DEGREE - 180.0
        south = np.arange(ROWS) / PER_DEGREE - 90.0
        left, right = self._span(west, 180.0, self.west, self.dx)
        top, bottom = self._span(-south - 1 / PER_DEGREE, 90.0, -self.north, self.dy)
        rows = np.flatnonzero((bottom > ys[0]) & (top <= ys[-1]))
        columns = np.flatnonzero((right > xs[0]) & (left <= xs[-1]))
        mine = mine[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
        total = np.zeros((mine.shape[0] + 1, mine.shape[1] + 1), np.int32)
        np.cumsum(mine, axis=0, out=total[1:, 1:])
        np.cumsum(total[1:, 1:], axis=1, out=total[1:, 1:])
        y0, y1 = (np.clip(axis[rows] - ys[0], 0, mine.shape[0]) for axis in (top, bottom))
        x0, x1 = (np.clip(axis[columns] - xs[0], 0, mine.shape[1]) for axis in (left, right))
        strips = total[y1] - total[y0]
        count = strips[:, x1] - strips[:, x0]
        full = (bottom - top)[rows, None] * (right - left)[None, columns]
        where = np.ix_(rows, columns)
        touched[where], filled[where] = count > 0, count == full
        return touched.ravel(), filled.ravel()

    @staticmethod
    def _span(
        low: NDArray[np.float64], limit: float, origin: float, step: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and one past the last pixel that boxes of one axis touch, their padding included."""
        begin = np.maximum(low - PAD_DEG, PAD_DEG - limit)
        end = np.minimum(low + 1 / PER_DEGREE + PAD_DEG, limit - PAD_DEG)
        first, last = (np.floor((edge - origin) / step).astype(np.int64) for edge in (begin, end))
        return first, last + 1
