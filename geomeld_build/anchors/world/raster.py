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
        height, width = self.pixels.shape
        mine = np.append(member, False)[self.pixels]
        total = np.zeros((height + 1, width + 1), np.int64)
        total[1:, 1:] = mine.cumsum(axis=0).cumsum(axis=1)
        west = np.arange(COLUMNS) / PER_DEGREE - 180.0
        south = np.arange(ROWS) / PER_DEGREE - 90.0
        left, right = self._span(west, 180.0, self.west, self.dx)
        top, bottom = self._span(-south - 1 / PER_DEGREE, 90.0, -self.north, self.dy)
        (x0, x1), (y0, y1) = (
            (np.clip(axis, 0, width) for axis in (left, right)),
            (np.clip(axis, 0, height) for axis in (top, bottom)),
        )
        count = total[y1][:, x1] - total[y0][:, x1] - total[y1][:, x0] + total[y0][:, x0]
        full = (bottom - top)[:, None] * (right - left)[None, :]
        return (count > 0).ravel(), (count == full).ravel()

    @staticmethod
    def _span(
        low: NDArray[np.float64], limit: float, origin: float, step: float
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """First and one past the last pixel that boxes of one axis touch, their padding included."""
        begin = np.maximum(low - PAD_DEG, PAD_DEG - limit)
        end = np.minimum(low + 1 / PER_DEGREE + PAD_DEG, limit - PAD_DEG)
        first, last = (np.floor((edge - origin) / step).astype(np.int64) for edge in (begin, end))
        return first, last + 1
